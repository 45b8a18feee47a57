import type { Thread } from "./happenings.js";

/** What a thread does: it runs, it waits for a core while it could run, or it waits for something else. */
export type State = "running" | "waiting" | "asleep";

/** A time in one state, in µs. */
export interface Stretch {
  readonly state: State;
  readonly from: number;
  /** Infinity while it lasts. */
  readonly to: number;
  /** Where it ran, or was to run next; -1 where that is not known. */
  readonly core: number;
}

/** Times in each state, in µs. */
export type Spent = Readonly<Record<State, number>>;

/** The kernel's number of the thread that a core runs when there is nothing to do. */
export const IDLE = 0;

/** Which threads ran when and where, and which waited for a core. */
export class Scheduling {
  readonly #threads = new Map<number, Stretch[]>();
  readonly #cores = new Map<number, Run[]>();
  #switches = 0;
  #untold = 0;

  /** The share of switches that the kernel did not tell of. */
  get untold(): number {
    return this.#untold / Math.max(1, this.#switches);
  }

  switched(
    at: number,
    core: number,
    { from, to, preempted }: { from: Thread; to: Thread; preempted: boolean },
  ): void {
    this.#switches += 1;
    const runs = this.#cores.get(core) ?? [];
    this.#cores.set(core, runs);
    const before = runs.at(-1);
    if (before !== undefined) before.to = at;
    runs.push({ thread: to.id, name: to.name, from: at, to: Infinity });
    if (from.id !== IDLE) this.#enter(from.id, preempted ? "waiting" : "asleep", at, core);
    if (to.id !== IDLE) this.#enter(to.id, "running", at, core);
  }

  /**
   * Tells that a thread runs on a core. Some kernels do not tell of switches from some threads, the idle one among them: what another thread
   * does is then the first that is known of it. It is taken to run since it was woken where the core was idle, and from now on where it was not.
   */
  seen(at: number, core: number, thread: Thread): void {
    const before = this.#cores.get(core)?.at(-1);
    if (before?.thread === thread.id) return;
    const latest = this.#threads.get(thread.id)?.at(-1);
    const sinceWoken = before?.thread === IDLE && latest?.state === "waiting" && latest.from > before.from;
    if (before !== undefined) this.#untold += 1;
    const from = { id: before?.thread ?? IDLE, name: before?.name ?? "" };
    this.switched(sinceWoken ? latest.from : at, core, { from, to: thread, preempted: false });
  }

  woken(at: number, thread: number): void {
    // One that is about to sleep, and has not yet, goes on.
    const state = this.#threads.get(thread)?.at(-1)?.state ?? "asleep";
    if (state === "asleep") this.#enter(thread, "waiting", at, -1);
  }

  #enter(thread: number, state: State, at: number, core: number): void {
    const stretches = this.#threads.get(thread) ?? [];
    this.#threads.set(thread, stretches);
    const before = stretches.pop();
    if (before !== undefined) {
      const where = before.state === "waiting" && state === "running" ? core : before.core;
      stretches.push({ ...before, to: at, core: where });
    }
    stretches.push({ state, from: at, to: Infinity, core });
  }

  /** What a thread did between two moments, as far as the trace tells: not before its first event. */
  between(thread: number, from: number, to: number): readonly Stretch[] {
    return overlapping(this.#threads.get(thread) ?? [], from, to);
  }

  /** How long a thread was in each state between two moments. */
  spent(thread: number, from: number, to: number): Spent {
    const spent = { running: 0, waiting: 0, asleep: 0 };
    for (const stretch of this.between(thread, from, to)) spent[stretch.state] += stretch.to - stretch.from;
    return spent;
  }

  /** Who ran on a core between two moments, the idle thread included. */
  ran(core: number, from: number, to: number): readonly Readonly<Run>[] {
    return overlapping(this.#cores.get(core) ?? [], from, to);
  }

  /** All stretches of a thread that have ended. */
  stretches(thread: number): readonly Stretch[] {
    return (this.#threads.get(thread) ?? []).filter(({ to }) => to !== Infinity);
  }
}

/** A time in which a core had one thread. */
interface Run {
  readonly thread: number;
  readonly name: string;
  readonly from: number;
  to: number;
}

/** The parts of ordered times that lie between two moments. */
function overlapping<Time extends { readonly from: number; readonly to: number }>(
  times: readonly Time[],
  from: number,
  to: number,
): readonly Time[] {
  const found: Time[] = [];
  for (let index = firstEndingAfter(times, from); index < times.length; index += 1) {
    const time = times[index];
    if (time === undefined || time.from >= to) break;
    found.push({ ...time, from: Math.max(time.from, from), to: Math.min(time.to, to) });
  }
  return found;
}

function firstEndingAfter(times: readonly { readonly to: number }[], at: number): number {
  let [low, high] = [0, times.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((times[middle]?.to ?? Infinity) > at) high = middle;
    else low = middle + 1;
  }
  return low;
}
