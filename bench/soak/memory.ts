import type { Life, Sample } from "./life.js";
import { riseOf } from "./trend.js";

/** How much a proxy's memory may rise over the second half of the traffic, by a straight line through the samples. */
export const RISE_LIMIT = 2e6;
/** How much more memory a proxy may have at the end than at the start. */
export const KEPT_LIMIT = 3e6;
/** What a process of the load, or an application, may take at most. */
export const LOAD_LIMIT = 500e6;

/** When the traffic began and when it ended. */
export interface Period {
  readonly from: number;
  readonly until: number;
}

/** The memory of one process over a soak, in bytes. */
export interface Memory {
  readonly name: string;
  readonly atStart: number;
  readonly most: number;
  readonly atEnd: number;
  /** Over the second half of the traffic; null when the process was not there all that time. */
  readonly rise: number | null;
  /** Everything that was seen, in order. */
  readonly course: readonly number[];
}

/** Sums up what was seen of a process. */
export function memoryOf({ name, samples }: Life, { from, until }: Period): Memory {
  const middle = (from + until) / 2;
  const secondHalf = samples.filter(({ at }) => at >= middle && at <= until);
  const wasThere = samples.some(({ at }) => at < middle) && samples.some(({ at }) => at > until);
  const course = samples.map(({ rssBytes }) => rssBytes);
  return {
    name,
    atStart: course[0] ?? 0,
    most: Math.max(0, ...course),
    atEnd: course[course.length - 1] ?? 0,
    rise: wasThere ? riseOf(secondHalf.map(({ at, rssBytes: value }: Sample) => ({ at, value }))) : null,
    course,
  };
}

/** What is wrong with a proxy's memory. */
export function complaintsOnProxy({ name, rise, atStart, atEnd }: Memory): string[] {
  const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`;
  return [
    ...(rise !== null && rise > RISE_LIMIT
      ? [`the memory of proxy ${name} rose by ${megabytes(rise)} over the second half`]
      : []),
    ...(atEnd - atStart > KEPT_LIMIT
      ? [`proxy ${name} kept ${megabytes(atEnd - atStart)} after the traffic had ended`]
      : []),
  ];
}
