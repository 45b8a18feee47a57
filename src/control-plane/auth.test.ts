import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { showAuth, type AuthQuestion } from "../auth/index.js";
import { Catalog } from "../catalog/index.js";
import { ControlPlaneClient, routeTo } from "../client/index.js";
import type { TrafficPermissionSpec } from "../mesh-kinds/index.js";
import { Scraper } from "../metrics/index.js";
import { Printer } from "../output/index.js";
import { authService } from "./auth.js";
import { type Listener, listen } from "./listen.js";

const identityOf = ({ namespace, name }: { namespace: string; name: string }) =>
  `spiffe://mesh.test/ns/${namespace}/sa/${name}`;

// world-1 and world-2 are the workload world; hello is known, and never calls.
const catalog = new Catalog(undefined, { identityOf, namedAsWorkloads: true });
const scraper = new Scraper();
const servers: Server[] = [];
let listener: Listener;
let client: ControlPlaneClient;

beforeAll(async () => {
  permit("admin", { action: "DENY", ports: [80], http: [{ methods: ["GET", "PUT"], pathPrefix: "/admin" }] });
  permit("from-hello", {
    action: "ALLOW",
    targetRefs: [{ group: "", kind: "Pod", name: "world-1" }],
    from: [
      { workloads: [{ kind: "Workload", name: "hello" }] },
      { namespaces: ["default"], cidrs: ["127.0.0.0/8"] },
    ],
  });
  permit("typo", { action: "AUDIT", from: [{ workloads: [{ kind: "Workload", name: "helo" }] }] });
  permit("elsewhere", { action: "DENY" }, "other");
  await join("world-1", "world", [
    'permission="",action="deny",client_identity=""} 2',
    'permission="default/from-hello",action="allow",client_identity="spiffe://mesh.test/ns/default/sa/hello"} 30',
  ]);
  await join("world-2", "world", ['permission="",action="deny",client_identity=""} 3']);
  await join("hello-1", "hello", []);
  catalog.putInstance({
    ...{ namespace: "bare", name: "one", workload: { kind: "deployment", name: "one" }, labels: {} },
    ...{ addresses: ["192.0.2.1"], ports: {} },
  });
  const started = await listen({
    address: "127.0.0.1:0",
    flag: "--api-listen",
    services: [authService(catalog, scraper, "deny")],
  });
  if (!started.ok) throw started.error;
  listener = started.value;
  client = new ControlPlaneClient(routeTo(listener.address));
  await vi.waitFor(
    async () => {
      const [world] = (await client.auth({ selector: { type: "workload", name: "world" } })).resources;
      expect(world?.decisions.reduce((sum, { count }) => sum + count, 0)).toBeCloseTo(35);
    },
    { timeout: 60_000 },
  );
});

afterAll(() => {
  client.close();
  listener.close();
  scraper.close();
  for (const server of servers) {
    server.close();
    server.closeAllConnections();
  }
});

test("a workload's permissions are told with the default, and what was decided over all of its pods", async () => {
  const { out, err } = await shown({ type: "workload", name: "world" }, { output: "wide" });
  expect(out).toBe(
    `RESOURCE         PERMISSION           ACTION   PORTS   HTTP             FROM                                                  PODS   IDENTITIES
workload/world   default/admin        DENY     80      GET,PUT /admin   *                                                     2/2    -
workload/world   default/from-hello   ALLOW    *       *                workload/hello; namespace default, from 127.0.0.0/8   1/2    spiffe://mesh.test/ns/default/sa/hello
workload/world   default/typo         AUDIT    *       *                workload/helo                                         2/2    spiffe://mesh.test/ns/default/sa/helo
workload/world   (default)            DENY     *       *                *                                                     -      -

callers in the last 1m:
RESOURCE         CALLER                                   PERMISSION           ACTION   COUNT
workload/world   spiffe://mesh.test/ns/default/sa/hello   default/from-hello   ALLOW    30
workload/world   (none shown)                             (default)            DENY     5
`,
  );
  expect(err).toContain(
    "default/typo: no Workload helo is known in namespace default, of which callers are to be\n",
  );
});

test("a pod is told of what its own proxy decided", async () => {
  const { out } = await shown({ type: "pod", name: "world-2" });
  expect(out).toContain("(none shown)   (default)    DENY     3");
  expect(out).not.toContain("from-hello");
});

test("who has called nobody is told so; JSON and YAML have it all", async () => {
  expect((await shown({ type: "workload", name: "hello" })).err).toContain("nobody called in the last 1m\n");
  const { out } = await shown({ type: "pod", name: "world-1" }, { output: "json" });
  expect(JSON.parse(out)).toMatchObject({
    window_seconds: 60,
    keeper: "control-plane",
    resources: [
      {
        ...{ type: "pod", namespace: "default", name: "world-1", default_action: "DENY" },
        permissions: [
          { name: "default/admin", action: "DENY", ports: [80], from: [] },
          {
            name: "default/from-hello",
            from: [
              { caller: "workload/hello", identities: ["spiffe://mesh.test/ns/default/sa/hello"] },
              { namespaces: ["default"], cidrs: ["127.0.0.0/8"], unauthenticated: null },
            ],
          },
          { name: "default/typo", warnings: [expect.stringContaining("helo")] },
        ],
        decisions: [
          { permission: "default/from-hello", action: "ALLOW" },
          { client_identity: "", permission: "", action: "DENY" },
        ],
      },
    ],
  });
  const { out: yaml } = await shown({ type: "pod", name: "world-1" }, { output: "yaml" });
  expect(yaml).toContain("default_action: DENY\n");
});

test("what has no sidecar is told of", async () => {
  const { err } = await shown({ type: "deployment", name: "one" }, { namespace: "bare" });
  expect(err).toContain("no pod of deployment/one has a sidecar: nothing holds callers of it to permissions");
});

test.each([
  [
    { type: "workload", name: "wrold" },
    1,
    "there is no workload wrold in namespace default",
    "workload/world",
  ],
  [{ type: "node" }, 2, "a node is not called", "the pods on it: pod/NAME"],
] as const)("%j is refused", async (resource, exitStatus, message, hint) => {
  await expect(shown(resource)).rejects.toMatchObject({ message, hint, exitStatus });
});

async function shown(resource: AuthQuestion["resource"], more: Partial<AuthQuestion> = {}) {
  const streams = { out: "", err: "" };
  const stream = (name: keyof typeof streams) => ({
    isTTY: false,
    write: (text: string) => (streams[name] += text) !== "",
    on: () => undefined,
  });
  const printer = new Printer(stream("out"), stream("err"), {});
  const question: AuthQuestion = {
    resource,
    namespace: "default",
    windowSeconds: 60,
    output: "table",
    ...more,
  };
  await showAuth(client, question, printer);
  return streams;
}

function permit(name: string, spec: TrafficPermissionSpec, namespace = "default"): void {
  catalog.putPermission({ namespace, name, spec, origin: { source: "file", line: 1 } });
}

async function join(name: string, workload: string, decisions: string[]): Promise<void> {
  let page: string | undefined;
  const lines = decisions.map((decision) => `mesh_permission_decisions_total{dst_pod="${name}",${decision}`);
  // However late it is read first: the process is young then, so that its counters count from their start.
  const server = createServer((_, response) =>
    response.end((page ??= `process_start_time_seconds ${Date.now() / 1000 - 5}\n${lines.join("\n")}\n`)),
  );
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const proxy = {
    ...{ name, namespace: "default", workload: { kind: "workload", name: workload }, version: "1" },
    adminAddress: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    ...{ tapAddress: "", outboundAddress: "", inbound: [] },
  };
  catalog.proxies.join(proxy);
  scraper.add(proxy);
}
