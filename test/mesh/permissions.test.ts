import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { once } from "node:events";
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from "vitest";
import { runMesh, startMesh } from "../mesh-command.js";
import { startTcpBackend } from "./backends.js";
import { RawConnection, send } from "./clients.js";
import { inboundOf, metricsOf, outboundOf, RunningMesh, type RunningProxy, SOON } from "./running-mesh.js";

// hello and bye call world, over mTLS; world is called in plain text as well.
let mesh: RunningMesh;
let world: RunningProxy;
let hello: RunningProxy;
let bye: RunningProxy;
const backend = createServer((_, response) => response.end("world"));

beforeAll(async () => {
  backend.listen(0, "127.0.0.1");
  await once(backend, "listening");
  mesh = await RunningMesh.startSecured();
  world = await mesh.startInbound("world-1", `127.0.0.1:${(backend.address() as AddressInfo).port}`);
  hello = await mesh.startProxy({ name: "hello-1", workload: "hello" });
  bye = await mesh.startProxy({ name: "bye-1", workload: "bye" });
  mesh.setService("world", [inboundOf(world)]);
}, 60_000);
afterAll(async () => {
  await mesh.stop();
  backend.close();
});

const permission = (name: string, spec: string) =>
  `apiVersion: mesh.dev/v1alpha1\nkind: TrafficPermission\nmetadata: { name: ${name} }\nspec:\n  targetRefs: [{ group: mesh.dev, kind: Workload, name: world }]\n${spec}`;

const fromHello = "  from: [{ workloads: [{ kind: Workload, name: hello }] }]\n  action: ALLOW\n";

const status = async (proxy: RunningProxy) => (await send(outboundOf(proxy), "world")).status;
const statuses = async () => [await status(hello), await status(bye)];

/** `mesh tap` shows that world refuses what comes from `source`. */
async function expectTapped(source: object): Promise<void> {
  const tap = startMesh(["tap", "workload/world", "-o", "json"], { MESH_API: mesh.apiAddress });
  onTestFinished(() => void tap.kill("SIGKILL"));
  let tapped = "";
  tap.stdout.on("data", (text) => (tapped += String(text)));
  const refused = { direction: "inbound", proxy_error: "permission-denied" };
  await vi.waitFor(async () => {
    await status(bye);
    const events = tapped.split("\n").slice(0, -1);
    expect(events.map((line) => JSON.parse(line) as unknown)).toContainEqual(
      expect.objectContaining({ ...refused, source: expect.objectContaining(source) as unknown }),
    );
  }, SOON);
}

test("an ALLOW shuts out everybody else, a DENY wins over it, and without permissions anybody may call", async () => {
  await vi.waitFor(async () => expect(await statuses()).toEqual([200, 200]), SOON);
  mesh.write("allow.yaml", permission("only-hello", fromHello));
  await vi.waitFor(async () => expect(await statuses()).toEqual([200, 403]), SOON);
  await expectTapped({ identity: "spiffe://cluster.local/ns/default/sa/bye", tls: true });
  mesh.write("deny.yaml", permission("nobody", "  action: DENY\n"));
  await vi.waitFor(async () => expect(await statuses()).toEqual([403, 403]), SOON);
  const refused = await send(outboundOf(hello), "world");
  expect(refused.headers["mesh-proxy-error"]).toBe("permission-denied");
  expect(refused.body).toContain("default/nobody");
  mesh.remove("deny.yaml");
  await vi.waitFor(async () => expect(await statuses()).toEqual([200, 403]), SOON);
  const identity = "spiffe://cluster.local/ns/default/sa/hello";
  await vi.waitFor(async () => {
    const { stdout } = await runMesh(["auth", "workload/world", "--api", mesh.apiAddress]);
    expect(stdout).toMatch(/^workload\/world +default\/only-hello +ALLOW +\* +\* +workload\/hello$/m);
    expect(stdout).toMatch(new RegExp(`^workload/world +${identity} +default/only-hello +ALLOW +\\d+$`, "m"));
    expect(stdout).toMatch(/^workload\/world +spiffe:\S+\/sa\/bye +\(no ALLOW\) +DENY +\d+$/m);
  }, SOON);
  mesh.remove("allow.yaml");
  await vi.waitFor(async () => expect(await statuses()).toEqual([200, 200]), SOON);
});

test("AUDIT counts and logs without refusing", async () => {
  mesh.write("audit.yaml", permission("watch", "  from: [{ unauthenticated: true }]\n  action: AUDIT\n"));
  await vi.waitFor(async () => {
    expect((await send(inboundOf(world), "world")).status).toBe(200);
    const audited = { permission: "default/watch", action: "audit" };
    expect((await metricsOf(world)).sum("mesh_permission_decisions_total", audited)).toBeGreaterThan(0);
  }, SOON);
  const logged = world.log.filter((line) => line.includes("permission decided"));
  expect(logged.map((line) => JSON.parse(line) as unknown)).toContainEqual(
    expect.objectContaining({ permission: "default/watch", action: "audit", method: "GET", path: "/" }),
  );
  mesh.remove("audit.yaml");
});

test("what is no HTTP is closed where it may not call, and where it would have to be secured", async () => {
  const backend = await startTcpBackend((socket) => socket.on("data", (bytes) => socket.write(bytes)));
  const echo = await mesh.startInbound("echo-1", backend.address);
  const strict = await mesh.startProxy({
    ...{ name: "strict-1", workload: "strict", outbound: "off", inbound: [`0=${backend.address}`] },
    inboundTls: "strict",
  });
  const open = await RawConnection.open(inboundOf(echo));
  open.send("no HTTP");
  await open.until("no HTTP");
  const denying = permission("plain", "  from: [{ unauthenticated: true }]\n  action: DENY\n");
  mesh.write("deny.yaml", denying.replace("name: world", "name: echo"));
  await open.untilEnd();
  for (const refusing of [echo, strict]) {
    const closed = { peer: "src", reason: "denied" };
    const before = (await metricsOf(refusing)).sum("mesh_tcp_close_total", closed);
    const refused = await RawConnection.open(inboundOf(refusing));
    refused.send("no HTTP");
    expect(await refused.untilEnd()).toBe("");
    await vi.waitFor(async () => {
      expect((await metricsOf(refusing)).sum("mesh_tcp_close_total", closed)).toBe(before + 1);
    }, SOON);
  }
  mesh.remove("deny.yaml");
  const plain = await send(inboundOf(strict), "strict");
  expect([plain.status, plain.headers["mesh-proxy-error"]]).toEqual([403, "identity-required"]);
  await mesh.addServiceAt(inboundOf(strict), "strict");
  const tunnel = await RawConnection.open(outboundOf(hello));
  tunnel.send("CONNECT strict:80 HTTP/1.1\r\nhost: strict:80\r\n\r\n");
  await tunnel.until("\r\n\r\n");
  tunnel.send("no HTTP");
  await tunnel.until(/no HTTP$/);
});

test("a permission that names nothing is told by mesh check and mesh auth", async () => {
  mesh.write("typo.yaml", permission("typo", fromHello.replace("hello", "helo").replace("ALLOW", "AUDIT")));
  const warning = "no Workload helo is known in namespace default, of which callers are to be";
  await vi.waitFor(async () => {
    expect((await mesh.health()).problems.map(({ message }) => message)).toEqual([
      `TrafficPermission default/typo: ${warning}`,
    ]);
    const { stderr } = await runMesh(["auth", "wl/world", "--api", mesh.apiAddress]);
    expect(stderr).toContain(`default/typo: ${warning}\n`);
  }, SOON);
  mesh.remove("typo.yaml");
});
