// Connections between pods of the mesh are secured without anybody doing anything, and others go on as they are allowed to.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { MetricsPage } from "../mesh/metrics-page.js";
import {
  applicationImage,
  applyPrinted,
  edited,
  inUrl,
  kubectl,
  mesh,
  rolledOut,
  startedMesh,
  uninstall,
  WITHOUT_DASHBOARDS,
} from "./administrator.js";

const SYSTEM = "mesh-system";
const NAMESPACE = "secured";
const SOON = { timeout: 120_000, interval: 1000 };
const CALLERS = ["client", "older", "stranger"] as const;
type Caller = (typeof CALLERS)[number];

const inSecured = (...words: string[]) => kubectl.run(["-n", NAMESPACE, ...words]);

beforeAll(async () => {
  // As long as there are sidecars of before there were certificates.
  await applyPrinted("install", ...WITHOUT_DASHBOARDS, "--set", "controlPlane.inboundTls=permissive");
  await rolledOut(SYSTEM, "mesh-control-plane");
  await rolledOut(SYSTEM, "mesh-webhook");
  await kubectl.run(["create", "namespace", NAMESPACE]);
  const program = fileURLToPath(new URL("traffic/programs/probed.mjs", import.meta.url));
  await inSecured("create", "configmap", "programs", `--from-file=${program}`);
  const manifests = readFileSync(new URL("secured.yaml", import.meta.url), "utf8");
  const { stdout } = await edited(
    "inject",
    manifests.replaceAll("APPLICATION_IMAGE", await applicationImage()),
  );
  await kubectl.run(["apply", "-f", "-"], stdout.split("---\n").map(asOlder).join("---\n"));
  for (const name of ["web", "strict", ...CALLERS]) await rolledOut(NAMESPACE, name);
});
afterAll(() => uninstall(NAMESPACE));

/** The Deployment `older` with what an earlier version of the mesh gave to its sidecar. */
function asOlder(document: string): string {
  if (!document.includes("name: older,") || !document.includes("kind: Deployment")) return document;
  const newer = /- name: MESH_PROXY_(TRUST_ROOTS|INBOUND_TLS|TAP_TLS)\n +value: \S+\n +/g;
  expect(document).toMatch(newer);
  return document.replace(newer, "");
}

/** Runs a script in a caller's pod, and gives what it prints. */
const runIn = (caller: Caller, script: string) =>
  inSecured("exec", `deployment/${caller}`, "-c", "client", "--", "/node", "-e", script);

/** How a caller is answered: the status, and what a proxy has to say of it. */
async function called(caller: Caller, url: string): Promise<string> {
  const told = `answer => console.log(answer.status, answer.headers.get("mesh-proxy-error") ?? "")`;
  return (
    await runIn(caller, `fetch("${url}").then(${told}, (error) => console.log(error.cause.code))`)
  ).trim();
}

/** What the sidecar of a caller counts. */
const metricsOf = async (caller: Caller) =>
  new MetricsPage(
    await runIn(
      caller,
      `fetch("http://127.0.0.1:4191/metrics").then((page) => page.text()).then(console.log)`,
    ),
  );

async function check(id: string): Promise<{ state: string; detail?: string } | undefined> {
  const { stdout } = await mesh("check", "-o", "json");
  const { checks } = JSON.parse(stdout) as { checks: { id: string; state: string; detail?: string }[] };
  return checks.find((one) => one.id === id);
}

test("pods of the mesh speak to each other by mTLS, and mesh stat shows it", async () => {
  await expect.poll(() => called("client", "http://web"), SOON).toBe("200");
  for (let count = 0; count < 20; count++) expect(await called("client", "http://web")).toBe("200");
  const page = await metricsOf("client");
  const toWeb = { direction: "outbound", dst_workload: "web" };
  expect(page.sum("mesh_requests_total", { ...toWeb, tls: "true" })).toBeGreaterThanOrEqual(21);
  expect(page.sum("mesh_requests_total", { ...toWeb, tls: "false" })).toBe(0);
  const secured = async () => {
    const words = ["stat", "deploy/client", "--to", "deploy/web", "-n", NAMESPACE, "-o", "json"];
    const { rows } = JSON.parse((await mesh(...words)).stdout) as { rows: { secured: number | null }[] };
    return rows[0]?.secured;
  };
  await expect.poll(secured, SOON).toBe(1);
});

test("plain text is refused by a strict pod, whose probes go on, and taken by a permissive one", async () => {
  expect(await called("stranger", "http://web")).toBe("200");
  expect(await called("stranger", "http://strict")).toBe("403 identity-required");
  expect(await called("older", "http://strict")).toBe("403 identity-required");
  expect(await called("client", "http://strict")).toBe("200");
  const template = "{range .items[0].status.containerStatuses[*]}{.ready} {.restartCount} {end}";
  const printed = await inSecured("get", "pods", "-l", "app=strict", "-o", `jsonpath=${template}`);
  expect(printed.trim()).toBe("true 0 true 0 true 0 true 0");
});

test("a sidecar without roots speaks plain text with the others, both ways, and mesh check tells of it", async () => {
  expect(await called("older", "http://web")).toBe("200");
  expect(await called("client", "http://older")).toBe("200");
  const page = await metricsOf("older");
  expect(page.sum("mesh_requests_total", { tls: "true" })).toBe(0);
  expect(await check("plain-text")).toMatchObject({
    state: "warning",
    detail: expect.stringContaining("secured/older-") as unknown,
  });
  expect(await check("open-taps")).toMatchObject({
    state: "warning",
    detail: expect.stringContaining("secured/older-") as unknown,
  });
});

/** Whether a program in the pod `stranger` that wants to watch the requests of another is answered at all: `answered` or `refused`. */
async function watching(app: string, scheme: "http" | "https"): Promise<string> {
  const ip = await inSecured("get", "pods", "-l", `app=${app}`, "-o", "jsonpath={.items[0].status.podIP}");
  const script = `let answer = "refused";
    process.on("exit", () => console.log(answer));
    const end = (told) => { answer = told; process.exit(); };
    const watcher = require("http2").connect("${scheme}://${inUrl(ip)}:4190", { rejectUnauthorized: false });
    watcher.on("remoteSettings", () => end("answered")).on("error", () => end("refused"));
    watcher.setTimeout(20000, () => end("silent"));`;
  return (await runIn("stranger", script)).trim();
}

/** `mesh tap` shows a request to a Deployment. */
async function expectTapped(app: string): Promise<void> {
  const tap = startedMesh("tap", `deploy/${app}`, "-n", NAMESPACE);
  let tapped = "";
  tap.stdout.on("data", (text) => (tapped += String(text)));
  const callAndLook = async () => {
    expect(await called("client", `http://${app}/tapped`)).toBe("200");
    return tapped;
  };
  await expect.poll(callAndLook, SOON).toContain("/tapped");
}

test("requests are watched through the control plane alone, but for those of a sidecar of before", async () => {
  for (const app of ["web", "strict"]) {
    expect(await watching(app, "http")).toBe("refused");
    expect(await watching(app, "https")).toBe("refused");
  }
  expect(await watching("older", "http")).toBe("answered");
  for (const app of ["strict", "older"]) await expectTapped(app);
});

const permission = (name: string, spec: object) =>
  JSON.stringify({
    apiVersion: "mesh.dev/v1alpha1",
    kind: "TrafficPermission",
    metadata: { name, namespace: NAMESPACE },
    spec: { targetRefs: [{ group: "apps", kind: "Deployment", name: "web" }], ...spec },
  });

const apply = (text: string) => kubectl.run(["apply", "-f", "-"], text);

const answers = async (path: string) =>
  Promise.all(CALLERS.map((caller) => called(caller, `http://web${path}`)));

test("a TrafficPermission says who may call, mesh auth tells it, and without one anybody may again", async () => {
  const refused = "403 permission-denied";
  const workload = (name: string) => ({ workloads: [{ kind: "Deployment", name }] });
  await apply(permission("from-client", { from: [workload("client")], action: "ALLOW" }));
  await expect.poll(() => answers("/hello"), SOON).toEqual(["200", refused, refused]);
  await apply(permission("no-admin", { http: [{ pathPrefix: "/admin" }], action: "DENY" }));
  await expect.poll(() => answers("/admin/users"), SOON).toEqual([refused, refused, refused]);
  expect(await called("client", "http://web/administration")).toBe("200");

  const { stdout } = await mesh("auth", "deploy/web", "-n", NAMESPACE);
  expect(stdout).toMatch(/^deployment\/web +secured\/from-client +ALLOW +\* +\* +deployment\/client$/m);
  expect(stdout).toMatch(/^deployment\/web +secured\/no-admin +DENY +\* +\/admin +\*$/m);
  const decided = async () => (await mesh("auth", "deploy/web", "-n", NAMESPACE)).stdout;
  const identity = "spiffe://cluster\\.local/ns/secured/sa/default";
  await expect.poll(decided, SOON).toMatch(new RegExp(`${identity} +secured/no-admin +DENY +\\d+`));

  await apply(permission("from-client", { from: [workload("nobody")], action: "ALLOW" }));
  await expect.poll(() => answers("/hello"), SOON).toEqual([refused, refused, refused]);
  await expect
    .poll(() => check("configuration"), SOON)
    .toMatchObject({
      state: "warning",
      detail: expect.stringContaining("trafficpermission secured/from-client") as unknown,
    });
  const ready = await inSecured(
    "get",
    "pods",
    "-l",
    "app=web",
    "-o",
    "jsonpath={.items[0].status.containerStatuses[0].ready}",
  );
  expect(ready).toBe("true");
  await inSecured("delete", "trafficpermissions", "--all");
  await expect.poll(() => answers("/hello"), SOON).toEqual(["200", "200", "200"]);
});

/** The pods of a part of the mesh. */
async function podsOf(part: string): Promise<{ name: string; ip: string }[]> {
  const template = "{range .items[*]}{.metadata.name} {.status.podIP}{'\\n'}{end}";
  const labels = ["-l", `app.kubernetes.io/name=${part}`, "--field-selector", "status.phase=Running"];
  const lines = await kubectl.run([
    ...["-n", SYSTEM, "get", "pods", ...labels],
    ...["-o", `jsonpath=${template}`],
  ]);
  return lines
    .trim()
    .split("\n")
    .map((line) => line.split(" "))
    .map(([name = "", ip = ""]) => ({ name, ip }));
}

/** The ports of a pod that listen on more than loopback, as its kernel tells. */
async function openPorts(pod: string, container: string): Promise<number[]> {
  const print = `for (const file of ["tcp", "tcp6"]) console.log(require("fs").readFileSync("/proc/net/" + file, "utf8"))`;
  const words = ["-n", SYSTEM, "exec", pod, "-c", container, "--", "/node", "-e", print];
  const listening = [...(await kubectl.run(words)).matchAll(/^ *\d+: ([0-9A-F]+):([0-9A-F]{4}) \S+ 0A /gm)];
  const loopback = /^(.{6}7F|0{24}01000000|0{16}F{4}0{4}.{6}7F)$/;
  const ports = listening.flatMap(([, address = "", port = ""]) =>
    loopback.test(address) ? [] : [Number.parseInt(port, 16)],
  );
  return [...new Set(ports)].sort((one, other) => one - other);
}

/** What comes back to a pod without a sidecar for some bytes: what is read, and how the connection ends. */
const answerTo = (ip: string, port: number, bytes: string) =>
  runIn(
    "stranger",
    `const socket = require("net").connect(${port}, "${ip}", () => socket.write(${JSON.stringify(bytes)}));
    socket.setEncoding("latin1").on("data", (text) => process.stdout.write(text));
    socket.on("error", (error) => process.stdout.write(error.code)).setTimeout(20000, () => process.exit());`,
  );

/** Whom a port shows by TLS to a pod without a sidecar. */
const shownBy = (ip: string, port: number) =>
  runIn(
    "stranger",
    `const socket = require("tls").connect({ host: "${ip}", port: ${port}, rejectUnauthorized: false }, () => {
      console.log(socket.getProtocol(), socket.getPeerCertificate().subjectaltname);
      socket.end();
    }).on("error", (error) => console.log(error.code))`,
  );

test("the mesh's own pods take no plain text, once an upgrade is over, and everything goes on", async () => {
  await applyPrinted("upgrade", "--set", "controlPlane.inboundTls=null");
  for (const name of ["mesh-control-plane", "mesh-webhook"]) await rolledOut(SYSTEM, name);
  await expect.poll(() => podsOf("mesh-control-plane"), SOON).toHaveLength(1);
  await expect.poll(() => podsOf("mesh-webhook"), SOON).toHaveLength(1);
  const [controlPlane = { name: "", ip: "" }] = await podsOf("mesh-control-plane");
  const [webhook = { name: "", ip: "" }] = await podsOf("mesh-webhook");
  expect(await openPorts(controlPlane.name, "control-plane")).toEqual([4191, 10086, 10990]);
  expect(await openPorts(webhook.name, "webhook")).toEqual([4191, 10443, 10990]);

  for (const [ip, port] of [
    [controlPlane.ip, 10086],
    [controlPlane.ip, 10990],
    [webhook.ip, 10443],
    [webhook.ip, 10990],
  ] as const) {
    expect(await called("stranger", `http://${inUrl(ip)}:${port}/metrics`)).toBe("403 identity-required");
    expect(await answerTo(ip, port, "EHLO somebody\r\n")).toBe("ECONNRESET");
  }
  expect(await called("stranger", `http://${inUrl(controlPlane.ip)}:10990/targets/proxies`)).toBe(
    "403 identity-required",
  );
  const identity = "URI:spiffe://cluster.local/ns/mesh-system/sa/mesh-control-plane";
  expect(await shownBy(controlPlane.ip, 10086)).toContain("TLSv1.3");
  expect(await shownBy(controlPlane.ip, 10086)).toContain(identity);
  expect(await shownBy(webhook.ip, 10443)).toContain("DNS:mesh-webhook.mesh-system.svc");
  expect(await shownBy(controlPlane.ip, 10990)).toBe("ECONNRESET\n");
  // What a sidecar counts may be read, and nobody else may end it.
  expect(await called("stranger", `http://${inUrl(controlPlane.ip)}:4191/ready`)).toBe("200");
  const shutdown = `fetch("http://${inUrl(controlPlane.ip)}:4191/shutdown", { method: "POST" }).then(({ status }) => console.log(status))`;
  expect((await runIn("stranger", shutdown)).trim()).toBe("403");

  // Who has an identity is let in.
  await expect
    .poll(() => called("client", `http://${inUrl(controlPlane.ip)}:10990/targets/proxies`), SOON)
    .toBe("200");
  const pod = {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "new", namespace: NAMESPACE, labels: { "mesh.dev/inject": "enabled" } },
    spec: { containers: [{ name: "any", image: "any" }] },
  };
  const made = await kubectl.run(
    ["create", "--dry-run=server", "-o", "json", "-f", "-"],
    JSON.stringify(pod),
  );
  expect(made).toContain('"name": "mesh-proxy"');
  await expectTapped("web");
  const { stdout } = await mesh("check", "--wait", "60s", "-o", "json");
  const { checks } = JSON.parse(stdout) as { checks: { id: string; state: string }[] };
  expect(checks.filter(({ state }) => state === "failed")).toEqual([]);

  // The sidecar of before there were certificates goes on with what it knew.
  expect(await called("older", "http://web")).toBe("200");
  const log = () => inSecured("logs", "deployment/older", "-c", "mesh-proxy", "--tail=20");
  await expect.poll(log, SOON).toContain("identity-required");
});

/** A kubelet that has mounted a volume looks at it again within two minutes. */
const WAITING_FOR_KUBELET = 300_000;

test(
  "the root is changed by mesh ca rotate while requests go on, and no one fails",
  async () => {
    const roots = () => inSecured("get", "configmap", "mesh-trust-roots", "-o", "jsonpath={.data.ca\\.crt}");
    const former = await roots();
    const over = new AbortController();
    const load = (async () => {
      const seen: string[] = [];
      while (!over.signal.aborted) seen.push(await called("client", "http://strict/hello"));
      return seen;
    })();
    const rotated = await mesh("ca", "rotate", "--wait", "4m").finally(() => {
      over.abort();
    });
    const steps = rotated.stdout.split("\n").map((line) => line.slice(0, 3));
    expect(steps, rotated.stderr).toEqual(["1/3", "2/3", "3/3", ""]);
    expect(new Set(await load)).toEqual(new Set(["200"]));
    await expect.poll(roots, SOON).not.toContain(former);
    expect(await roots()).toMatch(/^-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----\s*$/);
    expect((await check("trust-root"))?.state).toBe("passed");
  },
  WAITING_FOR_KUBELET,
);

test(
  "a pod that starts before its namespace has the roots becomes ready once it has",
  async () => {
    await kubectl.run(["-n", SYSTEM, "scale", "deployment/mesh-control-plane", "--replicas=0"]);
    await kubectl.run([
      ...["-n", SYSTEM, "wait", "pods", "-l", "app.kubernetes.io/name=mesh-control-plane"],
      ...["--for=delete", "--timeout=60s"],
    ]);
    await inSecured("delete", "configmap", "mesh-trust-roots");
    await inSecured("rollout", "restart", "deployment/client");
    const newest = async () =>
      (
        await inSecured(
          ...["get", "pods", "-l", "app=client", "--sort-by=.metadata.creationTimestamp"],
          ...["-o", "jsonpath={.items[-1:].metadata.name}"],
        )
      ).trim();
    const log = async () => inSecured("logs", await newest(), "-c", "mesh-proxy").catch(() => "");
    await expect.poll(log, SOON).toContain("roots.crt");
    await kubectl.run(["-n", SYSTEM, "scale", "deployment/mesh-control-plane", "--replicas=1"]);
    await rolledOut(SYSTEM, "mesh-control-plane");
    await rolledOut(NAMESPACE, "client");
    await expect.poll(() => called("client", "http://strict"), SOON).toBe("200");
    await expect.poll(async () => (await check("trust-roots"))?.state, SOON).toBe("passed");
  },
  WAITING_FOR_KUBELET,
);
