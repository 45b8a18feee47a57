import { describe, expect, it } from "vitest";
import { context, environment, find, injected, pod } from "../../test/inject/planned-pods.js";
import { flagLayer, plan } from "./index.js";

describe("options", () => {
  const withAnnotations = (annotations: object) => pod({}, { annotations });

  it("are taken from the nearest place", () => {
    const object = withAnnotations({ "config.mesh.dev/log-level": "debug" });
    const namespace = { given: { "log-level": "error", workers: "3" }, call: String };
    const layers = [namespace, flagLayer({ workers: "2", "log-format": "json" })];
    expect(environment(injected(object, {}, { layers }))).toMatchObject({
      MESH_PROXY_LOG: "debug",
      MESH_PROXY_WORKERS: "3",
      MESH_PROXY_LOG_FORMAT: "json",
    });
  });

  it("are refused by the place of the annotation", () => {
    const object = withAnnotations({ "config.mesh.dev/memory-limit": "10Mb" });
    expect(plan(object, context())).toEqual({
      outcome: "refused",
      path: ["metadata", "annotations", "config.mesh.dev/memory-limit"],
      message: expect.stringMatching(
        /^config\.mesh\.dev\/memory-limit: "10Mb" is not .*did you mean 10Mi or 10M\?$/,
      ) as string,
    });
  });

  it.each([
    [
      { "config.mesh.dev/workers": 2 },
      "config.mesh.dev/workers: a number and not a text; write it in quotes",
    ],
    [
      { "config.mesh.dev/worker": "2" },
      "config.mesh.dev/worker: there is no such option; did you mean config.mesh.dev/workers?",
    ],
    [
      { "config.mesh.dev/memory-request": "1Gi" },
      "config.mesh.dev/memory-request: 1Gi is more than memory-limit, which is 128Mi",
    ],
    [{ "config.mesh.dev/tap-port": "4191" }, "config.mesh.dev/tap-port: port 4191 is that of admin-port"],
    [{ "config.mesh.dev/cni": "yes" }, 'config.mesh.dev/cni: "yes" is not true or false; did you mean true?'],
  ])("%j is refused", (annotations, message) => {
    expect(plan(withAnnotations(annotations), context())).toMatchObject({ outcome: "refused", message });
  });

  it("refuse a label that means nothing", () => {
    expect(plan(pod({}, { labels: { "mesh.dev/inject": "true" } }), context())).toMatchObject({
      outcome: "refused",
      message: 'mesh.dev/inject: "true" is neither enabled nor disabled',
    });
  });

  it.each([
    ["permissive", {}],
    ["strict", { "inbound-tls": "strict" }],
  ])("say what is taken from others: %s", (mode, given) => {
    expect(environment(injected(pod(), given))).toMatchObject({ MESH_PROXY_INBOUND_TLS: mode });
  });

  it("reach the redirection and the sidecar", () => {
    const object = injected(pod(), {
      "skip-inbound-ports": "25, 8000-8100",
      "skip-outbound-ports": "3306",
      "skip-subnets": "10.0.0.0/8,fd00::/8",
      "opaque-ports": "5432",
      "proxy-uid": "7",
      "inbound-port": "5143",
    });
    expect(find(object, "initContainers", "mesh-init")["args"]).toEqual([
      "--proxy-uid=7",
      "--outbound-port=4140",
      "--inbound-port=5143",
      "--tap-port=4190",
      "--admin-port=4191",
      "--skip-inbound-ports=25,8000-8100",
      "--skip-outbound-ports=3306",
      "--skip-subnets=10.0.0.0/8,fd00::/8",
      "--wait-for=ready",
    ]);
    expect(find(object, "initContainers", "mesh-proxy")["securityContext"]).toMatchObject({ runAsUser: 7 });
    expect(environment(object)).toMatchObject({
      MESH_PROXY_INBOUND: "5143=original",
      MESH_PROXY_OPAQUE_PORTS: "5432",
    });
  });
});
