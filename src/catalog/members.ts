import type { Instances } from "./registered.js";
import type { Instance, Place, Service, ServicePort, SocketAddress } from "./model.js";

/** The port of a service that an authority means. */
export interface Destination {
  service: Service;
  /** Undefined when the service takes any port. */
  port: ServicePort | undefined;
}

/** What `service:port` (or `service` alone) means; undefined when the service has no such port. */
export function destinationAt(service: Service, port: number | undefined): Destination | undefined {
  if (service.ports.length === 0) return { service, port: undefined };
  const [only, ...others] = service.ports;
  if (port === undefined && others.length === 0) return { service, port: only };
  const found = service.ports.find((candidate) => candidate.port === (port ?? 80));
  return found && { service, port: found };
}

/** One address of a destination, and the instance that is there when an instance gave it. */
export interface Member {
  address: SocketAddress;
  instance: Instance | undefined;
}

/** Every member of a destination. */
export function membersOf({ service, port }: Destination, instances: Instances): Member[] {
  const { endpoints, namespace } = service;
  if ("addresses" in endpoints)
    return endpoints.addresses.map((address) => ({ address, instance: undefined }));
  if ("places" in endpoints) {
    return placesOf(endpoints.places, port).map(({ address, instance }) => ({
      address,
      instance: instance === undefined ? undefined : instances.get(namespace, instance),
    }));
  }
  return instances
    .matching(service.namespace, endpoints.selector)
    .flatMap((instance) => membersAt(service, instance, port));
}

function placesOf(places: readonly Place[], servicePort: ServicePort | undefined): Place[] {
  return places.filter(({ port }) => port === servicePort?.port);
}

/** The members that one instance gives to a port of a service that it belongs to. */
export function membersAt(
  { endpoints }: Service,
  instance: Instance,
  servicePort: ServicePort | undefined,
): Member[] {
  if ("places" in endpoints) {
    const own = placesOf(endpoints.places, servicePort).filter((place) => place.instance === instance.name);
    return own.map(({ address }) => ({ address, instance }));
  }
  const target = servicePort?.target;
  const port = typeof target === "string" ? instance.ports[target] : target;
  if (port === undefined) return [];
  return instance.addresses.map((ip) => ({ address: { ip, port }, instance }));
}
