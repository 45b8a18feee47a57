import { createServer } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { once } from "node:events";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { runMesh } from "../mesh-command.js";
import { send } from "./clients.js";
import { inboundOf, outboundOf, RunningMesh, type RunningProxy, SOON } from "./running-mesh.js";

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

test("an ALLOW shuts out everybody else, a DENY wins over it, and without permissions anybody may call", async () => {
  await vi.waitFor(async () => expect(await statuses()).toEqual([200, 200]), SOON);
  mesh.write("allow.yaml", permission("only-hello", fromHello));
  await vi.waitFor(async () => expect(await statuses()).toEqual([200, 403]), SOON);
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
    expect(stdout).toMatch(/^workload\/world +spiffe:\S+\/sa\/bye +\S+ +DENY +\d+$/m);
  }, SOON);
  mesh.remove("allow.yaml");
  await vi.waitFor(async () => expect(await statuses()).toEqual([200, 200]), SOON);
});

test("what is no HTTP is closed, and AUDIT counts without refusing", async () => {
  mesh.write("audit.yaml", permission("watch", "  from: [{ unauthenticated: true }]\n  action: AUDIT\n"));
  await vi.waitFor(async () => {
    expect((await send(inboundOf(world), "world")).status).toBe(200);
    const page = JSON.stringify(await (await fetch(`http://${world.addresses.admin}/metrics`)).text());
    expect(page).toMatch(/permission=\\"default\/watch\\",action=\\"audit\\"/);
  }, SOON);
  mesh.write("deny.yaml", permission("plain", "  from: [{ unauthenticated: true }]\n  action: DENY\n"));
  await vi.waitFor(async () => expect((await send(inboundOf(world), "world")).status).toBe(403), SOON);
  const [host = "", port = ""] = inboundOf(world).split(":");
  const socket = connect(Number(port), host);
  socket.on("error", () => undefined).write("\x00\x01\x02 no HTTP\r\n");
  await new Promise((resolve) => socket.on("close", resolve));
  mesh.remove("audit.yaml");
  mesh.remove("deny.yaml");
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
