import type { Cluster } from "@kubernetes/client-node";
import { spawn } from "node:child_process";
import { text } from "node:stream/consumers";
import { isatty } from "node:tty";
import { ClusterFailure } from "./failure.js";

/** The `exec` of a kubeconfig's user (client.authentication.k8s.io): a program that prints credentials. */
export interface CredentialPlugin {
  readonly apiVersion?: string;
  readonly command: string;
  readonly args?: readonly string[] | null;
  readonly env?: readonly { readonly name: string; readonly value: string }[] | null;
  /** How one gets the program. */
  readonly installHint?: string;
  /** Whether it may ask the person at the terminal. */
  readonly interactiveMode?: "Never" | "IfAvailable" | "Always";
  /** Whether it is told which cluster it is for. */
  readonly provideClusterInfo?: boolean;
}

/** What a plugin printed. */
export interface PluginCredential {
  readonly token?: string | undefined;
  /** PEM, with its key. */
  readonly certificate?: string | undefined;
  readonly key?: string | undefined;
  /** When it ends, as `Date.now()` tells it; Infinity when it does not say. */
  readonly endsAt: number;
}

/** What an ExecCredential has. Any field may be missing. */
interface ExecCredential {
  readonly kind?: string;
  readonly status?: {
    readonly token?: string;
    readonly clientCertificateData?: string;
    readonly clientKeyData?: string;
    readonly expirationTimestamp?: string;
  };
}

interface Kept {
  readonly credential: Promise<PluginCredential>;
  /** Infinity until it is known. */
  endsAt: number;
}

/** For all connections of this process, as kubectl does: a plugin may take seconds, or ask somebody to touch a key. */
const kept = new Map<string, Kept>();

/**
 * What the plugin of a user gives; it is run again when that has ended or was forgotten.
 * @param user its name in the kubeconfig, for messages
 * @throws ClusterFailure when it gives none
 */
export function pluginCredential(
  user: string,
  plugin: CredentialPlugin,
  cluster: Cluster,
): Promise<PluginCredential> {
  const key = keyOf(plugin, cluster);
  const before = kept.get(key);
  if (before !== undefined && before.endsAt > Date.now()) return before.credential;
  const credential = ask(user, plugin, cluster);
  const now: Kept = { credential, endsAt: Infinity };
  kept.set(key, now);
  credential.then(
    ({ endsAt }) => (now.endsAt = endsAt),
    () => (now.endsAt = 0),
  );
  return credential;
}

/** The API server did not take what the plugin gave. */
export function forgetPluginCredential(plugin: CredentialPlugin, cluster: Cluster): void {
  kept.delete(keyOf(plugin, cluster));
}

const keyOf = (plugin: CredentialPlugin, { server }: Cluster) => JSON.stringify([plugin, server]);

async function ask(user: string, plugin: CredentialPlugin, cluster: Cluster): Promise<PluginCredential> {
  const refused = (reason: string, hint?: string) =>
    new ClusterFailure("no-credentials", `no credentials for user '${user}' of the kubeconfig: ${reason}`, {
      hint: hint ?? [plugin.command, ...(plugin.args ?? [])].join(" "),
    });
  const { interactiveMode = "IfAvailable" } = plugin;
  const isInteractive = interactiveMode !== "Never" && isatty(0);
  if (interactiveMode === "Always" && !isInteractive)
    throw refused(`its plugin ${plugin.command} asks at a terminal, and there is none`);
  const child = spawn(plugin.command, plugin.args ?? [], {
    env: { ...process.env, ...environmentOf(plugin, cluster, isInteractive) },
    stdio: [isInteractive ? "inherit" : "ignore", "pipe", "pipe"],
  });
  // What it says to somebody who is to do something must be seen before that is done.
  if (isInteractive) child.stderr.pipe(process.stderr, { end: false });
  const ended = new Promise<number | Error>((resolve) => {
    child.once("error", resolve).once("close", (status) => resolve(status ?? 1));
  });
  const [stdout, stderr, end] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
  if (end instanceof Error) {
    const isMissing = "code" in end && end.code === "ENOENT";
    if (!isMissing) throw refused(`its plugin ${plugin.command} cannot be run (${end.message})`);
    throw refused(`its plugin ${plugin.command} is not there`, plugin.installHint?.trim());
  }
  if (end !== 0) {
    const said = stderr.trim().split("\n").at(-1) ?? "";
    throw refused(`its plugin ${plugin.command} ended with status ${end}${said === "" ? "" : ` (${said})`}`);
  }
  const credential = read(stdout);
  if (credential === undefined) throw refused(`its plugin ${plugin.command} printed no ExecCredential`);
  return credential;
}

function environmentOf(
  { apiVersion, env, provideClusterInfo }: CredentialPlugin,
  cluster: Cluster,
  interactive: boolean,
): Record<string, string> {
  const described = {
    server: cluster.server,
    "tls-server-name": cluster.tlsServerName,
    "insecure-skip-tls-verify": cluster.skipTLSVerify || undefined,
    "certificate-authority-data": cluster.caData,
    "proxy-url": cluster.proxyUrl,
  };
  const spec = { interactive, ...(provideClusterInfo === true && { cluster: described }) };
  return {
    KUBERNETES_EXEC_INFO: JSON.stringify({ apiVersion, kind: "ExecCredential", spec }),
    ...Object.fromEntries((env ?? []).map(({ name, value }) => [name, value])),
  };
}

function read(printed: string): PluginCredential | undefined {
  let parsed: ExecCredential | null;
  try {
    parsed = JSON.parse(printed) as ExecCredential | null;
  } catch {
    return undefined;
  }
  const { token, clientCertificateData, clientKeyData, expirationTimestamp } = parsed?.status ?? {};
  if (token === undefined && clientCertificateData === undefined) return undefined;
  const endsAt = Date.parse(expirationTimestamp ?? "");
  return {
    token,
    certificate: clientCertificateData,
    key: clientKeyData,
    endsAt: Number.isNaN(endsAt) ? Infinity : endsAt,
  };
}
