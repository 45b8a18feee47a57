import type { Catalog, ConnectedProxy } from "../catalog/index.js";
import type { Log } from "./log.js";

/** A stream that breaks and comes back within this time is no news to anyone. */
const GRACE_MS = 5_000;
/** A proxy looks for a control plane that was away every ten seconds, and this comes to many of them. */
const BACK_WITHIN_MS = 60_000;

/** A proxy's open stream. */
export interface Session {
  /** To be called once, when the stream is over. */
  end(): void;
}

interface Present {
  /** Oldest first. More than one means that proxies share a name: the newest counts. */
  open: ConnectedProxy[];
  grace: NodeJS.Timeout | undefined;
}

/** Which proxies are connected, as their discovery streams tell; keeps the catalog's proxies in step. */
export class Presence {
  private readonly byName = new Map<string, Present>();
  private streams = 0;
  private stopped = false;

  constructor(
    private readonly catalog: Catalog,
    private readonly log: Log,
    private readonly graceMs = GRACE_MS,
  ) {}

  /** How many proxies have an open stream. */
  get connected(): number {
    return this.streams;
  }

  begin(proxy: ConnectedProxy): Session {
    const key = `${proxy.namespace}/${proxy.name}`;
    const present = this.byName.get(key) ?? { open: [], grace: undefined };
    this.byName.set(key, present);
    clearTimeout(present.grace);
    present.open.push(proxy);
    this.streams++;
    this.log.info("proxy connected", {
      proxy: key,
      workload: `${proxy.workload.kind}/${proxy.workload.name}`,
      version: proxy.version,
    });
    this.reportSharedName(key, present);
    this.catalog.proxies.join(proxy);
    return { end: () => this.end(key, proxy) };
  }

  /** Proxies that were connected when the control plane ended: they count until they are back, or have not come for a minute. */
  remember(proxies: Iterable<ConnectedProxy>): void {
    for (const proxy of proxies) {
      const present: Present = { open: [], grace: undefined };
      this.byName.set(`${proxy.namespace}/${proxy.name}`, present);
      this.catalog.proxies.join(proxy);
      this.leaveAfter(BACK_WITHIN_MS, present, proxy);
    }
  }

  /** From now on streams that end are no news. */
  stop(): void {
    this.stopped = true;
    for (const { grace } of this.byName.values()) clearTimeout(grace);
  }

  private end(key: string, proxy: ConnectedProxy): void {
    const present = this.byName.get(key);
    if (!present || this.stopped) return;
    this.streams--;
    present.open = present.open.filter((other) => other !== proxy);
    this.log.info("proxy disconnected", { proxy: key });
    this.reportSharedName(key, present);
    const newest = present.open.at(-1);
    if (newest) {
      this.catalog.proxies.join(newest);
      return;
    }
    this.leaveAfter(this.graceMs, present, proxy);
  }

  private leaveAfter(milliseconds: number, present: Present, proxy: ConnectedProxy): void {
    present.grace = setTimeout(() => {
      this.byName.delete(`${proxy.namespace}/${proxy.name}`);
      this.catalog.proxies.leave(proxy.namespace, proxy.name);
    }, milliseconds);
  }

  /** A stream that comes back before the old one was noticed to be dead has the same addresses, and is no mistake. */
  private reportSharedName(key: string, { open }: Present): void {
    const newest = open.at(-1);
    const others = open.filter((proxy) => proxy.adminAddress !== newest?.adminAddress);
    const message =
      newest && others.length > 0
        ? `${others.length + 1} proxies call themselves ${key} (admin ${[...others, newest]
            .map((proxy) => proxy.adminAddress)
            .join(", ")}); expected a name of its own for each (MESH_PROXY_NAME); the newest counts`
        : undefined;
    const source = `proxy ${key}`;
    this.catalog.problems.report(source, message === undefined ? [] : [{ source, line: 0, message }]);
  }
}
