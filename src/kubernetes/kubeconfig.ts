import type { Cluster as KubernetesCluster, KubeConfig } from "@kubernetes/client-node";
import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";
import { nearest } from "../output/index.js";
import { fail, ok, type Result } from "../result/index.js";
import { ClusterFailure } from "./failure.js";

/** The flags that say which cluster, and as whom. */
export interface ClusterSelection {
  /** A file, instead of KUBECONFIG and ~/.kube/config. */
  readonly kubeconfig?: string | undefined;
  readonly context?: string | undefined;
  /** The user to impersonate. */
  readonly as?: string | undefined;
  /** The groups of that user. */
  readonly asGroups?: readonly string[] | undefined;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** What a pod finds in its file system when it may talk to the API server. */
const SERVICE_ACCOUNT_TOKEN = "/var/run/secrets/kubernetes.io/serviceaccount/token";

/** Whether a flag says which cluster, or as whom. */
export function isAsked({ kubeconfig, context, as }: ClusterSelection): boolean {
  return kubeconfig !== undefined || context !== undefined || as !== undefined;
}

/** Whether there is anything that names a cluster: a flag, KUBECONFIG, ~/.kube/config, or the account of a pod. Reads no file. */
export function namesCluster(selection: ClusterSelection, env: Environment = process.env): boolean {
  return (
    isAsked(selection) ||
    (env["KUBECONFIG"] ?? "") !== "" ||
    kubeconfigFiles(selection, env).some(({ path }) => existsSync(path)) ||
    isInCluster(env)
  );
}

/** The kubeconfig with the context that was asked for made the current one. */
export async function loadKubeconfig(
  selection: ClusterSelection,
  env: Environment = process.env,
): Promise<Result<KubeConfig, ClusterFailure>> {
  // Only here: loading the package takes longer than most commands.
  const { KubeConfig } = await import("@kubernetes/client-node");
  const merged = new KubeConfig();
  const files = kubeconfigFiles(selection, env);
  const found = files.filter(({ demanded, path }) => demanded || existsSync(path));
  for (const { path } of found) {
    const file = new KubeConfig();
    try {
      file.loadFromFile(path);
    } catch (error) {
      return fail(badKubeconfig(path, error));
    }
    merge(merged, file);
  }
  if (found.length === 0) {
    if (!isInCluster(env)) return fail(noKubeconfig(files.map(({ path }) => path)));
    merged.loadFromCluster();
  }
  return selectContext(merged, selection.context);
}

interface KubeconfigFile {
  readonly path: string;
  /** Whether it is an error when it is not there. */
  readonly demanded: boolean;
}

function kubeconfigFiles(selection: ClusterSelection, env: Environment): KubeconfigFile[] {
  if (selection.kubeconfig !== undefined) return [{ path: selection.kubeconfig, demanded: true }];
  const listed = (env["KUBECONFIG"] ?? "").split(delimiter).filter((path) => path !== "");
  if (listed.length > 0) return listed.map((path) => ({ path, demanded: false }));
  return [{ path: join(env["HOME"] ?? homedir(), ".kube", "config"), demanded: false }];
}

function isInCluster(env: Environment): boolean {
  return env["KUBERNETES_SERVICE_HOST"] !== undefined && existsSync(SERVICE_ACCOUNT_TOKEN);
}

/** As kubectl merges files: the first that names something wins. */
function merge(into: KubeConfig, file: KubeConfig): void {
  const add = <T extends { name: string }>(to: T[], from: readonly T[]) => {
    to.push(...from.filter(({ name }) => !to.some((one) => one.name === name)));
  };
  add(into.clusters, file.clusters.map(withoutTlsToVerify));
  add(into.users, file.users);
  add(into.contexts, file.contexts);
  if (!into.currentContext) into.currentContext = file.currentContext;
}

/** The package refuses http:// servers, as kubectl proxy is one, unless verification is off. */
function withoutTlsToVerify(cluster: KubernetesCluster): KubernetesCluster {
  return cluster.server.startsWith("http:") ? { ...cluster, skipTLSVerify: true } : cluster;
}

function selectContext(config: KubeConfig, wanted: string | undefined): Result<KubeConfig, ClusterFailure> {
  const names = config.contexts.map(({ name }) => name);
  // The package's types promise a current context, which a file need not have.
  const name = wanted ?? config.currentContext;
  if (!name) {
    return fail(
      new ClusterFailure("no-such-context", "the kubeconfig has no current context", {
        hint: names.length > 0 ? `--context ${names.join(", --context ")}` : "kubectl config set-context",
      }),
    );
  }
  if (!names.includes(name)) return fail(noSuchContext(name, names));
  config.setCurrentContext(name);
  if (config.getCurrentCluster() === null) {
    const cluster = config.getContextObject(name)?.cluster ?? "";
    return fail(
      new ClusterFailure(
        "bad-kubeconfig",
        `context ${name} names cluster '${cluster}', which the kubeconfig does not have`,
        {
          hint: "kubectl config view",
        },
      ),
    );
  }
  return ok(config);
}

function noSuchContext(name: string, names: readonly string[]): ClusterFailure {
  const meant = nearest(name, names);
  const known = names.length > 0 ? `the kubeconfig has: ${names.join(", ")}` : "the kubeconfig has none";
  return new ClusterFailure("no-such-context", `no context '${name}' (${known})`, {
    hint: meant === undefined ? "kubectl config get-contexts" : `--context ${meant}`,
  });
}

function badKubeconfig(path: string, error: unknown): ClusterFailure {
  const reason =
    error instanceof Error && !(error instanceof TypeError) ? error.message.split("\n")[0] : "it is not one";
  const missing = error instanceof Error && "code" in error && error.code === "ENOENT";
  return new ClusterFailure(
    missing ? "no-kubeconfig" : "bad-kubeconfig",
    missing ? `no kubeconfig at ${path}` : `the kubeconfig ${path} cannot be read (${reason})`,
    { hint: missing ? "--kubeconfig FILE, or KUBECONFIG" : `kubectl config view --kubeconfig ${path}` },
  );
}

function noKubeconfig(looked: readonly string[]): ClusterFailure {
  return new ClusterFailure("no-kubeconfig", `no kubeconfig at ${looked.join(", ")}`, {
    hint: "--kubeconfig FILE, or KUBECONFIG",
  });
}
