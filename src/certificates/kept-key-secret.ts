import type { Cluster, ClusterFailure } from "../kubernetes/index.js";
import { fail, ok, type Result } from "../result/index.js";
import {
  type KeyPair,
  keySecretData,
  type KeySecret,
  readKeySecret,
  SECRETS,
  type Secret,
} from "./key-secret.js";

/** A key pair that a program makes for itself and keeps in a Secret, together with its other replicas. */
export interface KeptKeySecret {
  readonly name: string;
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Makes the first, or the next one. @param before what is kept now, if that can be read */
  make(before: KeySecret | undefined): Promise<KeyPair>;
  /** Whether what is kept is to be replaced by the next one. @param kept as it was read, or why it cannot be used */
  isOver(kept: Result<KeySecret>): boolean;
}

/**
 * The key pair that is kept: read, made when there is none, made anew when it is over. Of several who make one at the same time
 * the first wins, and the others take what it made.
 */
export async function keepKeySecret(
  cluster: Cluster,
  kept: KeptKeySecret,
): Promise<Result<Result<KeySecret>, ClusterFailure>> {
  const { name, namespace } = kept;
  const found = await cluster.get(SECRETS, name, namespace);
  if (!found.ok && found.error.kind !== "not-found") return found;
  const secret = found.ok ? found.value : undefined;
  if (secret !== undefined) {
    const read = readKeySecret(secret, new Date());
    if (!kept.isOver(read)) return ok(read);
  }
  const written = await write(cluster, kept, secret);
  if (written.ok) return ok(readKeySecret(written.value, new Date()));
  if (written.error.kind !== "conflict") return written;
  const theirs = await cluster.get(SECRETS, name, namespace);
  return theirs.ok ? ok(readKeySecret(theirs.value, new Date())) : fail(theirs.error);
}

async function write(
  cluster: Cluster,
  kept: KeptKeySecret,
  before: Secret | undefined,
): Promise<Result<Secret, ClusterFailure>> {
  const { name, namespace, labels } = kept;
  const read = before && readKeySecret(before, new Date());
  const data = keySecretData(await kept.make(read?.ok === true ? read.value : undefined));
  const secret = { apiVersion: "v1", kind: "Secret", metadata: { name, namespace, labels } };
  if (before === undefined) {
    return cluster.create(SECRETS, { ...secret, type: "kubernetes.io/tls", data }, namespace);
  }
  // With the version that was read, so that what another has written since is not written over.
  return cluster.replace(SECRETS, { ...before, data: { ...before.data, ...data } });
}
