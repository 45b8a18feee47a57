import { X509Certificate } from "node:crypto";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type ApiServer, startApiServer } from "../../test/kubernetes/api-server.js";
import { endedIssuer } from "../../test/ended-issuer.js";
import { certificateAuthority } from "../../test/kubernetes/certificates.js";
import { ClusterState } from "../../test/kubernetes/cluster-state.js";
import { Cluster } from "../kubernetes/index.js";
import { keepTrustRoot, readPublishedRoots, type TrustRoot } from "./index.js";

let state: ClusterState;
let api: ApiServer;
const kept: TrustRoot[] = [];
/** The renewals that were told of. */
const told: string[] = [];

beforeEach(async () => {
  told.length = 0;
  state = new ClusterState();
  api = await startApiServer(state.answer);
});
afterEach(async () => {
  await Promise.all(kept.splice(0).map((root) => root.stop()));
  await api.stop();
});

async function source(issuerSecret?: string) {
  const opened = await Cluster.open({ kubeconfig: api.kubeconfig });
  if (!opened.ok) throw opened.error;
  return { cluster: opened.value, trustDomain: "mesh.test", issuerSecret };
}

/** Keeps a root; the answer is what it was told of last. */
async function keep(issuerSecret?: string): Promise<string | Date> {
  const kind = await source(issuerSecret);
  return new Promise((resolve) => {
    const observer = {
      failed: resolve,
      renewed: (message: string) => told.push(message),
      certified: resolve,
    };
    kept.push(keepTrustRoot({ source: kind, observer }));
  });
}

async function published(issuerSecret?: string): Promise<string> {
  const roots = await readPublishedRoots(await source(issuerSecret), {
    renewed: () => undefined,
    present: undefined,
  });
  if (!roots.ok) throw new Error(roots.error);
  return roots.value;
}

function bring(name: string, data: Record<string, string>): void {
  const entries = Object.entries(data).map(([key, text]) => [key, base64(text)]);
  state.put({
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name, namespace: "mesh-system" },
    data: Object.fromEntries(entries),
  });
}

const base64 = (text: string) => Buffer.from(text).toString("base64");

/** What the Secret of the control plane has. */
function dataOf(): Record<string, string> {
  return (state.get("Secret", "mesh-identity-issuer") as unknown as { data: Record<string, string> }).data;
}

test("the first start makes a root for the trust domain, which is to be published; later ones take the same", async () => {
  const ends = await keep();
  expect((ends as Date).getTime()).toBeGreaterThan(Date.now() + 364 * 86_400_000);
  const root = new X509Certificate(await published());
  expect(root.ca).toBe(true);
  expect(root.subjectAltName).toBe("URI:spiffe://mesh.test");
  expect(root.verify(root.publicKey)).toBe(true);
  const secret = state.get("Secret", "mesh-identity-issuer");
  await keep();
  expect(kept[1]?.waitingFor()).toBeUndefined();
  expect(state.get("Secret", "mesh-identity-issuer")).toBe(secret);
});

test("replicas that start together keep one root", async () => {
  await Promise.all([keep(), keep(), keep()]);
  expect(Buffer.from(dataOf()["ca.crt"] ?? "", "base64").toString("utf8")).toBe(await published());
});

test("an issuer that ended while no control plane ran is given its next certificate, by one of several that start", async () => {
  await keep();
  await Promise.all(kept.splice(0).map((root) => root.stop()));
  const text = (name: string) => Buffer.from(dataOf()[name] ?? "", "base64").toString("utf8");
  const issuer = await endedIssuer({ certificate: text("ca.crt"), key: text("ca.key") });
  const secret = state.get("Secret", "mesh-identity-issuer");
  const ended = { "tls.crt": base64(issuer.certificate), "tls.key": base64(issuer.key) };
  state.put({ ...secret, data: { ...dataOf(), ...ended } });
  for (const until of await Promise.all([keep(), keep(), keep()])) {
    expect((until as Date).getTime()).toBeGreaterThan(Date.now() + 364 * 86_400_000);
  }
  expect(told).toEqual([expect.stringMatching(/^the issuer's certificate ended on /)]);
  expect(text("tls.key")).toBe(issuer.key);
  expect(kept.map((root) => root.issuer()?.keys.pem.certificate)).toEqual(
    [1, 2, 3].map(() => text("tls.crt")),
  );
});

test(
  "a Secret that somebody deletes is written again with what signs, and nobody gets another root",
  { timeout: 90_000 },
  async () => {
    await keep();
    const [root] = kept;
    const signs = root?.issuer();
    let changes = 0;
    root?.onChange(() => changes++);
    const data = dataOf();
    state.remove("Secret", "mesh-identity-issuer");
    await expect.poll(() => state.has("Secret", "mesh-identity-issuer"), { timeout: 60_000 }).toBe(true);
    expect(dataOf()).toEqual(data);
    expect(data["ca.key"]).toBeDefined();
    expect(told).toEqual([expect.stringContaining("secrets/mesh-identity-issuer")]);
    expect([root?.issuer(), root?.trouble(), changes]).toEqual([signs, undefined, 0]);
    // Who publishes the roots may be the first to look.
    state.remove("Secret", "mesh-identity-issuer");
    await readPublishedRoots(await source(), { renewed: () => undefined, present: signs?.keys });
    expect(dataOf()).toEqual(data);
  },
);

test("a Secret of the user's is taken, and none is made", async () => {
  const { certificate, key } = certificateAuthority("ours");
  bring("ours", { "tls.crt": certificate, "tls.key": key, "ca.crt": certificate });
  await keep("ours");
  expect(await published("ours")).toBe(certificate);
  expect(state.has("Secret", "mesh-identity-issuer")).toBe(false);
});

test("a root that cannot be used is told of and never replaced", async () => {
  bring("mesh-identity-issuer", { "tls.crt": "no certificate", "tls.key": "", "ca.crt": "" });
  const before = state.get("Secret", "mesh-identity-issuer");
  expect(await keep()).toBe(
    "secrets/mesh-identity-issuer in namespace mesh-system: tls.crt holds no certificate",
  );
  expect(kept[0]?.waitingFor()).toBe("the trust root");
  expect(state.get("Secret", "mesh-identity-issuer")).toBe(before);
});

test("a Secret of the user's that is missing is named", async () => {
  expect(await keep("ours")).toBe("there is no secrets/ours in namespace mesh-system");
});
