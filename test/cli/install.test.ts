import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from "vitest";
import { runMesh } from "../mesh-command.js";
import { type ApiServer, kubeconfigFor, startApiServer, statusAnswer } from "../kubernetes/api-server.js";

interface AppliedObject {
  kind: string;
  metadata: { name: string; namespace?: string; labels: Record<string, string> };
  data?: Record<string, string>;
}

// Each test starts the command, which takes its time on a busy machine.
vi.setConfig({ testTimeout: 60_000 });

let folder: string;
let server: ApiServer;
/** What is in the cluster, by the address of its collection. */
let cluster: Map<string, AppliedObject[]>;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "mesh-install-"));
  server = await startApiServer(({ path, query }) => {
    const one = /^(.*)\/([^/]+)$/.exec(path);
    const found = cluster.get(one?.[1] ?? "")?.find(({ metadata }) => metadata.name === one?.[2]);
    if (found) return { body: found };
    const selector = (query.get("labelSelector") ?? "").split(",").map((label) => label.split("="));
    const items = (cluster.get(path) ?? []).filter(({ metadata }) =>
      selector.every(([label = "", value]) => metadata.labels[label] === value),
    );
    return /\/[a-z]+s$/.test(path) ? { body: { metadata: {}, items } } : undefined;
  });
});
afterAll(async () => {
  rmSync(folder, { recursive: true });
  await server.stop();
});

const kubeconfig = () => ["--kubeconfig", server.kubeconfig];

/** Puts what was printed into the cluster, as kubectl would. */
function apply(json: string): void {
  const { items } = JSON.parse(json) as { items: (AppliedObject & { apiVersion: string })[] };
  cluster = new Map();
  for (const item of items) {
    const root = item.apiVersion.includes("/") ? `/apis/${item.apiVersion}` : `/api/${item.apiVersion}`;
    const plural = `${item.kind.toLowerCase().replace(/y$/, "ie")}s`;
    const namespace = item.metadata.namespace === undefined ? "" : `/namespaces/${item.metadata.namespace}`;
    const path = `${root}${namespace}/${plural}`;
    cluster.set(path, [...(cluster.get(path) ?? []), item]);
  }
}

async function printed(...words: string[]): Promise<string> {
  const { status, stdout, stderr } = await runMesh(words);
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  return stdout;
}

function file(name: string, text: string): string {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
}

describe("mesh install", () => {
  it("prints all objects as YAML or JSON, the CRDs alone, and the values", async () => {
    const [yaml, json, crds, values] = await Promise.all([
      printed("install"),
      printed("install", "-o", "json", "--ha", "--registry", "images.test/mesh"),
      printed("install", "--crds-only"),
      printed("install", "--show-values", "--no-prometheus", "--no-grafana", "--set", "proxy.workers=2"),
    ]);
    expect(yaml).toMatch(/^apiVersion: v1\nkind: Namespace\n/);
    expect((JSON.parse(json) as { kind: string }).kind).toBe("List");
    expect(json).toMatch(/"image": "images\.test\/mesh\/mesh-control-plane:/);
    expect(new Set(crds.match(/^kind: .*/gm))).toEqual(new Set(["kind: CustomResourceDefinition"]));
    expect(values).toMatch(/^ {2}# Threads that relay traffic\.\n {2}workers: 2$/m);
  });

  it.each([
    [["-f", "FOLDER/none.yaml"], "error: -f FOLDER/none.yaml: no such file"],
    [["-f", "FOLDER/broken.yaml"], "error: FOLDER/broken.yaml:3: no valid YAML: "],
    [
      ["--set", "proxy.resources.limits.memory=10Mb"],
      'error: --set proxy.resources.limits.memory: "10Mb" is not a quantity; did you mean 10M or 10Mi?',
    ],
    [["--set", "proxy.skipInboundPorts=70000"], "error: proxy.skipInboundPorts: "],
    [["--crds-only", "--skip-crds"], "cannot also be provided when using --"],
  ])("%j is wrong usage", async (words, error) => {
    file("broken.yaml", "a: 1\nb:\n  c: [\n");
    const { status, stdout, stderr } = await runMesh([
      "install",
      ...words.map((word) => word.replace("FOLDER", folder)),
    ]);
    expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
    expect(stderr.replaceAll(folder, "FOLDER")).toContain(error);
    expect(stderr).toMatch(/^error: .*\ntry: .*\n$/);
  });
});

describe("with a cluster", () => {
  beforeAll(async () => {
    apply(await printed("install", "-o", "json", "--ha", "--set", "nodeSelector.pool=a: 'b'"));
  });

  it("mesh upgrade prints what install would with the values of the cluster, and those given now", async () => {
    const [upgraded, installed] = await Promise.all([
      printed("upgrade", ...kubeconfig(), "--set", "webhook.replicas=4"),
      printed("install", "--ha", "--set", "nodeSelector.pool=a: 'b'", "--set", "webhook.replicas=4"),
    ]);
    expect(upgraded).toBe(installed);
  });

  it("mesh upgrade --prune prints what is no part of the installation any more", async () => {
    const words = ["upgrade", "--prune", ...kubeconfig(), "--no-grafana"];
    const [left, nothing] = await Promise.all([
      printed(...words, "-o", "json"),
      runMesh(["upgrade", "--prune", ...kubeconfig()]),
    ]);
    const { items } = JSON.parse(left) as { items: AppliedObject[] };
    expect(items.map(({ kind, metadata }) => `${kind}/${metadata.name}`)).toEqual([
      "Deployment/mesh-grafana",
      "NetworkPolicy/mesh-grafana",
      "Service/mesh-grafana",
      "ConfigMap/mesh-grafana-settings",
      "ConfigMap/mesh-grafana-dashboards",
      "ServiceAccount/mesh-grafana",
    ]);
    expect(nothing).toMatchObject({
      status: 0,
      stdout: "",
      stderr: expect.stringContaining("nothing is left") as string,
    });
  });

  it("mesh uninstall prints what is to be deleted, webhooks first and the namespace last", async () => {
    const { items } = JSON.parse(await printed("uninstall", "-o", "json", ...kubeconfig())) as {
      items: AppliedObject[];
    };
    const kinds = items.map(({ kind }) => kind);
    expect(kinds[0]).toBe("MutatingWebhookConfiguration");
    expect(kinds.at(-1)).toBe("Namespace");
    const ofCluster = [...cluster]
      .filter(([path]) => !path.includes("/namespaces/"))
      .flatMap(([, objects]) => objects);
    expect(items.map(({ kind, metadata }) => `${kind}/${metadata.name}`).sort()).toEqual(
      ofCluster.map(({ kind, metadata }) => `${kind}/${metadata.name}`).sort(),
    );
  });

  it("stored values that this version does not know are named by where they are", async () => {
    const [stored] = (cluster.get("/api/v1/namespaces/mesh-system/configmaps") ?? []).filter(
      ({ metadata }) => metadata.name === "mesh-values",
    );
    if (!stored?.data) throw new Error("no values in the cluster");
    const { data } = stored;
    stored.data = { ...data, "given.yaml": "ha: true\nold: 1\n" };
    const { status, stderr } = await runMesh(["upgrade", ...kubeconfig()]);
    stored.data = data;
    expect(status).toBe(2);
    expect(stderr).toContain("error: ConfigMap mesh-system/mesh-values, given.yaml:2: old: no such value");
  });
});

describe("a cluster that cannot be asked", () => {
  it.each(["upgrade", "uninstall"])("mesh %s without an installation says so", async (command) => {
    cluster = new Map();
    const { status, stdout, stderr } = await runMesh([command, ...kubeconfig()]);
    expect({ status, stdout }).toEqual({ status: 1, stdout: "" });
    expect(stderr).toContain(
      `error: mesh is not installed in the cluster at ${server.url} (context test)\ntry: `,
    );
  });

  it("an address where nothing listens is named, with the reason", async () => {
    // The client's end of a connection: nobody listens there, and nobody can while it is open.
    const connection = connect(Number(new URL(server.url).port), "127.0.0.1");
    onTestFinished(() => void connection.destroy());
    await once(connection, "connect");
    const port = connection.localPort ?? 0;
    const config = file("nobody", kubeconfigFor(`https://127.0.0.1:${port}`, server.authority.certificate));
    const { status, stderr } = await runMesh(["upgrade", "--kubeconfig", config]);
    expect(status).toBe(1);
    expect(stderr).toContain(`https://127.0.0.1:${port} cannot be reached (connection refused)`);
  });

  it("rights that are missing are named", async () => {
    const before = server.answering;
    server.answering = () => statusAnswer(403, "Forbidden", 'User "jane" cannot get resource "configmaps"');
    const { status, stderr } = await runMesh(["upgrade", ...kubeconfig()]);
    server.answering = before;
    expect(status).toBe(1);
    expect(stderr).toContain(
      "error: user 'jane' may not get configmaps/mesh-values in namespace mesh-system",
    );
  });
});
