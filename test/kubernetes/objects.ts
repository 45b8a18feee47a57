// The objects from which a registry learns of services, as the API server sends them. All are of namespace `shop`.

export const meta = (name: string, more: object = {}) => ({
  name,
  namespace: "shop",
  resourceVersion: "2",
  ...more,
});

/** A Service with the one port 80, named `http`. */
export function service(name: string, spec: object = {}, status: object = {}) {
  const ports = [{ name: "http", port: 80 }];
  return {
    metadata: meta(name),
    spec: { clusterIP: "10.96.0.7", clusterIPs: ["10.96.0.7"], ports, ...spec },
    status,
  };
}

/** An endpoint of a slice; the rest are its fields in the API. */
export interface EndpointFacts {
  ip: string;
  pod?: string;
  ready?: boolean;
  serving?: boolean;
  terminating?: boolean;
  hostname?: string;
  nodeName?: string;
  zones?: string[];
}

export const SLICE_PORTS = [{ name: "http", port: 8080, protocol: "TCP" }];

/** An EndpointSlice of the service `of`. */
export function slice(
  name: string,
  of: string,
  endpoints: EndpointFacts[],
  ports: object[] | null = SLICE_PORTS,
) {
  return {
    metadata: meta(name, { labels: { "kubernetes.io/service-name": of } }),
    addressType: endpoints[0]?.ip.includes(":") === true ? "IPv6" : "IPv4",
    ports,
    endpoints: endpoints.map(({ ip, pod: target, zones, hostname, nodeName, ...conditions }) => ({
      addresses: [ip],
      conditions,
      ...(hostname !== undefined && { hostname }),
      ...(nodeName !== undefined && { nodeName }),
      ...(zones !== undefined && { hints: { forZones: zones.map((zone) => ({ name: zone })) } }),
      ...(target !== undefined && { targetRef: { kind: "Pod", name: target, namespace: "shop" } }),
    })),
  };
}

/** A pod of the Deployment `web`. */
export function pod(name: string, ip: string, more: object = {}, spec: object = {}) {
  return {
    metadata: meta(name, {
      labels: { app: "web", "pod-template-hash": "5d8f" },
      ownerReferences: [{ kind: "ReplicaSet", name: "web-5d8f", controller: true }],
      ...more,
    }),
    spec: { containers: [{ ports: [{ name: "http", containerPort: 8080 }] }], ...spec },
    status: { phase: "Running", podIP: ip, podIPs: [{ ip }] },
  };
}

/** A Workload at port 9000 of an address, which it calls `http`, with the label `app: web`. */
export const workload = (
  name: string,
  address: string,
  spec: object = {},
  labels: object = { app: "web" },
) => ({
  metadata: meta(name, { labels }),
  spec: { address, ports: [{ name: "http", port: 9000 }], ...spec },
});

/** A TrafficPermission that denies everybody, but for what `spec` says otherwise. */
export const trafficPermission = (name: string, spec: object = {}) => ({
  metadata: meta(name),
  spec: { action: "DENY", ...spec },
});

/** A ServicePolicy for one service. */
export const servicePolicy = (name: string, service: string, spec: object = {}) => ({
  metadata: meta(name),
  spec: { targetRefs: [{ group: "", kind: "Service", name: service }], ...spec },
});

/** An ExternalService that is reached by one name, by TLS. */
export const externalService = (name: string) => ({
  metadata: meta(name),
  spec: { hosts: [`${name}.test`], ports: [{ port: 443 }] },
});

/** A node with one address; in a zone when one is given. */
export function node(name: string, ip: string, zone?: string) {
  const labels = zone === undefined ? {} : { "topology.kubernetes.io/zone": zone };
  return {
    metadata: { name, resourceVersion: "2", labels },
    status: {
      addresses: [
        { type: "InternalIP", address: ip },
        { type: "Hostname", address: name },
      ],
    },
  };
}
