import {
  keepKeySecret,
  type KeySecret,
  newAuthority,
  readKeySecret,
  SECRETS,
} from "../certificates/index.js";
import { CONTROL_PLANE, ISSUER_SECRET, NAMESPACE, TRUST_ROOTS_CONFIG_MAP } from "../installed-names/index.js";
import { type Cluster, type ClusterFailure, CONFIG_MAPS } from "../kubernetes/index.js";
import { fail, ok, type Result } from "../result/index.js";

/** Changing a root takes a change at every proxy, so it lives long; what it signs does not. */
const ROOT_DAYS = 3650;

/** The key of the ConfigMap under which the certificates are that proxies trust. */
const ROOTS_KEY = "ca.crt";

/** A trust root that is kept in a cluster. */
export interface ClusterRoot {
  readonly cluster: Cluster;
  /** The part of identities that says which mesh they belong to. */
  readonly trustDomain: string;
  /** A Secret of the user's with what signs; without it the control plane makes its own. */
  readonly issuerSecret?: string | undefined;
}

/** Reads the root, which is made when there is none, and publishes the certificates that proxies are to trust. */
export async function readClusterRoot(options: ClusterRoot): Promise<Result<KeySecret>> {
  const name = options.issuerSecret ?? ISSUER_SECRET;
  const read = await (options.issuerSecret === undefined ? ownRoot(options) : brought(options, name));
  if (!read.ok) return fail(read.error.message);
  if (!read.value.ok) return fail(`secrets/${name} in namespace ${NAMESPACE}: ${read.value.error}`);
  const published = await publish(options.cluster, read.value.value.pem.authorities);
  return published.ok ? read.value : fail(published.error.message);
}

type ReadSecret = Result<Result<KeySecret>, ClusterFailure>;

const ownRoot = ({ cluster, trustDomain }: ClusterRoot): Promise<ReadSecret> =>
  keepKeySecret(cluster, {
    name: ISSUER_SECRET,
    namespace: NAMESPACE,
    labels: LABELS,
    make: () => newAuthority({ name: trustDomain, spiffeId: `spiffe://${trustDomain}`, days: ROOT_DAYS }),
    isOver: () => false,
  });

async function brought({ cluster }: ClusterRoot, name: string): Promise<ReadSecret> {
  const secret = await cluster.get(SECRETS, name, NAMESPACE);
  return secret.ok ? ok(readKeySecret(secret.value, new Date())) : secret;
}

const LABELS = { "app.kubernetes.io/name": CONTROL_PLANE, "app.kubernetes.io/part-of": "mesh" };

/** Writes the ConfigMap with the roots, unless it says so already. Of several who do the last wins, with the same. */
async function publish(cluster: Cluster, authorities: string): Promise<Result<undefined, ClusterFailure>> {
  const found = await cluster.get(CONFIG_MAPS, TRUST_ROOTS_CONFIG_MAP, NAMESPACE);
  if (found.ok && found.value.data?.[ROOTS_KEY] === authorities) return ok(undefined);
  if (!found.ok && found.error.kind !== "not-found") return found;
  const data = { [ROOTS_KEY]: authorities };
  const written = found.ok
    ? await cluster.replace(CONFIG_MAPS, { ...found.value, data: { ...found.value.data, ...data } })
    : await cluster.create(
        CONFIG_MAPS,
        {
          apiVersion: "v1",
          kind: "ConfigMap",
          metadata: { name: TRUST_ROOTS_CONFIG_MAP, namespace: NAMESPACE, labels: LABELS },
          data,
        },
        NAMESPACE,
      );
  return written.ok ? ok(undefined) : written;
}
