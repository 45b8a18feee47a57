import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Proxies } from "../catalog/index.js";
import { type ControlPlane, startControlPlane, startIdentity } from "../control-plane/index.js";
import { issueToken, rootsFile } from "../identity/index.js";
import { Failure } from "../output/index.js";

const NAMESPACE = "default";
const JOINED_WITHIN_MS = 15_000;

/** What a sidecar is started with, so that it is believed and certified. */
export interface SidecarCredentials {
  tokenFile: string;
  trustRoots: string;
}

/** The demo's control plane, which certifies its sidecars. */
export interface QuietControlPlane extends Pick<ControlPlane, "discoveryAddress" | "apiAddress"> {
  /** Makes a token for a workload's sidecar. */
  credentialsOf(workload: string): Promise<SidecarCredentials>;
  /** Resolves when the sidecar of this name is connected, and certified. */
  joined(name: string): Promise<void>;
  stop(): Promise<void>;
}

/** Starts a control plane in this process that logs nothing; proxies reach it at free ports of this host. */
export async function startQuietControlPlane(
  directory: string,
  version: string,
  ip: string,
): Promise<QuietControlPlane> {
  const quiet = { failed: () => undefined, renewed: () => undefined, certified: () => undefined };
  const identity = await startIdentity({ directory }, quiet);
  if (!identity.ok) throw identity.error;
  const started = await startControlPlane({
    source: { directory },
    listen: `${ip}:0`,
    apiListen: "127.0.0.1:0",
    version,
    logFormat: "text",
    writeLog: () => undefined,
    identity: identity.value,
  });
  if (!started.ok) {
    await identity.value.root.stop();
    throw started.error;
  }
  const { discoveryAddress, apiAddress, catalog } = started.value;
  return {
    discoveryAddress,
    apiAddress,
    credentialsOf: (workload) => credentialsOf(directory, workload),
    joined: (name) => joined(catalog.proxies, name),
    async stop() {
      await started.value.stop();
      await identity.value.root.stop();
    },
  };
}

async function joined(proxies: Proxies, name: string): Promise<void> {
  const signal = AbortSignal.timeout(JOINED_WITHIN_MS);
  while (!proxies.get(NAMESPACE, name)) {
    await once(proxies, "joined", { signal }).catch(() => {
      throw new Failure(`the sidecar of ${name} did not connect to the control plane within 15 s`);
    });
  }
}

async function credentialsOf(directory: string, workload: string): Promise<SidecarCredentials> {
  const token = await issueToken({ directory, workload, namespace: NAMESPACE, ttl: "24h" });
  if (!token.ok) throw token.error;
  const tokenFile = join(directory, `${workload}.token`);
  await writeFile(tokenFile, token.value, { mode: 0o600 });
  return { tokenFile, trustRoots: rootsFile(directory) };
}
