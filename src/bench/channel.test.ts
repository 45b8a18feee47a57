import { once } from "node:events";
import {
  createServer as createHttp2Server,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from "node:http2";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { describe, expect, onTestFinished, test } from "vitest";
import { backend } from "./backend.js";
import { runLoad, type LoadResult } from "./load.js";
import type { Protocol } from "./protocol.js";
import type { Target } from "./target.js";

async function portOf(server: Server): Promise<number> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  return (server.address() as AddressInfo).port;
}

const targetAt = (protocol: Protocol, port: number): Target => {
  const scheme = protocol === "tcp" ? "tcp" : "http";
  return { name: "test", url: `${scheme}://127.0.0.1:${port}/`, protocol, proxy: null, processes: [] };
};

/** Ten requests, by the clock. */
const load = (target: Target, connections = 2): Promise<LoadResult> =>
  runLoad({ target, connections, rate: 100, durationMs: 100, timeoutMs: 1500 });

/** A server of HTTP/2 that tells each stream which it is, from 1. */
function serveStreams(onStream: (stream: ServerHttp2Stream, count: number) => void): Promise<number> {
  const server = createHttp2Server();
  let count = 0;
  server.on("stream", (stream) => {
    count += 1;
    stream.on("error", () => undefined);
    stream.resume();
    onStream(stream, count);
  });
  server.on("session", (session: ServerHttp2Session) => session.on("error", () => undefined));
  return portOf(server);
}

describe.each(["http1", "http2", "grpc", "tcp"] as const)("%s", (protocol) => {
  test("of the bench's own service is answered", async () => {
    const target = targetAt(protocol, await portOf(backend(protocol)));
    const { answered, failures, latencyUs } = await load(target);
    expect({ answered, failures }).toEqual({ answered: 10, failures: {} });
    expect(latencyUs?.p50).toBeGreaterThan(0);
  });

  test("that nobody takes fails with the reason", async () => {
    const server = createServer();
    const port = await portOf(server);
    server.close();
    await once(server, "close");
    const { answered, failures } = await load(targetAt(protocol, port));
    expect(answered).toBe(0);
    expect(failures["connect: ECONNREFUSED"]).toBeGreaterThan(0);
  });

  test("that ends within a request fails, and goes on over another connection", async () => {
    const own = await portOf(backend(protocol));
    let opened = 0;
    const port = await portOf(
      createServer((client) => {
        opened += 1;
        client.on("error", () => undefined);
        if (opened === 1) client.once("data", () => client.end());
        else forward(client, own);
      }),
    );
    const { answered, failures } = await load(targetAt(protocol, port), 1);
    expect(answered).toBe(10);
    expect(Object.values(failures)).toEqual([1]);
  });
});

function forward(client: Socket, port: number): void {
  const server = connect(port, "127.0.0.1");
  server.on("error", () => client.destroy());
  client.on("close", () => server.destroy());
  client.pipe(server).pipe(client);
}

describe("streams", () => {
  test("share a connection in HTTP/2", async () => {
    const sessions = new Set<unknown>();
    const port = await serveStreams((stream) => {
      sessions.add(stream.session);
      stream.respond({ ":status": 200 }, { endStream: true });
    });
    expect((await load(targetAt("http2", port), 8)).answered).toBe(10);
    expect(sessions.size).toBe(1);
  });

  test("that are refused or reset are failures", async () => {
    const port = await serveStreams((stream, count) => {
      if (count === 3)
        stream.respond({ ":status": 503, "mesh-proxy-error": "no-endpoints" }, { endStream: true });
      else if (count === 4) stream.close(8);
      else stream.respond({ ":status": 200 }, { endStream: true });
    });
    const { answered, failures } = await load(targetAt("http2", port), 1);
    expect(answered).toBe(8);
    expect(failures).toMatchObject({ "status 503 (no-endpoints)": 1 });
    expect(Object.values(failures)).toEqual([1, 1]);
  });

  test("that are never answered are given up", async () => {
    const port = await serveStreams((stream, count) => {
      if (count !== 2) stream.respond({ ":status": 200 }, { endStream: true });
    });
    const { answered, failures } = await load(targetAt("http2", port));
    expect({ answered, failures }).toEqual({ answered: 10, failures: { timeout: 1 } });
  });
});

test("a call of gRPC succeeds by its status alone", async () => {
  const port = await serveStreams((stream, count) => {
    const head = { ":status": 200, "content-type": "application/grpc" };
    const only = (status: string) => stream.respond({ ...head, "grpc-status": status }, { endStream: true });
    if (count === 3) only("14");
    else if (count === 4) stream.respond(head, { endStream: true });
    else only("0");
  });
  const { answered, failures } = await load(targetAt("grpc", port), 1);
  expect({ answered, failures }).toEqual({
    answered: 8,
    failures: { "grpc-status 14": 1, "no grpc-status": 1 },
  });
});

test("a proxy is asked by CONNECT to pass TCP on", async () => {
  const own = await portOf(backend("tcp"));
  const asked: string[] = [];
  const port = await portOf(
    createServer((client) => {
      client.on("error", () => undefined);
      client.once("data", (head) => {
        asked.push(head.toString());
        client.write("HTTP/1.1 200 OK\r\n\r\n");
        forward(client, own);
      });
    }),
  );
  const target = { ...targetAt("tcp", own), url: "tcp://world/", proxy: { host: "127.0.0.1", port } };
  const { answered, failures } = await load(target, 1);
  expect({ answered, failures }).toEqual({ answered: 10, failures: {} });
  expect(asked).toEqual(["CONNECT world:80 HTTP/1.1\r\nHost: world:80\r\n\r\n"]);
});

test("a proxy that passes nothing on is told by its answer", async () => {
  const port = await portOf(
    createServer((client) => {
      client.on("error", () => undefined);
      client.once("data", () => client.end("HTTP/1.1 503 \r\nmesh-proxy-error: no-endpoints\r\n\r\n"));
    }),
  );
  const target = { ...targetAt("tcp", 1), proxy: { host: "127.0.0.1", port } };
  const { answered, failures } = await load(target, 1);
  expect(answered).toBe(0);
  expect(Object.keys(failures)).toEqual(["status 503 (no-endpoints)"]);
});
