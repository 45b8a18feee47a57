import type { JsonObject } from "../manifest/index.js";
import { type FieldMistake, type KindRule, mappingAt } from "./mistake.js";

export const servicePolicy: KindRule = (spec) => [
  ...inOrder(spec, "circuitBreaking", "minEjection", "maxEjection"),
  ...inOrder(spec, "timeouts", "attempt", "request"),
  ...faultWithoutEffect(spec),
];

/** A duration that must not be longer than another. */
function inOrder(spec: JsonObject, section: string, shorter: string, longer: string): FieldMistake[] {
  const { [shorter]: least, [longer]: most } = mappingAt(spec, section);
  if (typeof least !== "string" || typeof most !== "string") return [];
  if (milliseconds(least) <= milliseconds(most)) return [];
  const message = `${least} is longer than ${longer}, which is ${most}`;
  return [{ field: `spec.${section}.${shorter}`, message }];
}

function faultWithoutEffect(spec: JsonObject): FieldMistake[] {
  const { percent, delay, status } = mappingAt(spec, "faults");
  if (percent === undefined || delay !== undefined || status !== undefined) return [];
  return [{ field: "spec.faults", message: "give delay, status or both: percent alone makes no failure" }];
}

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/** A duration as the kinds write them: `1m30s`. */
function milliseconds(value: string): number {
  const parts = [...value.matchAll(/(\d+)(ms|s|m|h)/g)];
  return parts.reduce((sum, [, amount, unit = ""]) => sum + Number(amount) * (UNITS[unit] ?? 0), 0);
}
