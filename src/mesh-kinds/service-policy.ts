import type { JsonObject } from "../manifest/index.js";
import { type FieldMistake, type KindRule, mappingAt, objectsIn } from "./mistake.js";

/** Kinds that a policy can be for, by the group that they are of. */
const TARGETS: Readonly<Record<string, string>> = { Service: "", ExternalService: "mesh.dev" };

export const servicePolicy: KindRule = (spec) => [
  ...objectsIn(spec["targetRefs"], "spec.targetRefs").flatMap(([target, field]) =>
    targetMistakes(target, field),
  ),
  ...headerMistakes(spec),
  ...inOrder(spec, "circuitBreaking", "minEjection", "maxEjection"),
  ...inOrder(spec, "timeouts", "attempt", "request"),
  ...faultWithoutEffect(spec),
];

function targetMistakes({ group, kind }: JsonObject, field: string): FieldMistake[] {
  if (typeof kind === "string" && TARGETS[kind] === group) return [];
  const message = 'a policy is for a Service (group "") or an ExternalService (group mesh.dev)';
  return [{ field, message }];
}

function headerMistakes(spec: JsonObject): FieldMistake[] {
  const { algorithm, header } = mappingAt(spec, "balancing");
  if ((algorithm === "HashHeader") === (header !== undefined)) return [];
  return [{ field: "spec.balancing", message: "HashHeader needs a header, and nothing else takes one" }];
}

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
