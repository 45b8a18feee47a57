import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { type ApiServer, startApiServer, statusAnswer } from "../../test/kubernetes/api-server.js";
import { ClusterState, type StoredObject } from "../../test/kubernetes/cluster-state.js";
import { namespace } from "../../test/kubernetes/installed-mesh.js";
import { Catalog } from "../catalog/index.js";
import { Cluster } from "../kubernetes/index.js";
import { startKubernetesRegistry } from "../registry/kubernetes/index.js";
import { ok } from "../result/index.js";
import { PublishedRoots } from "./published-roots.js";

const SOON = { timeout: 60_000, interval: 20 };

let state: ClusterState;
let api: ApiServer;
/** What is kept as the roots. */
let kept: string;
const ends: (() => Promise<void>)[] = [];
const failures: string[] = [];

beforeEach(async () => {
  kept = "root A";
  failures.length = 0;
  state = new ClusterState();
  state.put(namespace("mesh-system", {}), namespace("shop", {}));
  api = await startApiServer(state.answer);
});
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
  await api.stop();
});

/** Starts a replica that publishes. */
async function publish(): Promise<PublishedRoots> {
  const opened = await Cluster.open({ kubeconfig: api.kubeconfig }, { HOME: "/nonexistent" });
  if (!opened.ok) throw opened.error;
  const cluster = opened.value;
  const catalog = new Catalog();
  const registry = startKubernetesRegistry(cluster, catalog);
  const roots = new PublishedRoots({
    cluster,
    namespaces: catalog.namespaces,
    readRoots: () => Promise.resolve(ok(kept)),
    failed: (message) => failures.push(message),
  });
  ends.push(async () => {
    await roots.stop();
    registry.stop();
    cluster.close();
  });
  return roots;
}

/** What each namespace's copy says. */
function copies(): Record<string, string | undefined> {
  const maps = state.all("ConfigMap");
  const entries = maps.map(({ metadata: { namespace: where = "" }, data }): [string, string | undefined] => [
    where,
    (data as Record<string, string>)["ca.crt"],
  ]);
  return Object.fromEntries(entries);
}

const published = (expected: Record<string, string>) =>
  vi.waitFor(() => expect(copies()).toEqual(expected), SOON);

const copyIn = (where: string): StoredObject => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name: "mesh-trust-roots", namespace: where },
  data: { "ca.crt": "somebody else's" },
});

test("every namespace has the roots, a new one as soon as it is there", async () => {
  await publish();
  await published({ "mesh-system": "root A", shop: "root A" });
  state.put(namespace("books", {}));
  await published({ "mesh-system": "root A", shop: "root A", books: "root A" });
  expect(failures).toEqual([]);
});

test("a copy that somebody changes or takes away is as it should be soon after", async () => {
  await publish();
  await published({ "mesh-system": "root A", shop: "root A" });
  state.put(copyIn("shop"));
  expect(copies()["shop"]).toBe("somebody else's");
  await published({ "mesh-system": "root A", shop: "root A" });
  state.remove("ConfigMap", "mesh-trust-roots", "mesh-system");
  expect(copies()["mesh-system"]).toBeUndefined();
  await published({ "mesh-system": "root A", shop: "root A" });
});

test("roots of which it is told that they have changed are in every copy at once", async () => {
  const roots = await publish();
  await published({ "mesh-system": "root A", shop: "root A" });
  // All of them take longer than a test may where nobody is told.
  for (const changed of ["roots A and B", "root B", "roots B and C"]) {
    kept = changed;
    roots.rootsChanged();
    await published({ "mesh-system": changed, shop: changed });
  }
});

test("nothing is written into a namespace that is being deleted", async () => {
  state.put({ ...namespace("ending", {}), status: { phase: "Terminating" } });
  await publish();
  await published({ "mesh-system": "root A", shop: "root A" });
  const asked = api.received.filter(({ path }) => path.includes("/ending/"));
  expect(asked).toEqual([]);
});

test("several replicas do not fight when the roots change, and all copies are of the new ones in the end", async () => {
  await Promise.all([publish(), publish(), publish()]);
  await published({ "mesh-system": "root A", shop: "root A" });
  kept = "root A and B";
  state.put(copyIn("shop"));
  await published({ "mesh-system": "root A and B", shop: "root A and B" });
  const versions = () => state.all("ConfigMap").map(({ metadata }) => metadata.resourceVersion);
  const before = versions();
  state.put(namespace("books", {}));
  await published({ "mesh-system": kept, shop: kept, books: kept });
  expect(versions().slice(0, 2)).toEqual(before);
});

test("a copy that cannot be written is told of once, and written when it can be", async () => {
  api.answering = (request) =>
    request.method === "PATCH" && request.path.includes("/shop/")
      ? statusAnswer(403, "Forbidden", 'configmaps "mesh-trust-roots" is forbidden: exceeded quota: one')
      : state.answer(request);
  await publish();
  await vi.waitFor(() => expect(failures).toHaveLength(1), SOON);
  expect(failures[0]).toContain("in namespace shop: ");
  expect(copies()).toEqual({ "mesh-system": "root A" });
  api.answering = state.answer;
  await published({ "mesh-system": "root A", shop: "root A" });
  expect(failures).toHaveLength(1);
});
