import {
  keepKeySecret,
  type KeySecret,
  newAuthority,
  readKeySecret,
  SECRETS,
} from "../certificates/index.js";
import { ISSUER_SECRET, NAMESPACE, OWNED_BY_CONTROL_PLANE } from "../installed-names/index.js";
import type { Cluster, ClusterFailure } from "../kubernetes/index.js";
import { fail, ok, type Result } from "../result/index.js";

/** Changing a root takes a change at every proxy, so it lives long; what it signs does not. */
const ROOT_DAYS = 3650;

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

const ownRoot = ({ cluster, trustDomain }: ClusterRoot): Promise<ReadSecret> =>
  keepKeySecret(cluster, {
    name: ISSUER_SECRET,
    namespace: NAMESPACE,
    labels: OWNED_BY_CONTROL_PLANE,
    make: () => newAuthority({ name: trustDomain, spiffeId: `spiffe://${trustDomain}`, days: ROOT_DAYS }),
    isOver: () => false,
  });

async function brought({ cluster }: ClusterRoot, name: string): Promise<ReadSecret> {
  const secret = await cluster.get(SECRETS, name, NAMESPACE);
  return secret.ok ? ok(readKeySecret(secret.value, new Date())) : secret;
}
