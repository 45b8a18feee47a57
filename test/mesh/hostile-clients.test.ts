import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished, vi } from "vitest";
import { type Backend, startHttpBackend } from "./backends.js";
import { pause, RawConnection, send } from "./clients.js";
import {
  inboundOf,
  metricsOf,
  outboundOf,
  residentBytes,
  RunningMesh,
  type RunningProxy,
  SOON,
} from "./running-mesh.js";
import type { Server } from "node:http";

const MB = 1024 * 1024;

let mesh: RunningMesh;
let client: RunningProxy;
let outbound: string;
beforeAll(async () => {
  mesh = await RunningMesh.start();
  client = await mesh.startProxy({ name: "client" }, { MESH_PROXY_HEADER_TIMEOUT: "1s" });
  outbound = outboundOf(client);
});
afterAll(() => mesh.stop());

let web: Backend<Server>;
/** What reached the backend in this test. */
let seen: IncomingMessage[];
/** The client's proxy knows it, and its endpoint is `web`. */
let service: string;
beforeEach(async () => {
  seen = [];
  web = await startHttpBackend((request, response) => {
    seen.push(request);
    request.on("error", () => undefined).resume();
    if (request.url !== "/silent") response.end("web");
  });
  service = await mesh.addServiceAt(web.address);
});

/** The proxy works for everybody else. */
async function expectOthersUnharmed(): Promise<void> {
  expect((await send(outbound, service)).body).toBe("web");
}

describe("a client that sends its head slowly", () => {
  it("is answered 408 and disconnected, while others are served", async () => {
    const connection = await RawConnection.open(outbound);
    const head = `GET / HTTP/1.1\r\nHost: ${service}\r\nX-Slow: ${"x".repeat(10_000)}`;
    let sent = 0;
    const drip = setInterval(() => connection.send(head.charAt(sent++)), 100);
    onTestFinished(() => clearInterval(drip));
    await expectOthersUnharmed();
    expect(await connection.until("\r\n\r\n")).toMatch(
      /^HTTP\/1\.1 408 .*\r\n(.|\r\n)*mesh-proxy-error: header-timeout\r\n/,
    );
    clearInterval(drip);
    await connection.untilEnd();
    expect(sent).toBeLessThan(head.length);
    await expectOthersUnharmed();
    const labels = { direction: "outbound", status_code: "408", proxy_error: "header-timeout" };
    await vi.waitFor(async () => {
      expect((await metricsOf(client)).sum("mesh_responses_total", labels)).toBe(1);
    }, SOON);
  });

  it("that sends nothing at all is left alone", async () => {
    const connection = await RawConnection.open(outbound);
    await pause(2_500);
    connection.send(`GET / HTTP/1.1\r\nHost: ${service}\r\n\r\n`);
    expect(await connection.until("web")).toMatch(/^HTTP\/1\.1 200 /);
  });
});

describe("a client that disconnects", () => {
  /** The backend's side of the one request that reached it, and what became of it. */
  async function requestAtBackend(): Promise<IncomingMessage> {
    await vi.waitFor(() => expect(seen).toHaveLength(1), SOON);
    const [request] = seen;
    if (!request) throw new Error("no request");
    return request;
  }

  it.each([
    ["in the middle of its body", "POST / HTTP/1.1\r\nHost: SERVICE\r\nContent-Length: 1000\r\n\r\nhalf"],
    [
      "in the middle of a chunked body",
      "POST / HTTP/1.1\r\nHost: SERVICE\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
    ],
  ])("%s: the backend sees the abort, and its connection carries nothing else", async (_, text) => {
    const inbound = await mesh.startInbound("web-1", web.address);
    const meshed = await mesh.addServiceAt(inboundOf(inbound));
    for (const name of [service, meshed]) {
      seen = [];
      const connection = await RawConnection.open(outbound);
      connection.send(text.replace("SERVICE", name).replace("/", "/silent"));
      const request = await requestAtBackend();
      const aborted = new Promise((resolve) => request.on("close", resolve));
      connection.socket.destroy();
      await aborted;
      expect([request.complete, request.errored]).toEqual([false, expect.any(Error)]);
      expect((await send(outbound, name)).body).toBe("web");
      expect(seen.at(-1)?.socket.remotePort).not.toBe(request.socket.remotePort);
    }
  });

  it("while it waits for the response: the backend sees it", async () => {
    const connection = await RawConnection.open(outbound);
    connection.send(`GET /silent HTTP/1.1\r\nHost: ${service}\r\n\r\n`);
    const request = await requestAtBackend();
    const closed = once(request.socket, "close");
    connection.socket.resetAndDestroy();
    await closed;
    await expectOthersUnharmed();
  });

  it("in the middle of a response: the backend can stop", async () => {
    let written = 0;
    const endless = await startHttpBackend((_, response) => {
      const piece = Buffer.alloc(64 * 1024);
      const more = () => {
        do written += piece.length;
        while (!response.destroyed && response.write(piece));
      };
      response.on("drain", more);
      more();
    });
    const closed = new Promise<void>((resolve) => {
      endless.server.on("connection", (socket) => socket.on("close", () => resolve()));
    });
    const connection = await RawConnection.open(outbound);
    connection.socket.pause();
    connection.send(`GET / HTTP/1.1\r\nHost: ${await mesh.addServiceAt(endless.address)}\r\n\r\n`);
    await vi.waitFor(() => expect(written).toBeGreaterThan(MB), SOON);
    connection.socket.destroy();
    await closed;
  });

  it("for sending only: it still gets its response", async () => {
    const connection = await RawConnection.open(outbound);
    connection.send(`GET / HTTP/1.1\r\nHost: ${service}\r\n\r\n`);
    connection.socket.end();
    expect(await connection.untilEnd()).toMatch(/^HTTP\/1\.1 200 OK\r\n(.|\r\n)*web/);
    expect(connection.ending).toBe("finished");
  });
});

describe("2,000 idle connections", () => {
  const COUNT = 2_000;

  it("cost little memory until they are gone, and do not keep others out", async () => {
    const proxy = await mesh.startProxy({ name: "crowded" });
    const address = outboundOf(proxy);
    await send(address, service);
    const before = residentBytes(proxy);
    const connections: RawConnection[] = [];
    while (connections.length < COUNT) {
      connections.push(
        ...(await Promise.all(Array.from({ length: 100 }, () => RawConnection.open(address)))),
      );
    }
    await vi.waitFor(async () => expect(await openConnections(proxy)).toBeGreaterThanOrEqual(COUNT), SOON);
    expect(residentBytes(proxy) - before).toBeLessThan(COUNT * 4096);

    for (let from = 0; from < COUNT; from += 100) {
      await Promise.all(
        connections.slice(from, from + 100).map((connection) => {
          connection.send(`GET / HTTP/1.1\r\nHost: ${service}\r\n\r\n`);
          return connection.until("web");
        }),
      );
    }
    expect((await send(address, service)).body).toBe("web");
    expect(residentBytes(proxy) - before).toBeLessThan(COUNT * 4096);
    for (const { socket } of connections) socket.destroy();
    await vi.waitFor(async () => expect(await openConnections(proxy)).toBeLessThan(10), SOON);
    await vi.waitFor(() => expect(residentBytes(proxy) - before).toBeLessThan(2 * 1024 * 1024), SOON);
  });

  const openConnections = async (proxy: RunningProxy) =>
    (await metricsOf(proxy)).sum("mesh_tcp_open_connections", { peer: "src" });
});

describe("a message that may not be relayed", () => {
  const get = (...fields: string[]) => ["GET / HTTP/1.1", "Host: SERVICE", ...fields, "", ""].join("\r\n");
  const post = (...fields: string[]) =>
    ["POST / HTTP/1.1", "Host: SERVICE", ...fields, "", "hello"].join("\r\n");

  it.each([
    ["two different lengths", 400, "bad-request", post("Content-Length: 5", "Content-Length: 6")],
    ["two lengths in one field", 400, "bad-request", post("Content-Length: 5, 6")],
    ["a length and chunks", 400, "bad-request", post("Content-Length: 5", "Transfer-Encoding: chunked")],
    ["chunks and a length", 400, "bad-request", post("Transfer-Encoding: chunked", "Content-Length: 5")],
    ["a negative length", 400, "bad-request", post("Content-Length: -5")],
    ["a length with a sign", 400, "bad-request", post("Content-Length: +5")],
    ["a length beyond all numbers", 400, "bad-request", post("Content-Length: 99999999999999999999999")],
    ["a coding that is not chunked", 400, "bad-request", post("Transfer-Encoding: xchunked")],
    ["chunked twice", 400, "bad-request", post("Transfer-Encoding: chunked, chunked")],
    ["a space before a colon", 400, "bad-request", post("Content-Length : 5")],
    ["a folded line", 400, "bad-request", get("X-Folded: a", " b")],
    ["a bare CR", 400, "bad-request", get("X-Bare: a\rTransfer-Encoding: chunked")],
    ["a NUL in a value", 400, "bad-request", get("X-Nul: a\0b")],
    ["two hosts", 400, "bad-request", get("Host: other")],
    ["no host", 400, "bad-request", "GET / HTTP/1.1\r\n\r\n"],
    ["no host, which HTTP/1.0 may leave out", 400, "not-routable", "GET / HTTP/1.0\r\n\r\n"],
    [
      "a version of HTTP that is none",
      505,
      "version-not-supported",
      "GET / HTTP/3.1\r\nHost: SERVICE\r\n\r\n",
    ],
    ["bytes that are no HTTP", 400, "bad-request", "\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03\r\n\r\n"],
    ["a malformed chunk", 400, "bad-request", post("Transfer-Encoding: chunked").replace("hello", "xyz\r\n")],
  ])("%s: %i %s, and the connection is closed", async (_, status, reason, message) => {
    const connection = await RawConnection.open(outbound);
    connection.send(message.replace("SERVICE", service));
    const answer = await connection.untilEnd();
    expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    expect(answer).toContain(`\r\nmesh-proxy-error: ${reason}\r\n`);
    expect(answer.match(/HTTP\/1\.1/g)).toHaveLength(1);
    expect(connection.ending).toBe("finished");
    expect(seen.filter(({ complete }) => complete)).toEqual([]);
    await expectOthersUnharmed();
  });

  it.each([
    [
      "a request line of 1 MB",
      414,
      "target-too-long",
      (line: string) => `GET /${line} HTTP/1.1\r\nHost: SERVICE\r\n\r\n`,
    ],
    [
      "a header of 1 MB",
      431,
      "header-too-large",
      (line: string) => `GET / HTTP/1.1\r\nHost: SERVICE\r\nX: ${line}\r\n\r\n`,
    ],
    [
      "a million bytes of headers",
      431,
      "header-too-large",
      (line: string) => `GET / HTTP/1.1\r\nHost: SERVICE\r\n${"X: y\r\n".repeat(line.length / 6)}\r\n`,
    ],
  ])("%s: %i %s, and the connection is closed", async (_, status, reason, message) => {
    const before = residentBytes(client);
    const connection = await RawConnection.open(outbound);
    connection.send(message("x".repeat(MB)).replace("SERVICE", service));
    expect(await connection.until("\r\n\r\n")).toMatch(
      new RegExp(`^HTTP/1\\.1 ${status} (.|\r\n)*mesh-proxy-error: ${reason}\r\n`),
    );
    await connection.untilEnd();
    expect(seen).toEqual([]);
    await expectOthersUnharmed();
    expect(residentBytes(client) - before).toBeLessThan(MB);
  });
});
