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
import { isIssuerDue, newAuthorityFiles, withNextIssuer } from "./authority-files.js";
import { filesOf, withSecretFiles } from "./authority-secret.js";

/** A trust root that is kept in a cluster. */
export interface ClusterRoot {
  readonly cluster: Cluster;
  /** The part of identities that says which mesh they belong to. */
  readonly trustDomain: string;
  /** A Secret of the user's with what signs; without it the control plane makes its own. */
  readonly issuerSecret?: string | undefined;
}

/** Reads the root, which is made when there is none. */
export async function readClusterRoot(options: ClusterRoot): Promise<Result<KeySecret>> {
  const name = options.issuerSecret ?? ISSUER_SECRET;
  const read = await (options.issuerSecret === undefined ? ownRoot(options) : brought(options, name));
  if (!read.ok) return fail(read.error.message);
  if (!read.value.ok) return fail(`secrets/${name} in namespace ${NAMESPACE}: ${read.value.error}`);
  return read.value;
}

type ReadSecret = Result<Result<KeySecret>, ClusterFailure>;

async function ownRoot(options: ClusterRoot): Promise<ReadSecret> {
  const kept = await keepKeySecret(options.cluster, {
    name: ISSUER_SECRET,
    namespace: NAMESPACE,
    labels: OWNED_BY_CONTROL_PLANE,
    make: () => newAuthorityPair(options.trustDomain),
    isOver: () => false,
  });
  return kept.ok && kept.value.ok ? renewed(options, kept.value.value) : kept;
}

async function newAuthorityPair(trustDomain: string): Promise<KeyPair> {
  const files = await newAuthorityFiles(trustDomain);
  return {
    certificate: files["tls.crt"],
    key: files["tls.key"],
    authorities: files["ca.crt"],
    ...(files["ca.key"] !== undefined && { authorityKey: files["ca.key"] }),
  };
}

/** The issuer with its next certificate, where it is due. Of several who write one the first wins. */
async function renewed({ cluster, trustDomain }: ClusterRoot, keys: KeySecret): Promise<ReadSecret> {
  if (!isIssuerDue(keys)) return ok(ok(keys));
  const secret = await cluster.get(SECRETS, ISSUER_SECRET, NAMESPACE);
  const files = secret.ok ? filesOf(secret.value) : undefined;
  if (!secret.ok || !files) return ok(ok(keys));
  const next = await withNextIssuer(files, keys, trustDomain);
  if (next.files === files) return ok(ok(keys));
  const written = await cluster.replace(SECRETS, withSecretFiles(secret.value, next.files));
  return ok(ok(written.ok ? next.keys : keys));
}

async function brought({ cluster }: ClusterRoot, name: string): Promise<ReadSecret> {
  const secret = await cluster.get(SECRETS, name, NAMESPACE);
  return secret.ok ? ok(readKeySecret(secret.value, new Date())) : secret;
}
