// A mesh whose proxies are certified: a new root under load, and a control plane that starts anew.
import { X509Certificate } from "node:crypto";
import { copyFileSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { connect } from "node:tls";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { newWorkloadCertificate, openSigner } from "../../src/certificates/index.js";
import { rootsFile } from "../../src/identity/index.js";
import { runMesh } from "../mesh-command.js";
import { startHttpBackend } from "./backends.js";
import { Load, RawConnection, send } from "./clients.js";
import { inboundOf, metricsOf, outboundOf, RunningMesh, type RunningProxy, SOON } from "./running-mesh.js";

let mesh: RunningMesh;
let server: RunningProxy;
let client: RunningProxy;
beforeEach(async () => {
  mesh = await RunningMesh.startSecured();
  const backend = await startHttpBackend((_, response) => response.end("web"));
  server = await mesh.startInbound("web-1", backend.address);
  mesh.setService("web", [inboundOf(server)]);
  await vi.waitFor(async () => expect(await metricOf(server, "mesh_discovery_connected")).toBe(1), SOON);
  client = await mesh.startProxy({ name: "client-1", workload: "client" });
  await vi.waitFor(async () => expect((await send(outboundOf(client), "web")).status).toBe(200), SOON);
});
afterEach(() => mesh.stop());

const metricOf = async (proxy: RunningProxy, name: string, labels = {}) =>
  (await metricsOf(proxy)).sum(name, labels);

const file = (name: string) => join(mesh.directory, "ca", name);

const rotate = (...words: string[]) =>
  runMesh(["ca", "rotate", "--directory", mesh.directory, "--api", mesh.apiAddress, ...words]);

/** What signs at this moment. */
const issuer = () => ({
  certificate: readFileSync(file("tls.crt"), "utf8"),
  key: readFileSync(file("tls.key"), "utf8"),
  authorities: readFileSync(file("ca.crt"), "utf8"),
});

/** Whether the server's proxy takes a client that this issuer certifies. */
async function isTaken(signing: ReturnType<typeof issuer>): Promise<boolean> {
  const { certificate, key } = await newWorkloadCertificate(await openSigner(signing), {
    spiffeId: "spiffe://cluster.local/ns/default/sa/client",
    notAfter: new Date(Date.now() + 3_600_000),
  });
  const [, host, port] = /^(.*):(\d+)$/.exec(inboundOf(server)) ?? [];
  return new Promise((resolve) => {
    const socket = connect({
      ...{ host, port: Number(port), ALPNProtocols: ["mesh/1"], minVersion: "TLSv1.3" },
      ...{ cert: certificate + signing.certificate, key, rejectUnauthorized: false },
    });
    socket.on("secureConnect", () => socket.write("GET / HTTP/1.1\r\nhost: web\r\n\r\n"));
    socket.on("data", () => resolve(true)).on("error", () => resolve(false));
    socket.on("close", () => resolve(false));
    socket.on("data", () => socket.destroy());
  });
}

/** What the server is asked by a tunnel through both proxies. */
const QUESTION = "GET / HTTP/1.1\r\nhost: web\r\n\r\n";

it("gets a new root under load without a failure or a closed connection, and refuses the old one's certificates", async () => {
  const former = issuer();
  const tunnel = await RawConnection.open(outboundOf(client));
  tunnel.send("CONNECT web:80 HTTP/1.1\r\nhost: web:80\r\n\r\n");
  await tunnel.until("\r\n\r\n");
  tunnel.send(QUESTION);
  await tunnel.until(/web$/);
  expect(await isTaken(former)).toBe(true);
  const load = new Load(outboundOf(client), "web");
  const rotated = await rotate("--wait", "60s");
  expect(rotated).toMatchObject({ status: 0, stderr: expect.any(String) as string });
  expect(rotated.stdout.split("\n").map((line) => line.slice(0, 3))).toEqual(["1/3", "2/3", "3/3", ""]);
  await load.more(100);
  await load.stop();
  expect(load.failures).toEqual([]);
  tunnel.send(QUESTION);
  await tunnel.until(/web.*web$/s);

  const roots = readFileSync(rootsFile(mesh.directory), "utf8");
  expect(roots.match(/BEGIN/g)).toHaveLength(1);
  expect(new X509Certificate(roots).raw.equals(new X509Certificate(former.authorities).raw)).toBe(false);
  expect(await isTaken(former)).toBe(false);
  expect(await isTaken(issuer())).toBe(true);
  // Nobody came by plain text meanwhile, and a client that starts now finds its way.
  expect(await metricOf(server, "mesh_requests_total", { tls: "false" })).toBe(0);
  const newcomer = await mesh.startProxy({ name: "newcomer-1", workload: "newcomer" });
  await vi.waitFor(async () => expect((await send(outboundOf(newcomer), "web")).status).toBe(200), SOON);
  expect(await metricOf(newcomer, "mesh_requests_total", { tls: "true" })).toBeGreaterThan(0);
});

it("does not go on while a proxy would be cut off, says which, and goes on from there", async () => {
  const kept = join(mesh.directory, "kept.crt");
  copyFileSync(rootsFile(mesh.directory), kept);
  const late = await mesh.startProxy({ name: "late-1", workload: "late", trustRoots: kept });
  await vi.waitFor(async () => expect(await metricOf(late, "mesh_discovery_connected")).toBe(1), SOON);
  const first = await rotate("--wait", "3s");
  expect(first).toMatchObject({ status: 1, stdout: expect.stringMatching(/^1\/3 .*\n$/) as string });
  expect(first.stderr).toContain("default/late-1");
  expect(first.stderr).toContain(rootsFile(mesh.directory));
  const status = await rotate("--status");
  expect(status).toMatchObject({
    status: 0,
    stdout: expect.stringMatching(/^1\/3 .*\nwaits: .*default\/late-1\n$/) as string,
  });
  copyFileSync(rootsFile(mesh.directory), kept);
  const second = await rotate("--wait", "60s");
  expect(second).toMatchObject({
    status: 0,
    stdout: expect.stringMatching(/^2\/3 .*\n3\/3 .*\n$/) as string,
  });
  expect(second.stderr).toContain("default/late-1 still trust");
  expect((await rotate("--status")).stdout).toBe("no change of the root is under way\n");
});

it("is not changed while the control plane does not answer", async () => {
  const before = readFileSync(rootsFile(mesh.directory), "utf8");
  await mesh.killControlPlane();
  const rotated = await rotate();
  expect([rotated.status, rotated.stdout]).toEqual([1, ""]);
  expect(readFileSync(rootsFile(mesh.directory), "utf8")).toBe(before);
});

it("speaks no plain text to endpoints whose proxies are not back after a control plane's restart", async () => {
  await vi.waitFor(() => expect(readFileSync(file("proxies.json"), "utf8")).toContain("web-1"), SOON);
  await mesh.killControlPlane();
  server.signal("SIGSTOP");
  await mesh.startControlPlane();
  const newcomer = await mesh.startProxy({ name: "newcomer-1", workload: "newcomer" });
  await vi.waitFor(async () => expect(await metricOf(newcomer, "mesh_discovery_connected")).toBe(1), SOON);
  // Stopped as it is it takes connections, but cannot shake hands; a request in plain text would wait for its answer.
  const answer = await send(outboundOf(newcomer), "web");
  expect(answer.headers["mesh-proxy-error"]).toBe("connect-timeout");
  server.signal("SIGCONT");
  await vi.waitFor(async () => expect((await send(outboundOf(newcomer), "web")).status).toBe(200), SOON);
  expect(await metricOf(newcomer, "mesh_requests_total", { tls: "true" })).toBeGreaterThan(0);
  expect(await metricOf(server, "mesh_requests_total", { tls: "false" })).toBe(0);
});
