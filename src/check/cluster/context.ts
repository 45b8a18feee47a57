import {
  type Cluster,
  type KubernetesObject,
  type Pod,
  PODS,
  type ResourceType,
} from "../../kubernetes/index.js";
import type { Failure } from "../../output/index.js";
import type { Result } from "../../result/index.js";

/** What the checks of a cluster look at. */
export class ClusterContext {
  #pods: Promise<readonly Pod[]> | undefined;

  /** @param version of this command: what an installation should be of */
  constructor(
    readonly cluster: Cluster,
    readonly version: string,
  ) {}

  /** An object, or undefined when there is none of the name. Other failures are thrown. */
  async find<T extends KubernetesObject>(
    type: ResourceType<T>,
    name: string,
    namespace?: string,
  ): Promise<T | undefined> {
    const result = await this.cluster.get(type, name, namespace);
    if (result.ok) return result.value;
    if (result.error.kind === "not-found") return undefined;
    throw result.error;
  }

  /** The pods of every namespace. Read once, until they are forgotten. */
  pods(): Promise<readonly Pod[]> {
    this.#pods ??= this.cluster.list(PODS).then(orThrow);
    return this.#pods;
  }

  /** Forgets what was read. */
  forget(): void {
    this.#pods = undefined;
  }
}

/** The value, or the failure thrown. */
export function orThrow<T>(result: Result<T, Failure>): T {
  if (!result.ok) throw result.error;
  return result.value;
}
