import { spreadOf, type Machine, type Spread } from "../../src/bench/index.js";
import { DISTURBED_CORES, type Disturbance } from "./disturbance.js";
import type { FigureName, RowFigures } from "./figures.js";
import type { Round } from "./round.js";

/** What was compared, where and how. */
export interface Circumstances {
  /** When it began, in ISO 8601. */
  readonly began: string;
  readonly command: string;
  /** The row that ratios refer to. */
  readonly reference: string;
  readonly machine: Machine;
  readonly rounds: number;
  /** Of each measurement under load. */
  readonly seconds: number;
  /** The rows' names, with versions, in the order of the tables. */
  readonly titles: Readonly<Record<string, string>>;
  /** Versions of the load generators and the backend. */
  readonly tools: string;
}

/** Everything that a comparison found. */
export interface Report extends Circumstances {
  /** How much other work there was on the machine. */
  readonly disturbance: {
    readonly measurements: number;
    readonly disturbed: number;
    readonly others: Spread | null;
    readonly stolen: Spread | null;
  };
  /** What each round found of each row. */
  readonly figures: readonly Readonly<Record<string, RowFigures>>[];
}

/** Puts the rounds together. */
export function reportOf(circumstances: Circumstances, rounds: readonly Round[]): Report {
  const disturbances = rounds.flatMap((round) => round.disturbances);
  return {
    ...circumstances,
    disturbance: {
      measurements: disturbances.length,
      disturbed: disturbances.filter(isDisturbed).length,
      others: spreadOf(disturbances.map(({ others }) => others)),
      stolen: spreadOf(disturbances.map(({ stolen }) => stolen)),
    },
    figures: rounds.map((round) => withDerived(round.figures)),
  };
}

/** One figure of a row over the rounds; null when no round has it. */
export function spreadOfFigure(report: Report, row: string, figure: FigureName): Spread | null {
  return spreadOf(report.figures.map((round) => round[row]?.[figure] ?? null));
}

/** A row's figure divided by that of the reference in the same round, over the rounds: what drifts with the machine drops out. */
export function ratioOfFigure(report: Report, row: string, figure: FigureName): Spread | null {
  return compare(report, row, figure, (one, reference) => one / reference);
}

/** A row's figure less that of the reference in the same round, over the rounds. */
export function differenceOfFigure(report: Report, row: string, figure: FigureName): Spread | null {
  return compare(report, row, figure, (one, reference) => one - reference);
}

function compare(
  report: Report,
  row: string,
  figure: FigureName,
  by: (one: number, reference: number) => number,
): Spread | null {
  const compared = report.figures.map((round) => {
    const [one, reference] = [round[row]?.[figure], round[report.reference]?.[figure]];
    return one === undefined || reference === undefined ? null : by(one, reference);
  });
  return spreadOf(compared);
}

/** Adds what follows from other figures: what each proxy adds to the direct call's latency, and sums of both ends. */
function withDerived(figures: Round["figures"]): Round["figures"] {
  const direct = figures["direct"] ?? {};
  return Object.fromEntries(
    Object.entries(figures).map(([name, row]) => [name, name === "direct" ? row : derived(row, direct)]),
  );
}

function derived(row: RowFigures, direct: RowFigures): RowFigures {
  const less = (figure: FigureName) => combined(row[figure], direct[figure], (one, other) => one - other);
  const sum = (first: FigureName, second: FigureName) =>
    combined(row[first], row[second], (one, other) => one + other);
  const all = {
    addedP50: less("p50"),
    addedP99: less("p99"),
    securedAddedP50: less("securedP50"),
    securedAddedP99: less("securedP99"),
    cpuBothFull: sum("cpuAcceptedFull", "cpuMadeFull"),
    cpuBothResumed: sum("cpuAcceptedResumed", "cpuMadeResumed"),
  };
  const known = Object.entries(all).filter(([, value]) => value !== undefined);
  return { ...row, ...(Object.fromEntries(known) as RowFigures) };
}

function combined(
  one: number | undefined,
  other: number | undefined,
  by: (one: number, other: number) => number,
): number | undefined {
  return one === undefined || other === undefined ? undefined : by(one, other);
}

function isDisturbed({ others, stolen }: Disturbance): boolean {
  return others + stolen > DISTURBED_CORES;
}
