import { randomBytes } from "node:crypto";
import { type Installation, installedValues, readInstallation } from "../../install/index.js";
import { Cluster, type ClusterSelection, NAMESPACES } from "../../kubernetes/index.js";
import { Failure, nearest } from "../../output/index.js";
import { fail, ok, type Result } from "../../result/index.js";
import type { BenchProgress } from "../measure.js";
import type { BenchReport, LoadSettings } from "../report.js";
import { ClusterBench } from "./cluster-bench.js";

/** What to measure, and where. */
export interface ClusterBenchOptions {
  readonly settings: LoadSettings;
  readonly selection: ClusterSelection;
  /** Left out: that of the context. */
  readonly namespace: string | undefined;
  /** That of mesh: the images of this version are run. */
  readonly version: string;
}

/** Is told what a bench in a cluster is doing. */
export interface ClusterBenchWatcher {
  /** It waits for something. */
  waits(what: string): void;
  measures(progress: BenchProgress): void;
}

/**
 * Compares direct calls with calls through sidecars, from inside of a cluster with a mesh: by the names of Services, the sidecars
 * unseen. Two sidecars speak mTLS to each other there, whatever the settings say. Everything it makes there is deleted when it
 * resolves, also when `signal` aborts.
 */
export async function runBenchInCluster(
  options: ClusterBenchOptions,
  watcher: ClusterBenchWatcher,
  signal: AbortSignal,
): Promise<Result<BenchReport, Failure>> {
  const opened = await Cluster.open(options.selection);
  if (!opened.ok) return opened;
  const cluster = opened.value;
  try {
    return ok(await runIn(cluster, options, watcher, signal));
  } catch (error) {
    if (error instanceof Failure) return fail(error);
    throw error;
  } finally {
    cluster.close();
  }
}

/** @throws Failure */
async function runIn(
  cluster: Cluster,
  { settings: asked, namespace = cluster.namespace, version }: ClusterBenchOptions,
  watcher: ClusterBenchWatcher,
  signal: AbortSignal,
): Promise<BenchReport> {
  await demandNamespace(cluster, namespace);
  const installation = await installationIn(cluster, version);
  const name = `mesh-bench-${randomBytes(3).toString("hex")}`;
  const settings = { ...asked, tls: true };
  const bench = new ClusterBench({ cluster, namespace, name, settings, installation });
  let report: BenchReport;
  try {
    report = await bench.run(watcher, signal);
  } catch (error) {
    watcher.waits("removing what was made");
    const left = await bench.remove();
    if (left !== undefined && error instanceof Failure) {
      throw new Failure(
        `${error.message}; then ${left.message}`,
        left.hint === undefined ? {} : { hint: left.hint },
      );
    }
    throw error;
  }
  watcher.waits("removing what was made");
  const left = await bench.remove();
  if (left !== undefined) throw left;
  return report;
}

/** Whoever may not look at namespaces may still have one. @throws Failure when there is no such namespace */
async function demandNamespace(cluster: Cluster, namespace: string): Promise<void> {
  const found = await cluster.get(NAMESPACES, namespace);
  if (found.ok || found.error.kind === "forbidden") return;
  if (found.error.kind !== "not-found") throw found.error;
  const all = await cluster.list(NAMESPACES);
  const names = all.ok ? all.value.map(({ metadata }) => metadata.name) : [];
  const known = names.length === 0 ? "" : ` (there are: ${names.join(", ")})`;
  const meant = nearest(namespace, names);
  throw new Failure(`there is no namespace '${namespace}'${known}`, {
    hint: meant === undefined ? `kubectl create namespace ${namespace}` : `-n ${meant}`,
  });
}

/** What the cluster was installed with. @throws Failure when it has no mesh, or does not tell */
async function installationIn(cluster: Cluster, version: string): Promise<Installation> {
  const stored = await installedValues(cluster);
  if (!stored.ok) throw stored.error;
  const read = readInstallation({ stored: stored.value, flags: {}, files: [], sets: [] }, version);
  if (!read.ok) throw new Failure(read.error.join("; "));
  return read.value;
}
