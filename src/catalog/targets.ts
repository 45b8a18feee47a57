import { candidates, parseAuthority, type Authority } from "./authority.js";
import { LiveDestinations, type LiveDestination } from "./live-destinations.js";
import { destinationAt, type Destination } from "./members.js";
import type { Asker, Endpoint, Instance, IpFamily, Service } from "./model.js";
import type { Nodes } from "./nodes.js";
import { isNamed, isPlacedByNode, type Scope, type Vantage } from "./placement.js";
import { Index, keyOf, type Instances, type Services } from "./registered.js";

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

/** What is asked for, by whom. */
export interface Question {
  /** `host` or `host:port` */
  authority: string;
  asker: Asker;
  /** Endpoints of this family alone. */
  family?: IpFamily;
}

interface Watch {
  question: Question;
  listener: TargetListener;
  binding: Binding;
}

/** An authority as the proxies of one namespace and one node see it. */
interface Binding {
  key: string;
  authority: Authority | undefined;
  namespace: string;
  node: string | undefined;
  family: IpFamily | undefined;
  /** The keys of the services that were looked for, found or not: another answer may come from these alone. */
  consulted: ReadonlySet<string>;
  live: LiveDestination | undefined;
  unlisten: () => void;
  listeners: Set<TargetListener>;
}

/** A service that is an alias of an alias of an alias is none. */
const MOST_ALIASES = 8;

/** The authorities that are watched; work is done for these alone. */
export class Targets {
  private readonly bindings = new Map<string, Binding>();
  private readonly byConsulted = new Index<Binding>();
  private readonly byNode = new Index<Binding>();
  /** By the key of the instance whose proxy asks. */
  private readonly byAsker = new Index<Watch>();

  constructor(
    private readonly services: Services,
    private readonly instances: Instances,
    private readonly nodes: Nodes,
    private readonly live: LiveDestinations,
    private readonly clusterDomain: string,
  ) {}

  watch(question: Question, listener: TargetListener): Target {
    const watch: Watch = { question, listener, binding: this.bind(question) };
    const asker = askerKey(question.asker);
    watch.binding.listeners.add(listener);
    this.byAsker.add(asker, watch);
    return {
      service: () => watch.binding.live && describe(watch.binding.live.destination),
      endpoints: () => [...(watch.binding.live?.set.endpoints() ?? [])],
      stop: () => {
        this.byAsker.delete(asker, watch);
        this.leave(watch);
      },
    };
  }

  /** To be called after a service came, went or changed. */
  serviceChanged(namespace: string, name: string): void {
    const key = keyOf(namespace, name);
    this.live.serviceChanged(key, this.services.get(namespace, name));
    for (const binding of [...this.byConsulted.get(key)]) this.rebind(binding);
  }

  /** To be called after an instance came, went or changed. */
  instanceChanged(before: Instance | undefined, after: Instance | undefined): void {
    this.live.instanceChanged(before, after);
    const instance = after ?? before;
    if (!instance || before?.node === after?.node) return;
    for (const watch of [...this.byAsker.get(keyOf(instance.namespace, instance.name))]) this.move(watch);
  }

  /** To be called after a node came, went or changed. */
  nodeChanged(name: string): void {
    for (const binding of [...this.byNode.get(name)]) this.rebind(binding);
  }

  /** Looks again where the asker is. */
  private move(watch: Watch): void {
    const before = watch.binding;
    const after = this.bind(watch.question);
    if (after === before) return;
    after.listeners.add(watch.listener);
    watch.binding = after;
    before.listeners.delete(watch.listener);
    const isReplaced = after.live !== before.live;
    if (before.listeners.size === 0) this.unbind(before);
    if (isReplaced) watch.listener.replaced();
  }

  private leave({ binding, listener }: Watch): void {
    binding.listeners.delete(listener);
    if (binding.listeners.size === 0) this.unbind(binding);
  }

  private bind({ authority, asker, family }: Question): Binding {
    const { namespace, instance } = asker;
    const node = instance === undefined ? undefined : this.instances.get(namespace, instance)?.node;
    const key = [namespace, node ?? "", family ?? "", authority].join("\0");
    const known = this.bindings.get(key);
    if (known) return known;
    const binding: Binding = {
      key,
      authority: parseAuthority(authority),
      namespace,
      node,
      family,
      consulted: new Set(),
      live: undefined,
      unlisten: () => undefined,
      listeners: new Set(),
    };
    this.bindings.set(key, binding);
    this.byNode.add(node, binding);
    this.rebind(binding);
    return binding;
  }

  private unbind(binding: Binding): void {
    this.bindings.delete(binding.key);
    this.byNode.delete(binding.node, binding);
    this.consult(binding, new Set());
    this.release(binding);
  }

  /** Looks again what the authority means. */
  private rebind(binding: Binding): void {
    const consulted = new Set<string>();
    const destination = binding.authority && this.resolve(binding.authority, binding, consulted);
    this.consult(binding, consulted);
    const live = destination && this.live.acquire(destination);
    if (live && live === binding.live) {
      this.live.release(live);
      return;
    }
    if (!live && !binding.live) return;
    this.release(binding);
    binding.live = live;
    if (live) {
      binding.unlisten = live.set.listen((before, after) => {
        for (const listener of binding.listeners) listener.changed(before, after);
      });
    }
    for (const listener of binding.listeners) listener.replaced();
  }

  private consult(binding: Binding, consulted: ReadonlySet<string>): void {
    for (const key of binding.consulted) if (!consulted.has(key)) this.byConsulted.delete(key, binding);
    for (const key of consulted) this.byConsulted.add(key, binding);
    binding.consulted = consulted;
  }

  private release(binding: Binding): void {
    if (!binding.live) return;
    binding.unlisten();
    this.live.release(binding.live);
    binding.live = undefined;
  }

  private resolve(
    { host, port }: Authority,
    binding: Binding,
    consulted: Set<string>,
    aliases = 0,
  ): Destination | undefined {
    for (const { namespace, name, hostname, portless } of candidates(
      host,
      binding.namespace,
      this.clusterDomain,
    )) {
      consulted.add(keyOf(namespace, name));
      const service = this.services.get(namespace, name);
      if (!service || (portless === true && service.ports.length > 0)) continue;
      if (hostname !== undefined && !hasHostname(service, hostname)) continue;
      if (service.alias === undefined) {
        return destinationAt(service, port, this.scopeOf(service, hostname, binding));
      }
      const alias = parseAuthority(service.alias);
      if (!alias || aliases === MOST_ALIASES) return undefined;
      return this.resolve({ host: alias.host, port }, binding, consulted, aliases + 1);
    }
    return undefined;
  }

  /** Where it does not matter, all proxies share one destination. */
  private scopeOf(service: Service, hostname: string | undefined, { node, family }: Binding): Scope {
    const from: Vantage | undefined = isPlacedByNode(service)
      ? { node, zone: node === undefined ? undefined : this.nodes.zoneOf(node) }
      : undefined;
    return { hostname, family, from };
  }
}

function hasHostname({ endpoints }: Service, hostname: string): boolean {
  return "places" in endpoints && endpoints.places.some((place) => isNamed(place, hostname));
}

const askerKey = ({ namespace, instance }: Asker) =>
  instance === undefined ? undefined : keyOf(namespace, instance);

function describe({ service, port }: Destination) {
  return { namespace: service.namespace, name: service.name, port: port?.port ?? 0 };
}
