import { readFileSync } from "node:fs";
import type { RequestOptions } from "node:https";
import { forgetPluginCredential, pluginCredential } from "./credential-plugin.js";
import { ClusterFailure } from "./failure.js";
import { fileTrouble } from "./file-trouble.js";
import type { KubeconfigUser, SelectedContext } from "./kubeconfig.js";

/** Tokens of a pod are replaced long before they end. */
const READ_AGAIN_AFTER_MS = 60_000;

export type RequestHeaders = Record<string, string | readonly string[]>;

/** Shows the API server of a context who asks, and tells what to believe of it. */
export class Credentials {
  readonly #context: SelectedContext;
  #known:
    | { readonly options: RequestOptions; readonly token: string | undefined; readonly readAt: number }
    | undefined;

  constructor(context: SelectedContext) {
    this.#context = context;
  }

  /** Whether requests go through a proxy, for which the options have an agent then. */
  get goThroughProxy(): boolean {
    return Boolean(this.#context.cluster.proxyUrl);
  }

  /** Adds what a request needs. @throws ClusterFailure when there are no credentials */
  async applyTo(options: RequestOptions & { headers: RequestHeaders }): Promise<void> {
    const { cluster, user } = this.#context;
    if (!this.#known || performance.now() - this.#known.readAt > READ_AGAIN_AFTER_MS) {
      const token = tokenOf(user);
      this.#known = { options: readOptions(this.#context), token, readAt: performance.now() };
    }
    Object.assign(options, this.#known.options);
    if (user?.exec) {
      const { token, certificate, key } = await pluginCredential(user.name, user.exec, cluster);
      if (token !== undefined) options.headers["Authorization"] = `Bearer ${token}`;
      if (certificate !== undefined) Object.assign(options, { cert: certificate, key });
    } else {
      const authorization = authorizationOf(this.#known.token, user);
      if (authorization !== undefined) options.headers["Authorization"] = authorization;
    }
    if (user?.authProvider || cluster.proxyUrl) await applyByPackage(this.#context, options);
  }

  /** The API server did not take them: what a plugin gave is not shown again, and files are read anew. */
  refused(): void {
    const { cluster, user } = this.#context;
    this.#known = undefined;
    if (user?.exec) forgetPluginCredential(user.exec, cluster);
  }
}

function readOptions({ cluster, user }: SelectedContext): RequestOptions {
  const ofCluster = `cluster '${cluster.name}'`;
  const ofUser = `user '${user?.name ?? ""}'`;
  return {
    ca: pem(`the certificate-authority of ${ofCluster}`, cluster.caData, cluster.caFile),
    cert: pem(`the client-certificate of ${ofUser}`, user?.certData, user?.certFile),
    key: pem(`the client-key of ${ofUser}`, user?.keyData, user?.keyFile),
    ...(cluster.skipTLSVerify && { rejectUnauthorized: false }),
    ...(cluster.tlsServerName !== undefined && { servername: cluster.tlsServerName }),
  };
}

function authorizationOf(token: string | undefined, user: KubeconfigUser | undefined): string | undefined {
  if (token !== undefined) return `Bearer ${token}`;
  if (!user?.username) return undefined;
  return `Basic ${Buffer.from(`${user.username}:${user.password ?? ""}`).toString("base64")}`;
}

/** What stands in the kubeconfig itself, in base64, counts before a file that it names. */
function pem(what: string, data: string | undefined, file: string | undefined): string | undefined {
  if (!data && !file) return undefined;
  const text = data ? Buffer.from(data, "base64").toString("utf8") : readNamed(what, file ?? "");
  if (text.includes("-----BEGIN ")) return text;
  const place = data ? "in the kubeconfig" : (file ?? "");
  throw new ClusterFailure("bad-kubeconfig", `${what} is not PEM (${place})`, {
    hint: "kubectl config view --raw",
  });
}

/** A file counts before what stands in the kubeconfig, as with kubectl. */
function tokenOf(user: KubeconfigUser | undefined): string | undefined {
  const { tokenFile: file, token } = user ?? {};
  if (!user || !file) return token || undefined;
  return readNamed(`the tokenFile of user '${user.name}'`, file).trim() || undefined;
}

function readNamed(what: string, path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw new ClusterFailure("bad-kubeconfig", `${what} cannot be read (${path}: ${fileTrouble(error)})`, {
      hint: "kubectl config view",
    });
  }
}

/** What is older than plugins for credentials, and proxies, are the package's, which is loaded for them alone. */
async function applyByPackage(
  { name, cluster, user }: SelectedContext,
  options: RequestOptions & { headers: RequestHeaders },
): Promise<void> {
  const { KubeConfig } = await import("@kubernetes/client-node");
  const config = new KubeConfig();
  // It refuses http:// servers, as kubectl proxy is one, unless verification is off.
  const taken = cluster.server.startsWith("http:") ? { ...cluster, skipTLSVerify: true } : cluster;
  const named = user?.name ?? "";
  config.loadFromOptions({
    clusters: [taken],
    // Without a user it does nothing. Plugins it would run for each request.
    users: [user?.authProvider ? user : { name: named }],
    contexts: [{ name, cluster: cluster.name, user: named }],
    currentContext: name,
  });
  await config.applyToHTTPSOptions(options);
}
