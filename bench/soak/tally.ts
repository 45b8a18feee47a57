import type { Note } from "./journal.js";
import type { Ended } from "./outcome.js";
import type { Abort, TaskKind } from "./task.js";
import type { Subject, Verdict } from "./verdict.js";

/** Violations that are kept; the others are only counted. */
const KEPT = 50;

/** What was done of one kind. */
export interface KindTally {
  tasks: number;
  /** Requests, or tunnels. */
  begun: number;
  complete: number;
  brokenOff: number;
  /** Failures that a fault explains. */
  excused: number;
  skipped: number;
  up: number;
  down: number;
}

/** Counts what clients did and what became of it. */
export class Tally {
  readonly kinds = new Map<TaskKind, KindTally>();
  /** Aborts that were to happen, by who makes them and when. */
  readonly aborts = new Map<string, number>();
  /** Failures that were expected, by what excuses them and how the client saw them. */
  readonly excused = new Map<string, number>();
  readonly violations: string[] = [];
  violationCount = 0;

  constructor(private readonly note: Note) {}

  /** Counts a task that has ended, with the bytes that its client sent and received. */
  task(kind: TaskKind, up: number, down: number): void {
    const tally = this.#of(kind);
    tally.tasks += 1;
    tally.up += up;
    tally.down += down;
  }

  /** Counts a request or a tunnel. */
  ended(kind: TaskKind, { abort }: Subject, { outcome }: Ended, verdict: Verdict): void {
    const tally = this.#of(kind);
    tally.begun += 1;
    if (outcome.kind === "complete") tally.complete += 1;
    if (outcome.kind === "broken off") tally.brokenOff += 1;
    if (outcome.kind === "skipped") tally.skipped += 1;
    if (abort !== null) count(this.aborts, abortName(abort));
    if (verdict.kind === "excused") {
      tally.excused += 1;
      count(this.excused, `${verdict.by}: ${verdict.failing}`);
    }
    if (verdict.kind === "violation") this.violation(`${kind}: ${verdict.what}`);
  }

  violation(what: string): void {
    this.note(`wrong: ${what}`);
    this.violationCount += 1;
    if (this.violations.length < KEPT) this.violations.push(what);
  }

  /** Over all kinds. */
  sum(of: keyof KindTally): number {
    return [...this.kinds.values()].reduce((sum, tally) => sum + tally[of], 0);
  }

  #of(kind: TaskKind): KindTally {
    const known = this.kinds.get(kind);
    if (known) return known;
    const zero = { tasks: 0, begun: 0, complete: 0, brokenOff: 0, excused: 0, skipped: 0, up: 0, down: 0 };
    this.kinds.set(kind, zero);
    return zero;
  }
}

function abortName({ by, during }: Abort): string {
  if (during === "head") return `${by}, instead of an answer`;
  return `${by}, in the ${during}`;
}

/** One more of them. */
export function count<K>(counts: Map<K, number>, key: K): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
