import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { once } from "node:events";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, onTestFinished, test } from "vitest";
import {
  type ApiServer,
  kubeconfigFor,
  TOKEN,
  startApiServer,
  statusAnswer,
} from "../../test/kubernetes/api-server.js";
import type { Result } from "../result/index.js";
import { Cluster, ClusterFailure, type ClusterSelection, namesCluster, type ResourceType } from "./index.js";

const PODS: ResourceType = { group: "", version: "v1", plural: "pods", namespaced: true };
const CLAIMS: ResourceType = { group: "example.dev", version: "v2", plural: "claims", namespaced: true };
const NOBODY = { HOME: "/nonexistent" };

let server: ApiServer;
let folder: string;
const opened: Cluster[] = [];
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "mesh-kubeconfig-"));
  server = await startApiServer(() => undefined);
});
afterEach(() => {
  for (const cluster of opened.splice(0)) cluster.close();
});
afterAll(async () => {
  rmSync(folder, { recursive: true });
  await server.stop();
});

test("takes server, user and namespace from the current context", async () => {
  const cluster = await open();
  expect([cluster.context, cluster.namespace, cluster.server]).toEqual(["test", "shop", server.url]);
});

test("reads an object, with the credentials and as whom it was told", async () => {
  server.answering = ({ path }) =>
    path === "/apis/example.dev/v2/namespaces/shop/claims/one"
      ? { body: { metadata: { name: "one" } } }
      : undefined;
  const cluster = await open({ as: "jane" });
  const object = value(await cluster.get(CLAIMS, "one", "shop"));
  expect(object.metadata.name).toBe("one");
  expect(server.received.at(-1)?.headers["impersonate-user"]).toBe("jane");
});

test("reads a list to its end, page after page", async () => {
  server.answering = ({ path, query }) => {
    expect(path).toBe("/api/v1/pods");
    expect(query.get("labelSelector")).toBe("app in (a,b)");
    const page = Number(query.get("continue") ?? "0");
    const items = [{ metadata: { name: `pod-${page}` } }];
    return { body: { metadata: page < 2 ? { continue: String(page + 1) } : {}, items } };
  };
  const pods = value(await (await open()).list(PODS, { labelSelector: "app in (a,b)" }));
  expect(pods.map(({ metadata }) => metadata.name)).toEqual(["pod-0", "pod-1", "pod-2"]);
});

test("sends an object to create", async () => {
  server.answering = ({ method, body }) => (method === "POST" ? { status: 201, body } : undefined);
  const body = { apiVersion: "v1", kind: "Pod", metadata: { name: "ö" } };
  expect(value(await (await open()).create(PODS, body, "shop"))).toEqual(body);
});

test("gives the server's clock with the answer to a plain question", async () => {
  const date = "Tue, 15 Nov 1994 08:12:31 GMT";
  server.answering = ({ path }) =>
    path === "/version" ? { headers: { Date: date }, body: "{}" } : undefined;
  expect(value(await (await open()).ask("/version"))).toEqual({ body: "{}", date: new Date(date) });
});

test("uses one connection for several questions", async () => {
  server.answering = () => ({ body: "ok" });
  const cluster = await open();
  for (let i = 0; i < 3; i++) value(await cluster.ask("/readyz"));
  const ports = server.received.slice(-3).map(({ port }) => port);
  expect(new Set(ports).size).toBe(1);
});

test("forbidden: says who may not do what where, and how to see it", async () => {
  server.answering = () =>
    statusAnswer(
      403,
      "Forbidden",
      'pods is forbidden: User "jane" cannot list resource "pods" in API group ""',
    );
  const cluster = await open();
  const everywhere = failure(await cluster.list(PODS));
  expect(everywhere).toMatchObject({
    kind: "forbidden",
    message: "user 'jane' may not list pods in all namespaces",
    hint: "kubectl auth can-i list pods -A",
  });
  server.answering = () => statusAnswer(403, "Forbidden", 'User "jane" may not');
  const one = failure(await cluster.get(CLAIMS, "one", "shop"));
  expect(one.message).toBe("user 'jane' may not get claims.example.dev/one in namespace shop");
});

test("forbidden: says it of what the API server named, be it not what was asked for", async () => {
  const said =
    'users "jane" is forbidden: User "tester" cannot impersonate resource "users" in API group "" at the cluster scope';
  server.answering = () => statusAnswer(403, "Forbidden", said);
  expect(failure(await (await open({ as: "jane" })).list(PODS))).toMatchObject({
    message: "user 'tester' may not impersonate users",
    hint: "kubectl auth can-i impersonate users",
  });
});

test("unauthorized, not found, conflict and other refusals are told apart", async () => {
  server.answering = ({ path }) => {
    if (path.endsWith("/there")) return statusAnswer(409, "AlreadyExists", 'pods "there" already exists');
    if (path.endsWith("/broken")) return { status: 500, body: "etcd is away" };
    return undefined;
  };
  const cluster = await open();
  expect(failure(await cluster.get(PODS, "web", "shop"))).toMatchObject({
    kind: "not-found",
    message: "there is no pods/web in namespace shop",
  });
  expect(failure(await cluster.get(PODS, "there", "shop")).kind).toBe("conflict");
  expect(failure(await cluster.get(PODS, "broken", "shop"))).toMatchObject({
    kind: "refused",
    message: "the API server would not get pods/broken in namespace shop: etcd is away",
  });
  const config = file(kubeconfigFor(server.url, server.authority.certificate, "another"));
  expect(failure(await (await open({ kubeconfig: config })).ask("/version"))).toMatchObject({
    kind: "unauthorized",
    message: `the API server at ${server.url} does not take the credentials of context test`,
  });
});

test("unreachable: says the address and the reason", async () => {
  const port = await freePort();
  const refused = file(kubeconfigFor(`https://127.0.0.1:${port}`, server.authority.certificate));
  expect(failure(await (await open({ kubeconfig: refused })).ask("/version"))).toMatchObject({
    kind: "unreachable",
    message: `the API server at https://127.0.0.1:${port} cannot be reached (connection refused)`,
  });
  const stranger = file(kubeconfigFor(server.url, ""));
  expect(failure(await (await open({ kubeconfig: stranger })).ask("/version")).message).toContain(
    "signed by an authority",
  );
});

test("a server that is no API server is told as that, and a namespace that there is not is no such", async () => {
  server.answering = ({ path }) =>
    path.startsWith("/api/v1/namespaces/nowhere")
      ? statusAnswer(404, "NotFound", 'namespaces "nowhere" not found')
      : { status: 404, body: "404 page not found" };
  const cluster = await open();
  const said = (what: string) => ({
    kind: "unreachable",
    message: `no Kubernetes API is at ${server.url}: it has no ${what}`,
  });
  expect(failure(await cluster.ask("/version"))).toMatchObject(said("/version"));
  expect(failure(await cluster.list(PODS))).toMatchObject(said("pods"));
  const object = { apiVersion: "v1", kind: "Pod", metadata: { name: "web" } };
  expect(failure(await cluster.create(PODS, object, "nowhere"))).toMatchObject({
    kind: "not-found",
    message: expect.stringContaining('namespaces "nowhere" not found') as unknown,
  });
});

test("a server that accepts and stays silent is given up in time", async () => {
  const silent = createServer(() => undefined).listen(0, "127.0.0.1");
  await once(silent, "listening");
  const { port } = silent.address() as AddressInfo;
  const config = file(kubeconfigFor(`https://127.0.0.1:${port}`, server.authority.certificate));
  const { message } = failure(await (await open({ kubeconfig: config })).ask("/version"));
  expect(message).toContain("no connection within 4s");
  silent.close();
});

test("so is one that never comes to the end of an answer for which somebody waits", async () => {
  const { answering } = server;
  server.answering = () => ({ watch: () => undefined });
  onTestFinished(() => void (server.answering = answering));
  const cluster = await open();
  const [asked, listed] = await Promise.all([cluster.ask("/version"), cluster.list(PODS, { soon: true })]);
  for (const answer of [asked, listed]) expect(failure(answer).message).toContain("no answer within 4s");
});

test("a text that is no kubeconfig is told as that", async () => {
  const path = file("hello\n");
  expect(failure(await Cluster.open({ kubeconfig: path }, NOBODY))).toMatchObject({
    kind: "bad-kubeconfig",
    message: `the kubeconfig ${path} cannot be read (it is not one)`,
  });
});

test("no such context: lists those there are", async () => {
  const missing = failure(await Cluster.open({ kubeconfig: server.kubeconfig, context: "tests" }, NOBODY));
  expect(missing).toMatchObject({
    kind: "no-such-context",
    message: "no context 'tests' (the kubeconfig has: test)",
    hint: "--context test",
  });
});

test.each([
  ["user", "tester"],
  ["cluster", "test"],
])("a %s that a context names and the kubeconfig does not have is told", async (what, named) => {
  const config = JSON.parse(kubeconfigFor(server.url, server.authority.certificate)) as object;
  const kubeconfig = file(JSON.stringify({ ...config, [`${what}s`]: [] }));
  expect(failure(await Cluster.open({ kubeconfig }, NOBODY)).message).toBe(
    `context test names ${what} '${named}', which the kubeconfig does not have`,
  );
});

test("a kubeconfig that is missing, empty or no YAML is named", async () => {
  const missing = join(folder, "missing");
  expect(failure(await Cluster.open({ kubeconfig: missing }, NOBODY)).message).toBe(
    `no kubeconfig at ${missing}`,
  );
  for (const text of ["", "{", "[]", "clusters: 1", "contexts: [{}]", "kind: Deployment"]) {
    const kubeconfig = file(text);
    const { kind, message } = failure(await Cluster.open({ kubeconfig }, NOBODY));
    expect(["bad-kubeconfig", "no-such-context"], text).toContain(kind);
    expect(message).toContain(`the kubeconfig ${kubeconfig} `);
    expect(message).not.toContain("undefined");
  }
  expect(failure(await Cluster.open({ kubeconfig: folder }, NOBODY)).message).toBe(
    `the kubeconfig ${folder} cannot be read (it is a folder)`,
  );
  expect(failure(await Cluster.open({}, NOBODY)).message).toBe("no kubeconfig at /nonexistent/.kube/config");
});

test("a file that a kubeconfig in YAML names is looked for beside it", async () => {
  writeFileSync(join(folder, "authority.crt"), server.authority.certificate);
  const text = [
    "current-context: test # the only one",
    `clusters: [{ name: test, cluster: { server: "${server.url}/", certificate-authority: authority.crt } }]`,
    `users: [{ name: tester, user: { token: ${TOKEN} } }]`,
    "contexts: [{ name: test, context: { cluster: test, user: tester } }]",
  ].join("\n");
  const cluster = await open({ kubeconfig: file(text) });
  expect(cluster.namespace).toBe("default");
  expect(failure(await cluster.ask("/nothing")).message).toContain("it has no /nothing");
});

test("files of KUBECONFIG are merged as kubectl does: the first wins, missing ones are skipped", async () => {
  const second = kubeconfigFor("https://127.0.0.1:1", "").replaceAll('"test"', '"other"');
  const env = { KUBECONFIG: [join(folder, "missing"), server.kubeconfig, file(second)].join(":") };
  const first = await Cluster.open({}, env);
  expect(value(first).server).toBe(server.url);
  expect(value(await Cluster.open({ context: "other" }, env)).server).toBe("https://127.0.0.1:1");
  expect(namesCluster({}, env)).toBe(true);
  expect(namesCluster({}, NOBODY)).toBe(false);
});

async function open(selection: ClusterSelection = {}): Promise<Cluster> {
  const cluster = value(await Cluster.open({ kubeconfig: server.kubeconfig, ...selection }, NOBODY));
  opened.push(cluster);
  return cluster;
}

let files = 0;
function file(text: string): string {
  const path = join(folder, String(++files));
  writeFileSync(path, text);
  return path;
}

function value<T>(result: Result<T, ClusterFailure>): T {
  if (!result.ok) throw result.error;
  return result.value;
}

function failure(result: Result<unknown, ClusterFailure>): ClusterFailure {
  if (result.ok) throw new Error(`there was an answer: ${JSON.stringify(result.value)}`);
  return result.error;
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address() as AddressInfo;
  await once(probe.close(), "close");
  return port;
}
