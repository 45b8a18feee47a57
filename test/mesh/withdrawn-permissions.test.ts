import { Client, type ClientDuplexStream, credentials, type ServiceError, status } from "@grpc/grpc-js";
import { once } from "node:events";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { runMesh } from "../mesh-command.js";
import { bytes, ECHO, type EchoServer, startEchoServer } from "./grpc-echo.js";
import { inboundOf, metricsOf, outboundOf, RunningMesh, type RunningProxy, SOON } from "./running-mesh.js";

// hello and bye call world by gRPC, over mTLS.
let mesh: RunningMesh;
let server: EchoServer;
let hello: Client;
let bye: Client;

beforeAll(async () => {
  mesh = await RunningMesh.startSecured();
  server = await startEchoServer();
  const world = await mesh.startInbound("world-1", `127.0.0.1:${server.port}`);
  await mesh.addServiceAt(inboundOf(world), "world");
  hello = callerOf(await mesh.startProxy({ name: "hello-1", workload: "hello" }));
  bye = callerOf(await mesh.startProxy({ name: "bye-1", workload: "bye" }));
  await vi.waitFor(async () => {
    (await begin(hello)).end();
    const secured = { direction: "inbound", tls: "true" };
    expect((await metricsOf(world)).sum("mesh_requests_total", secured)).toBeGreaterThan(0);
  }, SOON);
  await vi.waitFor(async () => (await begin(bye)).end(), SOON);
}, 60_000);
afterAll(async () => {
  hello.close();
  bye.close();
  await mesh.stop();
  server.stop();
});

function callerOf(proxy: RunningProxy): Client {
  return new Client(outboundOf(proxy), credentials.createInsecure(), { "grpc.default_authority": "world" });
}

/** A call that goes on until somebody ends it. */
async function begin(caller: Client): Promise<ClientDuplexStream<Buffer, Buffer>> {
  const call = caller.makeBidiStreamRequest(ECHO.both.path, bytes, bytes);
  call.on("error", () => undefined);
  await goesOn(call);
  return call;
}

async function goesOn(call: ClientDuplexStream<Buffer, Buffer>): Promise<void> {
  const answered = once(call, "data");
  call.write(Buffer.from("still"));
  expect(String((await answered)[0])).toBe("still");
}

/** Another method of the same service. */
function collect(caller: Client) {
  let answered: (answer: string) => void = () => undefined;
  const answer = new Promise<string>((resolve) => (answered = resolve));
  const call = caller.makeClientStreamRequest(ECHO.in.path, bytes, bytes, (error, collected?: Buffer) => {
    answered(error?.message ?? String(collected));
  });
  return { call, answer };
}

test("a call under way ends when an edited permission no longer allows it, and others go on", async () => {
  const [denied, allowed, neighbour] = [await begin(hello), await begin(bye), collect(hello)];
  neighbour.call.write(Buffer.from("hel"));
  const ended = once(denied, "error") as Promise<[ServiceError]>;
  mesh.write(
    "no-both.yaml",
    `apiVersion: mesh.dev/v1alpha1
kind: TrafficPermission
metadata: { name: no-both }
spec:
  http: [{ pathPrefix: ${ECHO.both.path} }]
  from: [{ workloads: [{ kind: Workload, name: hello }] }]
  action: DENY
`,
  );
  const [error] = await ended;
  expect(error.code).toBe(status.PERMISSION_DENIED);
  expect(error.details).toBe("mesh-proxy: permission-denied by default/no-both");

  await goesOn(allowed);
  neighbour.call.write(Buffer.from("lo"));
  neighbour.call.end();
  expect(await neighbour.answer).toBe("hello");
  await vi.waitFor(async () => {
    const { stdout } = await runMesh(["auth", "workload/world", "--api", mesh.apiAddress]);
    expect(stdout).toMatch(/^workload\/world +spiffe:\S+\/sa\/hello +default\/no-both +DENY +1$/m);
  }, SOON);

  mesh.remove("no-both.yaml");
  await vi.waitFor(() => begin(hello), SOON);
  await goesOn(allowed);
});
