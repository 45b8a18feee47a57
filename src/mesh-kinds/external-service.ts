import { isArray, type Json, type JsonObject } from "../manifest/index.js";
import { addressMistake } from "./address.js";
import { type FieldMistake, type KindRule, objectsIn, textsIn } from "./mistake.js";

export const externalService: KindRule = (spec) => {
  const mistakes: FieldMistake[] = [];
  const { endpoints } = spec;
  for (const [{ address }, field] of objectsIn(endpoints, "spec.endpoints")) {
    const message = typeof address === "string" ? addressMistake(address) : undefined;
    if (message !== undefined) mistakes.push({ field: `${field}.address`, message });
  }
  const resolved = !isArray(endpoints) || endpoints.length === 0;
  for (const [host, field] of textsIn(spec["hosts"], "spec.hosts")) {
    if (!resolved || !host.startsWith("*.")) continue;
    const message = `${host} stands for many names, which DNS cannot resolve at once; give spec.endpoints`;
    mistakes.push({ field, message });
  }
  for (const [{ protocol, tls }, field] of objectsIn(spec["ports"], "spec.ports")) {
    if (tls !== true || protocol !== "TLS") continue;
    const message =
      "the application speaks TLS there itself (protocol: TLS), and would speak it within another";
    mistakes.push({ field: `${field}.tls`, message });
  }
  return [...mistakes, ...secondPorts(spec)];
};

function secondPorts(spec: JsonObject): FieldMistake[] {
  const seen = new Set<Json>();
  return objectsIn(spec["ports"], "spec.ports").flatMap(([{ port }, field]) => {
    if (port === undefined) return [];
    if (seen.has(port))
      return [{ field: `${field}.port`, message: `${JSON.stringify(port)} is there already` }];
    seen.add(port);
    return [];
  });
}
