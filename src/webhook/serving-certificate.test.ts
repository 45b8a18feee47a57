import { X509Certificate } from "node:crypto";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type ApiServer, startApiServer } from "../../test/kubernetes/api-server.js";
import { certificateAuthority, serverCertificate } from "../../test/kubernetes/certificates.js";
import { ClusterState } from "../../test/kubernetes/cluster-state.js";
import { isSignedBy, parseCertificates } from "../certificates/index.js";
import { Cluster } from "../kubernetes/index.js";
import { ServingCertificate } from "./serving-certificate.js";

const SECRET = "mesh-webhook-certificate";
let state: ClusterState;
let api: ApiServer;

beforeEach(async () => {
  state = new ClusterState();
  for (const kind of ["MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"]) {
    const webhooks = ["a", "b"].map((name) => ({ name, clientConfig: {} }));
    state.put({
      apiVersion: "admissionregistration.k8s.io/v1",
      kind,
      metadata: { name: "mesh-webhook" },
      webhooks,
    });
  }
  api = await startApiServer(state.answer);
});
afterEach(() => api.stop());

async function replica(): Promise<ServingCertificate> {
  const cluster = await Cluster.open({ kubeconfig: api.kubeconfig });
  if (!cluster.ok) throw cluster.error;
  return new ServingCertificate(cluster.value);
}

async function served(certificate: ServingCertificate): Promise<X509Certificate> {
  const refreshed = await certificate.refresh();
  if (!refreshed.ok) throw new Error(refreshed.error);
  return new X509Certificate(refreshed.value.pem.certificate);
}

/** The authorities that the API server has for each webhook. */
function authorities(): X509Certificate[][] {
  return ["MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"].flatMap((kind) => {
    const { webhooks } = state.get(kind, "mesh-webhook") as unknown as {
      webhooks: { clientConfig: { caBundle?: string } }[];
    };
    return webhooks.map(({ clientConfig }) => {
      const read = parseCertificates(Buffer.from(clientConfig.caBundle ?? "", "base64").toString("utf8"));
      if (!read.ok) throw new Error(read.error);
      return read.value;
    });
  });
}

function keep(days: number): void {
  const authority = certificateAuthority("mesh-webhook");
  const { certificate, key } = serverCertificate(authority, ["DNS:mesh-webhook.mesh-system.svc"], days);
  const base64 = (text: string) => Buffer.from(text).toString("base64");
  state.put({
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: SECRET, namespace: "mesh-system" },
    data: { "tls.crt": base64(certificate), "tls.key": base64(key), "ca.crt": base64(authority.certificate) },
  });
}

test("the first is made for the name by which the API server calls, and trusted by every webhook", async () => {
  const certificate = await served(await replica());
  expect(certificate.checkHost("mesh-webhook.mesh-system.svc")).toBeDefined();
  expect(Date.parse(certificate.validTo)).toBeGreaterThan(Date.now() + 364 * 86_400_000);
  expect(authorities()).toHaveLength(4);
  for (const trusted of authorities()) expect(isSignedBy(certificate, trusted)).toBe(true);
  expect(state.get("Secret", SECRET)).toMatchObject({ type: "kubernetes.io/tls" });
});

test("replicas that start together serve the same one", async () => {
  const replicas = await Promise.all([replica(), replica(), replica()]);
  const certificates = await Promise.all(replicas.map(served));
  expect(new Set(certificates.map(({ serialNumber }) => serialNumber)).size).toBe(1);
});

test("one that ends soon is served until the API server trusts the next one, and both are trusted for the time between", async () => {
  keep(130);
  const [first, second] = [await replica(), await replica()];
  const before = await served(first);
  await served(second);
  keep(100);
  const old = await served(first);
  const trusted = authorities();
  const next = await served(first);
  expect(old.serialNumber).toBe(before.serialNumber);
  expect(next.serialNumber).not.toBe(old.serialNumber);
  for (const authority of trusted) {
    expect(isSignedBy(next, authority)).toBe(true);
    expect(authority).toHaveLength(2);
  }
  expect((await served(second)).serialNumber).toBe(next.serialNumber);
});

test("what somebody took away or wrote over comes back", async () => {
  const certificate = await replica();
  const before = await served(certificate);
  state.change("MutatingWebhookConfiguration", "mesh-webhook", (object) => ({
    ...object,
    webhooks: [{ name: "a", clientConfig: { caBundle: "" } }],
  }));
  expect((await served(certificate)).serialNumber).toBe(before.serialNumber);
  for (const trusted of authorities()) expect(isSignedBy(before, trusted)).toBe(true);
  state.remove("Secret", SECRET);
  await served(certificate);
  const after = await served(certificate);
  expect(after.serialNumber).not.toBe(before.serialNumber);
  for (const trusted of authorities()) expect(isSignedBy(after, trusted)).toBe(true);
});

test("a Secret that holds something else is written anew", async () => {
  state.put({
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: SECRET, namespace: "mesh-system" },
    data: {},
  });
  const certificate = await served(await replica());
  for (const trusted of authorities()) expect(isSignedBy(certificate, trusted)).toBe(true);
});

test("what may not be done is said", async () => {
  api.answering = () => ({ status: 403, body: { message: 'User "webhook" cannot' } });
  const refreshed = await (await replica()).refresh();
  expect(refreshed).toMatchObject({
    ok: false,
    error: `user 'webhook' may not get secrets/${SECRET} in namespace mesh-system`,
  });
});
