/** One figure over several rounds. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** The spread of a figure; null when no round has it. */
export function spreadOf(values: readonly (number | null)[]): Spread | null {
  const known = values.filter((value) => value !== null).sort((a, b) => a - b);
  const [min, max] = [known[0], known[known.length - 1]];
  if (min === undefined || max === undefined) return null;
  const upper = known[Math.floor(known.length / 2)] ?? max;
  const lower = known[Math.floor((known.length - 1) / 2)] ?? min;
  return { median: (lower + upper) / 2, min, max };
}
