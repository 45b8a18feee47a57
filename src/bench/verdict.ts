import { Failure, formatBytes } from "../output/index.js";
import type { BenchReport, TargetReport } from "./report.js";

/** What a bench must not exceed. Absent is no limit. */
export interface Limits {
  /** How much any target may add to the direct call's 99th percentile, in µs. */
  readonly addedP99Us?: number;
  /** How much memory any single proxy may have, in bytes. */
  readonly rssBytes?: number;
}

/** Why a bench failed: requests that failed, and limits that were exceeded, by how much. Undefined when all is well. */
export function verdictOn({ targets }: BenchReport, limits: Limits): Failure | undefined {
  const reasons = [
    ...targets.flatMap(requestsFailed),
    ...targets
      .slice(1)
      .flatMap((target) => [...addedP99Exceeds(target, limits), ...rssExceeds(target, limits)]),
  ];
  return reasons.length === 0 ? undefined : new Failure(reasons.join("; "));
}

function requestsFailed({ name, failed, answered }: TargetReport): string[] {
  if (failed === 0) return [];
  return [`${name}: ${failed} of ${failed + answered} requests failed`];
}

function addedP99Exceeds({ name, addedUs }: TargetReport, { addedP99Us: limit }: Limits): string[] {
  if (limit === undefined) return [];
  if (addedUs === null)
    return [`${name}: the added p99 was not measured, so --max-added-p99 could not be checked`];
  const over = addedUs.p99.median - limit;
  if (over <= 0) return [];
  return [
    `${name}: adds ${micros(addedUs.p99.median)} at p99, ${micros(over)} more than --max-added-p99 allows`,
  ];
}

function rssExceeds({ name, rssBytes }: TargetReport, { rssBytes: limit }: Limits): string[] {
  if (limit === undefined) return [];
  if (rssBytes === null) return [`${name}: memory was not measured, so --max-rss could not be checked`];
  const over = rssBytes.max - limit;
  if (over <= 0) return [];
  return [
    `${name}: a proxy takes ${formatBytes(rssBytes.max)}, ${formatBytes(over)} more than --max-rss allows`,
  ];
}

function micros(us: number): string {
  return `${Math.ceil(us)}µs`;
}
