import { describe, expect, it } from "vitest";
import { patched } from "../../test/inject/json-patch.js";
import {
  container,
  context,
  environment,
  find,
  injected,
  names,
  pod,
} from "../../test/inject/planned-pods.js";
import { type Json, type JsonObject, valueAt } from "../manifest/index.js";
import { asJsonPatch, type Given, parsePodTemplateKind, plan, type Plan } from "./index.js";

describe("a meshed pod", () => {
  it("has the sidecar, then the redirection, which waits for it, then its own init containers", () => {
    const object = injected(pod({ initContainers: [container({ name: "migrate" })] }));
    expect(names(object, "spec", "initContainers")).toEqual(["mesh-proxy", "mesh-init", "migrate"]);
    expect(names(object, "spec", "containers")).toEqual(["web"]);
    const proxy = find(object, "initContainers", "mesh-proxy");
    expect(proxy["restartPolicy"]).toBe("Always");
    expect(proxy).not.toHaveProperty("startupProbe");
    expect(find(object, "initContainers", "mesh-init")["args"]).toContain("--wait-for=ready");
    const hasty = injected(pod(), { "wait-for-ready": "false" });
    expect(find(hasty, "initContainers", "mesh-init")["args"]).toContain("--wait-for=live");
  });

  it("has a plain sidecar at the end of its containers, after the redirection at the end of the init containers", () => {
    const object = injected(pod({ initContainers: [container({ name: "migrate" })] }), {
      "native-sidecar": "false",
    });
    expect(names(object, "spec", "initContainers")).toEqual(["migrate", "mesh-init"]);
    expect(names(object, "spec", "containers")).toEqual(["web", "mesh-proxy"]);
    const proxy = find(object, "containers", "mesh-proxy");
    expect(proxy).not.toHaveProperty("restartPolicy");
    expect(proxy).toMatchObject({ startupProbe: { httpGet: { path: "/live" } } });
    expect(JSON.stringify(find(object, "initContainers", "mesh-init"))).not.toContain("--wait-for");
  });

  it("has no redirection of ours with a CNI plugin", () => {
    const object = injected(pod(), { cni: "true" });
    expect(names(object, "spec", "initContainers")).toEqual(["mesh-proxy"]);
    expect(find(object, "initContainers", "mesh-proxy")).toMatchObject({
      startupProbe: { httpGet: { path: "/ready", port: 4191 } },
    });
  });

  it("keeps what it had, the order included", () => {
    const before = pod({ volumes: [{ name: "data", emptyDir: {} }] }, { labels: { app: "web" } });
    expect(injected(before)).toMatchObject({
      metadata: { name: "web", labels: { app: "web", "mesh.dev/meshed": "true" } },
      spec: {
        containers: [container()],
        volumes: [{ name: "data" }, { name: "mesh-proxy-token" }, { name: "mesh-no-api-token" }],
      },
    });
  });

  it("has what it asks for of the mesh's own, and starts without the roots", () => {
    const ROOTS = [{ key: "ca.crt", path: "roots.crt" }];
    expect(injected(pod())).toMatchObject({
      metadata: {
        annotations: { "mesh.dev/proxy-version": "1.2.3", "mesh.dev/injected-by": "a test" },
      },
      spec: {
        volumes: [
          {
            projected: {
              sources: [
                { serviceAccountToken: { audience: "mesh.dev", path: "token" } },
                { configMap: { name: "mesh-trust-roots", items: ROOTS, optional: true } },
              ],
            },
          },
          { emptyDir: {} },
        ],
      },
    });
  });

  it.each([
    [undefined, "25s"],
    [60, "55s"],
    [10, "5s"],
    [5, "2s"],
    [1, "500ms"],
    [0, "500ms"],
    [1_000_000, "86400s"],
  ])("drains before its grace period of %s seconds is over: %s", (terminationGracePeriodSeconds, drain) => {
    const spec = terminationGracePeriodSeconds === undefined ? {} : { terminationGracePeriodSeconds };
    expect(environment(injected(pod(spec)))).toMatchObject({ MESH_PROXY_DRAIN_TIMEOUT: drain });
  });

  it("tells the proxy who it is and where to listen", () => {
    expect(environment(injected(pod()))).toEqual({
      MESH_PROXY_NAME: { fieldRef: { fieldPath: "metadata.name" } },
      MESH_PROXY_NAMESPACE: { fieldRef: { fieldPath: "metadata.namespace" } },
      MESH_PROXY_IPS: { fieldRef: { fieldPath: "status.podIPs" } },
      MESH_PROXY_WORKLOAD: "pod/$(MESH_PROXY_NAME)",
      MESH_PROXY_CONTROL_PLANE: "mesh-control-plane.mesh-system.svc:8086",
      MESH_PROXY_TOKEN_FILE: "/var/run/secrets/mesh.dev/token",
      MESH_PROXY_TRUST_ROOTS: "/var/run/secrets/mesh.dev/roots.crt",
      MESH_PROXY_OUTBOUND: "127.0.0.1:4140,[::1]:4140",
      MESH_PROXY_INBOUND: "4143=original",
      MESH_PROXY_INBOUND_TLS: "permissive",
      MESH_PROXY_ADMIN: "[::]:4191",
      MESH_PROXY_TAP: "[::]:4190",
      MESH_PROXY_TAP_TLS: "true",
      MESH_PROXY_WORKERS: "1",
      MESH_PROXY_LOG: "info",
      MESH_PROXY_LOG_FORMAT: "text",
      MESH_PROXY_DRAIN_TIMEOUT: "25s",
    });
  });
});

describe("Pod Security", () => {
  /** What "restricted" asks of a container (https://kubernetes.io/docs/concepts/security/pod-security-standards/). */
  function isRestricted(value: JsonObject): boolean {
    const security = value["securityContext"] as Record<string, JsonObject>;
    return (
      (security["allowPrivilegeEscalation"] as unknown) === false &&
      (security["runAsNonRoot"] as unknown) === true &&
      (security["runAsUser"] as unknown) !== 0 &&
      JSON.stringify(security["capabilities"]) === '{"drop":["ALL"]}' &&
      security["seccompProfile"]?.["type"] === "RuntimeDefault" &&
      security["privileged"] === undefined
    );
  }

  it.each([{}, { cni: "true" }, { "native-sidecar": "false" }])(
    "restricted but for mesh-init: %j",
    (given) => {
      const object = injected(pod(), given);
      const added = ["initContainers", "containers"].flatMap((list) =>
        ((valueAt(object, ["spec", list]) ?? []) as JsonObject[]).filter(({ name }) => name !== "web"),
      );
      const privileged = added.filter((value) => !isRestricted(value)).map(({ name }) => name);
      expect(privileged).toEqual("cni" in given ? [] : ["mesh-init"]);
    },
  );

  it("lets mesh-init do two things only", () => {
    expect(find(injected(pod()), "initContainers", "mesh-init")["securityContext"]).toMatchObject({
      capabilities: { drop: ["ALL"], add: ["NET_ADMIN", "NET_RAW"] },
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
    });
  });
});

describe("kinds", () => {
  const template = { metadata: {}, spec: { containers: [container()] } };
  const inTemplate = (apiVersion: string, kind: string) =>
    ({ apiVersion, kind, metadata: { name: "web" }, spec: { template } }) as JsonObject;
  const cronJob = (apiVersion: string): JsonObject => ({
    apiVersion,
    kind: "CronJob",
    metadata: { name: "web" },
    spec: { jobTemplate: { spec: { template } } },
  });

  it.each([
    [inTemplate("apps/v1", "Deployment"), "deployment/web"],
    [inTemplate("extensions/v1beta1", "Deployment"), "deployment/web"],
    [inTemplate("apps/v1beta2", "StatefulSet"), "statefulset/web"],
    [inTemplate("apps/v1", "DaemonSet"), "daemonset/web"],
    [inTemplate("apps/v1", "ReplicaSet"), "replicaset/web"],
    [inTemplate("v1", "ReplicationController"), "replicationcontroller/web"],
    [inTemplate("batch/v1", "Job"), "job/web"],
    [cronJob("batch/v1"), "cronjob/web"],
    [cronJob("batch/v2alpha1"), "cronjob/web"],
    [inTemplate("argoproj.io/v1alpha1", "Rollout"), "rollout/web"],
    [
      { apiVersion: "v1", kind: "PodTemplate", metadata: { name: "web" }, template },
      "pod/$(MESH_PROXY_NAME)",
    ],
  ])("%j is %s for its sidecars", (object, workload) => {
    const planned = plan(object, context());
    expect(planned.outcome).toBe("injected");
    expect(JSON.stringify(asJsonPatch(object, planned))).toContain(`"value":"${workload}"`);
  });

  it.each([
    { apiVersion: "v1", kind: "Service", metadata: { name: "web" } },
    { apiVersion: "example.com/v1", kind: "Deployment", spec: { template } },
    { kind: "Pod", spec: {} },
    ["Pod"],
    "Pod",
    null,
  ])("%j is left alone", (object) => {
    expect(plan(object as Json, context())).toEqual({ outcome: "untouched" });
  });

  it("are learned", () => {
    const kind = parsePodTemplateKind("example.com/Fleet=spec.pods.template");
    expect(kind).toEqual({ group: "example.com", kind: "Fleet", path: ["spec", "pods", "template"] });
    const fleet = { apiVersion: "example.com/v3", kind: "Fleet", spec: { pods: { template } } } as JsonObject;
    expect(plan(fleet, context({}, { kinds: kind ? [kind] : [] })).outcome).toBe("injected");
  });

  it.each(["Fleet", "Fleet=", "example.com/=spec", "example.com/fleet=spec", "A=spec..template", "A=spec."])(
    "are not learned from %s",
    (text) => expect(parsePodTemplateKind(text)).toBeUndefined(),
  );
});

describe("the workload", () => {
  const owned = (owner: object, labels: object = {}) =>
    pod({}, { labels, ownerReferences: [{ controller: true, ...owner }] });

  it.each([
    [owned({ kind: "StatefulSet", name: "db" }), "statefulset/db"],
    [owned({ kind: "ReplicaSet", name: "web-5d4f" }, { "pod-template-hash": "5d4f" }), "deployment/web"],
    [owned({ kind: "ReplicaSet", name: "web-5d4f" }), "replicaset/web-5d4f"],
  ])("is the owner", (object, workload) => {
    expect(environment(injected(object))["MESH_PROXY_WORKLOAD"]).toBe(workload);
  });

  it("is the beginning of a name that is yet to be made up", () => {
    const job = {
      apiVersion: "batch/v1",
      kind: "Job",
      metadata: { generateName: "import-" },
      spec: { template: { spec: { containers: [container()] } } },
    };
    expect(JSON.stringify(plan(job, context()))).toContain('"job/import"');
  });

  it("is what the caller knows", () => {
    expect(environment(injected(pod(), {}, { workload: "deployment/web" }))["MESH_PROXY_WORKLOAD"]).toBe(
      "deployment/web",
    );
  });
});

const reasonOf = (object: Json, given: Given = {}): string => {
  const planned = plan(object, context(given));
  return planned.outcome === "skipped" ? planned.reason : `it is ${planned.outcome}`;
};

describe("skipped", () => {
  it.each<[string, Json]>([
    ["hostNetwork", pod({ hostNetwork: true })],
    ["mesh.dev/inject: disabled", pod({}, { labels: { "mesh.dev/inject": "disabled" } })],
    [
      "already meshed by Linkerd (container linkerd-proxy)",
      pod({ containers: [container({ name: "linkerd-proxy" })] }),
    ],
    [
      "already meshed by Linkerd (annotation linkerd.io/inject)",
      pod({}, { annotations: { "linkerd.io/inject": "enabled" } }),
    ],
    [
      "already meshed by Istio (container istio-proxy)",
      pod({ initContainers: [container({ name: "istio-proxy" })] }),
    ],
    [
      "already meshed by Istio (annotation sidecar.istio.io/status)",
      pod({}, { annotations: { "sidecar.istio.io/status": "{}" } }),
    ],
    ["a Windows pod (os.name)", pod({ os: { name: "windows" } })],
    ["a host-process pod", pod({ securityContext: { windowsOptions: { hostProcess: true } } })],
    [
      "a host-process pod (container web)",
      pod({ containers: [container({ securityContext: { windowsOptions: { hostProcess: true } } })] }),
    ],
    [
      "a container has the name mesh-proxy and is not of mesh",
      pod({ containers: [container({ name: "mesh-proxy" })] }),
    ],
    [
      "a volume has the name mesh-proxy-token and is not of mesh",
      pod({ volumes: [{ name: "mesh-proxy-token" }] }),
    ],
    [
      "a volume has the name mesh-no-api-token and is not of mesh",
      pod({ volumes: [{ name: "mesh-no-api-token" }] }),
    ],
    [
      "container web has port 4143, which is the sidecar's inbound-port",
      pod({ containers: [container({ ports: [{ containerPort: 4143 }] })] }),
    ],
    ["containers is an empty list", pod({ containers: [] })],
    ["containers is missing", { apiVersion: "v1", kind: "Pod", spec: {} }],
    ["containers is a text", pod({ containers: "web" })],
    ["an item of containers is a text", pod({ containers: ["web"] })],
    ["volumes is a mapping", pod({ volumes: { data: {} } })],
    ["metadata.labels is a list", pod({}, { labels: ["a"] })],
    ["spec is missing", { apiVersion: "apps/v1", kind: "Deployment" }],
    ["spec is empty", { apiVersion: "v1", kind: "Pod", spec: null }],
    ["spec.template is a text", { apiVersion: "apps/v1", kind: "Deployment", spec: { template: "web" } }],
    ["spec.template.spec is missing", { apiVersion: "apps/v1", kind: "Deployment", spec: { template: {} } }],
  ])("%s", (reason, object) => expect(reasonOf(object)).toBe(reason));

  it("not for a port when the sidecar has another", () => {
    const object = pod({ containers: [container({ ports: [{ containerPort: 4143 }] })] });
    expect(reasonOf(object, { "inbound-port": "5143" })).toBe("it is injected");
  });

  it("not for a port of UDP", () => {
    const object = pod({ containers: [container({ ports: [{ containerPort: 4143, protocol: "UDP" }] })] });
    expect(reasonOf(object)).toBe("it is injected");
  });
});

describe("warned", () => {
  const STRICT = { "inbound-tls": "strict" };
  const warnings = (object: Json, given: Given = {}) => {
    const planned: Plan = plan(object, context(given));
    return planned.outcome === "injected" ? planned.warnings : [];
  };

  it("not without a reason", () => {
    const usual = container({
      ports: [{ name: "http", containerPort: 80 }],
      livenessProbe: { httpGet: { port: "http" } },
    });
    expect(warnings(pod({ containers: [usual] }))).toEqual([]);
    expect(warnings(pod({ containers: [usual] }), STRICT)).toEqual([]);
  });

  it.each<[string, Json, Given]>([
    [
      "UDP port 53",
      pod({ containers: [container({ ports: [{ containerPort: 53, protocol: "UDP" }] })] }),
      {},
    ],
    ["automountServiceAccountToken", pod({ automountServiceAccountToken: false }), {}],
    [
      "livenessProbe of container web asks port 4191",
      pod({ containers: [container({ livenessProbe: { httpGet: { port: 4191 } } })] }),
      {},
    ],
    [
      "lifecycle.preStop",
      pod({ containers: [container({ lifecycle: { preStop: { httpGet: { port: 4143 } } } })] }),
      {},
    ],
    [
      "readinessProbe of container web asks port 8443 by HTTPS",
      pod({ containers: [container({ readinessProbe: { httpGet: { port: 8443, scheme: "HTTPS" } } })] }),
      STRICT,
    ],
    [
      "lifecycle.preStop of container web asks port 80 in plain text",
      pod({ containers: [container({ lifecycle: { preStop: { httpGet: { port: 80 } } } })] }),
      STRICT,
    ],
    ["the pod runs as user 2102", pod({ securityContext: { runAsUser: 2102 } }), {}],
    [
      "container web runs as user 7",
      pod({ containers: [container({ securityContext: { runAsUser: 7 } })] }),
      { "proxy-uid": "7" },
    ],
    ["dnsPolicy: Default", pod({ dnsPolicy: "Default" }), {}],
    ["outside of the mesh", pod({ initContainers: [container()] }), { "native-sidecar": "false" }],
    ["nobody listens", pod({ initContainers: [container()] }), { "native-sidecar": "false", cni: "true" }],
    ["/shutdown", pod({ restartPolicy: "Never" }), { "native-sidecar": "false" }],
    ["has to be a label", pod({}, { annotations: { "mesh.dev/inject": "disabled" } }), {}],
  ])("of %s", (message, object, given) => {
    const found = warnings(object, given);
    expect(found.map((warning) => warning.message)).toEqual([expect.stringContaining(message)]);
    expect(valueAt(object, found[0]?.path ?? ["nowhere"])).toBeDefined();
  });

  it("of where the control plane is: pods that ask another DNS get its address, if it is known", () => {
    const address = { controlPlaneAddress: "10.0.0.9:8086" };
    const told = (object: JsonObject, given: Given = {}) =>
      environment(injected(object, given, address))["MESH_PROXY_CONTROL_PLANE"];
    expect(told(pod({ dnsPolicy: "Default" }))).toBe("10.0.0.9:8086");
    expect(told(pod({ dnsPolicy: "None" }), { "control-plane": "mesh:1" })).toBe("mesh:1");
    expect(told(pod())).toBe("mesh-control-plane.mesh-system.svc:8086");
  });

  it("not of the node's DNS when the control plane is an address", () => {
    expect(warnings(pod({ dnsPolicy: "Default" }), { "control-plane": "[fd00::1]:8086" })).toEqual([]);
  });
});

describe("what is ours already", () => {
  it("is as if it were not there", () => {
    const before = pod({ initContainers: [container({ name: "migrate" })] });
    const once = injected(before, { workers: "4", "native-sidecar": "false" }, { version: "0.0.1" });
    expect(injected(once)).toEqual(injected(before));
  });

  it("goes when the pod wants no sidecar any more", () => {
    const meshed = injected(pod()) as Record<string, JsonObject>;
    const object = { ...meshed, spec: { ...meshed["spec"], hostNetwork: true } };
    const planned = plan(object, context());
    expect(planned).toMatchObject({ outcome: "skipped", reason: "hostNetwork" });
    expect(patched(object, asJsonPatch(object, planned))).toEqual(pod({ hostNetwork: true }));
  });
});
