import type { Instances } from "./registered.js";
import type { Instance, Service, ServicePort, SocketAddress } from "./model.js";

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
  const { endpoints } = service;
  if ("addresses" in endpoints)
    return endpoints.addresses.map((address) => ({ address, instance: undefined }));
  return instances
    .matching(service.namespace, endpoints.selector)
    .flatMap((instance) => membersAt(instance, port));
}

/** The members that one instance gives to a port of a service that selects it. */
export function membersAt(instance: Instance, servicePort: ServicePort | undefined): Member[] {
  const target = servicePort?.target;
  const port = typeof target === "string" ? instance.ports[target] : target;
  if (port === undefined) return [];
  return instance.addresses.map((ip) => ({ address: { ip, port }, instance }));
}
