import type { ControlPlaneClient } from "../../client/index.js";
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
  #client: Promise<ControlPlaneClient> | undefined;

  /**
   * @param version of this command: what an installation should be of
   * @param open connects to the control plane as other commands do
   */
  constructor(
    readonly cluster: Cluster,
    readonly version: string,
    private readonly open: () => Promise<Result<ControlPlaneClient, Failure>>,
  ) {}

  /** The control plane. Connected to once, until that is forgotten. */
  client(): Promise<ControlPlaneClient> {
    this.#client ??= this.open().then(orThrow);
    return this.#client;
  }

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

  /** Forgets what was read, and leaves the control plane. */
  forget(): void {
    this.#pods = undefined;
    this.#client?.then(
      (client) => client.close(),
      () => undefined,
    );
    this.#client = undefined;
  }
}

/** The value, or the failure thrown. */
export function orThrow<T>(result: Result<T, Failure>): T {
  if (!result.ok) throw result.error;
  return result.value;
}
