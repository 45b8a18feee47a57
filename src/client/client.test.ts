import { Server, ServerCredentials, status } from "@grpc/grpc-js";
import { createServer } from "node:net";
import { afterEach, expect, test } from "vitest";
import { loadApi } from "../proto/index.js";
import {
  ApiFailure,
  ControlPlaneClient,
  DEFAULT_API_ADDRESS,
  apiAddress,
  isUnavailable,
  routeTo,
} from "./index.js";

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup();
});

test("--api wins over MESH_API, which wins over the default", () => {
  expect(apiAddress("localhost:1", { MESH_API: "127.0.0.1:2" })).toBe("localhost:1");
  expect(apiAddress(undefined, { MESH_API: "[::1]:2" })).toBe("[::1]:2");
  expect(apiAddress(undefined, {})).toBe(DEFAULT_API_ADDRESS);
});

test.each(["localhost", "localhost:", "localhost:0", "localhost:70000", "http://localhost:8085", "::1:80"])(
  "'%s' is refused as an address",
  (address) => {
    expect(() => apiAddress(address, {})).toThrow(`--api: '${address}' is not an address`);
    expect(() => apiAddress(undefined, { MESH_API: address })).toThrow("MESH_API");
  },
);

test("a control plane that is not there: says where it was looked for and what to try", async () => {
  const port = await freePort();
  const failure = await failureOf(client(`127.0.0.1:${port}`).stat({}));
  expect(failure.message).toBe(`no control plane answers at 127.0.0.1:${port} (connection refused)`);
  expect(failure.hint).toContain("--api");
  expect(isUnavailable(failure)).toBe(true);
});

test("what the control plane says of a request that cannot be met is passed on", async () => {
  const port = await serveTap((call) => {
    call.emit("error", { code: status.NOT_FOUND, details: "no workload 'wrold'\ntry: workload/world" });
  });
  const events = client(`127.0.0.1:${port}`).tap({}, new AbortController().signal);
  const failure = await failureOf(events.next());
  expect(failure.message).toBe("no workload 'wrold'");
  expect(failure.hint).toBe("workload/world");
  expect(isUnavailable(failure)).toBe(false);
});

test("a server of another kind is told from a control plane", async () => {
  const port = await serveTap(() => undefined);
  const failure = await failureOf(client(`127.0.0.1:${port}`).stat({}));
  expect(failure.message).toContain("is not a control plane of this version");
});

test("a tap that is no longer wanted ends without an error, at both ends", async () => {
  const stop = new AbortController();
  let cancelled: () => void;
  const serverSawTheEnd = new Promise<void>((resolve) => (cancelled = resolve));
  const port = await serveTap((call) => {
    call.on("cancelled", () => cancelled());
    call.write({ note: "first" });
  });
  const notes = [];
  for await (const response of client(`127.0.0.1:${port}`).tap({}, stop.signal)) {
    notes.push(response.note);
    stop.abort();
  }
  expect(notes).toEqual(["first"]);
  await serverSawTheEnd;
});

function client(address: string): ControlPlaneClient {
  const opened = new ControlPlaneClient(routeTo(address));
  cleanups.push(() => opened.close());
  return opened;
}

type TapCall = Parameters<import("../../generated/mesh/api/v1/Tap.js").TapHandlers["Tap"]>[0];

async function serveTap(handler: (call: TapCall) => void): Promise<number> {
  const server = new Server();
  server.addService(loadApi().mesh.api.v1.Tap.service, { Tap: handler });
  cleanups.push(() => server.forceShutdown());
  return new Promise((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) => {
      if (error === null) resolve(port);
      else reject(error);
    });
  });
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0));
    });
  });
}

async function failureOf(call: Promise<unknown>): Promise<ApiFailure> {
  const error: unknown = await call.then(
    () => new Error("nothing failed"),
    (reason: unknown) => reason,
  );
  if (error instanceof ApiFailure) return error;
  throw error;
}
