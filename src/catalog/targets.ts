import { candidates, parseAuthority, type Authority } from "./authority.js";
import { formatAddress } from "./address.js";
import { EndpointSet } from "./endpoint-set.js";
import { destinationAt, membersAt, membersOf, type Destination, type Member } from "./members.js";
import { Index, keyOf, type Instances, type Services } from "./registered.js";
import type { ConnectedProxy, Endpoint, Instance, SocketAddress } from "./model.js";
import { redirectedIps, type Proxies } from "./proxies.js";

/** Who watches a target is told through this. */
export interface TargetListener {
  /** The authority now means another service, or none: ask again for everything. */
  replaced(): void;
  /** One endpoint came (before undefined), went (after undefined) or changed. */
  changed(before: Endpoint | undefined, after: Endpoint | undefined): void;
}

/** What an authority means at the moment. */
export interface Target {
  /** Undefined when there is no such service. The port is 0 when the service takes any. */
  service(): { namespace: string; name: string; port: number } | undefined;
  endpoints(): Endpoint[];
  /** Ends the watch. */
  stop(): void;
}

/** The endpoints of a destination that somebody watches. */
interface Live {
  destination: Destination;
  set: EndpointSet;
  bindings: number;
}

/** An authority as proxies of one namespace see it. */
interface Binding {
  key: string;
  authority: Authority | undefined;
  namespace: string;
  candidates: string[];
  live: Live | undefined;
  unlisten: () => void;
  listeners: Set<TargetListener>;
}

/** The authorities that are watched; work is done for these alone. */
export class Targets {
  private readonly bindings = new Map<string, Binding>();
  private readonly byCandidate = new Index<Binding>();
  /** By service, then by port (0: any). */
  private readonly live = new Map<string, Map<number, Live>>();
  private readonly byAddress = new Index<EndpointSet>();
  /** The keys of `byAddress`. */
  private readonly addressesByIp = new Index<string>();

  constructor(
    private readonly services: Services,
    private readonly instances: Instances,
    private readonly proxies: Proxies,
    private readonly clusterDomain: string,
  ) {
    const refresh = (proxy: ConnectedProxy) => this.refresh(proxy);
    proxies.on("joined", refresh).on("left", refresh);
  }

  watch(authority: string, namespace: string, listener: TargetListener): Target {
    const binding = this.bind(authority, namespace);
    binding.listeners.add(listener);
    return {
      service: () => binding.live && describe(binding.live.destination),
      endpoints: () => [...(binding.live?.set.endpoints() ?? [])],
      stop: () => {
        binding.listeners.delete(listener);
        if (binding.listeners.size === 0) this.unbind(binding);
      },
    };
  }

  /** To be called after a service came, went or changed. */
  serviceChanged(namespace: string, name: string): void {
    const key = keyOf(namespace, name);
    const service = this.services.get(namespace, name);
    for (const [port, live] of this.live.get(key) ?? []) {
      const now = service && destinationAt(service, port || undefined);
      if (now && (now.port?.port ?? 0) === port) this.replaceMembers(live, now);
    }
    for (const binding of [...this.byCandidate.get(key)]) this.rebind(binding);
  }

  /** To be called after an instance came, went or changed. */
  instanceChanged(before: Instance | undefined, after: Instance | undefined): void {
    const left = new Set(before && this.services.having(before));
    const joined = new Set(after && this.services.having(after));
    for (const service of new Set([...left, ...joined])) {
      for (const live of this.live.get(keyOf(service.namespace, service.name))?.values() ?? []) {
        const { port } = live.destination;
        const had = before && left.has(service) ? membersAt(service, before, port) : [];
        const has = after && joined.has(service) ? membersAt(service, after, port) : [];
        this.exchange(live.set, had, has);
      }
    }
  }

  private bind(authority: string, namespace: string): Binding {
    const key = `${namespace}\0${authority}`;
    const known = this.bindings.get(key);
    if (known) return known;
    const parsed = parseAuthority(authority);
    const binding: Binding = {
      key,
      authority: parsed,
      namespace,
      candidates: parsed
        ? candidates(parsed.host, namespace, this.clusterDomain).map((c) => keyOf(c.namespace, c.name))
        : [],
      live: undefined,
      unlisten: () => undefined,
      listeners: new Set(),
    };
    this.bindings.set(key, binding);
    for (const candidate of binding.candidates) this.byCandidate.add(candidate, binding);
    this.rebind(binding);
    return binding;
  }

  private unbind(binding: Binding): void {
    this.bindings.delete(binding.key);
    for (const candidate of binding.candidates) this.byCandidate.delete(candidate, binding);
    this.release(binding);
  }

  /** Looks again what the authority means. */
  private rebind(binding: Binding): void {
    const destination = binding.authority && this.resolve(binding.authority, binding.namespace);
    const live = destination && this.liveOf(destination);
    if (live === binding.live) return;
    if (live) live.bindings++;
    this.release(binding);
    binding.live = live;
    if (live) {
      binding.unlisten = live.set.listen((before, after) => {
        for (const listener of binding.listeners) listener.changed(before, after);
      });
    }
    for (const listener of binding.listeners) listener.replaced();
  }

  private release(binding: Binding): void {
    const live = binding.live;
    if (!live) return;
    binding.unlisten();
    binding.live = undefined;
    if (--live.bindings > 0) return;
    for (const { address } of live.set.endpoints()) this.forget(address, live.set);
    const { service, port } = live.destination;
    const key = keyOf(service.namespace, service.name);
    const ports = this.live.get(key);
    ports?.delete(port?.port ?? 0);
    if (ports?.size === 0) this.live.delete(key);
  }

  private resolve({ host, port }: Authority, namespace: string): Destination | undefined {
    for (const candidate of candidates(host, namespace, this.clusterDomain)) {
      const service = this.services.get(candidate.namespace, candidate.name);
      if (!service || (candidate.portless && service.ports.length > 0)) continue;
      return destinationAt(service, port);
    }
    return undefined;
  }

  private liveOf(destination: Destination): Live {
    const key = keyOf(destination.service.namespace, destination.service.name);
    const ports = this.live.get(key) ?? new Map<number, Live>();
    this.live.set(key, ports);
    const port = destination.port?.port ?? 0;
    const known = ports.get(port);
    if (known) return known;
    const set = new EndpointSet(destination.service.namespace, (address) => this.proxies.at(address));
    this.exchange(set, [], membersOf(destination, this.instances));
    const live = { destination, set, bindings: 0 };
    ports.set(port, live);
    return live;
  }

  private replaceMembers(live: Live, destination: Destination): void {
    const before = live.destination;
    live.destination = destination;
    this.exchange(live.set, membersOf(before, this.instances), membersOf(destination, this.instances));
  }

  /** Adds before it removes, so that what stays does not go in between. */
  private exchange(set: EndpointSet, before: Member[], after: Member[]): void {
    const kept = new Set(after.map(memberKey));
    for (const member of after) {
      if (set.add(member)) this.note(member.address, set);
    }
    for (const member of before) {
      if (kept.has(memberKey(member))) continue;
      if (set.remove(member)) this.forget(member.address, set);
    }
  }

  private note(address: SocketAddress, set: EndpointSet): void {
    this.byAddress.add(formatAddress(address), set);
    this.addressesByIp.add(address.ip, formatAddress(address));
  }

  private forget(address: SocketAddress, set: EndpointSet): void {
    const key = formatAddress(address);
    this.byAddress.delete(key, set);
    if (this.byAddress.get(key).size === 0) this.addressesByIp.delete(address.ip, key);
  }

  private refresh(proxy: ConnectedProxy): void {
    const redirected = redirectedIps(proxy).flatMap((ip) => [...this.addressesByIp.get(ip)]);
    for (const address of new Set([...proxy.inbound.map((inbound) => inbound.address), ...redirected])) {
      for (const set of this.byAddress.get(address)) set.refresh(address);
    }
  }
}

const memberKey = ({ address, instance }: Member) => `${formatAddress(address)} ${instance?.name ?? ""}`;

function describe({ service, port }: Destination) {
  return { namespace: service.namespace, name: service.name, port: port?.port ?? 0 };
}
