// A mesh whose certificate authority cannot be used, or whose control plane is away for longer than certificates live.
import { mkdirSync, readFileSync, renameSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { newIssuer, type KeyPair } from "../../src/certificates/index.js";
import { runMesh } from "../mesh-command.js";
import { startHttpBackend } from "./backends.js";
import { RawConnection, send } from "./clients.js";
import { inboundOf, metricsOf, outboundOf, RunningMesh, type RunningProxy, SOON } from "./running-mesh.js";

let mesh: RunningMesh;
let client: RunningProxy;
beforeEach(async () => {
  mesh = await RunningMesh.startSecured();
  const backend = await startHttpBackend((_, response) => response.end("web"));
  const server = await mesh.startInbound("web-1", backend.address);
  mesh.setService("web", [inboundOf(server)]);
  // A connection that nobody uses is soon gone, and the next request needs a new one.
  const variables = { MESH_PROXY_IDLE_TIMEOUT: "300ms" };
  client = await mesh.startProxy({ name: "client-1", workload: "client" }, variables);
  await vi.waitFor(async () => expect(await securedRequests()).toBeGreaterThan(0), SOON);
});
afterEach(() => mesh.stop());

const file = (name: string) => join(mesh.directory, "ca", name);

const ask = (proxy: RunningProxy) => send(outboundOf(proxy), "web");

/** How many requests the client has sent to `web` by mTLS, one more of whatever kind included. */
async function securedRequests(): Promise<number> {
  await ask(client);
  return (await metricsOf(client)).sum("mesh_requests_total", { tls: "true" });
}

/** What `mesh check` says of the certificate authority. */
async function checked(): Promise<{ status: number | null; said: string }> {
  const { status, stdout } = await runMesh(["check", "--api", mesh.apiAddress, "-o", "json"]);
  return { status, said: stdout };
}

const SIGNS_ON = "what was read before signs on";

it("signs on while its key is gone, unreadable or another, says so, and comes back with the key", async () => {
  const key = file("tls.key");
  const kept = join(mesh.directory, "kept.key");
  renameSync(key, kept);
  const wrongs: [RegExp, () => void, () => void][] = [
    [/tls\.key cannot be read: ENOENT/, () => undefined, () => undefined],
    [/tls\.key cannot be read: EISDIR/, () => mkdirSync(key), () => rmdirSync(key)],
    [
      /tls\.key is not the key of tls\.crt/,
      () => writeFileSync(key, readFileSync(file("token.key"))),
      () => rmSync(key),
    ],
  ];
  for (const [reason, make, clear] of wrongs) {
    make();
    await vi.waitFor(() => {
      expect(mesh.log.filter((line) => reason.test(line) && line.includes(SIGNS_ON))).toHaveLength(1);
    }, SOON);
    if (reason.source.includes("not the key")) {
      expect(await checked()).toMatchObject({
        status: 1,
        said: expect.stringMatching(reason) as string,
      });
      const newcomer = await mesh.startProxy({ name: "newcomer-1", workload: "newcomer" });
      await vi.waitFor(async () => expect((await ask(newcomer)).status).toBe(200), SOON);
    }
    clear();
  }

  await mesh.killControlPlane();
  await expect(mesh.startControlPlane()).rejects.toThrow(/tls\.key cannot be read: ENOENT/);
  renameSync(kept, key);
  await mesh.startControlPlane();
  const another = await mesh.startProxy({ name: "another-1", workload: "another" });
  await vi.waitFor(async () => expect((await ask(another)).status).toBe(200), SOON);
  expect((await checked()).said).not.toContain("tls.key");
});

it("is away until certificates and the issuer have ended: what is open goes on, the rest fails for that reason, and all recovers", async () => {
  const tunnel = await RawConnection.open(outboundOf(client));
  tunnel.send("CONNECT web:80 HTTP/1.1\r\nhost: web:80\r\n\r\n");
  await tunnel.until("\r\n\r\n");
  const root = authorityOf("ca");
  rmSync(file("ca.key"));
  // Proxies are certified for no longer than the issuer is valid. One that was too late is given another chance.
  await vi.waitFor(
    async () => {
      await writeIssuer(root, 4 / 86_400);
      await vi.waitFor(async () => expect(await endOf(client)).toBeLessThan(Date.now() / 1000 + 60), {
        timeout: 5_000,
        interval: 10,
      });
    },
    { timeout: 60_000, interval: 10 },
  );
  await mesh.killControlPlane();
  await vi.waitFor(async () => expect(await endOf(client)).toBeLessThan(Date.now() / 1000 - 1), SOON);

  tunnel.send("GET /on HTTP/1.1\r\nhost: web\r\n\r\n");
  await tunnel.until(/web$/);
  const refused = await vi.waitFor(
    async () => {
      const answer = await ask(client);
      expect(answer.status).toBe(503);
      return answer;
    },
    { ...SOON, interval: 1_000 },
  );
  expect(refused.headers["mesh-proxy-error"]).toBe("no-identity");
  const page = await metricsOf(client);
  expect(page.sum("mesh_responses_total", { proxy_error: "no-identity" })).toBeGreaterThan(0);
  expect(page.sum("mesh_identity_refresh_failures_total")).toBeGreaterThan(0);
  expect(client.log.filter((line) => line.includes("the proxy's own certificate has ended"))).toHaveLength(1);
  expect(client.log.join("\n")).toContain("no certificate: control plane not reached");

  await expect(mesh.startControlPlane()).rejects.toThrow(/tls\.crt expired on .*, and there is no ca\.key/);
  writeFileSync(file("ca.key"), root.key, { mode: 0o600 });
  await mesh.startControlPlane();
  expect(mesh.log.join("\n")).toMatch(
    /info {2}the issuer's certificate ended on .*: it was given its next one/,
  );
  await vi.waitFor(async () => expect((await ask(client)).status).toBe(200), SOON);
  expect(await securedRequests()).toBeGreaterThan(0);
  tunnel.send("GET /still HTTP/1.1\r\nhost: web\r\n\r\n");
  await tunnel.until(/web.*web$/s);
});

/** When a proxy's certificate ends, in seconds since the epoch. */
const endOf = async (proxy: RunningProxy) =>
  (await metricsOf(proxy)).sum("mesh_identity_certificate_end_timestamp_seconds");

function authorityOf(name: string): KeyPair {
  const certificate = readFileSync(file(`${name}.crt`), "utf8");
  return { certificate, key: readFileSync(file(`${name}.key`), "utf8"), authorities: certificate };
}

/** An issuer that the root has signed for so many days. */
async function writeIssuer(root: KeyPair, days: number): Promise<void> {
  const issuer = await newIssuer(root, { name: "issuer", spiffeId: "spiffe://cluster.local", days });
  writeFileSync(file("tls.crt"), issuer.certificate);
  writeFileSync(file("tls.key"), issuer.key);
}
