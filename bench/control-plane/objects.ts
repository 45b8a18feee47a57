import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { CONTROL_PLANE, NAMESPACE, selectorOf } from "../../src/installed-names/index.js";
import type { BenchPod, BenchService } from "./content.js";

const MESH = fileURLToPath(new URL("../../../bin/mesh.js", import.meta.url));

/** What of a pod is the same for all. */
export type PodTemplate = Readonly<Record<string, unknown>>;

/** A pod of an ordinary application, without a sidecar. */
export const plainPod = () => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name: "template", namespace: "default" },
  spec: {
    serviceAccountName: "default",
    nodeName: "node-0",
    containers: [
      {
        name: "application",
        image: "registry.example/shop/application:1.27.3",
        ports: [{ name: "http", containerPort: 8080 }],
        env: Array.from({ length: 8 }, (_, index) => ({ name: `SETTING_${index}`, value: `value ${index}` })),
        resources: { requests: { cpu: "100m", memory: "128Mi" }, limits: { memory: "256Mi" } },
        readinessProbe: { httpGet: { path: "/ready", port: "http" } },
        livenessProbe: { httpGet: { path: "/live", port: "http" } },
      },
    ],
  },
});

/** The one node; its kubelet listens on this machine. */
export const nodeObject = (kubeletPort: number) => ({
  apiVersion: "v1",
  kind: "Node",
  metadata: { name: "node-0", labels: { "topology.kubernetes.io/zone": "a" } },
  status: {
    addresses: [{ type: "InternalIP", address: "127.0.0.1" }],
    daemonEndpoints: { kubeletEndpoint: { Port: kubeletPort } },
  },
});

/** A pod as commands look for one of the control plane. */
export function controlPlanePod() {
  const pod = plainPod();
  const metadata = { name: `${CONTROL_PLANE}-0`, namespace: NAMESPACE, labels: selectorOf(CONTROL_PLANE) };
  return { ...pod, metadata };
}

/** An ordinary pod with the sidecar that `mesh inject` adds: so large are objects in real clusters. */
export function meshedPodTemplate(adminPort: number): PodTemplate {
  const pod = plainPod();
  const annotations = { "config.mesh.dev/admin-port": String(adminPort) };
  const text = execFileSync(process.execPath, [MESH, "inject", "-f", "-"], {
    input: JSON.stringify({ ...pod, metadata: { ...pod.metadata, annotations } }),
    stdio: ["pipe", "pipe", "ignore"],
  });
  return JSON.parse(text.toString("utf8")) as PodTemplate;
}

export function podObject(template: PodTemplate, { namespace, name, workload }: BenchPod): object {
  const { metadata } = template as { metadata: { labels?: object; annotations?: object } };
  return {
    ...template,
    metadata: {
      ...metadata,
      name,
      namespace,
      labels: { ...metadata.labels, app: workload, "pod-template-hash": "5d8f7c9b6d" },
      ownerReferences: [
        {
          apiVersion: "apps/v1",
          kind: "ReplicaSet",
          name: `${workload}-5d8f7c9b6d`,
          uid: "11111111-1111-1111-1111-111111111111",
          controller: true,
        },
      ],
    },
  };
}

/** The pod as kubelet leaves it when it runs. */
export function runningPod(pod: object, ip: string): object {
  const time = "2026-01-01T00:00:00Z";
  const types = ["PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled"];
  const running = (name: string) => ({
    name,
    image: `registry.example/shop/${name}:1.27.3`,
    imageID: `registry.example/shop/${name}@sha256:${"5d8f".repeat(16)}`,
    containerID: `containerd://${"c0de".repeat(16)}`,
    ready: true,
    started: true,
    restartCount: 0,
    state: { running: { startedAt: time } },
  });
  return {
    ...pod,
    status: {
      phase: "Running",
      hostIP: "192.168.0.1",
      podIP: ip,
      podIPs: [{ ip }],
      qosClass: "Burstable",
      startTime: time,
      conditions: types.map((type) => ({ type, status: "True", lastTransitionTime: time })),
      initContainerStatuses: [running("mesh-proxy")],
      containerStatuses: [running("application")],
    },
  };
}

export const serviceObject = ({ namespace, name }: BenchService) => ({
  apiVersion: "v1",
  kind: "Service",
  metadata: { name, namespace },
  spec: { selector: { app: name }, ports: [{ name: "http", port: 80, targetPort: "http" }] },
});

/** A slice may have no loopback addresses. Nothing connects to these. */
const endpointIp = ({ ip }: BenchPod) => ip.replace(/^127/, "10");

/** The service's one slice; the first endpoint is at another address when one is given. */
export function sliceObject({ namespace, name, pods }: BenchService, firstIp?: string) {
  return {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: { name: `${name}-1`, namespace, labels: { "kubernetes.io/service-name": name } },
    addressType: "IPv4",
    ports: [{ name: "http", port: 8080, protocol: "TCP" }],
    endpoints: pods.map((pod, index) => ({
      addresses: [index === 0 ? (firstIp ?? endpointIp(pod)) : endpointIp(pod)],
      conditions: { ready: true, serving: true, terminating: false },
      nodeName: "node-0",
      targetRef: { kind: "Pod", name: pod.name, namespace },
    })),
  };
}
