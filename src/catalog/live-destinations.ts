import { formatAddress } from "./address.js";
import { EndpointSet } from "./endpoint-set.js";
import { redirectedIps } from "./listeners.js";
import { destinationAt, membersAt, membersOf, type Destination, type Member } from "./members.js";
import type { Instance, Service, Sidecar, SocketAddress } from "./model.js";
import type { Scope } from "./placement.js";
import { Index, keyOf, type Instances, type Services } from "./registered.js";
import type { Sidecars } from "./sidecars.js";

/** A destination that somebody watches, and its endpoints. */
export interface LiveDestination {
  readonly destination: Destination;
  readonly set: EndpointSet;
  /** Tells it apart from others of its service. */
  readonly key: string;
}

interface Live extends LiveDestination {
  destination: Destination;
  users: number;
}

/** The endpoints of the destinations that somebody watches; work is done for these alone. */
export class LiveDestinations {
  /** By service, then by port and scope. */
  private readonly live = new Map<string, Map<string, Live>>();
  private readonly byAddress = new Index<EndpointSet>();
  /** The keys of `byAddress`. */
  private readonly addressesByIp = new Index<string>();

  constructor(
    private readonly services: Services,
    private readonly instances: Instances,
    private readonly sidecars: Sidecars,
  ) {
    const refresh = (sidecar: Sidecar) => this.refresh(sidecar);
    sidecars.on("joined", refresh).on("left", refresh);
  }

  /** The one for a destination, for as long as it is not released. */
  acquire(destination: Destination): LiveDestination {
    const serviceKey = keyOf(destination.service.namespace, destination.service.name);
    const ofService = this.live.get(serviceKey) ?? new Map<string, Live>();
    this.live.set(serviceKey, ofService);
    const key = destinationKey(destination);
    const live = ofService.get(key) ?? this.begin(destination, key);
    ofService.set(key, live);
    live.users++;
    return live;
  }

  /** To be called once for each `acquire`. */
  release({ destination: { service }, set, key }: LiveDestination): void {
    const serviceKey = keyOf(service.namespace, service.name);
    const ofService = this.live.get(serviceKey);
    const live = ofService?.get(key);
    if (!ofService || !live || --live.users > 0) return;
    for (const { address } of set.endpoints()) this.forget(address, set);
    ofService.delete(key);
    if (ofService.size === 0) this.live.delete(serviceKey);
  }

  /** To be called after a service came, went or changed. */
  serviceChanged(key: string, service: Service | undefined): void {
    for (const live of this.live.get(key)?.values() ?? []) {
      const { port, scope } = live.destination;
      const now = service && destinationAt(service, port?.port, scope);
      if (now && now.port?.port === port?.port) this.replaceMembers(live, now);
    }
  }

  /** To be called after an instance came, went or changed. */
  instanceChanged(before: Instance | undefined, after: Instance | undefined): void {
    const left = new Set(before && this.services.having(before));
    const joined = new Set(after && this.services.having(after));
    for (const service of new Set([...left, ...joined])) {
      for (const live of this.live.get(keyOf(service.namespace, service.name))?.values() ?? []) {
        const destination = { ...live.destination, service };
        const had = before && left.has(service) ? membersAt(destination, before) : [];
        const has = after && joined.has(service) ? membersAt(destination, after) : [];
        this.exchange(live.set, had, has);
      }
    }
  }

  private begin(destination: Destination, key: string): Live {
    const set = new EndpointSet(destination.service.namespace, (address) => this.sidecars.at(address));
    this.exchange(set, [], membersOf(destination, this.instances));
    return { destination, set, key, users: 0 };
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

  private refresh(sidecar: Sidecar): void {
    const redirected = redirectedIps(sidecar).flatMap((ip) => [...this.addressesByIp.get(ip)]);
    for (const address of new Set([...sidecar.inbound.map((inbound) => inbound.address), ...redirected])) {
      for (const set of this.byAddress.get(address)) set.refresh(address);
    }
  }
}

const memberKey = ({ address, instance }: Member) => `${formatAddress(address)} ${instance?.name ?? ""}`;

/** Tells the destinations of one service apart. */
function destinationKey({ port, scope }: Destination): string {
  const { hostname, family, from }: Scope = scope ?? {};
  return [port?.port, hostname, family, from?.node, from?.zone].map((part) => part ?? "").join("\0");
}
