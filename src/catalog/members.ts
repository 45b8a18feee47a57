import type { Instances } from "./registered.js";
import type { Instance, Service, ServicePort, SocketAddress } from "./model.js";
import { choosePlaces, type Scope } from "./placement.js";

/** The port of a service that an authority means. */
export interface Destination {
  service: Service;
  /** Undefined when the service takes any port. */
  port: ServicePort | undefined;
  /** Which of its places are meant; absent: all of them that serve. */
  scope?: Scope;
}

/** What `service:port` (or `service` alone) means; undefined when the service has no such port. */
export function destinationAt(
  service: Service,
  port: number | undefined,
  scope: Scope = {},
): Destination | undefined {
  if (service.ports.length === 0) return { service, port: undefined, scope };
  const [only, ...others] = service.ports;
  if (port === undefined && others.length === 0) return { service, port: only, scope };
  const found = service.ports.find((candidate) => candidate.port === (port ?? 80));
  return found && { service, port: found, scope };
}

/** One address of a destination, and the instance that is there when an instance gave it. */
export interface Member {
  address: SocketAddress;
  instance: Instance | undefined;
}

/** Every member of a destination. */
export function membersOf(destination: Destination, instances: Instances): Member[] {
  const { endpoints, namespace } = destination.service;
  if ("addresses" in endpoints)
    return endpoints.addresses.map((address) => ({ address, instance: undefined }));
  if ("places" in endpoints) {
    const { port, scope = {} } = destination;
    return choosePlaces(endpoints, port?.port, scope).map(({ address, instance }) => ({
      address,
      instance: instance === undefined ? undefined : instances.get(namespace, instance),
    }));
  }
  return instances
    .matching(namespace, endpoints.selector)
    .flatMap((instance) => membersAt(destination, instance));
}

/** The members that one instance gives to a destination whose service it belongs to. */
export function membersAt(
  { service: { endpoints }, port, scope = {} }: Destination,
  instance: Instance,
): Member[] {
  if ("places" in endpoints) {
    const own = choosePlaces(endpoints, port?.port, scope).filter(
      (place) => place.instance === instance.name,
    );
    return own.map(({ address }) => ({ address, instance }));
  }
  return port ? servedAt(port, instance).map((address) => ({ address, instance })) : [];
}

/** Where an instance serves a port of a service that selects it; nowhere when it does not name the port's target. */
export function servedAt({ target }: ServicePort, { addresses, ports }: Instance): SocketAddress[] {
  const port = typeof target === "string" ? ports[target] : target;
  return port === undefined ? [] : addresses.map((ip) => ({ ip, port }));
}
