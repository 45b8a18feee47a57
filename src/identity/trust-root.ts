import { endOf, type KeySecret } from "../certificates/index.js";
import { fail, ok, type Result } from "../result/index.js";
import { keepUp } from "../upkeep/index.js";
import { readAuthority } from "./authority-directory.js";
import type { ClusterRoot, ClusterRootReading } from "./cluster-root.js";
import { Issuer } from "./issuer.js";

/** What is written there is in force so soon. */
const LOOK_INTO_DIRECTORY_MS = 1_000;
const LOOK_INTO_CLUSTER_MS = 10_000;

/** Who is told of the trust root. */
export interface TrustRootObserver {
  failed(message: string): void;
  /** What signs certificates was given its next one: in words. */
  renewed(message: string): void;
  /** Until when what signs certificates is valid. */
  certified(ends: Date): void;
  /** The private key of tokens, PEM, whenever it was read, where it is kept beside. */
  readTokenKey?(key: string): void;
}

export interface TrustRootOptions {
  /** Where it is kept: in a cluster, or in a directory of the control plane, which has one. */
  readonly source: ClusterRoot | { readonly directory: string };
  /** What was read already. */
  readonly first?: Issuer;
  readonly observer: TrustRootObserver;
}

/** What signs certificates of workloads, looked after for as long as it is not stopped. */
export interface TrustRoot {
  /** What is still missing; undefined when nothing is. */
  waitingFor(): string | undefined;
  /** What signs now; undefined while that was never there. One that cannot be read any more goes on in memory. */
  issuer(): Issuer | undefined;
  /** Why what is kept cannot be used now; undefined when it can, and was read. */
  trouble(): string | undefined;
  /** From now on told whenever another issuer signs, or other roots are to be trusted. */
  onChange(listener: () => void): void;
  stop(): Promise<void>;
}

/**
 * Reads what signs certificates, again and again. On a cluster it is made on the first start, or taken from the Secret that the user brought. A root that cannot be used any more is told of and never replaced: proxies trust it.
 */
export function keepTrustRoot({ source, first, observer }: TrustRootOptions): TrustRoot {
  let issuer = first;
  let trouble: string | undefined;
  const listeners: (() => void)[] = [];
  const upkeep = keepUp({
    everyMs: "directory" in source ? LOOK_INTO_DIRECTORY_MS : LOOK_INTO_CLUSTER_MS,
    failed: (message) => observer.failed(message),
    async lookAfter() {
      const taken = await take();
      trouble = taken.ok ? undefined : taken.error;
      return taken.ok || !issuer ? taken : fail(`${taken.error}; what was read before signs on`);
    },
  });
  async function take(): Promise<Result<undefined>> {
    const renewed = (message: string) => observer.renewed(message);
    const read = await readSource(source, { renewed, present: issuer?.keys });
    if (!read.ok) return read;
    const { keys, trustDomain, tokenKey } = read.value;
    if (issuer && issuer.trustDomain !== trustDomain) {
      return fail(
        `what signs is of the trust domain ${trustDomain} now, and the mesh is of ${issuer.trustDomain}`,
      );
    }
    if (!issuer || !isSame(issuer.keys, keys)) {
      const opened = await Issuer.open(keys, trustDomain);
      if (!opened.ok) return opened;
      issuer = opened.value;
      for (const listener of listeners) listener();
    }
    if (tokenKey !== undefined) observer.readTokenKey?.(tokenKey);
    observer.certified(endOf([keys.certificate, ...keys.intermediates, ...keys.authorities]));
    return ok(undefined);
  }
  return {
    waitingFor: () => (issuer ? undefined : "the trust root"),
    issuer: () => issuer,
    trouble: () => trouble,
    onChange: (listener) => void listeners.push(listener),
    stop: () => upkeep.stop(),
  };
}

/** The certificates that proxies in a cluster are to trust, PEM. Who reads them may be the one who renews the issuer. */
export async function readPublishedRoots(
  source: ClusterRoot,
  reading: ClusterRootReading,
): Promise<Result<string>> {
  const read = await readSource(source, reading);
  return read.ok ? ok(read.value.keys.pem.authorities) : read;
}

interface ReadRoot {
  readonly keys: KeySecret;
  readonly trustDomain: string;
  readonly tokenKey?: string;
}

async function readSource(
  source: TrustRootOptions["source"],
  reading: ClusterRootReading,
): Promise<Result<ReadRoot>> {
  if ("directory" in source) {
    const read = await readAuthority(source.directory);
    if (read.ok && read.value.renewal !== undefined) reading.renewed(read.value.renewal);
    return read;
  }
  // What only a process in a cluster needs is loaded there alone.
  const { readClusterRoot } = await import("./cluster-root.js");
  const keys = await readClusterRoot(source, reading);
  return keys.ok ? ok({ keys: keys.value, trustDomain: source.trustDomain }) : keys;
}

const isSame = ({ pem: a }: KeySecret, { pem: b }: KeySecret): boolean =>
  a.certificate === b.certificate && a.key === b.key && a.authorities === b.authorities;
