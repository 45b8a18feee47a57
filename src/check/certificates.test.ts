import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { certificateAuthority, serverCertificate } from "../../test/kubernetes/certificates.js";
import { CheckedCluster, VERSION } from "../../test/kubernetes/checked-cluster.js";
import type { StoredObject } from "../../test/kubernetes/cluster-state.js";
import { installedMesh, keySecret, meshedPod, rootsIn } from "../../test/kubernetes/installed-mesh.js";

let cluster: CheckedCluster;
let mesh: StoredObject[];
beforeAll(async () => {
  cluster = await CheckedCluster.start();
  mesh = installedMesh(VERSION);
});
beforeEach(() => cluster.empty());
afterAll(() => cluster.server.stop());

describe("certificates", () => {
  test("the trust root: missing, soon over, over, of another key, in a Secret of the user's", async () => {
    cluster.state.put(...mesh);
    const soon = certificateAuthority("soon", 30);
    cluster.state.put(keySecret("mesh-identity-issuer", soon, soon));
    expect((await cluster.run()).details["trust-root"]).toMatch(
      /^secrets\/mesh-identity-issuer is valid for (29|30) more days$/,
    );
    const good = certificateAuthority("good");
    cluster.state.put(keySecret("mesh-identity-issuer", { ...good, key: soon.key }, good));
    expect((await cluster.run()).details["trust-root"]).toContain("tls.key is not the key of tls.crt");
    cluster.state.put(keySecret("mesh-identity-issuer", good, soon));
    expect((await cluster.run()).details["trust-root"]).toContain("tls.crt is not signed by ca.crt");
    cluster.state.change("Secret", "mesh-identity-issuer", (object) => ({
      ...object,
      data: { "tls.crt": "?", "tls.key": "" },
    }));
    expect((await cluster.run()).details["trust-root"]).toContain("has no ca.crt");
    cluster.state.change("Deployment", "mesh-control-plane", (object) => ({
      ...object,
      spec: { template: { spec: { containers: [{ args: ["--issuer-secret=mine"] }] } } },
    }));
    expect((await cluster.run()).details["trust-root"]).toBe("there is no secrets/mine");
    cluster.state.put(keySecret("mine", good, good));
    expect((await cluster.run()).states["trust-root"]).toBe("passed");
  });

  test("the webhook's: not made yet, for another name, of an authority that the API server does not have", async () => {
    cluster.state.put(...mesh);
    cluster.state.remove("Secret", "mesh-webhook-certificate");
    expect((await cluster.run()).details["webhook-certificate"]).toContain(
      "has not made secrets/mesh-webhook-certificate yet",
    );
    const authority = certificateAuthority("another");
    const names = ["DNS:mesh-webhook.mesh-system.svc"];
    cluster.state.put(keySecret("mesh-webhook-certificate", serverCertificate(authority, names), authority));
    expect((await cluster.run()).details["webhook-certificate"]).toContain("is of another authority");
    cluster.state.put(
      keySecret("mesh-webhook-certificate", serverCertificate(authority, ["DNS:other.svc"]), authority),
    );
    expect((await cluster.run()).details["webhook-certificate"]).toBe(
      "the certificate is not for mesh-webhook.mesh-system.svc",
    );
  });

  test("webhooks without an authority", async () => {
    cluster.state.put(...mesh);
    cluster.state.change("ValidatingWebhookConfiguration", "mesh-webhook", (object) => ({
      ...object,
      webhooks: [{ name: "validate.mesh.dev", clientConfig: {} }],
    }));
    expect((await cluster.run()).details["webhook-configurations"]).toBe(
      "the caBundle of validate.mesh.dev of validatingwebhookconfigurations/mesh-webhook holds no certificate",
    );
  });
});

describe("the roots", () => {
  test("are missing, or are others, where sidecars need them", async () => {
    cluster.state.put(...mesh, meshedPod("shop", "web-1", VERSION), meshedPod("books", "api-1", VERSION));
    expect((await cluster.run()).details["trust-roots"]).toBe(
      "there is no configmaps/mesh-trust-roots in books",
    );
    cluster.state.put(rootsIn("books", certificateAuthority("another")));
    expect((await cluster.run()).details["trust-roots"]).toBe(
      "configmaps/mesh-trust-roots has other roots in books",
    );
    cluster.state.remove("Pod", "api-1");
    expect((await cluster.run()).states["trust-roots"]).toBe("passed");
  });

  test("were not given to older sidecars, which speak plain text", async () => {
    const older = meshedPod("shop", "web-2", VERSION);
    cluster.state.put(...mesh, meshedPod("shop", "web-1", VERSION), {
      ...older,
      spec: {
        containers: [{ name: "app" }],
        initContainers: [{ name: "mesh-proxy", env: [{ name: "MESH_PROXY_NAME", value: "one" }] }],
      },
    });
    const { states, details } = await cluster.run();
    expect(states["plain-text"]).toBe("warning");
    expect(details["plain-text"]).toContain("1 are from before");
    expect(details["plain-text"]).toContain("shop/web-2");
  });
});
