import { createHash } from "node:crypto";
import { connect, type Socket } from "node:net";
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from "vitest";
import { freePort } from "../../bench/ports.js";
import { startBackendProcess, startHttpBackend, startTcpBackend } from "./backends.js";
import { pause, RawConnection, send } from "./clients.js";
import { inboundOf, metricsOf, outboundOf, RunningMesh, type RunningProxy, SOON } from "./running-mesh.js";

let mesh: RunningMesh;
let client: RunningProxy;
beforeAll(async () => {
  mesh = await RunningMesh.start();
  client = await mesh.startProxy({ name: "client" }, { MESH_PROXY_CONNECT_TIMEOUT: "300ms" });
});
afterAll(() => mesh.stop());

/** How often the client's proxy counted this answer of its own for a service. */
async function counted(service: string, status: number, reason: string): Promise<number> {
  const labels = {
    direction: "outbound",
    dst_service: service,
    status_code: String(status),
    proxy_error: reason,
  };
  return (await metricsOf(client)).sum("mesh_responses_total", labels);
}

/** Expects the proxy to answer one request by itself, to say why, and to count it. */
async function expectRefusal(address: string, status: number, reason: string): Promise<void> {
  const service = await mesh.addServiceAt(address);
  const answer = await send(outboundOf(client), service);
  expect([answer.status, answer.headers["mesh-proxy-error"]]).toEqual([status, reason]);
  await vi.waitFor(async () => expect(await counted(service, status, reason)).toBe(1), SOON);
}

/** A server that reads a request and does with the connection what it is told. */
const onRequest = (act: (socket: Socket) => void) =>
  startTcpBackend((socket) => socket.once("data", () => act(socket)));

describe("the proxy answers for a backend", () => {
  it("that refuses connections: 502 connect-refused", async () => {
    await expectRefusal(`127.0.0.1:${await freePort()}`, 502, "connect-refused");
  });

  it("that does not take connections: 504 connect-timeout", async () => {
    const backend = await startBackendProcess("stopped", { backlog: 1 });
    backend.signal("SIGSTOP");
    await fillBacklog(backend.address);
    await expectRefusal(backend.address, 504, "connect-timeout");
  });

  it("that resets the connection before it answers: 502 upstream-reset", async () => {
    const { address } = await onRequest((socket) => socket.resetAndDestroy());
    await expectRefusal(address, 502, "upstream-reset");
  });

  it("that closes the connection before it answers: 502 upstream-reset", async () => {
    const { address } = await onRequest((socket) => socket.end());
    await expectRefusal(address, 502, "upstream-reset");
  });

  it.each([
    ["no HTTP at all", "SSH-2.0-OpenSSH_9.2\r\n\r\n"],
    ["two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd"],
    ["a head that breaks off", "HTTP/1.1 200 OK\r\nContent-Le"],
    ["a header without end", `HTTP/1.1 200 OK\r\nX: ${"x".repeat(300_000)}`],
  ])("whose response is malformed, %s: 502 bad-response", async (_, response) => {
    const { address } = await onRequest((socket) => socket.end(response));
    await expectRefusal(address, 502, "bad-response");
  });
});

/** Connects to a server that does not accept until the system takes no more connections for it. */
async function fillBacklog(address: string): Promise<void> {
  const { hostname: host, port } = new URL(`http://${address}`);
  for (;;) {
    const socket = connect({ host, port: Number(port) });
    socket.on("error", () => undefined);
    onTestFinished(() => void socket.destroy());
    const connected = new Promise<boolean>((resolve) => socket.once("connect", () => resolve(true)));
    if (!(await Promise.race([connected, pause(300).then(() => false)]))) return;
  }
}

describe("a response that breaks off", () => {
  const BROKEN = [
    ["before its Content-Length", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"],
    ["before its last chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n"],
    ["within a chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n64\r\nhalf"],
  ] as const;

  it.each(BROKEN)("%s, as the server closes: the client can tell", async (_, response) => {
    const { address } = await onRequest((socket) => socket.end(response));
    await expectBrokenOff(address);
  });

  it.each([...BROKEN, ["before the end of the connection", "HTTP/1.1 200 OK\r\n\r\nhalf"] as const])(
    "%s, as the server resets: the client can tell",
    async (_, response) => {
      const { address } = await onRequest((socket) => {
        socket.write(response);
        // The proxy must have read the response before the reset throws it away.
        setTimeout(() => socket.resetAndDestroy(), 200);
      });
      await expectBrokenOff(address);
    },
  );

  /** Expects a client to see the beginning of a response and that it is not the whole, through one proxy and through two. */
  async function expectBrokenOff(address: string): Promise<void> {
    const inbound = await mesh.startInbound("broken-1", address);
    for (const endpoint of [address, inboundOf(inbound)]) {
      const service = await mesh.addServiceAt(endpoint);
      const connection = await RawConnection.open(outboundOf(client));
      connection.send(`GET / HTTP/1.1\r\nHost: ${service}\r\n\r\n`);
      expect(await connection.untilEnd()).toMatch(/^HTTP\/1.1 200 OK\r\n(.|\r\n)*half/);
      await expect(send(outboundOf(client), service)).rejects.toThrow(/aborted|ECONNRESET|hang up/);
    }
  }
});

describe("a response without a length", () => {
  it("reaches the client whole, and its end can be seen", async () => {
    const body = Array.from({ length: 50_000 }, (_, index) => `line ${index}\n`).join("");
    const { address } = await onRequest((socket) => {
      socket.end(`HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\n${body}`);
    });
    const inbound = await mesh.startInbound("endless-1", address);
    const digest = (text: string) => createHash("sha256").update(text).digest("hex");
    for (const endpoint of [address, inboundOf(inbound)]) {
      const answer = await send(outboundOf(client), await mesh.addServiceAt(endpoint));
      expect([answer.status, answer.body.length, digest(answer.body)]).toEqual([
        200,
        body.length,
        digest(body),
      ]);
    }
  });
});

describe("a backend behind its own proxy", () => {
  it("that refuses connections: its proxy's answer reaches the client as it is", async () => {
    const inbound = await mesh.startInbound("refusing-1", `127.0.0.1:${await freePort()}`);
    const answer = await send(outboundOf(client), await mesh.addServiceAt(inboundOf(inbound)));
    expect([answer.status, answer.headers["mesh-proxy-error"]]).toEqual([502, "connect-refused"]);
    const labels = { direction: "inbound", status_code: "502", proxy_error: "connect-refused" };
    await vi.waitFor(async () => {
      expect((await metricsOf(inbound)).sum("mesh_responses_total", labels)).toBeGreaterThan(0);
    }, SOON);
  });

  it("works as any other", async () => {
    const backend = await startHttpBackend((request, response) => response.end(request.headers.host));
    const inbound = await mesh.startInbound("fine-1", backend.address);
    const service = await mesh.addServiceAt(inboundOf(inbound));
    expect((await send(outboundOf(client), service)).body).toBe(service);
  });
});
