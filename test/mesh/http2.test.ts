import {
  Client,
  credentials,
  type MethodDefinition,
  Metadata,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerReadableStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  type sendUnaryData,
  status,
} from "@grpc/grpc-js";
import { connect, createServer, type Http2Server, type IncomingHttpHeaders } from "node:http2";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from "vitest";
import { inboundOf, metricsOf, outboundOf, RunningMesh, type RunningProxy, SOON } from "./running-mesh.js";

let mesh: RunningMesh;
let client: RunningProxy;
beforeAll(async () => {
  mesh = await RunningMesh.start();
  client = await mesh.startProxy({ name: "client" });
});
afterAll(() => mesh.stop());

/** Puts a proxy before an application, and makes both a service. */
async function meshed(port: number): Promise<{ service: string; proxy: RunningProxy }> {
  const proxy = await mesh.startInbound("app-1", `127.0.0.1:${port}`);
  return { service: await mesh.addServiceAt(inboundOf(proxy)), proxy };
}

describe("Node's HTTP/2", () => {
  async function startServer(): Promise<{ server: Http2Server; sessions: () => number }> {
    const server = createServer();
    let sessions = 0;
    server.on("session", () => sessions++);
    server.on("stream", (stream, headers) => {
      stream.respond({ ":status": 200, "x-path": headers[":path"] }, { waitForTrailers: true });
      stream.on("wantTrailers", () => {
        stream.sendTrailers({ "x-last": "yes" });
      });
      stream.pipe(stream);
    });
    await new Promise<void>((listens) => server.listen(0, "127.0.0.1", listens));
    onTestFinished(() => void server.close());
    return { server, sessions: () => sessions };
  }

  it("has its streams relayed through two proxies, over one connection, with trailers", async () => {
    const { server, sessions } = await startServer();
    const { service, proxy } = await meshed((server.address() as AddressInfo).port);
    const session = connect(`http://${outboundOf(client)}`);
    onTestFinished(() => {
      session.destroy();
    });
    const ask = async (path: string, body: string) => {
      const stream = session.request({ ":method": "POST", ":path": path, ":authority": service });
      const heads: IncomingHttpHeaders[] = [];
      stream.on("response", (head) => heads.push(head));
      stream.on("trailers", (trailers: IncomingHttpHeaders) => heads.push(trailers));
      stream.end(body);
      const answer = await text(stream);
      return { answer, path: heads[0]?.["x-path"], last: heads[1]?.["x-last"] };
    };
    const asked = Array.from({ length: 50 }, (_, number) => ask(`/${number}`, `body ${number}`));
    expect(await Promise.all(asked)).toEqual(
      asked.map((_, number) => ({ answer: `body ${number}`, path: `/${number}`, last: "yes" })),
    );
    expect(sessions()).toBe(1);
    await vi.waitFor(async () => {
      const labels = { status_code: "200", classification: "success" };
      const sent = await metricsOf(client);
      expect(sent.sum("mesh_responses_total", { ...labels, dst_service: service })).toBe(50);
      expect((await metricsOf(proxy)).sum("mesh_responses_total", labels)).toBe(50);
    }, SOON);
  });
});

describe("gRPC", () => {
  const bytes = (value: Buffer) => value;
  const method = (name: string, requestStream: boolean, responseStream: boolean) =>
    ({
      path: `/test.Echo/${name}`,
      ...{ requestStream, responseStream },
      ...{ requestSerialize: bytes, requestDeserialize: bytes },
      ...{ responseSerialize: bytes, responseDeserialize: bytes },
    }) satisfies MethodDefinition<Buffer, Buffer>;
  const definition = {
    one: method("one", false, false),
    out: method("out", false, true),
    in: method("in", true, false),
    both: method("both", true, true),
    never: method("never", false, false),
  };

  let server: Server;
  let service: string;
  let proxy: RunningProxy;
  let calls: Client;
  beforeAll(async () => {
    server = new Server();
    server.addService(definition, {
      one: (call: ServerUnaryCall<Buffer, Buffer>, respond: sendUnaryData<Buffer>) => {
        if (call.request.toString() !== "fail") respond(null, call.request);
        else respond({ code: status.NOT_FOUND, details: "none of that" });
      },
      out: (call: ServerWritableStream<Buffer, Buffer>) => {
        for (const letter of call.request.toString()) call.write(Buffer.from(letter));
        call.end();
      },
      in: (call: ServerReadableStream<Buffer, Buffer>, respond: sendUnaryData<Buffer>) => {
        const parts: Buffer[] = [];
        call.on("data", (part: Buffer) => parts.push(part));
        call.on("end", () => {
          respond(null, Buffer.concat(parts));
        });
      },
      both: (call: ServerDuplexStream<Buffer, Buffer>) => {
        call.on("data", (part: Buffer) => call.write(part));
        call.on("end", () => {
          call.end();
        });
      },
      never: () => undefined,
    });
    const port = await new Promise<number>((bound, failed) => {
      server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) => {
        if (error) failed(error);
        else bound(port);
      });
    });
    ({ service, proxy } = await meshed(port));
    calls = callerOf(service);
  });
  afterAll(() => {
    calls.close();
    server.forceShutdown();
  });

  function callerOf(authority: string): Client {
    const options = { "grpc.default_authority": authority };
    return new Client(outboundOf(client), credentials.createInsecure(), options);
  }

  /** The answer of a call with one message each way, or the error's code and text. */
  function unary(
    caller: Client,
    { path }: { path: string },
    message: string,
    options = {},
  ): Promise<unknown> {
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
    expect(await unary(calls, definition.one, "hello")).toBe("hello");
    const out = calls.makeServerStreamRequest(definition.out.path, bytes, bytes, Buffer.from("abc"));
    expect((await out.toArray()).join(",")).toBe("a,b,c");
    const collected = await new Promise<string | undefined>((resolve) => {
      const call = calls.makeClientStreamRequest(definition.in.path, bytes, bytes, (_, answer?: Buffer) => {
        resolve(answer?.toString());
      });
      for (const letter of "xyz") call.write(Buffer.from(letter));
      call.end();
    });
    expect(collected).toBe("xyz");
    const both = calls.makeBidiStreamRequest(definition.both.path, bytes, bytes);
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
    expect(await unary(calls, definition.one, "fail")).toEqual({
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
    expect(await unary(nobody, definition.one, "hello")).toEqual({
      code: status.UNIMPLEMENTED,
      details: "mesh-proxy: no-such-service",
    });
    nobody.close();
    const late = await unary(calls, definition.never, "hello", { deadline: Date.now() + 300 });
    expect(late).toMatchObject({ code: status.DEADLINE_EXCEEDED });
  });
});
