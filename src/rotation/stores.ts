import type { IdentityResponse__Output } from "../../generated/mesh/api/v1/IdentityResponse.js";
import { SECRETS } from "../certificates/index.js";
import { ControlPlaneClient, openEveryControlPlaneIn, routeTo } from "../client/index.js";
import {
  type AuthorityFiles,
  readAuthority,
  rootsFile,
  secretFiles,
  withSecretFiles,
  writeAuthorityFiles,
} from "../identity/index.js";
import { ISSUER_SECRET, NAMESPACE } from "../installed-names/index.js";
import { Cluster, type ClusterSelection } from "../kubernetes/index.js";
import { Failure } from "../output/index.js";

/** Where a certificate authority is kept, and who signs by it. */
export interface AuthorityStore {
  /** What is to be done that proxies get the roots into their files, in words. */
  readonly delivery: string;
  /** @throws Failure */
  read(): Promise<{ files: AuthorityFiles; trustDomain: string }>;
  /** Writes what follows from what was read last. @throws Failure */
  write(files: AuthorityFiles): Promise<void>;
  /** What every control plane that signs says of itself and of its proxies. @throws Failure */
  ask(): Promise<IdentityResponse__Output[]>;
  close(): void;
}

/** In the directory of a control plane, whose API is at an address. */
export function directoryStore(directory: string, api: string): AuthorityStore {
  const client = new ControlPlaneClient(routeTo(api));
  return {
    delivery: `put ${rootsFile(directory)} where proxies have their roots (--trust-roots), on every host`,
    async read() {
      const read = await readAuthority(directory);
      if (!read.ok) throw new Failure(read.error, { hint: `mesh ca create --directory ${directory}` });
      return read.value;
    },
    async write(files) {
      const written = await writeAuthorityFiles(directory, files);
      if (!written.ok) throw written.error;
    },
    ask: async () => [await client.identity()],
    close: () => client.close(),
  };
}

/** In the Secret that the control plane in a cluster keeps. */
export async function clusterStore(selection: ClusterSelection): Promise<AuthorityStore> {
  const opened = await Cluster.open(selection);
  if (!opened.ok) throw opened.error;
  const cluster = opened.value;
  const get = async () => {
    const secret = await cluster.get(SECRETS, ISSUER_SECRET, NAMESPACE);
    if (secret.ok) return secret.value;
    if (secret.error.kind !== "not-found") throw secret.error;
    throw new Failure(`there is no secrets/${ISSUER_SECRET} in namespace ${NAMESPACE}`, {
      hint: "mesh check; an issuer that you brought is yours to change (docs/identity.md)",
    });
  };
  let secret = await get();
  return {
    delivery: `kubelet brings the roots to the pods, within about two minutes`,
    async read() {
      secret = await get();
      const read = secretFiles(secret);
      if (!read.ok) throw new Failure(`secrets/${ISSUER_SECRET}: ${read.error}`, { hint: "mesh check" });
      return read.value;
    },
    async write(files) {
      const written = await cluster.replace(SECRETS, withSecretFiles(secret, files));
      if (!written.ok) throw written.error;
    },
    async ask() {
      const clients = await openEveryControlPlaneIn(selection);
      if (!clients.ok) throw clients.error;
      try {
        return await Promise.all(clients.value.map((client) => client.identity()));
      } finally {
        for (const client of clients.value) client.close();
      }
    },
    close: () => cluster.close(),
  };
}
