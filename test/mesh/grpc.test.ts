import { Client, credentials, Metadata, status } from "@grpc/grpc-js";
import { connect, createServer, type IncomingHttpHeaders } from "node:http2";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, it, onTestFinished, vi } from "vitest";
import { ended, runMesh, startMesh } from "../mesh-command.js";
import { bytes, ECHO, type EchoServer, startEchoServer } from "./grpc-echo.js";
import { inboundOf, metricsOf, outboundOf, RunningMesh, type RunningProxy, SOON } from "./running-mesh.js";

let mesh: RunningMesh;
let client: RunningProxy;
let server: EchoServer;
let service: string;
let proxy: RunningProxy;
let calls: Client;
beforeAll(async () => {
  mesh = await RunningMesh.start();
  client = await mesh.startProxy({ name: "client" });
  server = await startEchoServer();
  proxy = await mesh.startInbound("app-1", `127.0.0.1:${server.port}`);
  service = await mesh.addServiceAt(inboundOf(proxy));
  calls = callerOf(service);
});
afterAll(async () => {
  calls.close();
  server.stop();
  await mesh.stop();
});

function callerOf(authority: string): Client {
  const options = { "grpc.default_authority": authority };
  return new Client(outboundOf(client), credentials.createInsecure(), options);
}

/** The answer of a call with one message each way, or the error's code and text. */
function unary(caller: Client, { path }: { path: string }, message: string, options = {}): Promise<unknown> {
  return new Promise((resolve) => {
    caller.makeUnaryRequest(
      path,
      bytes,
      bytes,
      Buffer.from(message),
      new Metadata(),
      options,
      (error, answer) => {
        resolve(error ? { code: error.code, details: error.details } : answer?.toString());
      },
    );
  });
}

it("goes through two proxies: one message or many, each way", async () => {
  expect(await unary(calls, ECHO.one, "hello")).toBe("hello");
  const out = calls.makeServerStreamRequest(ECHO.out.path, bytes, bytes, Buffer.from("abc"));
  expect((await out.toArray()).join(",")).toBe("a,b,c");
  const collected = await new Promise<string | undefined>((resolve) => {
    const call = calls.makeClientStreamRequest(ECHO.in.path, bytes, bytes, (_, answer?: Buffer) => {
      resolve(answer?.toString());
    });
    for (const letter of "xyz") call.write(Buffer.from(letter));
    call.end();
  });
  expect(collected).toBe("xyz");
  const both = calls.makeBidiStreamRequest(ECHO.both.path, bytes, bytes);
  for (const word of ["ping", "pong"]) {
    both.write(Buffer.from(word));
    const [answer] = await new Promise<[Buffer]>((heard) =>
      both.once("data", (data: Buffer) => {
        heard([data]);
      }),
    );
    expect(answer.toString()).toBe(word);
  }
  both.end();
});

it("errors keep their codes and words, and are counted by them at both proxies", async () => {
  expect(await unary(calls, ECHO.one, "not found")).toEqual({
    code: status.NOT_FOUND,
    details: "none of that",
  });
  await vi.waitFor(async () => {
    const labels = { grpc_status: "5", status_code: "200", classification: "success" };
    for (const counting of [client, proxy]) {
      expect((await metricsOf(counting)).sum("mesh_responses_total", labels)).toBe(1);
    }
  }, SOON);
});

it("the proxy's own answers are statuses with a message, and a call ends when its time is over", async () => {
  const nobody = callerOf("nobody");
  expect(await unary(nobody, ECHO.one, "hello")).toEqual({
    code: status.UNIMPLEMENTED,
    details: "mesh-proxy: no-such-service",
  });
  nobody.close();
  const late = await unary(calls, ECHO.never, "hello", { deadline: Date.now() + 300 });
  expect(late).toMatchObject({ code: status.DEADLINE_EXCEEDED });
});

it("a proxy without endpoints answers UNAVAILABLE, and says why", async () => {
  mesh.setService("empty", []);
  const caller = callerOf("empty");
  await vi.waitFor(async () => {
    const unavailable = { code: status.UNAVAILABLE, details: "mesh-proxy: no-endpoints" };
    expect(await unary(caller, ECHO.one, "hello")).toEqual(unavailable);
  }, SOON);
  caller.close();
});

it("the proxy ends a call whose time is over, between a client that only waits and a silent server", async () => {
  const silent = createServer();
  silent.on("stream", (stream) => stream.on("error", () => undefined));
  await new Promise<void>((listens) => silent.listen(0, "127.0.0.1", listens));
  onTestFinished(() => void silent.close());
  const authority = await mesh.addServiceAt(`127.0.0.1:${(silent.address() as AddressInfo).port}`);
  const session = connect(`http://${outboundOf(client)}`);
  onTestFinished(() => {
    session.destroy();
  });
  const stream = session.request({
    ...{ ":method": "POST", ":path": ECHO.never.path, ":authority": authority },
    ...{ "content-type": "application/grpc", te: "trailers", "grpc-timeout": "200m" },
  });
  // A message of no bytes.
  stream.end(Buffer.alloc(5));
  const head = await new Promise<IncomingHttpHeaders>((answered) => stream.on("response", answered));
  expect(head).toMatchObject({
    ...{
      ":status": 200,
      "content-type": "application/grpc",
      "grpc-status": String(status.DEADLINE_EXCEEDED),
    },
    ...{ "grpc-message": "mesh-proxy: deadline-exceeded", "mesh-proxy-error": "deadline-exceeded" },
  });
});

it("calls on one connection are balanced one by one", async () => {
  const servers = [await startEchoServer(), await startEchoServer()];
  onTestFinished(() => {
    for (const { stop } of servers) stop();
  });
  mesh.setService(
    "balanced",
    servers.map(({ port }) => `127.0.0.1:${port}`),
  );
  const caller = callerOf("balanced");
  await vi.waitFor(async () => expect(await unary(caller, ECHO.one, "known")).toBe("known"), SOON);
  const connectionsBefore = await acceptedConnections();
  await vi.waitFor(async () => {
    await Promise.all(Array.from({ length: 20 }, () => unary(caller, ECHO.one, "hello")));
    for (const { served } of servers) expect(served()).toBeGreaterThan(20);
  }, SOON);
  expect(await acceptedConnections()).toBe(connectionsBefore);
  caller.close();
});

const acceptedConnections = async () => (await metricsOf(client)).sum("mesh_tcp_open_total", { peer: "src" });

it("mesh stat and mesh tap tell of calls, and what failed", async () => {
  const watched = await mesh.addServiceAt(inboundOf(proxy));
  const caller = callerOf(watched);
  const environment = { MESH_API: mesh.apiAddress };
  const tap = startMesh(["tap", "workload/client", "--authority", watched], environment);
  const end = ended(tap);
  let output = "";
  tap.stdout.on("data", (text: string) => (output += text));
  // NOT_FOUND is the answer to a wrong question, INTERNAL a failure: one in four.
  await vi.waitFor(async () => {
    for (const message of ["hello", "hello", "not found", "broken"]) await unary(caller, ECHO.one, message);
    expect(output).toMatch(/^req id=(\S+) dir=out .* protocol=grpc method=POST .*\n[^]*^end id=\1 /m);
    for (const name of ["OK", "NOT_FOUND", "INTERNAL"]) {
      expect(output).toMatch(new RegExp(`^end .* grpc-status=${name}$`, "m"));
    }
  }, SOON);
  tap.kill("SIGINT");
  expect(await end).toMatchObject({ status: 0 });
  caller.close();
  await vi.waitFor(async () => {
    const { stdout } = await runMesh(["stat", `service/${watched}`, "-o", "json"], environment);
    const [row] = (JSON.parse(stdout) as { rows: { http: Record<string, unknown> | null }[] }).rows;
    expect(row?.http?.["success_rate"]).toBeCloseTo(0.75, 6);
    expect(Object.keys(row?.http?.["requests_per_second_by_protocol"] ?? {})).toEqual(["grpc"]);
  }, SOON);
});
