import type { Catalog } from "../../catalog/index.js";
import {
  type Cluster,
  follow,
  type Following,
  type KubernetesObject,
  type ResourceType,
  typeName,
} from "../../kubernetes/index.js";
import type { Account } from "../../identity/index.js";
import { ENDPOINT_SLICES, NAMESPACES, NODES, PODS, SERVICES, TRAFFIC_PERMISSIONS } from "./kinds.js";
import { readNamespace } from "./namespace.js";
import { readNode } from "./node.js";
import { instanceOf } from "./pod.js";
import { readService } from "./service.js";
import { Services } from "./services.js";
import { readSlice } from "./slice.js";
import { TrafficPermissions } from "./traffic-permissions.js";

/** A cluster that is being read into a catalog. */
export interface KubernetesRegistry {
  /** Resolves when all that there was at the start is in the catalog. */
  readonly complete: Promise<unknown>;
  /** Ends the watches; what was read stays in the catalog. */
  stop(): void;
}

/**
 * Reads the services, endpoint slices, pods, nodes, namespaces and traffic permissions of a cluster into the catalog and follows
 * their changes. A kind that the API
 * server does not give at the moment is a problem of the catalog; what was read before stands.
 * @param identityOf the SPIFFE ID of an account; left out where nobody is certified
 */
export function startKubernetesRegistry(
  cluster: Cluster,
  catalog: Catalog,
  identityOf?: (account: Account) => string,
): KubernetesRegistry {
  const services = new Services(catalog);
  const permissions = new TrafficPermissions(catalog);
  const started = [
    followInto(cluster, catalog, NODES, {
      put: (_, node) => catalog.putNode(readNode(node)),
      remove: (key) => catalog.removeNode(nameIn(key)),
    }),
    followInto(cluster, catalog, NAMESPACES, {
      put: (key, namespace) => catalog.namespaces.set(nameIn(key), readNamespace(namespace)),
      remove: (key) => catalog.namespaces.set(nameIn(key), undefined),
    }),
    followInto(cluster, catalog, PODS, {
      put: (key, pod) => {
        const instance = instanceOf(pod, identityOf);
        if (instance) catalog.putInstance(instance);
        else removeInstance(catalog, key);
      },
      remove: (key) => removeInstance(catalog, key),
    }),
    followInto(cluster, catalog, SERVICES, {
      put: (key, service) => services.setService(key, readService(service)),
      remove: (key) => services.setService(key, undefined),
    }),
    followInto(cluster, catalog, ENDPOINT_SLICES, {
      put: (key, slice) => services.setSlice(key, readSlice(slice)),
      remove: (key) => services.setSlice(key, undefined),
    }),
    followInto(cluster, catalog, TRAFFIC_PERMISSIONS, {
      put: (key, permission) => permissions.put(key, permission),
      remove: (key) => permissions.remove(key),
    }),
  ];
  return {
    complete: Promise.all(started.map(({ complete }) => complete)),
    stop: () => {
      for (const one of started) one.stop();
    },
  };
}

function followInto<T extends KubernetesObject>(
  cluster: Cluster,
  catalog: Catalog,
  type: ResourceType<T>,
  changes: Pick<Following<T>, "put" | "remove">,
) {
  const source = `kubernetes ${typeName(type)}`;
  let isAbsent: () => void = () => undefined;
  const absent = new Promise<void>((resolve) => (isAbsent = resolve));
  const followed = follow(cluster, type, {
    ...changes,
    failed: ({ kind, message }) => {
      catalog.problems.report(source, [{ source, line: 0, message }]);
      // Of a kind that the API server does not have there are no objects to wait for.
      if (kind === "not-found") isAbsent();
    },
    recovered: () => catalog.problems.report(source, []),
  });
  return { complete: Promise.race([followed.complete, absent]), stop: () => followed.stop() };
}

const nameIn = (key: string) => key.slice(key.indexOf("/") + 1);

function removeInstance(catalog: Catalog, key: string): void {
  const [namespace = "", name = ""] = key.split("/");
  catalog.removeInstance(namespace, name);
}
