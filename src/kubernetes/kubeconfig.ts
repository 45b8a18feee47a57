import type { Cluster as NamedCluster, Context, User } from "@kubernetes/client-node";
// The types of a kubeconfig alone: the whole package takes half a second to load, and 60 MB of memory.
import { newClusters, newContexts, newUsers } from "@kubernetes/client-node/dist/config_types.js";
import { existsSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, dirname, join, resolve } from "node:path";
import { nearest } from "../output/index.js";
import { fail, ok, type Result } from "../result/index.js";
import type { CredentialPlugin } from "./credential-plugin.js";
import { ClusterFailure } from "./failure.js";
import { fileTrouble } from "./file-trouble.js";

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
const SERVICE_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount";
const SERVICE_ACCOUNT_TOKEN = `${SERVICE_ACCOUNT}/token`;

/** A user of a kubeconfig, with what the package does not read of it. */
export interface KubeconfigUser extends Omit<User, "exec"> {
  readonly exec?: CredentialPlugin | null;
  readonly tokenFile?: string | undefined;
  /** The groups of `impersonateUser`. */
  readonly impersonateGroups?: readonly string[];
}

/** A context of a kubeconfig, with the cluster and the user that it names. */
export interface SelectedContext {
  readonly name: string;
  /** `default` when the context has none. */
  readonly namespace: string;
  readonly cluster: NamedCluster;
  /** Undefined when the context names none. */
  readonly user: KubeconfigUser | undefined;
}

/** What files say together. */
interface Kubeconfig {
  readonly clusters: NamedCluster[];
  readonly users: KubeconfigUser[];
  readonly contexts: Context[];
  currentContext: string;
}

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

/** The context that was asked for, or the current one. */
export async function loadKubeconfig(
  selection: ClusterSelection,
  env: Environment = process.env,
): Promise<Result<SelectedContext, ClusterFailure>> {
  const merged: Kubeconfig = { clusters: [], users: [], contexts: [], currentContext: "" };
  const files = kubeconfigFiles(selection, env);
  const found = files.filter(({ demanded, path }) => demanded || existsSync(path));
  for (const { path } of found) {
    try {
      merge(merged, await readKubeconfig(path));
    } catch (error) {
      return fail(badKubeconfig(path, error));
    }
  }
  if (found.length === 0) {
    if (!isInCluster(env)) return fail(noKubeconfig(files.map(({ path }) => path)));
    merge(merged, ofServiceAccount(env));
  }
  return selectContext(merged, selection.context, found.map(({ path }) => path).join(", "));
}

/** Throws when it cannot be read, or is none. */
async function readKubeconfig(path: string): Promise<Kubeconfig> {
  const text = readFileSync(path, "utf8");
  const read = (text.startsWith("{") ? parseJson(text) : undefined) ?? (await parseYaml(text));
  const { clusters, users, contexts, "current-context": currentContext } = read;
  const folder = dirname(path);
  const inFolder = <K extends string>(key: K, file: string | undefined) =>
    (file ? { [key]: resolve(folder, file) } : {}) as { [key in K]?: string };
  return {
    clusters: newClusters(clusters).map((one) => ({ ...one, ...inFolder("caFile", one.caFile) })),
    users: newUsers(users).map((one, index) => ({
      ...one,
      ...inFolder("certFile", one.certFile),
      ...inFolder("keyFile", one.keyFile),
      ...unreadOf((users as readonly UserEntry[])[index], folder),
    })),
    contexts: newContexts(contexts),
    currentContext: typeof currentContext === "string" ? currentContext : "",
  };
}

/** A user as it is written, as far as the package does not read it. */
interface UserEntry {
  readonly user?: {
    readonly tokenFile?: string;
    readonly "as-groups"?: readonly string[];
    readonly exec?: CredentialPlugin;
  } | null;
}

/** @param folder that of the kubeconfig, below which its relative paths are */
function unreadOf(
  { user }: UserEntry = {},
  folder: string,
): Pick<KubeconfigUser, "exec" | "tokenFile" | "impersonateGroups"> {
  const { tokenFile, exec, "as-groups": impersonateGroups = [] } = user ?? {};
  if (exec && typeof exec.command !== "string") throw new Error("the plugin of a user has no command");
  // A command without a slash is looked for in PATH.
  const command = exec?.command.includes("/") === true ? resolve(folder, exec.command) : exec?.command;
  return {
    ...(tokenFile && { tokenFile: resolve(folder, tokenFile) }),
    ...(exec && command !== undefined && { exec: { ...exec, command } }),
    impersonateGroups,
  };
}

type Parsed = Readonly<Record<string, unknown>>;

function parseJson(text: string): Parsed | undefined {
  try {
    return JSON.parse(text) as Parsed;
  } catch {
    return undefined;
  }
}

async function parseYaml(text: string): Promise<Parsed> {
  const { parse } = await import("yaml");
  const parsed: unknown = parse(text) ?? {};
  if (typeof parsed !== "object" || Array.isArray(parsed)) throw new TypeError("no map");
  return parsed as Parsed;
}

/** As the account of the pod that this runs in. */
function ofServiceAccount(env: Environment): Kubeconfig {
  const { KUBERNETES_SERVICE_HOST: host = "", KUBERNETES_SERVICE_PORT: port = "443" } = env;
  const name = "in-cluster";
  const server = `https://${host.includes(":") ? `[${host}]` : host}:${port}`;
  const namespace = readFileSync(`${SERVICE_ACCOUNT}/namespace`, "utf8").trim();
  return {
    clusters: [{ name, server, caFile: `${SERVICE_ACCOUNT}/ca.crt`, skipTLSVerify: false }],
    users: [{ name, tokenFile: SERVICE_ACCOUNT_TOKEN }],
    contexts: [{ name, cluster: name, user: name, namespace }],
    currentContext: name,
  };
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
function merge(into: Kubeconfig, file: Kubeconfig): void {
  const add = <T extends { name: string }>(to: T[], from: readonly T[]) => {
    to.push(...from.filter(({ name }) => !to.some((one) => one.name === name)));
  };
  add(into.clusters, file.clusters);
  add(into.users, file.users);
  add(into.contexts, file.contexts);
  if (!into.currentContext) into.currentContext = file.currentContext;
}

/** @param source where all of it was read, for messages */
function selectContext(
  { contexts, clusters, users, currentContext }: Kubeconfig,
  wanted: string | undefined,
  source: string,
): Result<SelectedContext, ClusterFailure> {
  const names = contexts.map(({ name }) => name);
  const name = wanted ?? currentContext;
  if (!name) return fail(noCurrentContext(source, names));
  const context = contexts.find((one) => one.name === name);
  if (!context) return fail(noSuchContext(name, names));
  const cluster = clusters.find((one) => one.name === context.cluster);
  if (!cluster) return fail(brokenContext(name, "cluster", context.cluster));
  const user = users.find((one) => one.name === context.user);
  if (!user && context.user) return fail(brokenContext(name, "user", context.user));
  return ok({ name, namespace: context.namespace ?? "default", cluster, user });
}

function noCurrentContext(source: string, names: readonly string[]): ClusterFailure {
  if (names.length === 0) {
    return new ClusterFailure("no-such-context", `the kubeconfig ${source} has no contexts`, {
      hint: "--kubeconfig FILE, or KUBECONFIG",
    });
  }
  return new ClusterFailure("no-such-context", `the kubeconfig ${source} has no current context`, {
    hint: `--context ${names.join(", --context ")}`,
  });
}

function brokenContext(name: string, what: "cluster" | "user", missing: string): ClusterFailure {
  return new ClusterFailure(
    "bad-kubeconfig",
    `context ${name} names ${what} '${missing}', which the kubeconfig does not have`,
    { hint: "kubectl config view" },
  );
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
    error instanceof Error && !(error instanceof TypeError) ? fileTrouble(error) : "it is not one";
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
