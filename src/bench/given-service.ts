import type { Scenario } from "./scenario.js";
import type { Address } from "./target.js";

/** A service of the user's own, and a proxy that reaches it. Both run already. */
export interface GivenService {
  /** `http://host:port/path` */
  readonly url: string;
  readonly proxy: Address;
  /** The proxy's process ids, where its CPU and memory are to be measured. */
  readonly processes: readonly number[];
}

/** The user's own service, directly and through the proxy. Nothing else is ever asked for. */
export function givenService({ url, proxy, processes }: GivenService): Scenario {
  return {
    targets: [
      { name: "direct", url, proxy: null, processes: [] },
      { name: "proxy", url, proxy, processes },
    ],
    stop: () => Promise.resolve(),
  };
}
