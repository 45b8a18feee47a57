import { createServer, type Http2Server } from "node:http2";
import type { AddressInfo } from "node:net";
import { afterAll, describe, expect, it } from "vitest";
import { inboundOf, outboundOf, RunningMesh } from "../mesh/running-mesh.js";
import { runH2spec } from "./h2spec.js";

// h2spec names the host that it was told to connect to as the authority.
const SERVICE = "localhost";

/** What does not pass, and is meant not to: docs/conformance.md has the reasons. One that passes has to leave the list. */
const EXCEPTIONS = {
  inbound: [],
  outbound: ["http2/3.5 Sends invalid connection preface"],
} satisfies Record<string, readonly string[]>;

// As many as h2spec has: a report with fewer is not whole.
const CASES = 146;

/** An application that answers each request when it has read it. */
async function startApplication(): Promise<Http2Server> {
  const server = createServer();
  server.on("stream", (stream) => {
    stream.on("error", () => undefined);
    stream.resume().on("end", () => {
      if (stream.destroyed) return;
      stream.respond({ ":status": 200, "content-type": "text/plain" });
      stream.end("an answer that is longer than the smallest windows");
    });
  });
  await new Promise<void>((listens) => server.listen(0, "127.0.0.1", listens));
  return server;
}

const portOf = (address: string) => Number(address.slice(address.lastIndexOf(":") + 1));

const mesh = await RunningMesh.start();
const application = await startApplication();
afterAll(async () => {
  await mesh.stop();
  application.close();
});
const sidecar = await mesh.startInbound("app-1", `127.0.0.1:${(application.address() as AddressInfo).port}`);
await mesh.addServiceAt(inboundOf(sidecar), SERVICE);
const client = await mesh.startProxy({ name: "client" });

// The cases are known from the report alone, so both runs are over before there are tests.
const [inbound, outbound] = await Promise.all([
  runH2spec({ host: SERVICE, port: portOf(inboundOf(sidecar)) }),
  runH2spec({ host: SERVICE, port: portOf(outboundOf(client)) }),
]);

describe.each([
  { listener: "inbound", cases: inbound, exceptions: EXCEPTIONS.inbound },
  { listener: "outbound", cases: outbound, exceptions: EXCEPTIONS.outbound },
])("h2spec at the $listener listener", ({ cases, exceptions }) => {
  it("has all of its cases, and those that are excepted", () => {
    expect(cases).toHaveLength(CASES);
    expect(cases.map(({ name }) => name)).toEqual(expect.arrayContaining(exceptions));
  });

  it.each(cases.map(({ name, failure }) => [name, failure] as const))("%s", (name, failure) => {
    if (exceptions.includes(name)) expect(failure, "it passes, and is excepted no more").toBeDefined();
    else expect(failure).toBeUndefined();
  });
});
