import { Server, ServerCredentials, type ServerWritableStream } from "@grpc/grpc-js";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { createAuthority, Issuer, readAuthority, rootsFile } from "../identity/index.js";
import { loadProxyTap } from "../proto/index.js";
import { ProxyObserver } from "./proxy-observer.js";
import { TapCredentials } from "./tap-credentials.js";

const SOON = { timeout: 60_000, interval: 20 };
const CONTROL_PLANE = "spiffe://mesh.test/ns/mesh-system/sa/mesh-control-plane";

let directory: string;
let issuer: Issuer;
/** A tap service that shows the control plane's name, for want of another, and takes who is certified. */
const server = new Server();
let port = 0;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "mesh-tap-"));
  await createAuthority(directory, "mesh.test");
  const read = await readAuthority(directory);
  if (!read.ok) throw new Error(read.error);
  const opened = await Issuer.open(read.value.keys, "mesh.test");
  if (!opened.ok) throw new Error(opened.error);
  issuer = opened.value;
  const own = await issuer.certifyControlPlane();
  if (!own.ok) throw new Error(own.error);
  const [cert_chain, private_key] = [own.value.certificate, own.value.key].map((pem) => Buffer.from(pem));
  if (!cert_chain || !private_key) throw new Error("there is no certificate");
  const roots = await readFile(rootsFile(directory));
  server.addService(loadProxyTap().mesh.proxy.v1.Tap.service, {
    Observe: (call: ServerWritableStream<unknown, unknown>) => call.sendMetadata(call.metadata),
  });
  const shown = ServerCredentials.createSsl(roots, [{ cert_chain, private_key }], true);
  port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", shown, (error, bound) => {
      if (error) reject(error);
      else resolve(bound);
    });
  });
});

afterAll(async () => {
  server.forceShutdown();
  await rm(directory, { recursive: true });
});

/** What becomes of an attempt to watch a proxy that must prove to be somebody: nothing, or why it failed. */
async function watching(tapIdentity: string | undefined, credentials: TapCredentials): Promise<string> {
  let outcome: string | undefined;
  const proxy = {
    ...{ name: "web-1", namespace: "default", workload: { kind: "workload", name: "web" } },
    ...{ adminAddress: "", tapAddress: `127.0.0.1:${port}`, inbound: [] },
    ...(tapIdentity !== undefined && { tapIdentity }),
  };
  const observer = new ProxyObserver(
    proxy,
    credentials,
    {},
    {
      event: () => undefined,
      opened: () => (outcome = ""),
      lost: (reason) => (outcome = reason),
    },
  );
  await vi.waitFor(() => expect(outcome).toBeDefined(), SOON);
  observer.stop();
  return outcome ?? "";
}

test("a proxy that proves who it must be is watched, by whom it takes", async () => {
  expect(await watching(CONTROL_PLANE, new TapCredentials({ issuer: () => issuer }))).toBe("");
});

test("a proxy that proves to be another is not watched, and told of with both names", async () => {
  const web = "spiffe://mesh.test/ns/default/sa/web";
  const reason = await watching(web, new TapCredentials({ issuer: () => issuer }));
  expect(reason).toContain(`it proves to be ${CONTROL_PLANE}, not ${web}`);
});

test("a proxy that was to prove itself is not watched in plain text, while there is nothing to show it", async () => {
  for (const credentials of [new TapCredentials(), new TapCredentials({ issuer: () => undefined })])
    expect(await watching(CONTROL_PLANE, credentials)).toContain("has no certificate yet");
});
