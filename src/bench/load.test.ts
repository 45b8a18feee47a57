import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import { createServer as createTcpServer, type AddressInfo, type Server, type Socket } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { runLoad, type LoadJob } from "./load.js";

async function portOf(server: Server): Promise<number> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  return (server.address() as AddressInfo).port;
}

const serve = (listener: RequestListener) => portOf(createServer(listener));

function job(port: number, settings: Partial<LoadJob> = {}): LoadJob {
  const target = {
    name: "test",
    url: `http://127.0.0.1:${port}/path?q`,
    proxy: null,
    processes: [process.pid],
  };
  return { target, connections: 2, rate: null, durationMs: 100, timeoutMs: 5000, ...settings };
}

test("counts what was answered, and what the target's processes used", async () => {
  const asked: (string | undefined)[] = [];
  const port = await serve((request, response) => {
    asked.push(request.url);
    response.end("hello");
  });
  // Long enough for a tick of the kernel's books, also where others have most of the processor.
  const result = await runLoad(job(port, { durationMs: 500 }));
  expect(result.answered).toBeGreaterThan(0);
  // One more on each connection, which opens it.
  expect(asked).toHaveLength(result.answered + 2);
  expect(new Set(asked)).toEqual(new Set(["/path?q"]));
  expect(result.failures).toEqual({});
  expect(result.latencyUs?.p50).toBeGreaterThan(0);
  expect(result.usage[0]?.cpuUs ?? 1).toBeGreaterThan(0);
});

test("asks a proxy in absolute form, with the service's name as Host", async () => {
  const asked = new Set<string>();
  const port = await serve((request, response) => {
    asked.add(`${request.url ?? ""} ${request.headers.host ?? ""}`);
    response.end();
  });
  const target = { ...job(port).target, url: "http://world:80/x", proxy: { host: "127.0.0.1", port } };
  await runLoad(job(port, { target }));
  expect(asked).toEqual(new Set(["http://world/x world"]));
});

test("releases as many requests as the rate asks for", async () => {
  const port = await serve((_request, response) => void response.end());
  const result = await runLoad(job(port, { rate: 500, durationMs: 200 }));
  expect(result.answered).toBe(100);
  expect(result.latencyUs?.max).toBeGreaterThan(0);
});

test("charges a target that stalls for every request that waited meanwhile", async () => {
  let asked = 0;
  const port = await serve((_request, response) => {
    asked += 1;
    // The first opens the connection, the second is the first that counts.
    setTimeout(() => void response.end(), asked === 2 ? 1000 : 0);
  });
  const result = await runLoad(job(port, { connections: 1, rate: 100, durationMs: 200 }));
  expect(result.answered).toBe(20);
  // All twenty were released while the target stalled, although only one of them had been sent.
  expect(result.latencyUs?.p50).toBeGreaterThan(500_000);
  expect(result.seconds).toBeGreaterThan(0.9);
});

test("counts other statuses as failures, and says when they are a proxy's own", async () => {
  let asked = 0;
  const port = await serve((_request, response) => {
    asked += 1;
    if (asked === 3) response.writeHead(503, { "mesh-proxy-error": "no-endpoints" });
    if (asked === 4) response.statusCode = 404;
    response.end();
  });
  const { failures, answered } = await runLoad(job(port, { rate: 100 }));
  expect(failures).toEqual({ "status 503 (no-endpoints)": 1, "status 404": 1 });
  expect(answered).toBe(8);
});

test("counts a connection that ends within a response, and goes on with another", async () => {
  let requests = 0;
  const port = await portOf(
    createTcpServer((socket: Socket) => {
      socket.on("error", () => undefined);
      socket.on("data", () => {
        requests += 1;
        if (requests === 4) socket.end("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf");
        else socket.write("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
      });
    }),
  );
  const { failures, answered } = await runLoad(job(port, { rate: 100 }));
  expect(failures).toEqual({ "connection closed": 1 });
  expect(answered).toBe(9);
});

test("a server that closes after each response is no failure", async () => {
  const port = await serve((_request, response) => {
    response.setHeader("connection", "close");
    response.end("hello");
  });
  const { failures, answered } = await runLoad(job(port, { rate: 100 }));
  expect(failures).toEqual({});
  expect(answered).toBe(10);
});

test("a request without an answer in time is a failure", async () => {
  let asked = 0;
  const port = await serve((_request, response) => {
    asked += 1;
    if (asked !== 3) response.end();
  });
  const { failures, answered } = await runLoad(job(port, { rate: 100, timeoutMs: 1500 }));
  expect(failures).toEqual({ timeout: 1 });
  expect(answered).toBe(9);
});

test("requests that never got a connection are failures, too", async () => {
  let asked = 0;
  const port = await serve((_request, response) => {
    asked += 1;
    if (asked === 1) response.end();
  });
  const { failures, answered } = await runLoad(job(port, { connections: 1, rate: 100, timeoutMs: 1000 }));
  expect(answered).toBe(0);
  expect(Object.values(failures).reduce((sum, count) => sum + count, 0)).toBe(10);
});

test("a target that is not there fails without being stormed", async () => {
  const server = createServer();
  const port = await portOf(server);
  server.close();
  await once(server, "close");
  const { failures, answered, latencyUs } = await runLoad(job(port));
  expect(answered).toBe(0);
  expect(latencyUs).toBeNull();
  expect(failures["connect: ECONNREFUSED"]).toBeGreaterThan(0);
  expect(failures["connect: ECONNREFUSED"]).toBeLessThan(50);
});
