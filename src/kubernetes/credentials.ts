import type { User } from "@kubernetes/client-node";
import { readFileSync } from "node:fs";
import type { RequestOptions } from "node:https";
import type { SelectedContext } from "./kubeconfig.js";

/** What the package calls a user whose token is in a file. */
export const TOKEN_FILE_PROVIDER = "tokenFile";

/** Tokens of a pod are replaced long before they end. */
const READ_AGAIN_AFTER_MS = 60_000;

export type RequestHeaders = Record<string, string | readonly string[]>;

/** Shows the API server of a context who asks, and tells what to believe of it. */
export class Credentials {
  readonly #context: SelectedContext;
  #known:
    | { readonly options: RequestOptions; readonly headers: RequestHeaders; readonly readAt: number }
    | undefined;

  constructor(context: SelectedContext) {
    this.#context = context;
  }

  /** Whether requests go through a proxy, for which the options have an agent then. */
  get goThroughProxy(): boolean {
    return Boolean(this.#context.cluster.proxyUrl);
  }

  /** Adds what a request needs. Rejects when there are no credentials. */
  async applyTo(options: RequestOptions & { headers: RequestHeaders }): Promise<void> {
    const { cluster, user } = this.#context;
    if (user?.exec || (user?.authProvider && !tokenFileOf(user)) || cluster.proxyUrl) {
      await applyByPackage(this.#context, options);
      return;
    }
    if (!this.#known || performance.now() - this.#known.readAt > READ_AGAIN_AFTER_MS) {
      this.#known = { ...readCredentials(this.#context), readAt: performance.now() };
    }
    Object.assign(options, this.#known.options);
    Object.assign(options.headers, this.#known.headers);
  }
}

function readCredentials({ cluster, user }: SelectedContext): {
  options: RequestOptions;
  headers: RequestHeaders;
} {
  const token = tokenOf(user);
  const basic = user?.username ? `Basic ${base64(`${user.username}:${user.password ?? ""}`)}` : undefined;
  const authorization = token === undefined ? basic : `Bearer ${token}`;
  return {
    options: {
      ca: pem(cluster.caData, cluster.caFile),
      cert: pem(user?.certData, user?.certFile),
      key: pem(user?.keyData, user?.keyFile),
      ...(cluster.skipTLSVerify && { rejectUnauthorized: false }),
      ...(cluster.tlsServerName !== undefined && { servername: cluster.tlsServerName }),
    },
    headers: authorization === undefined ? {} : { Authorization: authorization },
  };
}

const base64 = (text: string) => Buffer.from(text).toString("base64");

/** What stands in the kubeconfig itself, in base64, counts before a file that it names. */
function pem(data: string | undefined, file: string | undefined): string | undefined {
  if (data) return Buffer.from(data, "base64").toString("utf8");
  return file ? readFileSync(file, "utf8") : undefined;
}

function tokenOf(user: User | undefined): string | undefined {
  const file = user && tokenFileOf(user);
  return (file === undefined ? user?.token : readFileSync(file, "utf8").trim()) || undefined;
}

function tokenFileOf({ authProvider }: User): string | undefined {
  const { name, config } = (authProvider ?? {}) as { name?: string; config?: { tokenFile?: string } };
  return name === TOKEN_FILE_PROVIDER ? config?.tokenFile : undefined;
}

/** Plugins for credentials, and proxies, are the package's, which is loaded for them alone. */
async function applyByPackage(
  { name, cluster, user }: SelectedContext,
  options: RequestOptions & { headers: RequestHeaders },
): Promise<void> {
  const { KubeConfig } = await import("@kubernetes/client-node");
  const config = new KubeConfig();
  // It refuses http:// servers, as kubectl proxy is one, unless verification is off.
  const taken = cluster.server.startsWith("http:") ? { ...cluster, skipTLSVerify: true } : cluster;
  config.loadFromOptions({
    clusters: [taken],
    users: user ? [user] : [],
    contexts: [{ name, cluster: cluster.name, user: user?.name ?? "" }],
    currentContext: name,
  });
  await config.applyToHTTPSOptions(options);
}
