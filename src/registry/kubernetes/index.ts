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
import { Definitions, type SourceContent } from "../definitions/index.js";
import { Instances } from "./instances.js";
import {
  ENDPOINT_SLICES,
  EXTERNAL_SERVICES,
  NAMESPACES,
  NODES,
  PODS,
  SERVICE_POLICIES,
  SERVICES,
  TRAFFIC_PERMISSIONS,
  WORKLOADS,
} from "./kinds.js";
import {
  readExternalService,
  readServicePolicy,
  readTrafficPermission,
  readWorkload,
} from "./mesh-objects.js";
import { readNamespace } from "./namespace.js";
import { readNode } from "./node.js";
import { instanceOf, readinessOf } from "./pod.js";
import { readService } from "./service.js";
import { Services } from "./services.js";
import { readSlice } from "./slice.js";

/** How long the start waits for the hosts of Workloads: proxies that come back must not be told of fewer endpoints than they knew. */
const FIRST_ANSWERS_MS = 2_000;

/** A cluster that is being read into a catalog. */
export interface KubernetesRegistry {
  /** Resolves when all that there was at the start is in the catalog. */
  readonly complete: Promise<unknown>;
  /** Ends the watches; what was read stays in the catalog. */
  stop(): void;
}

/**
 * Reads the services, endpoint slices, pods, nodes and namespaces of a cluster, and the mesh's own kinds, into the catalog and
 * follows their changes. A kind that the API server does not give at the moment is a problem of the catalog; what was read before
 * stands.
 * @param identityOf the SPIFFE ID of an account; left out where nobody is certified
 */
export function startKubernetesRegistry(
  cluster: Cluster,
  catalog: Catalog,
  identityOf?: (account: Account) => string,
): KubernetesRegistry {
  const services = new Services(catalog);
  const instances = new Instances(catalog, services);
  const workloads = new Definitions(instances, catalog.problems);
  const permissions = new Definitions(catalog, catalog.problems);
  const policies = new Definitions(catalog, catalog.problems);
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
        if (instance) instances.putPod(key, instance);
        else instances.removePod(key);
        services.setReadiness(key, instance === undefined ? "unready" : readinessOf(pod));
      },
      remove: (key) => {
        instances.removePod(key);
        services.setReadiness(key, "unready");
      },
    }),
    followInto(cluster, catalog, SERVICES, {
      put: (key, service) => services.setService(key, readService(service)),
      remove: (key) => services.setService(key, undefined),
    }),
    followInto(cluster, catalog, ENDPOINT_SLICES, {
      put: (key, slice) => services.setSlice(key, readSlice(slice)),
      remove: (key) => services.setSlice(key, undefined),
    }),
    followInto(cluster, catalog, WORKLOADS, defineFrom("workload", workloads, readWorkload)),
    followInto(
      cluster,
      catalog,
      TRAFFIC_PERMISSIONS,
      defineFrom("trafficpermission", permissions, readTrafficPermission),
    ),
  ];
  // Nothing that proxies are told depends on these, so that nobody waits for them.
  const unawaited = [
    followInto(cluster, catalog, SERVICE_POLICIES, defineFrom("servicepolicy", policies, readServicePolicy)),
    followInto(
      cluster,
      catalog,
      EXTERNAL_SERVICES,
      defineFrom("externalservice", policies, readExternalService),
    ),
  ];
  return {
    complete: Promise.all(started.map(({ complete }) => complete)).then(() =>
      workloads.resolved(FIRST_ANSWERS_MS),
    ),
    stop: () => {
      for (const one of [...started, ...unawaited]) one.stop();
      workloads.stop();
      permissions.stop();
      policies.stop();
    },
  };
}

/** Takes what the objects of a kind define. */
const defineFrom = <T, Sink>(
  kind: string,
  definitions: Definitions<Sink>,
  read: (object: T) => SourceContent<Sink>,
) => ({
  put: (key: string, object: T) => definitions.update(new Map([[`${kind} ${key}`, read(object)]])),
  remove: (key: string) => definitions.update(new Map([[`${kind} ${key}`, undefined]])),
});

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
