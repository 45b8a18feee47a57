import { createHash, type Hash } from "node:crypto";
import { once } from "node:events";
import { request as httpRequest, type IncomingMessage } from "node:http";
import type { Readable, Writable } from "node:stream";
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from "vitest";
import { startHttpBackend } from "./backends.js";
import {
  inboundOf,
  outboundOf,
  residentBytes,
  RunningMesh,
  type RunningProxy,
  SOON,
} from "./running-mesh.js";

const MB = 1024 * 1024;
const TOTAL = 200 * MB;
/** What a proxy may take for bodies on their way, whatever their size. */
const BOUND = 4 * MB;

let mesh: RunningMesh;
let client: RunningProxy;
beforeAll(async () => {
  mesh = await RunningMesh.start();
  client = await mesh.startProxy({ name: "client" });
});
afterAll(() => mesh.stop());

/**
 * Writes `TOTAL` bytes as fast as they are taken, the last piece not before `mayEnd`, no two pieces alike; resolves with
 * their digest.
 */
async function writeLargeBody(sink: Writable, mayEnd?: Promise<unknown>): Promise<string> {
  const hash = createHash("sha1");
  const piece = Buffer.alloc(MB, "0123456789abcdef");
  for (let written = 0; written < TOTAL; written += piece.length) {
    if (written + piece.length === TOTAL) await mayEnd;
    const bytes = Buffer.from(piece);
    bytes.writeUInt32BE(written);
    hash.update(bytes);
    if (!sink.write(bytes)) await once(sink, "drain");
  }
  sink.end();
  return hash.digest("hex");
}

async function digestOf(source: Readable): Promise<string> {
  const hash: Hash = createHash("sha1");
  for await (const bytes of source) hash.update(bytes as Buffer);
  return hash.digest("hex");
}

/** The most memory that the proxies take, beyond what they took when this was called, until it is read. */
function watchMemory(proxies: readonly RunningProxy[]): () => number {
  const before = proxies.map(residentBytes);
  let most = 0;
  const look = () => {
    for (const [index, proxy] of proxies.entries()) {
      most = Math.max(most, residentBytes(proxy) - (before[index] ?? 0));
    }
  };
  const timer = setInterval(look, 20);
  onTestFinished(() => clearInterval(timer));
  return () => {
    clearInterval(timer);
    look();
    return most;
  };
}

/** A request with a chunked body, through both proxies. */
function begin(service: string, method: string) {
  const { hostname: host, port } = new URL(`http://${outboundOf(client)}`);
  const request = httpRequest({ host, port, method, headers: { host: service } });
  const response = once(request, "response").then(([message]) => message as IncomingMessage);
  return { request, response };
}

/** A service behind a proxy of its own. */
async function meshed(name: string, answer: Parameters<typeof startHttpBackend>[0]) {
  const inbound = await mesh.startInbound(name, (await startHttpBackend(answer)).address);
  return { inbound, service: await mesh.addServiceAt(inboundOf(inbound)) };
}

describe("bodies of 200 MB through two proxies", () => {
  it.each([
    ["chunked", {}],
    ["with a Content-Length", { "content-length": TOTAL }],
  ])("arrive whole, up and down at the same time, %s", async (_, headers) => {
    let received: Promise<string> | undefined;
    let sent: Promise<string> | undefined;
    const { inbound, service } = await meshed("store-1", (request, response) => {
      received = digestOf(request);
      response.writeHead(200, headers);
      // Node's client stops sending once it has the whole response.
      sent = writeLargeBody(response, received);
    });
    const mostMemory = watchMemory([client, inbound]);
    const { request, response } = begin(service, "POST");
    for (const [name, value] of Object.entries(headers)) request.setHeader(name, value);
    const [up, down] = await Promise.all([writeLargeBody(request), digestOf(await response)]);
    expect([await received, await sent]).toEqual([up, down]);
    expect(mostMemory()).toBeLessThan(BOUND);
  });
});

describe("a reader that has stopped", () => {
  /** Resolves once nothing has been taken from a writer for a while. */
  async function untilStuck(sink: Writable): Promise<void> {
    await vi.waitFor(() => expect(sink.writableNeedDrain).toBe(true), SOON);
    for (let isStuck = false; !isStuck;) {
      const drained = once(sink, "drain").then(() => false);
      isStuck = await Promise.race([drained, new Promise<true>((resolve) => setTimeout(resolve, 500, true))]);
    }
  }

  it("stops the server, and costs the proxies no memory", async () => {
    let sent: Promise<string> | undefined;
    let sink: Writable | undefined;
    const { inbound, service } = await meshed("store-1", (_, response) => {
      sink = response;
      sent = writeLargeBody(response);
    });
    const mostMemory = watchMemory([client, inbound]);
    const { request, response } = begin(service, "GET");
    request.end();
    const message = await response;
    await vi.waitFor(() => expect(sink).toBeDefined(), SOON);
    if (sink) await untilStuck(sink);
    expect(mostMemory()).toBeLessThan(BOUND);
    const received = await digestOf(message);
    expect(received).toBe(await sent);
  });

  it("stops the client, and costs the proxies no memory", async () => {
    let readOn: () => void = () => undefined;
    const mayRead = new Promise<void>((resolve) => (readOn = resolve));
    const { inbound, service } = await meshed("store-1", (request, response) => {
      void mayRead.then(() => digestOf(request)).then((digest) => response.end(digest));
    });
    const mostMemory = watchMemory([client, inbound]);
    const { request, response } = begin(service, "PUT");
    const sent = writeLargeBody(request);
    await untilStuck(request);
    expect(mostMemory()).toBeLessThan(BOUND);
    readOn();
    let text = "";
    for await (const piece of (await response).setEncoding("utf8")) text += String(piece);
    expect(text).toBe(await sent);
  });
});
