import type { Bar } from "./bars.js";
import { CIRCUMSTANCE_BARS } from "./circumstance-bars.js";
import * as circumstances from "./circumstances.js";
import { PEER_BARS } from "./peer-bars.js";
import * as peers from "./peers.js";
import { type Step, STEPS } from "./measurement.js";
import type { Settings } from "./settings.js";

/** What is looked at in a comparison. */
export interface Kind {
  /** The row that ratios refer to. */
  readonly reference: string;
  readonly steps: readonly Step[];
  readonly bars: readonly Bar[];
}

/** The two comparisons. */
export const KINDS: Readonly<Record<Settings["against"], Kind>> = {
  peers: {
    reference: peers.REFERENCE,
    steps: STEPS,
    bars: PEER_BARS,
  },
  itself: { reference: circumstances.REFERENCE, steps: ["saturate", "pace"], bars: CIRCUMSTANCE_BARS },
};
