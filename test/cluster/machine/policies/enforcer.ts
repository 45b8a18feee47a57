import { execFileSync } from "node:child_process";
import {
  Cluster,
  follow,
  type Followed,
  type KubernetesObject,
  NAMESPACES,
  type ResourceType,
} from "../../../../src/kubernetes/index.js";
import { podAddresses, watchPodAddresses } from "./addresses.js";
import { NETWORK_POLICIES, PODS } from "./objects.js";
import { nftRules } from "./rules.js";

/** What happens within this time is put into force together. */
const GATHER_MS = 5;

/**
 * Enforces the NetworkPolicies of a cluster of one node in the network namespace of this process, as many clusters' network plugins
 * do. Resolves when those that there are are in force; what it returns ends it.
 * @param kubeconfig the path of one that may read NetworkPolicies, pods and namespaces
 * @param network the pods', as its CNI configuration names it
 */
export async function enforcePolicies(kubeconfig: string, network: string): Promise<() => void> {
  const cluster = await Cluster.open({ kubeconfig });
  if (!cluster.ok) throw cluster.error;
  const enforcer = new Enforcer(cluster.value, network);
  await enforcer.start();
  return () => enforcer.stop();
}

class Enforcer {
  readonly #network: string;
  readonly #policies;
  readonly #pods;
  readonly #namespaces;
  readonly #stopWatching: () => void;
  #timer: NodeJS.Timeout | undefined;
  #inForce = "";

  constructor(cluster: Cluster, network: string) {
    const onChange = () => this.#soon();
    this.#network = network;
    this.#policies = new Objects(cluster, NETWORK_POLICIES, onChange);
    this.#pods = new Objects(cluster, PODS, onChange);
    this.#namespaces = new Objects(cluster, NAMESPACES, onChange);
    this.#stopWatching = watchPodAddresses(onChange);
  }

  async start(): Promise<void> {
    await Promise.all([this.#policies, this.#pods, this.#namespaces].map(({ complete }) => complete));
    this.#enforce();
  }

  stop(): void {
    for (const objects of [this.#policies, this.#pods, this.#namespaces]) objects.stop();
    this.#stopWatching();
    clearTimeout(this.#timer);
  }

  #soon(): void {
    this.#timer ??= setTimeout(() => this.#enforce(), GATHER_MS);
  }

  #enforce(): void {
    this.#timer = undefined;
    const addresses = podAddresses(this.#network);
    const rules = nftRules({
      policies: this.#policies.all,
      pods: this.#pods.all.flatMap((pod) => {
        const its = addresses.get(pod.metadata.uid ?? "");
        return its ? [{ pod, addresses: its }] : [];
      }),
      namespaces: new Map(this.#namespaces.all.map(({ metadata }) => [metadata.name, metadata.labels ?? {}])),
    });
    if (rules === this.#inForce) return;
    // Rules that are not taken are a mistake of ours: it ends the tests.
    execFileSync("nft", ["-f", "-"], { input: rules });
    this.#inForce = rules;
  }
}

/** The objects of a kind, as they are now. */
class Objects<T extends KubernetesObject> {
  readonly #known = new Map<string, T>();
  readonly #followed: Followed;

  constructor(cluster: Cluster, type: ResourceType<T>, onChange: () => void) {
    this.#followed = follow(cluster, type, {
      put: (key, object) => {
        this.#known.set(key, object);
        onChange();
      },
      remove: (key) => {
        this.#known.delete(key);
        onChange();
      },
      // Tests stop the API server now and then. What was known stays in force.
      failed: () => undefined,
      recovered: () => undefined,
    });
  }

  get complete(): Promise<void> {
    return this.#followed.complete;
  }

  get all(): T[] {
    return [...this.#known.values()];
  }

  stop(): void {
    this.#followed.stop();
  }
}
