import { EventEmitter } from "node:events";
import type { NamedResource } from "../mesh-kinds/index.js";
import { nearest } from "../output/index.js";
import type { ExternalService, Problem, ServicePolicy } from "./model.js";
import { findingsIn } from "./problems.js";
import { keyOf, type Services } from "./registered.js";

/** The policies for services, and the services outside of the mesh, that registries declared. Emits that there are others. */
export class Policies extends EventEmitter<{ changed: [] }> {
  readonly #policies = new Map<string, ServicePolicy>();
  readonly #external = new Map<string, ExternalService>();

  constructor(private readonly services: Pick<Services, "get" | "all">) {
    super();
  }

  /** Adds a policy, or replaces the one of that name. */
  putServicePolicy(policy: ServicePolicy): void {
    this.#policies.set(keyOf(policy.namespace, policy.name), policy);
    this.emit("changed");
  }

  removeServicePolicy(namespace: string, name: string): void {
    if (this.#policies.delete(keyOf(namespace, name))) this.emit("changed");
  }

  /** Adds a service outside of the mesh, or replaces the one of that name. */
  putExternalService(service: ExternalService): void {
    this.#external.set(keyOf(service.namespace, service.name), service);
    this.emit("changed");
  }

  removeExternalService(namespace: string, name: string): void {
    if (this.#external.delete(keyOf(namespace, name))) this.emit("changed");
  }

  /** What nothing acts on, by kind, namespace and name: so far all that is here. */
  withoutEffect(): NamedResource[] {
    return [
      ...inOrder("ServicePolicy", this.#policies.values()),
      ...inOrder("ExternalService", this.#external.values()),
    ];
  }

  /** What policies name that is not known. */
  warnings(): Problem[] {
    return [...this.#policies.values()].flatMap((policy) =>
      findingsIn({ kind: "ServicePolicy", ...policy }, this.#findings(policy)),
    );
  }

  #findings({ namespace, targets }: ServicePolicy): string[] {
    return targets.flatMap(({ kind, name }) => {
      if (this.#isKnown(kind, namespace, name)) return [];
      const meant = nearest(name, this.#namesIn(kind, namespace));
      const hint = meant === undefined ? "" : `; did you mean ${meant}?`;
      return [`no ${kind} ${name} is known in namespace ${namespace}${hint}`];
    });
  }

  #isKnown(kind: string, namespace: string, name: string): boolean {
    if (kind === "Service") return this.services.get(namespace, name) !== undefined;
    return this.#external.has(keyOf(namespace, name));
  }

  #namesIn(kind: string, namespace: string): string[] {
    const all = kind === "Service" ? this.services.all() : this.#external.values();
    return [...all].filter((one) => one.namespace === namespace).map(({ name }) => name);
  }
}

const inOrder = (kind: string, resources: Iterable<{ namespace: string; name: string }>): NamedResource[] =>
  [...resources]
    .map(({ namespace, name }) => ({ kind, namespace, name }))
    .sort((a, b) => a.namespace.localeCompare(b.namespace) || a.name.localeCompare(b.name));
