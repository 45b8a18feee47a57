import type { Result } from "../result/index.js";
import type { Failure } from "../output/index.js";
import type { Target } from "./target.js";

/** What a bench compares, and everything that had to be started for it. */
export interface Scenario {
  /** The direct call first. */
  readonly targets: readonly Target[];
  /** Ends what was started and removes its files. */
  stop(): Promise<void>;
}

/** A scenario, or why it could not be started; whatever was started by then has ended. */
export type ScenarioResult = Result<Scenario, Failure>;
