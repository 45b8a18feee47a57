import { describe, expect, test } from "vitest";
import { printObjects } from "../../src/install/index.js";
import { find, installation, objectsOf, type RenderedObject, SHAPES, VERSION } from "./installations.js";
import { render } from "../../src/install/index.js";

interface Container {
  name: string;
  securityContext: Record<string, unknown>;
  volumeMounts?: { name: string; mountPath: string }[];
  args?: string[];
  env?: { name: string; value?: string }[];
}
interface PodSpec {
  automountServiceAccountToken: boolean;
  containers: Container[];
  initContainers?: Container[];
  hostNetwork?: boolean;
  volumes: { name: string; emptyDir?: object }[];
}

const podSpecs = (objects: readonly RenderedObject[]) =>
  objects
    .filter(({ kind }) => kind === "Deployment")
    .map((object) => (object as unknown as { spec: { template: { spec: PodSpec } } }).spec.template.spec);
const containersOf = ({ containers, initContainers = [] }: PodSpec) => [...initContainers, ...containers];

describe.each(Object.keys(SHAPES))("the %s installation", (shape) => {
  const objects = objectsOf(shape);

  test("holds no secret, and is the same each time", () => {
    expect(objects.map(({ kind }) => kind)).not.toContain("Secret");
    expect(printObjects(objectsOf(shape), "yaml")).toBe(printObjects(objects, "yaml"));
    expect(JSON.stringify(objects)).not.toContain("caBundle");
  });

  test("can be applied in one go: what others need comes first, and no name comes twice", () => {
    const kinds = objects.map(({ kind }) => kind);
    expect(kinds[0]).toBe("Namespace");
    const first = (kind: string) => kinds.indexOf(kind);
    expect(first("CustomResourceDefinition")).toBe(1);
    expect(first("ServiceAccount")).toBeLessThan(first("Deployment"));
    expect(first("MutatingWebhookConfiguration")).toBe(kinds.length - 2);
    const names = objects.map(({ kind, metadata }) => `${kind}/${metadata.name}`);
    expect(new Set(names).size).toBe(names.length);
  });

  test("carries the standard labels on every object", () => {
    for (const { kind, metadata } of objects) {
      expect(metadata.labels, `${kind}/${metadata.name}`).toMatchObject({
        "app.kubernetes.io/name": expect.stringMatching(/^mesh-/) as string,
        "app.kubernetes.io/instance": "mesh",
        "app.kubernetes.io/version": VERSION,
        "app.kubernetes.io/component": expect.any(String) as string,
        "app.kubernetes.io/part-of": "mesh",
        "app.kubernetes.io/managed-by": "mesh",
      });
    }
  });

  test("passes Pod Security's profile restricted", () => {
    for (const spec of podSpecs(objects)) {
      expect(spec.hostNetwork).toBeUndefined();
      for (const { name, securityContext } of containersOf(spec)) {
        expect(securityContext, name).toMatchObject({
          runAsNonRoot: true,
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ["ALL"] },
          seccompProfile: { type: "RuntimeDefault" },
        });
        expect(securityContext["runAsUser"], name).toBeGreaterThan(0);
      }
    }
  });

  test("gives the rights of an account to the one container that needs them, never to a sidecar", () => {
    for (const spec of podSpecs(objects)) {
      expect(spec.automountServiceAccountToken).toBe(false);
      const proxy = containersOf(spec).find(({ name }) => name === "mesh-proxy");
      const mounted = proxy?.volumeMounts?.find(
        ({ mountPath }) => mountPath === "/var/run/secrets/kubernetes.io/serviceaccount",
      );
      expect(spec.volumes.find(({ name }) => name === mounted?.name)?.emptyDir).toEqual({});
    }
  });
});

/** The environment of a part's sidecar, and where it relays what comes to which port. */
function sidecarOf(objects: readonly RenderedObject[], part: string) {
  const [spec] = podSpecs([find(objects, "Deployment", part)]);
  const sidecar = spec && containersOf(spec).find(({ name }) => name === "mesh-proxy");
  const env: Record<string, string | undefined> = Object.fromEntries(
    sidecar?.env?.map(({ name, value }) => [name, value]) ?? [],
  );
  const relayed = (env["MESH_PROXY_INBOUND"] ?? "").split(",").map((one) => one.split("="));
  return { env, relayed: Object.fromEntries(relayed) as Record<string, string> };
}

const PARTS = ["mesh-control-plane", "mesh-webhook", "mesh-prometheus", "mesh-grafana"] as const;

test("every part has a sidecar before servers on loopback, which takes no plain text but what the kubelet asks", () => {
  const objects = objectsOf("default");
  expect(objects.filter(({ kind }) => kind === "Deployment").map(({ metadata }) => metadata.name)).toEqual([
    ...PARTS,
  ]);
  const sidecars = PARTS.map((part) => sidecarOf(objects, part));
  expect(sidecars.map(({ relayed }) => relayed)).toEqual([
    { "[::]:10086": "127.0.0.1:8086", "[::]:10990": "127.0.0.1:9990" },
    { "[::]:10443": "127.0.0.1:8443", "[::]:10990": "127.0.0.1:9990" },
    { "[::]:10090": "127.0.0.1:9090" },
    { "[::]:13000": "127.0.0.1:3000" },
  ]);
  for (const { env } of sidecars) {
    expect(env).toMatchObject({ MESH_PROXY_INBOUND_TLS: "strict", MESH_PROXY_TAP: "off" });
  }
  expect(sidecars.map(({ env }) => env["MESH_PROXY_TLS_PORTS"])).toEqual([
    "8086",
    "8443",
    undefined,
    undefined,
  ]);
  expect(sidecars.map(({ env }) => env["MESH_PROXY_PROBES"])).toEqual([
    "9990:/live,9990:/ready",
    "9990:/live,9990:/ready",
    "9090:/-/healthy,9090:/-/ready",
    "3000:/api/health",
  ]);
  for (const part of PARTS) {
    const text = JSON.stringify(find(objects, "Deployment", part));
    expect(text, part).not.toMatch(/listen[\w.-]*=(0\.0\.0\.0|\[::\])/);
  }
});

test("what others ask of the mesh's own pods is asked at ports of their sidecars, and NetworkPolicies open no others", () => {
  const objects = objectsOf("default");
  const served = (part: string) => [
    4191,
    ...Object.keys(sidecarOf(objects, part).relayed).map((listen) => Number(listen.split(":").at(-1))),
  ];
  for (const { kind, metadata, ...rest } of objects) {
    const { spec } = rest as unknown as {
      spec: {
        selector?: Record<string, string>;
        podSelector?: { matchLabels?: Record<string, string> };
        ports?: { targetPort: number }[];
        ingress?: { ports: { port: number }[] }[];
      };
    };
    if (kind !== "Service" && kind !== "NetworkPolicy") continue;
    const part = (spec.selector ?? spec.podSelector?.matchLabels)?.["app.kubernetes.io/name"];
    if (part === undefined) continue;
    const ports = [
      ...(spec.ports ?? []).map(({ targetPort }) => targetPort),
      ...(spec.ingress ?? []).flatMap((rule) => rule.ports.map(({ port }) => port)),
    ];
    expect(ports.length, metadata.name).toBeGreaterThan(0);
    for (const port of ports) expect(served(part), metadata.name).toContain(port);
  }
});

test("controlPlane.inboundTls lets plain text in, while there are sidecars that know no other", () => {
  const objects = render(installation(["controlPlane.inboundTls=permissive"])) as RenderedObject[];
  for (const part of PARTS) expect(sidecarOf(objects, part).env["MESH_PROXY_INBOUND_TLS"]).toBe("permissive");
});

test("--ha: the autoscaler, not the deployment, says how many; webhooks must answer; nodes are drained pod by pod", () => {
  const objects = objectsOf("ha");
  expect(find(objects, "Deployment", "mesh-control-plane")).not.toHaveProperty("spec.replicas");
  expect(find(objects, "HorizontalPodAutoscaler", "mesh-control-plane")).toMatchObject({
    spec: { minReplicas: 3 },
  });
  expect(find(objects, "Deployment", "mesh-webhook")).toMatchObject({ spec: { replicas: 3 } });
  expect(JSON.stringify(find(objects, "MutatingWebhookConfiguration", "mesh-webhook"))).not.toContain(
    "Ignore",
  );
  expect(
    JSON.stringify(find(objectsOf("default"), "MutatingWebhookConfiguration", "mesh-webhook")),
  ).not.toContain("Fail");
});

test("without a Prometheus there is no Grafana; with one of the user's own there is, and mesh stat and it ask that", () => {
  const names = (shape: string) => objectsOf(shape).map(({ kind, metadata }) => `${kind}/${metadata.name}`);
  expect(names("minimal").join()).not.toMatch(/prometheus|grafana|NetworkPolicy/);
  expect(names("with everything")).toContain("Deployment/mesh-grafana");
  const settings = find(objectsOf("with everything"), "ConfigMap", "mesh-grafana-settings");
  expect(JSON.stringify(settings)).toContain("https://prometheus.example.com/path");
  const asked = (shape: string) =>
    /"--prometheus-url=([^"]*)"/.exec(
      JSON.stringify(find(objectsOf(shape), "Deployment", "mesh-control-plane")),
    )?.[1];
  expect(["minimal", "with everything", "default"].map(asked)).toEqual([
    undefined,
    "https://prometheus.example.com/path",
    "http://mesh-prometheus.mesh-system.svc:9090",
  ]);
});

test("an issuer of the user's own may be read, and no Secret is made", () => {
  const role = JSON.stringify(find(objectsOf("with everything"), "Role", "mesh-control-plane"));
  expect(role).toContain('"resourceNames":["own-issuer"],"verbs":["get"]');
  expect(role).not.toMatch(/"secrets"\],"verbs":\["create"/);
});

test("only CRDs, or everything else", () => {
  const only = render(installation([]), "crds");
  expect(new Set(only.map(({ kind }) => kind))).toEqual(new Set(["CustomResourceDefinition"]));
  expect(only).toHaveLength(4);
  const rest = render(installation([]), "without-crds");
  expect([...rest, ...only]).toHaveLength(objectsOf("default").length);
});
