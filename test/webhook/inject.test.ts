import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { applyChanges, flagContext, KNOWN_KINDS, type PatchOperation, plan } from "../../src/inject/index.js";
import { isObject, isRefusal, type Json, type JsonObject, readDocuments } from "../../src/manifest/index.js";
import { patched } from "../inject/json-patch.js";
import { type Answered, RunningWebhook, VERSION } from "./running-webhook.js";

let webhook: RunningWebhook;
beforeAll(async () => {
  webhook = await RunningWebhook.start({ proxy: { logLevel: "warn" }, images: { registry: "here.test" } });
  webhook.state.put(
    namespace("shop", {}),
    namespace("loud", { "config.mesh.dev/log-level": "debug" }),
    namespace("wrong", { "config.mesh.dev/log-level": "shout" }),
  );
  await webhook.ready();
});
afterAll(() => webhook.stop());

const namespace = (name: string, annotations: Record<string, string>) => ({
  apiVersion: "v1",
  kind: "Namespace",
  metadata: { name, annotations },
});

const pod = (metadata: JsonObject = {}, spec: JsonObject = {}): JsonObject => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { generateName: "web-", ...metadata },
  spec: { containers: [{ name: "web", image: "web" }], ...spec },
});

/** The object after the patch of an answer. */
function afterwards(object: Json, { response }: Answered): JsonObject {
  const patch = JSON.parse(Buffer.from(response?.patch ?? "", "base64").toString("utf8")) as PatchOperation[];
  return patched(object, patch) as JsonObject;
}

const envOf = (object: JsonObject): Record<string, string> => {
  const { initContainers } = object["spec"] as {
    initContainers: { name: string; env: { name: string; value: string }[] }[];
  };
  const proxy = initContainers.find(({ name }) => name === "mesh-proxy");
  return Object.fromEntries((proxy?.env ?? []).map(({ name, value }) => [name, value]));
};

describe("a new pod", () => {
  it("gets its sidecar with the options of the installation", async () => {
    const answer = await webhook.review("/inject", pod());
    expect(answer.response).toMatchObject({ uid: "a-b-c", allowed: true, patchType: "JSONPatch" });
    const meshed = afterwards(pod(), answer);
    expect(envOf(meshed)).toMatchObject({ MESH_PROXY_LOG: "warn" });
    expect(JSON.stringify(meshed)).toContain(`here.test/mesh-proxy:${VERSION}`);
    expect(meshed).toMatchObject({ metadata: { annotations: { "mesh.dev/injected-by": "mesh webhook" } } });
  });

  it("takes options of its namespace over those, and its own over all", async () => {
    const inLoud = afterwards(pod(), await webhook.review("/inject", pod(), "loud"));
    expect(envOf(inLoud)).toMatchObject({ MESH_PROXY_LOG: "debug" });
    const own = pod({ annotations: { "config.mesh.dev/log-level": "error" } });
    expect(envOf(afterwards(own, await webhook.review("/inject", own, "loud")))).toMatchObject({
      MESH_PROXY_LOG: "error",
    });
  });

  it("of a Deployment tells of that Deployment", async () => {
    const controller = {
      apiVersion: "apps/v1",
      kind: "ReplicaSet",
      name: "web-6d4cf56db6",
      uid: "1",
      controller: true,
    };
    const owned = pod({ labels: { "pod-template-hash": "6d4cf56db6" }, ownerReferences: [controller] });
    const meshed = afterwards(owned, await webhook.review("/inject", owned));
    expect(envOf(meshed)).toMatchObject({ MESH_PROXY_WORKLOAD: "deployment/web" });
  });

  it("that has its sidecar stays as it is, also when it was given other options", async () => {
    const meshed = afterwards(pod(), await webhook.review("/inject", pod(), "loud"));
    const { response } = await webhook.review("/inject", meshed);
    expect(response).toEqual({ uid: "a-b-c", allowed: true });
  });

  it("that can have none starts without, and says why", async () => {
    const { response } = await webhook.review("/inject", pod({}, { hostNetwork: true }));
    expect(response).toEqual({
      uid: "a-b-c",
      allowed: true,
      warnings: [expect.stringContaining("no sidecar: hostNetwork") as string],
    });
  });

  it("is refused for an option that cannot be meant, its own or its namespace's", async () => {
    const own = await webhook.review("/inject", pod({ annotations: { "config.mesh.dev/workers": "many" } }));
    expect(own.response?.allowed).toBe(false);
    expect(own.response?.status?.message).toMatch(/^mesh: config\.mesh\.dev\/workers: "many" is not/);
    const of = await webhook.review("/inject", pod(), "wrong");
    expect(of.response?.status?.message).toMatch(
      /^mesh: config\.mesh\.dev\/log-level of namespace wrong: "shout"/,
    );
  });
});

const folder = fileURLToPath(new URL("../fixtures/inject/", import.meta.url));

/** The pods of every fixture, as their controllers would make them: those that `mesh inject` gives a sidecar. */
function fixturePods(): [name: string, pod: JsonObject][] {
  const context = flagContext({ given: {}, podTemplatePaths: [], version: VERSION });
  return readdirSync(folder)
    .filter((name) => !name.includes(".injected."))
    .flatMap((name) =>
      [...readDocuments(readFileSync(folder + name, "utf8"))].map((document) => [name, document] as const),
    )
    .flatMap(([name, document]) =>
      isRefusal(document) ? [] : document.objects.map(({ value }) => [name, value] as const),
    )
    .flatMap(([name, object]): [string, JsonObject][] => {
      if (!isObject(object) || plan(object, context).outcome !== "injected") return [];
      const spec = object["spec"];
      const template = isObject(spec) && isObject(spec["template"]) ? spec["template"] : undefined;
      return template === undefined ? [] : [[name, { apiVersion: "v1", kind: "Pod", ...template }]];
    });
}

it("every pod of the fixtures becomes what mesh inject makes of it, with the same options", async () => {
  const pods = fixturePods();
  expect(pods.length).toBeGreaterThan(10);
  const given = {
    "log-level": "warn",
    "proxy-image": `here.test/mesh-proxy:${VERSION}`,
    "init-image": `here.test/mesh-init:${VERSION}`,
  };
  const context = {
    ...flagContext({ given, podTemplatePaths: [], version: VERSION }),
    injectedBy: "mesh webhook",
  };
  for (const [name, object] of pods) {
    const planned = plan(object, { ...context, kinds: KNOWN_KINDS });
    if (planned.outcome !== "injected") throw new Error(`${name}: ${planned.outcome}`);
    const expected = applyChanges(object, planned.removals, planned.additions).object;
    const answer = await webhook.review("/inject", object);
    expect(afterwards(object, answer), name).toEqual(expected);
  }
});

it("reviews and the certificate are among the metrics", async () => {
  await webhook.review("/inject", pod());
  const page = await (await fetch(`${webhook.admin}/metrics`)).text();
  expect(page).toMatch(/mesh_webhook_reviews_total\{review="inject",outcome="injected"\} [1-9]/);
  expect(page).toMatch(/mesh_certificate_expiry_timestamp_seconds\{certificate="webhook"\} [1-9]/);
});

describe("what is no review", () => {
  it.each([
    ["a body cut short", "/inject", "{", "POST", 400, "the body is no JSON"],
    ["another object", "/inject", "{}", "POST", 400, "no AdmissionReview"],
    [
      "a review without its request",
      "/inject",
      '{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview"}',
      "POST",
      400,
      "no request",
    ],
    ["another method", "/inject", "", "GET", 405, "only POST"],
    ["another path", "/elsewhere", "{}", "POST", 404, "nothing here"],
    ["nine megabytes", "/inject", "x".repeat(9_000_000), "POST", 413, "more than"],
  ])("%s is refused", async (_, path, body, method, status, text) => {
    const answer = await webhook.post(path, body, method);
    expect(answer.status).toBe(status);
    expect(answer.text).toContain(text);
  });

  it("a namespace that cannot be read leaves it to the failure policy what becomes of the pod", async () => {
    const before = webhook.api.answering;
    webhook.api.answering = () => ({ status: 403, body: { message: "no" } });
    const answer = await webhook.review("/inject", pod(), "unheard-of");
    webhook.api.answering = before;
    expect(answer.status).toBe(500);
    expect(answer.text).toContain("may not list namespaces");
  });
});
