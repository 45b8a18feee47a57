import { setTimeout as sleep } from "node:timers/promises";
import type { Installation } from "../../install/index.js";
import {
  type Cluster,
  type ClusterFailure,
  type KubernetesObject,
  PODS,
  type ResourceType,
} from "../../kubernetes/index.js";
import { Failure, formatDuration } from "../../output/index.js";
import type { Result } from "../../result/index.js";
import { durationOf } from "../measure.js";
import type { BenchReport, LoadSettings } from "../report.js";
import { type PodMessage, readPodMessage } from "./pod-message.js";
import { hasEnded, hasStarted, hopeless, waitingFor } from "./pod-state.js";
import { BENCH_LABEL, benchObjects, LOAD_CONTAINER } from "./pods.js";
import type { ClusterBenchWatcher } from "./run-bench-in-cluster.js";
import { targetsOf } from "./targets.js";

/** A bench, and where it runs. */
export interface ClusterBenchPlan {
  readonly cluster: Cluster;
  readonly namespace: string;
  /** What the names of all that it makes begin with. */
  readonly name: string;
  readonly settings: LoadSettings;
  readonly installation: Installation;
}

const SERVICES: ResourceType = { group: "", version: "v1", plural: "services", namespaced: true };
const START_LIMIT_MS = 120_000;
/** How much longer than planned the measurement may take: names to be found, answers to be waited for. */
const SPARE_MS = 120_000;
const POLL_MS = 1_000;

/** The pods and Services of one bench, from their making to their end. */
export class ClusterBench {
  readonly #plan: ClusterBenchPlan;
  readonly #durationMs: number;
  readonly #made: (readonly [type: ResourceType, name: string])[] = [];

  constructor(plan: ClusterBenchPlan) {
    this.#plan = plan;
    this.#durationMs = durationOf(targetsOf(plan.name, plan.settings), plan.settings);
  }

  /** Makes the pods, and waits for what they measure. @throws Failure */
  async run(watcher: ClusterBenchWatcher, signal: AbortSignal): Promise<BenchReport> {
    const { name, namespace, settings, installation } = this.#plan;
    const limitSeconds = Math.ceil((START_LIMIT_MS + this.#durationMs + SPARE_MS) / 1000);
    const objects = benchObjects(name, namespace, settings, limitSeconds, installation);
    watcher.waits("making the pods");
    for (const service of objects.services) await this.#make(SERVICES, service, signal);
    for (const pod of objects.pods) await this.#make(PODS, pod, signal);
    const names = objects.pods.map(({ metadata }) => metadata.name);
    await this.#untilStarted(names, watcher, signal);
    return this.#follow(objects.loadPod, watcher, signal);
  }

  /** Deletes what was made. Gives why that failed. */
  async remove(): Promise<Failure | undefined> {
    const { cluster, name, namespace } = this.#plan;
    const deleted = await Promise.all(this.#made.map(([type, one]) => cluster.delete(type, one, namespace)));
    const [failed] = deleted.flatMap((one) => (one.ok ? [] : one.error));
    if (failed === undefined) return undefined;
    return new Failure(`not all that was made is removed: ${failed.message}`, {
      hint: `kubectl delete pod,service -n ${namespace} -l ${BENCH_LABEL}=${name}`,
    });
  }

  async #make(type: ResourceType, object: KubernetesObject, signal: AbortSignal): Promise<void> {
    demandPatience(signal);
    const { cluster, namespace } = this.#plan;
    valueOf(await cluster.create(type, object, namespace));
    this.#made.push([type, object.metadata.name]);
  }

  async #untilStarted(
    names: readonly string[],
    watcher: ClusterBenchWatcher,
    signal: AbortSignal,
  ): Promise<void> {
    const { cluster, namespace, name } = this.#plan;
    const count = names.length;
    const limit = Date.now() + START_LIMIT_MS;
    for (;;) {
      demandPatience(signal);
      const scope = { namespace, labelSelector: `${BENCH_LABEL}=${name}` };
      const pods = valueOf(await cluster.list(PODS, scope));
      const lost = pods.map(hopeless).find((failure) => failure !== undefined);
      if (lost !== undefined) throw lost;
      const gone = names.find((one) => !pods.some(({ metadata }) => metadata.name === one));
      if (gone !== undefined) throw this.#deleted(gone);
      const late = pods.filter((pod) => !hasStarted(pod));
      if (late.length === 0) return;
      const waiting = late.map(waitingFor).join("; ");
      watcher.waits(`${count - late.length} of ${count} pods run; ${waiting}`);
      if (Date.now() > limit) {
        const time = formatDuration(START_LIMIT_MS / 1000);
        throw new Failure(`the pods do not run within ${time}; ${waiting}`, { hint: "mesh check" });
      }
      await pause(signal);
    }
  }

  /** Reads the load's log until that has a result; from its beginning again when the connection breaks. */
  async #follow(pod: string, watcher: ClusterBenchWatcher, signal: AbortSignal): Promise<BenchReport> {
    const { cluster, namespace } = this.#plan;
    const late = AbortSignal.timeout(this.#durationMs + SPARE_MS);
    const source = { pod, container: LOAD_CONTAINER, namespace };
    for (;;) {
      let last: PodMessage | undefined;
      const onLine = (line: string) => {
        last = readPodMessage(line) ?? last;
        if (last !== undefined && "progress" in last) watcher.measures(last.progress);
      };
      const followed = await cluster.followLog(source, onLine, AbortSignal.any([signal, late]));
      demandPatience(signal);
      if (last !== undefined && "report" in last) return last.report;
      if (last !== undefined && "failure" in last) throw new Failure(last.failure);
      if (late.aborted) throw new Failure(`pod ${pod} does not come to an end`);
      if (!followed.ok && followed.error.kind === "not-found") throw this.#deleted(pod);
      if (!followed.ok && followed.error.kind !== "unreachable") throw followed.error;
      if (followed.ok) await this.#demandRunning(pod);
      await pause(signal);
    }
  }

  async #demandRunning(name: string): Promise<void> {
    const { cluster, namespace } = this.#plan;
    const found = await cluster.get(PODS, name, namespace);
    if (!found.ok && found.error.kind === "not-found") throw this.#deleted(name);
    const pod = valueOf(found);
    if (hasEnded(pod)) throw hopeless(pod) ?? new Failure(`pod ${name} ended without a result`);
  }

  /** A pod was made by this, and is deleted by somebody else. */
  #deleted(name: string): Failure {
    const { namespace } = this.#plan;
    return new Failure(`somebody deleted pod ${name}, or namespace ${namespace} with it`, {
      hint: `kubectl get namespace ${namespace}, and the same again`,
    });
  }
}

function demandPatience(signal: AbortSignal): void {
  if (signal.aborted) throw new Failure("interrupted");
}

/** Ends early, without a word, when the signal is aborted. */
const pause = (signal: AbortSignal) => sleep(POLL_MS, undefined, { signal }).catch(() => undefined);

function valueOf<T>(result: Result<T, ClusterFailure>): T {
  if (!result.ok) throw result.error;
  return result.value;
}
