import { isDeepStrictEqual } from "node:util";
import { listResources, proxiesOf } from "./resources.js";
import { Problems } from "./problems.js";
import { Proxies } from "./proxies.js";
import { Instances, Services } from "./registered.js";
import { Targets, type Target, type TargetListener } from "./targets.js";
import type { ConnectedProxy, Instance, Resource, ResourceSelector, Service } from "./model.js";

/**
 * The model of the world in memory. Registries put services and instances in, the discovery server puts connected proxies in;
 * who watches a target is told of what changed for it, and of nothing else.
 */
export class Catalog {
  readonly proxies = new Proxies();
  readonly problems = new Problems();
  private readonly services = new Services();
  private readonly instances = new Instances();
  private readonly targets = new Targets(this.services, this.instances, this.proxies);

  /** Adds a service, or replaces the one of that name. */
  putService(service: Service): void {
    const before = this.services.set(service.namespace, service.name, service);
    if (!isDeepStrictEqual(before, service)) this.targets.serviceChanged(service.namespace, service.name);
  }

  removeService(namespace: string, name: string): void {
    if (this.services.set(namespace, name, undefined)) this.targets.serviceChanged(namespace, name);
  }

  /** Adds an instance, or replaces the one of that name. */
  putInstance(instance: Instance): void {
    const before = this.instances.set(instance.namespace, instance.name, instance);
    if (!isDeepStrictEqual(before, instance)) this.targets.instanceChanged(before, instance);
  }

  removeInstance(namespace: string, name: string): void {
    const before = this.instances.set(namespace, name, undefined);
    if (before) this.targets.instanceChanged(before, undefined);
  }

  /** Follows what `authority` (`host` or `host:port`) means to proxies of `namespace`, until the target is stopped. */
  watch(authority: string, namespace: string, listener: TargetListener): Target {
    return this.targets.watch(authority, namespace, listener);
  }

  /** The resources that the selector means, by type, namespace and name. */
  resources(selector: ResourceSelector): Resource[] {
    return listResources(selector, this.services, this.instances, this.proxies);
  }

  /** The connected proxies of the instances that belong to the resources that the selector means. */
  proxiesOf(selector: ResourceSelector): ConnectedProxy[] {
    return proxiesOf(selector, this.services, this.instances, this.proxies);
  }
}
