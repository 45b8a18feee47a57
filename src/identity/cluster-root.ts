import {
  keepKeySecret,
  type KeyPair,
  type KeySecret,
  readKeySecret,
  SECRETS,
} from "../certificates/index.js";
import { ISSUER_SECRET, NAMESPACE, OWNED_BY_CONTROL_PLANE } from "../installed-names/index.js";
import type { Cluster, ClusterFailure } from "../kubernetes/index.js";
import { ok, fail, type Result } from "../result/index.js";
import { isIssuerDue, newAuthorityFiles, readWithNextIssuer } from "./authority-files.js";
import { filesOf, withSecretFiles } from "./authority-secret.js";

/** A trust root that is kept in a cluster. */
export interface ClusterRoot {
  readonly cluster: Cluster;
  /** The part of identities that says which mesh they belong to. */
  readonly trustDomain: string;
  /** A Secret of the user's with what signs; without it the control plane makes its own. */
  readonly issuerSecret?: string | undefined;
}

/** With what a root is read. */
export interface ClusterRootReading {
  /** Told that the issuer was given its next certificate, or that the Secret is put back. */
  readonly renewed: (message: string) => void;
  /** What signs already: a Secret that is gone is written anew with it, for proxies trust no other. Undefined before the first reading. */
  readonly present: KeySecret | undefined;
}

/** Reads the root, which is made when there is none yet. */
export async function readClusterRoot(
  options: ClusterRoot,
  reading: ClusterRootReading,
): Promise<Result<KeySecret>> {
  const name = options.issuerSecret ?? ISSUER_SECRET;
  const read = await (options.issuerSecret === undefined
    ? ownRoot(options, reading)
    : brought(options, name));
  if (!read.ok) return fail(read.error.message);
  if (!read.value.ok) return fail(`secrets/${name} in namespace ${NAMESPACE}: ${read.value.error}`);
  return read.value;
}

type ReadSecret = Result<Result<KeySecret>, ClusterFailure>;

async function ownRoot(options: ClusterRoot, reading: ClusterRootReading): Promise<ReadSecret> {
  const kept = await keep(options, reading);
  if (!kept.ok || (kept.value.ok && !isIssuerDue(kept.value.value))) return kept;
  return renew(options, kept.value, reading);
}

const keep = (
  { cluster, trustDomain }: ClusterRoot,
  { renewed, present }: ClusterRootReading,
): Promise<ReadSecret> =>
  keepKeySecret(cluster, {
    name: ISSUER_SECRET,
    namespace: NAMESPACE,
    labels: OWNED_BY_CONTROL_PLANE,
    make() {
      if (!present) return newAuthorityPair(trustDomain);
      renewed(`secrets/${ISSUER_SECRET} in namespace ${NAMESPACE} is gone; what signs is put back`);
      return Promise.resolve(present.pem);
    },
    isOver: () => false,
  });

async function newAuthorityPair(trustDomain: string): Promise<KeyPair> {
  const files = await newAuthorityFiles(trustDomain);
  return {
    certificate: files["tls.crt"],
    key: files["tls.key"],
    authorities: files["ca.crt"],
    ...(files["ca.key"] !== undefined && { authorityKey: files["ca.key"] }),
  };
}

/** What is kept with the issuer's next certificate, where it can have one. Of several who write one the first wins, and the others take it. */
async function renew(
  options: ClusterRoot,
  kept: Result<KeySecret>,
  reading: ClusterRootReading,
): Promise<ReadSecret> {
  const { cluster, trustDomain } = options;
  const secret = await cluster.get(SECRETS, ISSUER_SECRET, NAMESPACE);
  const files = secret.ok ? filesOf(secret.value) : undefined;
  if (!secret.ok || !files) return ok(kept);
  const read = await readWithNextIssuer(files, trustDomain);
  if (!read.ok) return ok(read);
  const { renewal } = read.value;
  if (renewal === undefined) return ok(readKeySecret(secret.value, new Date()));
  const written = await cluster.replace(SECRETS, withSecretFiles(secret.value, read.value.files));
  if (written.ok) {
    reading.renewed(renewal);
    return ok(readKeySecret(written.value, new Date()));
  }
  if (written.error.kind === "conflict") return keep(options, reading);
  return kept.ok ? ok(kept) : written;
}

async function brought({ cluster }: ClusterRoot, name: string): Promise<ReadSecret> {
  const secret = await cluster.get(SECRETS, name, NAMESPACE);
  return secret.ok ? ok(readKeySecret(secret.value, new Date())) : secret;
}
