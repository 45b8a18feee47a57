// What the mesh's parts may do in a cluster, and what keeps others away from them.
import { afterAll, beforeAll, expect, test } from "vitest";
import { DOCUMENTED_ACCOUNTS, type DocumentedRight, documentedRights } from "../install/documented-rights.js";
import {
  applyPrinted,
  edited,
  kubectl,
  mesh,
  rolledOut,
  uninstall,
  WITHOUT_DASHBOARDS,
} from "./administrator.js";

const SYSTEM = "mesh-system";
/** Nothing is bound here to any account. */
const ELSEWHERE = "security-walk";

beforeAll(async () => {
  await applyPrinted("install", ...WITHOUT_DASHBOARDS);
  await rolledOut(SYSTEM, "mesh-control-plane");
  await rolledOut(SYSTEM, "mesh-webhook");
  await kubectl.run(["create", "namespace", ELSEWHERE]);
});
afterAll(() => uninstall(ELSEWHERE));

const account = (name: string, namespace = SYSTEM) => `system:serviceaccount:${namespace}:${name}`;

/** What an account may do in a namespace, a line `verb resource.group/name` each, as kubectl lists it. */
async function rightsOf(user: string, namespace: string): Promise<string[]> {
  const list = await kubectl.run([
    "auth",
    "can-i",
    "--list",
    "--no-headers",
    "-n",
    namespace,
    `--as=${user}`,
  ]);
  return list.split("\n").flatMap((line) => {
    // Resources, URLs that are no resources, names, and verbs; the last three in brackets.
    const [, resource = "", urls = "", names = "", verbs = ""] =
      /^(\S*)\s+\[(.*?)\]\s+\[(.*?)\]\s+\[(.*?)\]\s*$/.exec(line) ?? [];
    const words = (text: string) => text.split(" ").filter((word) => word !== "");
    return words(verbs).flatMap((verb) =>
      [resource, ...words(urls)]
        .filter((what) => what !== "")
        .flatMap((what) => (names === "" ? ["*"] : words(names)).map((name) => `${verb} ${what}/${name}`)),
    );
  });
}

/** The same of what every account may, whatever is bound to it. */
const rightsOfAll = () => rightsOf(account("nobody", ELSEWHERE), ELSEWHERE);

const asListed = ({ groups, resources, names, verbs }: DocumentedRight): string[] =>
  verbs.flatMap((verb) =>
    groups.flatMap((group) =>
      resources.flatMap((resource) =>
        (names.length === 0 ? ["*"] : names).map(
          (name) => `${verb} ${group === "core" ? resource : `${resource}.${group}`}/${name}`,
        ),
      ),
    ),
  );

async function ownRights(name: string, namespace: string): Promise<string[]> {
  const everybodys = new Set(await rightsOfAll());
  return (await rightsOf(account(name), namespace)).filter((right) => !everybodys.has(right)).sort();
}

test.each(DOCUMENTED_ACCOUNTS)("%s may do what docs/rbac.md says, and nothing else", async (name) => {
  const everywhere = documentedRights(name, "the whole cluster").flatMap(asListed);
  const inSystem = documentedRights(name, "namespace `mesh-system`").flatMap(asListed);
  expect(await ownRights(name, ELSEWHERE)).toEqual(everywhere.sort());
  expect(await ownRights(name, SYSTEM)).toEqual([...everywhere, ...inSystem].sort());
});

interface Pod {
  readonly metadata: { readonly name: string };
  readonly spec: {
    readonly initContainers?: readonly Container[];
    readonly containers: readonly Container[];
    readonly volumes: readonly {
      readonly name: string;
      readonly projected?: { readonly sources: readonly { serviceAccountToken?: { audience?: string } }[] };
    }[];
  };
}

interface Container {
  readonly name: string;
  readonly volumeMounts?: readonly { readonly name: string }[];
}

async function listed<T>(...words: string[]): Promise<T[]> {
  const { items } = JSON.parse(await kubectl.run(["get", ...words, "-o", "json"])) as { items: T[] };
  return items;
}

/** The audiences of the tokens that a container has; that of the API server is not named. */
function tokensOf({ spec }: Pod, container: string): (string | undefined)[] {
  const found = [...(spec.initContainers ?? []), ...spec.containers].find(({ name }) => name === container);
  return spec.volumes
    .filter(({ name }) => found?.volumeMounts?.some((one) => one.name === name))
    .flatMap(({ projected }) => projected?.sources ?? [])
    .flatMap(({ serviceAccountToken }) => (serviceAccountToken ? [serviceAccountToken.audience] : []));
}

/** A pod whose service account may do something in the cluster. */
const entitledPod = (labels: Readonly<Record<string, string>>) =>
  JSON.stringify({
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "entitled", namespace: ELSEWHERE, labels },
    spec: { containers: [{ name: "application", image: "any" }] },
  });

/** The pod as it would run. */
async function admitted(pod: string): Promise<Pod> {
  return JSON.parse(await kubectl.run(["create", "--dry-run=server", "-o", "json", "-f", "-"], pod)) as Pod;
}

test.each([
  ["mesh inject", async () => admitted((await edited("inject", entitledPod({}))).stdout)],
  ["the webhook", async () => admitted(entitledPod({ "mesh.dev/inject": "enabled" }))],
])("a sidecar of %s has not the rights of its application, to read Secrets for one", async (_by, made) => {
  const pod = await made();
  expect(tokensOf(pod, "application")).toEqual([undefined]);
  expect(tokensOf(pod, "mesh-proxy")).toEqual(["mesh.dev"]);
  expect(tokensOf(pod, "mesh-init")).toEqual([]);
  expect(pod.spec.initContainers?.map(({ name }) => name)).toEqual(["mesh-proxy", "mesh-init"]);
});

test("the sidecars of the mesh's own pods have no token that the API server takes", async () => {
  const pods = await listed<Pod>("pods", "-n", SYSTEM);
  expect(pods.length).toBeGreaterThan(1);
  for (const pod of pods) expect(tokensOf(pod, "mesh-proxy"), pod.metadata.name).toEqual(["mesh.dev"]);
  const words = ["create", "token", "default", "-n", ELSEWHERE, "--audience=mesh.dev"];
  const token = (await kubectl.run(words)).trim();
  expect(await isTaken(token, ["mesh.dev"])).toBe(true);
  expect(await isTaken(token)).toBe(false);
});

/** Whether a token proves who somebody is to one of the audiences; left out: to the API server. */
async function isTaken(token: string, audiences?: readonly string[]): Promise<boolean> {
  const review = {
    apiVersion: "authentication.k8s.io/v1",
    kind: "TokenReview",
    spec: { token, ...(audiences && { audiences }) },
  };
  const answer = await kubectl.run(["create", "-o", "json", "-f", "-"], JSON.stringify(review));
  return (JSON.parse(answer) as { status: { authenticated?: boolean } }).status.authenticated === true;
}

test("nobody connects to the mesh's pods but where a NetworkPolicy lets them", async () => {
  interface Policy {
    readonly metadata: { readonly name: string };
    readonly spec: {
      readonly podSelector: { readonly matchLabels?: Readonly<Record<string, string>> };
      readonly policyTypes: readonly string[];
      readonly ingress?: readonly { readonly ports?: readonly object[] }[];
    };
  }
  const policies = await listed<Policy>("networkpolicies", "-n", SYSTEM);
  const [denying] = policies.filter(({ spec }) => spec.ingress === undefined);
  expect(denying?.spec).toEqual({ podSelector: {}, policyTypes: ["Ingress"] });
  for (const { metadata, spec } of policies) {
    for (const { ports } of spec.ingress ?? []) expect(ports, metadata.name).not.toBeUndefined();
  }
  const allowed = policies.map(({ spec }) => spec.podSelector.matchLabels?.["app.kubernetes.io/name"]);
  expect(allowed).toEqual(expect.arrayContaining(["mesh-control-plane", "mesh-webhook"]));
});

test("Pod Security holds the namespace to restricted, and the mesh's pods run in it", async () => {
  const pod = {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "privileged", namespace: SYSTEM },
    spec: { containers: [{ name: "any", image: "any" }] },
  };
  await expect(kubectl.run(["create", "--dry-run=server", "-f", "-"], JSON.stringify(pod))).rejects.toThrow(
    'violates PodSecurity "restricted:latest"',
  );
  // They were made under that rule, for the namespace is the first object of an install.
  const { stdout } = await mesh("check", "--wait", "60s", "-o", "json");
  const { checks } = JSON.parse(stdout) as { checks: { id: string; state: string }[] };
  expect(checks.find(({ id }) => id === "installation")?.state).toBe("passed");
});

test("who may not forward a port to the control plane may not watch requests", async () => {
  const { status, stderr } = await mesh("tap", "deploy/any", "-n", ELSEWHERE, "--as", "nobody");
  expect(status).toBe(1);
  expect(stderr).toMatch(/^error: user 'nobody' may not \S+ pods\S* in namespace mesh-system$/m);
});
