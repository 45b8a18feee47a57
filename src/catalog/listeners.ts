import { isLoopbackIp, parseAddress } from "./address.js";
import type { Inbound, PortRange } from "./model.js";

/** Who takes what others send to an address. */
interface Listening {
  readonly inbound: readonly Inbound[];
  readonly bypassed?: readonly PortRange[];
}

/** Those who listen, by the addresses at which they do. Where two claim one, the last that was added has it. */
export class Listeners<T extends Listening> {
  readonly #byAddress = new Map<string, T>();
  /** Those that take redirected connections, by the IP address of which they have every port. */
  readonly #byIp = new Map<string, T>();

  /** Who serves at this address (`ip:port`, IPv6 in brackets). */
  at(address: string): T | undefined {
    const own = this.#byAddress.get(address);
    if (own) return own;
    const { ip = "", port = 0 } = parseAddress(address) ?? {};
    const redirected = this.#byIp.get(ip);
    return redirected?.bypassed?.some(([first, last]) => first <= port && port <= last)
      ? undefined
      : redirected;
  }

  add(one: T): void {
    for (const { address } of one.inbound) this.#byAddress.set(address, one);
    for (const ip of redirectedIps(one)) this.#byIp.set(ip, one);
  }

  remove(one: T): void {
    for (const { address } of one.inbound) {
      if (this.#byAddress.get(address) === one) this.#byAddress.delete(address);
    }
    for (const ip of redirectedIps(one)) {
      if (this.#byIp.get(ip) === one) this.#byIp.delete(ip);
    }
  }
}

/** The IP addresses at which someone is reached. */
export const inboundIps = ({ inbound }: Listening): string[] =>
  inbound.flatMap(({ address }) => parseAddress(address)?.ip ?? []);

/** The IP addresses of which every port is redirected to someone. Loopback never is: many may share that. */
export const redirectedIps = ({ inbound }: Listening): string[] =>
  inboundIps({ inbound: inbound.filter(({ application }) => application === "") }).filter(
    (ip) => !isLoopbackIp(ip),
  );
