import { connect } from "node:net";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { startBackendProcess, startHttpBackend } from "./backends.js";
import { Load, RawConnection, send } from "./clients.js";
import { inboundOf, outboundOf, RunningMesh, SOON } from "./running-mesh.js";

let mesh: RunningMesh;
beforeEach(async () => {
  mesh = await RunningMesh.start();
});
afterEach(() => mesh.stop());

const ENDED_WELL = { status: 0, signal: null };

describe("SIGTERM under load", () => {
  it("of one of two proxies of a service: it ends with status 0, the other takes over, and no request fails", async () => {
    const [one, two] = await Promise.all(
      ["one", "two"].map(async (name, index) => {
        const backend = await startBackendProcess(name, { delayMs: 20 });
        return mesh.startInbound(`web-${index + 1}`, backend.address);
      }),
    );
    if (!one || !two) throw new Error("no proxies");
    mesh.setService("web", [inboundOf(one), inboundOf(two)]);
    const outbound = outboundOf(await mesh.startProxy({ name: "client" }));
    await vi.waitFor(async () => expect((await send(outbound, "web")).status).toBe(200), SOON);
    const load = new Load(outbound, "web");
    await vi.waitFor(() => expect(load.answered.get("two")).toBeGreaterThan(20), SOON);

    two.signal("SIGTERM");
    expect(await two.ended).toEqual(ENDED_WELL);
    await load.more(200);
    await load.stop();
    expect(load.failures).toEqual([]);
  });
});

describe("SIGTERM", () => {
  it("lets requests in flight finish, takes no new connection, and closes those that are idle", async () => {
    const backend = await startBackendProcess("slow", { delayMs: 1_000 });
    const proxy = await mesh.startInbound("web-1", backend.address);
    const address = inboundOf(proxy);
    const idle = await RawConnection.open(address);
    idle.send("GET / HTTP/1.1\r\nHost: web\r\n\r\n");
    await idle.until("slow");
    const inFlight = await Promise.all(Array.from({ length: 20 }, () => RawConnection.open(address)));
    for (const connection of inFlight) connection.send("GET / HTTP/1.1\r\nHost: web\r\n\r\n");
    await vi.waitFor(async () => expect(await requestsSeen(proxy.addresses.admin)).toBe(21), SOON);

    proxy.signal("SIGTERM");
    await idle.untilEnd();
    expect(idle.ending).toBe("finished");
    await vi.waitFor(() => expect(isRefused(address)).resolves.toBe(true), SOON);
    const answers = await Promise.all(inFlight.map((connection) => connection.untilEnd()));
    for (const answer of answers)
      expect(answer).toMatch(/^HTTP\/1\.1 200 OK\r\n(.|\r\n)*connection: close\r\n(.|\r\n)*slow/i);
    expect(await proxy.ended).toEqual(ENDED_WELL);
  });

  it("lets an upload in flight finish", async () => {
    const backend = await startHttpBackend((request, response) => {
      let length = 0;
      request.on("data", (bytes: Buffer) => (length += bytes.length));
      request.on("end", () => response.end(String(length)));
    });
    const proxy = await mesh.startInbound("web-1", backend.address);
    const connection = await RawConnection.open(inboundOf(proxy));
    connection.send("POST / HTTP/1.1\r\nHost: web\r\nContent-Length: 10\r\n\r\n12345");
    await vi.waitFor(async () => expect(await requestsSeen(proxy.addresses.admin)).toBe(1), SOON);
    proxy.signal("SIGTERM");
    await vi.waitFor(() => expect(isRefused(inboundOf(proxy))).resolves.toBe(true), SOON);
    connection.send("67890");
    expect(await connection.untilEnd()).toMatch(/^HTTP\/1\.1 200 OK\r\n(.|\r\n)*10/);
    expect(await proxy.ended).toEqual(ENDED_WELL);
  });

  it("cuts what is still in flight after the drain timeout", async () => {
    const backend = await startHttpBackend(() => undefined);
    const proxy = await mesh.startInbound("web-1", backend.address, { MESH_PROXY_DRAIN_TIMEOUT: "500ms" });
    const connection = await RawConnection.open(inboundOf(proxy));
    connection.send("GET / HTTP/1.1\r\nHost: web\r\n\r\n");
    await vi.waitFor(async () => expect(await requestsSeen(proxy.addresses.admin)).toBe(1), SOON);
    proxy.signal("SIGTERM");
    await connection.untilEnd();
    await proxy.ended;
  });
});

async function requestsSeen(admin: string): Promise<number> {
  const page = await (await fetch(`http://${admin}/metrics`)).text();
  return Number(/^mesh_requests_total\{.*\} (\d+)$/m.exec(page)?.[1] ?? 0);
}

function isRefused(address: string): Promise<boolean> {
  const { hostname: host, port } = new URL(`http://${address}`);
  return new Promise((resolve) => {
    const socket = connect({ host, port: Number(port) });
    socket.on("connect", () => {
      socket.destroy();
      resolve(false);
    });
    socket.on("error", () => resolve(true));
  });
}
