import { KEPT_SECONDS } from "./history.js";
import { type ProxyIdentity, ProxyTraffic, type SeriesBudget } from "./proxy-traffic.js";
import {
  addTraffic,
  type Decision,
  type DecisionQuery,
  noTraffic,
  type Traffic,
  type TrafficLabel,
  type TrafficLabels,
  type TrafficQuery,
} from "./traffic.js";

// A proxy whose last page is older than so many turns no longer tells what happens now.
const FRESH_TURNS = 2.5;

/**
 * What all proxies saw in the last ten minutes, also those that have left since. Times are in seconds on a clock that never
 * goes back.
 */
export class TrafficMemory {
  readonly #proxies = new Map<string, ProxyTraffic>();
  readonly #budget: SeriesBudget;

  /** @param maxSeries how many series there may be at most; each takes about 15 KB */
  constructor(readonly maxSeries: number) {
    this.#budget = { left: maxSeries };
  }

  /** Series for which there was no room on the proxies' last pages. */
  get overflow(): number {
    return [...this.#proxies.values()].reduce((sum, { overflow }) => sum + overflow, 0);
  }

  /** The memory of one proxy; what was known of the one that had its name before, if it is of the same workload. */
  of(identity: ProxyIdentity): ProxyTraffic {
    const { namespace, name, workload } = identity;
    const key = [namespace, name, workload.kind, workload.name].join("\0");
    const known = this.#proxies.get(key);
    if (known !== undefined) return known;
    const traffic = new ProxyTraffic(identity, this.#budget);
    this.#proxies.set(key, traffic);
    return traffic;
  }

  /** Forgets what is too old to be asked for. */
  expire(now: number): void {
    for (const [key, proxy] of this.#proxies) {
      proxy.expire(now);
      if (proxy.isEmpty && now - proxy.until > KEPT_SECONDS) this.#proxies.delete(key);
    }
  }

  /**
   * The traffic that a query is about; the window is cut to what is kept.
   * @param turnSeconds how often each proxy is asked for its page
   */
  query(query: TrafficQuery, now: number, turnSeconds = 2): Traffic[] {
    const groups = new Map<string, Traffic>();
    for (const { proxy, seconds, end } of this.#watched(query, now, turnSeconds)) {
      for (const sums of proxy.sums(query, end - seconds, end)) {
        const group = groupFor(groups, pick(sums.labels, query.groupBy));
        const { totals, latency, openConnections, securedConnections } = sums;
        addTraffic(group, { ...totals, latency, openConnections, securedConnections, seconds });
      }
    }
    return [...groups.values()];
  }

  /** What was decided of who may call; the window is cut to what is kept. */
  decisions(query: DecisionQuery, now: number, turnSeconds = 2): Decision[] {
    return [...this.#watched(query, now, turnSeconds)].flatMap(({ proxy, seconds, end }) => {
      const { namespace, name: pod, workload } = proxy.identity;
      if (query.namespace !== "" && query.namespace !== namespace) return [];
      return [...proxy.decisions(end - seconds, end)].map((sums) => ({ namespace, pod, workload, ...sums }));
    });
  }

  /** The proxies that were watched, and which part of the window. */
  *#watched(
    { windowSeconds }: { readonly windowSeconds: number },
    now: number,
    turnSeconds: number,
  ): Generator<{ proxy: ProxyTraffic; seconds: number; end: number }, void> {
    const window = Math.min(windowSeconds, KEPT_SECONDS);
    for (const proxy of this.#proxies.values()) {
      if (proxy.since === undefined) continue;
      const end = now - proxy.until <= FRESH_TURNS * turnSeconds ? proxy.until : now;
      yield { proxy, seconds: Math.min(window, end - proxy.since), end };
    }
  }
}

function pick(labels: TrafficLabels, wanted: readonly TrafficLabel[]): TrafficLabels {
  return Object.fromEntries(wanted.map((label) => [label, labels[label] ?? ""]));
}

function groupFor(groups: Map<string, Traffic>, labels: TrafficLabels): Traffic {
  const key = Object.values(labels).join("\0");
  const known = groups.get(key);
  if (known !== undefined) return known;
  const group = noTraffic(labels);
  groups.set(key, group);
  return group;
}
