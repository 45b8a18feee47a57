import { formatDuration } from "../output/index.js";
import type { Machine } from "./machine.js";
import { isHttp2 } from "./protocol.js";
import type { LoadSettings, TargetReport } from "./report.js";

const GENERATOR_FULL = 0.9;
const LATE_US = 5000;
const RATE_KEPT = 0.98;
/** A rate above this share of the throughput is no longer "well below" saturation. */
const CALM_SHARE = 0.5;
const SAMPLES_BEYOND_P999 = 1000;
const NODE_IS_THE_LIMIT =
  "the load generator and the service are made of Node.js's HTTP/2, which takes several times what a sidecar does: requests a second are theirs, CPU a request is the sidecars'";

/** What a reader should know before believing the figures, a sentence each. */
export function notesOn(
  machine: Machine,
  settings: LoadSettings,
  targets: readonly TargetReport[],
): readonly string[] {
  return [
    ...machineNotes(machine),
    ...settingsNotes(settings),
    ...targets.flatMap((target) => targetNotes(settings, target)),
    ...targets.slice(1).flatMap(proxyNotes),
  ];
}

function machineNotes({ load, cores }: Machine): string[] {
  if (load < cores / 2) return [];
  return [`the machine was busy before the bench began: load ${load.toFixed(1)} on ${cores} cores`];
}

function settingsNotes({ protocol, rate, durationMs }: LoadSettings): string[] {
  const samples = Math.round((rate * durationMs) / 1000);
  return [
    ...(isHttp2(protocol) ? [NODE_IS_THE_LIMIT] : []),
    ...(samples < SAMPLES_BEYOND_P999
      ? [
          `p99.9 stands on ${samples} requests a round; take a longer --duration or a higher --rate for a better one`,
        ]
      : []),
  ];
}

function targetNotes(settings: LoadSettings, target: TargetReport): string[] {
  const notes: string[] = [];
  const { name, rounds, throughput } = target;
  const saturating = Math.max(...rounds.map(({ saturated }) => saturated.generator.cpu));
  if (saturating >= GENERATOR_FULL) {
    notes.push(
      `${name}: the load generator itself used ${percent(saturating)} of a core at saturation, so the target may take more than was measured`,
    );
  }
  const pacing = Math.max(...rounds.map(({ paced }) => paced.generator.cpu));
  if (pacing >= GENERATOR_FULL) {
    notes.push(
      `${name}: the load generator itself used ${percent(pacing)} of a core at ${settings.rate} requests a second, so latencies are partly its own`,
    );
  }
  const late = Math.max(...rounds.map(({ paced }) => paced.generator.lateUs));
  if (late >= LATE_US) {
    notes.push(
      `${name}: the machine was too busy to release requests in time (1% came more than ${formatDuration(late / 1e6)} late), so latencies are not the target's alone`,
    );
  }
  const reached = Math.min(...rounds.map(({ paced }) => paced.answered / paced.seconds));
  if (reached < settings.rate * RATE_KEPT) {
    notes.push(
      `${name}: ${Math.round(reached)} of the ${settings.rate} requests a second were answered in time`,
    );
  } else if (throughput !== null && settings.rate > throughput.median * CALM_SHARE) {
    notes.push(
      `${name}: ${settings.rate} requests a second is more than half of what it takes at saturation; latencies are of a loaded target`,
    );
  }
  return notes;
}

function proxyNotes({ name, rssBytes }: TargetReport): string[] {
  if (rssBytes !== null) return [];
  return [`${name}: CPU and memory of the proxy could not be read (no /proc, or no process named)`];
}

function percent(share: number): string {
  return `${Math.round(share * 100)}%`;
}
