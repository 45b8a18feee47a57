import { Failure } from "../output/index.js";
import type { PlanContext } from "./plan.js";
import { KNOWN_KINDS, parsePodTemplateKind, type PodTemplateKind } from "./pod-template.js";
import { flagLayer, type Given, resolveOptions } from "./settings.js";

/** What a command line gives for plans. */
export interface FlagContext {
  /** Options by name, as text. */
  readonly given: Given;
  /** Each GROUP/KIND=PATH. */
  readonly podTemplatePaths: readonly string[];
  /** That of mesh. */
  readonly version: string;
}

/** The context of plans that flags give. @throws Failure with status 2 that names the flag that cannot be taken */
export function flagContext({ given, podTemplatePaths, version }: FlagContext): PlanContext {
  const layers = [flagLayer(given)];
  const options = resolveOptions(layers, version);
  if (!options.ok) throw new Failure(options.error.message, { exitStatus: 2 });
  return { kinds: readKinds(podTemplatePaths), layers, version, injectedBy: "mesh inject" };
}

/**
 * The kinds that are known, and those of flags, which win.
 * @param paths each GROUP/KIND=PATH
 * @throws Failure with status 2
 */
export function readKinds(paths: readonly string[]): PodTemplateKind[] {
  const given = paths.map((text) => {
    const kind = parsePodTemplateKind(text);
    if (kind) return kind;
    throw new Failure(`--pod-template-path: ${JSON.stringify(text)} is not GROUP/KIND=PATH`, {
      hint: "--pod-template-path argoproj.io/Rollout=spec.template",
      exitStatus: 2,
    });
  });
  return [...given, ...KNOWN_KINDS];
}
