import { History } from "./history.js";

/** What was decided of whom, by which permission; see `Decision` in traffic.ts. */
export interface Decided {
  readonly permission: string;
  readonly action: string;
  readonly clientIdentity: string;
}

/** How often it was decided between two times. */
export type DecisionSums = Decided & { readonly count: number };

/** How often one proxy decided the same of the same caller in the last ten minutes. */
export class DecisionSeries {
  /** Nothing of it lasts. */
  readonly isOpen = false;
  #counts: History | undefined;
  #growth = 0;

  /** @param lastGrowth when anything was counted last; at first, when the series began */
  constructor(
    readonly decided: Decided,
    public lastGrowth: number,
  ) {}

  /** Counts until the next commit. */
  grow(by: number): void {
    this.#growth += by;
  }

  /** Records what was counted since the last commit as having happened between two times. */
  commit(from: number, to: number): void {
    if (this.#growth === 0) return;
    this.#counts ??= new History(1);
    this.#counts.add(from, to, [this.#growth]);
    this.lastGrowth = to;
    this.#growth = 0;
  }

  sums(from: number, to: number): DecisionSums {
    return { ...this.decided, count: this.#counts?.sum(from, to)[0] ?? 0 };
  }
}
