import { lookup } from "node:dns/promises";

/** How long an answer is used before the name is asked for again. */
const REFRESH_MS = 5_000;
/** How long to wait after a first failure; doubled with each further one, up to REFRESH_MS. */
const FIRST_RETRY_MS = 500;
/** Names being resolved at once: the system's resolver blocks threads that reading files needs too. */
const CONCURRENT = 2;

interface Host {
  users: number;
  addresses: readonly string[];
  /** Why the last attempt failed; empty after a success and before the first attempt. */
  failure: string;
  failures: number;
  timer: NodeJS.Timeout | undefined;
}

/** Resolves host names by the system's resolver and keeps the answers fresh. A name that fails keeps its last answer. */
export class Hosts {
  private readonly known = new Map<string, Host>();
  private readonly waiting: string[] = [];
  private running = 0;
  private readonly idle: (() => void)[] = [];

  /** `changed` is called when the answer for a name, or the reason that there is none, is another one. */
  constructor(private readonly changed: (host: string) => void) {}

  acquire(name: string): void {
    const host = this.known.get(name);
    if (host) {
      host.users++;
      return;
    }
    this.known.set(name, { users: 1, addresses: [], failure: "", failures: 0, timer: undefined });
    this.enqueue(name);
  }

  release(name: string): void {
    const host = this.known.get(name);
    if (!host || --host.users > 0) return;
    clearTimeout(host.timer);
    this.known.delete(name);
  }

  addresses(name: string): readonly string[] {
    return this.known.get(name)?.addresses ?? [];
  }

  /** True until the first answer or failure. */
  pending(name: string): boolean {
    const host = this.known.get(name);
    return host !== undefined && host.failure === "" && host.addresses.length === 0;
  }

  /** Why the name has no fresh answer; empty when it has one. */
  failure(name: string): string {
    return this.known.get(name)?.failure ?? "";
  }

  /** Waits until every name was asked for once, or the time is over. */
  async settled(timeoutMs: number): Promise<void> {
    if (this.running === 0) return;
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      timer = setTimeout(resolve, timeoutMs);
      this.idle.push(resolve);
    });
    clearTimeout(timer);
  }

  stop(): void {
    for (const { timer } of this.known.values()) clearTimeout(timer);
    this.known.clear();
    this.waiting.length = 0;
  }

  private enqueue(name: string): void {
    this.waiting.push(name);
    if (this.running < CONCURRENT) void this.work();
  }

  private async work(): Promise<void> {
    this.running++;
    for (let name = this.waiting.shift(); name !== undefined; name = this.waiting.shift())
      await this.resolve(name);
    this.running--;
    if (this.running === 0) for (const resolve of this.idle.splice(0)) resolve();
  }

  private async resolve(name: string): Promise<void> {
    const host = this.known.get(name);
    if (!host) return;
    const before = `${host.addresses.join()} ${host.failure}`;
    try {
      host.addresses = preferred(await lookup(name, { all: true }));
      host.failure = "";
      host.failures = 0;
    } catch (error) {
      host.failure = error instanceof Error && "code" in error ? String(error.code) : String(error);
      host.failures++;
    }
    if (this.known.get(name) !== host) return;
    const delay =
      host.failure === "" ? REFRESH_MS : Math.min(FIRST_RETRY_MS * 2 ** (host.failures - 1), REFRESH_MS);
    host.timer = setTimeout(() => this.enqueue(name), delay);
    if (`${host.addresses.join()} ${host.failure}` !== before) this.changed(name);
  }
}

/**
 * The IPv4 addresses of a name, or its IPv6 addresses when it has no other: `localhost` stands for both on most machines, and
 * most servers listen on one.
 */
function preferred(found: { address: string; family: number }[]): string[] {
  const v4 = found.filter(({ family }) => family === 4);
  return [...new Set((v4.length > 0 ? v4 : found).map(({ address }) => address))].sort();
}
