import { isDeepStrictEqual } from "node:util";
import type { DiscoverResponse } from "../../generated/mesh/proxy/v1/DiscoverResponse.js";
import type { Target as TargetMessage } from "../../generated/mesh/proxy/v1/Target.js";
import {
  formatAddress,
  isInNetworks,
  parseAddress,
  type Catalog,
  type ConnectedProxy,
  type Endpoint,
  type SocketAddress,
  type Target,
  type TargetListener,
} from "../catalog/index.js";

/** What a proxy asks about: what its application named, or the address that it connects to. */
export type TargetName = { authority: string } | { originalDestination: SocketAddress };

/** What a proxy was last told of an address, and what it must be told now; undefined: no such endpoint. */
interface Difference {
  told: Endpoint | undefined;
  now: Endpoint;
  gone: boolean;
}

/**
 * What one proxy has yet to be told of one target: everything, or the differences since the last message. Differences of one
 * address are merged, so that what waits for a slow proxy is never more than the latest state.
 */
export class Subscription {
  private readonly target: Target;
  private readonly toMessage: (endpoint: Endpoint) => EndpointMessage;
  private needsSnapshot = true;
  private readonly differences = new Map<string, Difference>();

  constructor(
    catalog: Catalog,
    private readonly name: TargetName,
    asker: ConnectedProxy,
    wake: () => void,
  ) {
    const { namespace, name: instance } = asker;
    const provesItself = proofOf(asker);
    this.toMessage = (endpoint) => (provesItself(endpoint) ? toMessage(endpoint) : withoutIdentity(endpoint));
    const listener: TargetListener = {
      replaced: () => {
        this.needsSnapshot = true;
        wake();
      },
      changed: (before, after) => {
        if (this.needsSnapshot) return;
        this.merge(before, after);
        wake();
      },
    };
    this.target =
      "authority" in name
        ? catalog.watch(name.authority, namespace, listener, instance)
        : catalog.watchOriginal(name.originalDestination, listener, { namespace, instance });
  }

  /** The message that is due; undefined when the proxy knows everything. */
  take(): DiscoverResponse | undefined {
    const message = this.needsSnapshot ? this.snapshot() : this.change();
    this.needsSnapshot = false;
    this.differences.clear();
    return message;
  }

  stop(): void {
    this.target.stop();
  }

  private merge(before: Endpoint | undefined, after: Endpoint | undefined): void {
    const now = after ?? before;
    if (!now) return;
    const key = formatAddress(now.address);
    const known = this.differences.get(key);
    const told = known ? known.told : before;
    if (isDeepStrictEqual(told, after)) this.differences.delete(key);
    else this.differences.set(key, { told, now, gone: after === undefined });
  }

  private snapshot(): DiscoverResponse {
    const service = this.target.service();
    const snapshot = {
      target: this.name satisfies TargetMessage,
      service: service ?? null,
      endpoints: this.target.endpoints().map(this.toMessage),
    };
    return { snapshot };
  }

  private change(): DiscoverResponse | undefined {
    if (this.differences.size === 0) return undefined;
    const all = [...this.differences.values()];
    const change = {
      target: this.name satisfies TargetMessage,
      added: all.filter(({ gone }) => !gone).map(({ now }) => this.toMessage(now)),
      removed: all.filter(({ gone }) => gone).map(({ now }) => now.address),
    };
    return { change };
  }
}

/** Tells whether the proxy of an endpoint with an identity proves itself to who asks. */
function proofOf({ namespace, name, identity, inbound, adminAddress }: ConnectedProxy) {
  const isRedirected = inbound.some(({ application }) => application === "");
  const reached = [adminAddress, ...inbound.map(({ address }) => address)];
  const ips = new Set(reached.flatMap((address) => parseAddress(address)?.ip ?? []));
  return ({ pod, namespace: of, bypassedFrom }: Endpoint): boolean => {
    // What a redirected application sends to itself never leaves its pod, and does not pass its proxy a second time.
    const isItself = isRedirected && pod === name && of === namespace;
    const isBypassed = bypassedFrom !== undefined && [...ips].some((ip) => isInNetworks(ip, bypassedFrom));
    // Who has no certificate cannot shake hands, and speaks plain text to everyone.
    return identity !== undefined && !isItself && !isBypassed;
  };
}

type EndpointMessage = ReturnType<typeof toMessage>;

const toMessage = ({ address, namespace, workload, pod, meshed, identity = "" }: Endpoint) => ({
  ...{ address, namespace, pod, meshed, identity },
  workload: workload ?? null,
});

const withoutIdentity = (endpoint: Endpoint) => ({ ...toMessage(endpoint), identity: "" });
