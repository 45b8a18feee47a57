import { once } from "node:events";
import { type AccountNames, Catalog } from "../catalog/index.js";
import { PrometheusFirst, Scraper, type TrafficSource } from "../metrics/index.js";
import { Failure } from "../output/index.js";
import type { Cluster } from "../kubernetes/index.js";
import { startDirectoryRegistry } from "../registry/directory/index.js";
import { startKubernetesRegistry } from "../registry/kubernetes/index.js";
import { fail, ok, type Result } from "../result/index.js";
import { apiServices } from "./api.js";
import { CertifiedProxies } from "./certified-proxies.js";
import type { IdentityPart } from "./identity-role.js";
import { isLoopback, listen, parseListenAddress } from "./listen.js";
import type { DefaultPermission } from "./inbound-policy.js";
import { Log, type LogFormat } from "./log.js";
import { Presence } from "./presence.js";
import { ProxiesFile } from "./proxies-file.js";
import type { Applicant, ProxyRefusal, RefusalReason } from "./recognition.js";
import { startForProxies } from "./servers-for-proxies.js";
import { logWithoutEffect } from "./without-effect.js";

export const DEFAULT_DISCOVERY_ADDRESS = "127.0.0.1:8086";

export interface ControlPlaneOptions {
  /** What says which services and workloads there are. */
  source: Source;
  /** Ends the wait for a source that does not answer: what is not read by then is missing. */
  signal?: AbortSignal;
  /** HOST:PORT for proxies; port 0 takes a free one. */
  listen: string;
  /** HOST:PORT for commands, on loopback; port 0 takes a free one. */
  apiListen: string;
  /** A Prometheus that scrapes the proxies: http or https. Figures come from it, and without it from the control plane's memory. */
  prometheusUrl?: string | undefined;
  /** HOST:PORT of an HTTP proxy by which it is asked. */
  prometheusProxy?: string | undefined;
  /** The DNS domain of the cluster; `cluster.local` when left out. */
  clusterDomain?: string;
  /** What becomes of requests and connections that no permission is for; allowed when left out. */
  defaultPermission?: DefaultPermission;
  /** The version of the control plane, as it is told to commands. */
  version: string;
  logFormat: LogFormat;
  /** Takes the lines of the log, each with its line end. */
  writeLog: (line: string) => void;
  /** What certifies proxies; without it they speak plain text, and outside a cluster each is who it says it is. */
  identity?: IdentityPart | undefined;
  /** Told of each proxy that was refused. */
  refused?: (reason: RefusalReason) => void;
}

/** A directory of files (its path), or a Kubernetes cluster. */
export type Source = { directory: string } | { cluster: Cluster };

export interface ControlPlane {
  /** host:port for proxies, with the port that was really taken. */
  discoveryAddress: string;
  /** host:port for commands, with the port that was really taken. */
  apiAddress: string;
  catalog: Catalog;
  connectedProxies(): number;
  /** Ends every stream and every watch. */
  stop(): Promise<void>;
}

/** Starts what proxies and commands connect to. It answers once the source was read. */
export async function startControlPlane(
  options: ControlPlaneOptions,
): Promise<Result<ControlPlane, Failure>> {
  const apiPlace = parseListenAddress(options.apiListen);
  if (apiPlace && !isLoopback(apiPlace.host)) return fail(refuseOpenApi(options.apiListen, apiPlace.port));
  const parts = new Parts();
  const started = await startParts(options, parts);
  if (!started.ok) await parts.stop();
  return started;
}

/** What was started so far, to be stopped in the opposite order. */
class Parts {
  private readonly ends: (() => void | Promise<void>)[] = [];

  add(end: () => void | Promise<void>): void {
    this.ends.unshift(end);
  }

  async stop(): Promise<void> {
    for (const end of this.ends.splice(0)) await end();
  }
}

async function startParts(
  options: ControlPlaneOptions,
  parts: Parts,
): Promise<Result<ControlPlane, Failure>> {
  const { version } = options;
  const startedAt = new Date();
  const log = new Log(options.logFormat, options.writeLog);
  const catalog = new Catalog(options.clusterDomain, accountsOf(options));
  logProblems(catalog, log);
  parts.add(logWithoutEffect(catalog.policies, log));
  const presence = new Presence(catalog, log);
  const connectedProxies = () => presence.connected;
  const registry = await startRegistry(options, catalog);
  if (!registry.ok) return registry;
  parts.add(() => registry.value.stop());
  await publishRoots(options, { catalog, log, parts });
  const scraper = scrapeProxies(catalog, options.prometheusUrl !== undefined);
  parts.add(() => scraper.close());
  const traffic = trafficSource(scraper, options);
  if (!traffic.ok) return traffic;
  parts.add(() => presence.stop());

  const refused = (refusal: ProxyRefusal, proxy: Applicant | undefined) => {
    logRefusal(log, refusal, proxy);
    options.refused?.(refusal.reason);
  };
  const certified = options.identity && (await certifiedProxies(options.identity, log));
  if (certified) presence.remember(certified.expected());
  const discovery = await startForProxies(options, { catalog, presence, certified, refused, log });
  if (!discovery.ok) return discovery;
  parts.add(() => discovery.value.close());
  if (certified) parts.add(() => certified.stop());

  const api = await listen({
    address: options.apiListen,
    flag: "--api-listen",
    services: apiServices({
      ...{ catalog, traffic: traffic.value, log, version, startedAt, connectedProxies },
      ...(options.identity &&
        certified && {
          identity: { root: options.identity.root, certified, podsAreKnown: "cluster" in options.source },
        }),
      defaultPermission: options.defaultPermission ?? "allow",
    }),
  });
  if (!api.ok) return api;
  parts.add(() => api.value.close());

  log.info("reading services and workloads", nameOf(options.source));
  if (!options.identity) warnOfPlainText(options.source, log);
  log.info("listening for proxies", { address: discovery.value.address });
  log.info("listening for commands", { address: api.value.address });
  return ok({
    discoveryAddress: discovery.value.address,
    apiAddress: api.value.address,
    catalog,
    connectedProxies,
    stop: () => parts.stop(),
  });
}

/** Outside Kubernetes a workload is its own account. */
const accountsOf = ({ source, identity }: ControlPlaneOptions): AccountNames | undefined =>
  identity && { identityOf: identity.identityOf, namedAsWorkloads: "directory" in source };

/** Those that are remembered, and those that come. */
async function certifiedProxies({ root, proxiesFile }: IdentityPart, log: Log): Promise<CertifiedProxies> {
  const failed = (message: string) => log.error(message);
  return new CertifiedProxies(
    root,
    proxiesFile === undefined ? undefined : await ProxiesFile.open(proxiesFile, failed),
  );
}

/** Reads the source into the catalog, and follows it. */
async function startRegistry(
  { source, signal, identity }: Pick<ControlPlaneOptions, "source" | "signal" | "identity">,
  catalog: Catalog,
): Promise<Result<{ stop(): Promise<void> }, Failure>> {
  if ("directory" in source) return startDirectoryRegistry(source.directory, catalog);
  const registry = startKubernetesRegistry(source.cluster, catalog, identity?.identityOf);
  await Promise.race([registry.complete, ...(signal ? [once(signal, "abort")] : [])]);
  return ok({
    stop() {
      registry.stop();
      source.cluster.close();
      return Promise.resolve();
    },
  });
}

/** In a cluster whose proxies are certified, the roots that these trust are kept where their pods find them. */
async function publishRoots(
  { source, identity }: Pick<ControlPlaneOptions, "source" | "identity">,
  { catalog, log, parts }: { catalog: Catalog; log: Log; parts: Parts },
): Promise<void> {
  const readRoots = identity?.readRoots;
  if (!("cluster" in source) || !readRoots) return;
  const { PublishedRoots } = await import("./published-roots.js");
  const { cluster } = source;
  const failed = (message: string) => log.error(message);
  const roots = new PublishedRoots({ cluster, namespaces: catalog.namespaces, readRoots, failed });
  identity.root.onChange(() => roots.rootsChanged());
  parts.add(() => roots.stop());
}

function logRefusal(log: Log, { reason, details }: ProxyRefusal, proxy: Applicant | undefined): void {
  const name = proxy && { proxy: `${proxy.namespace}/${proxy.name}` };
  log.warn("proxy refused", { ...name, reason, details });
}

/** In a cluster the identity role is a process of the installation; in a directory it is easily forgotten. */
function warnOfPlainText(source: Source, log: Log): void {
  if (!("directory" in source)) return;
  const { directory } = source;
  log.warn("no certificate authority: proxies speak plain text, and each is who it says it is", {
    directory,
    try: `mesh ca create --directory ${directory}, and start again`,
  });
}

function nameOf(source: Source) {
  return "directory" in source ? { directory: source.directory } : { cluster: source.cluster.server };
}

/** Scrapes each sidecar for as long as it is there. With a Prometheus, which does so too, only while somebody asks for more than that can answer. */
function scrapeProxies({ sidecars }: Catalog, onlyWhenAsked: boolean): Scraper {
  const scraper = new Scraper({ onlyWhenAsked });
  for (const sidecar of sidecars) scraper.add(sidecar);
  sidecars.on("joined", (sidecar) => scraper.add(sidecar)).on("left", (sidecar) => scraper.remove(sidecar));
  return scraper;
}

function trafficSource(
  scraper: Scraper,
  { prometheusUrl: url, prometheusProxy: proxy }: ControlPlaneOptions,
): Result<TrafficSource, Failure> {
  if (proxy !== undefined && !parseListenAddress(proxy)) {
    const hint = "--prometheus-proxy 127.0.0.1:4140";
    return fail(new Failure(`--prometheus-proxy ${proxy}: expected HOST:PORT`, { hint, exitStatus: 2 }));
  }
  if (url === undefined) return ok(scraper);
  const { protocol, username, search, hash } = URL.canParse(url) ? new URL(url) : NO_URL;
  const isPlain = username === "" && search === "" && hash === "";
  if (isPlain && (protocol === "http:" || protocol === "https:"))
    return ok(new PrometheusFirst(url, scraper, proxy));
  return fail(
    new Failure(
      `--prometheus-url ${url}: expected http://HOST:PORT or https://HOST:PORT, with a path at most`,
      {
        hint: "--prometheus-url http://127.0.0.1:9090",
        exitStatus: 2,
      },
    ),
  );
}

const NO_URL = { protocol: "", username: "", search: "", hash: "" };

function refuseOpenApi(address: string, port: number): Failure {
  return new Failure(`--api-listen ${address}: the API has no access control and listens on loopback only`, {
    hint: `--api-listen 127.0.0.1:${port}, and reach it from elsewhere through ssh -L`,
    exitStatus: 2,
  });
}

function logProblems({ problems }: Catalog, log: Log): void {
  const at = (source: string, line: number) => (line === 0 ? source : `${source}:${line}`);
  problems.on("found", ({ source, line, message }) => log.warn(`${at(source, line)}: ${message}`));
  problems.on("solved", ({ source, line }) => log.info(`${at(source, line)}: no longer a problem`));
}
