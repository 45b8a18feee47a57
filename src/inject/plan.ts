import {
  type Addition,
  isObject,
  type Json,
  type JsonObject,
  type Path,
  type Removal,
  withoutParts,
  withRecord,
} from "../manifest/index.js";
import { noApiTokenVolume } from "./api-token.js";
import {
  EMPTY_BEFORE_ANNOTATION,
  INJECT_LABEL,
  INJECTED_BY_ANNOTATION,
  MESHED_LABEL,
  VERSION_ANNOTATION,
} from "./names.js";
import { OPTION_PREFIX, OPTIONS, type Options } from "./options.js";
import { ownParts } from "./own.js";
import { otherDns, textEntries } from "./pod.js";
import { describe, findPodTemplate, type PodTemplate, type PodTemplateKind } from "./pod-template.js";
import { portsProbedByConnecting, probeRequests } from "./probes.js";
import { initContainer } from "./redirection.js";
import { annotationLayer, flagLayer, type Layer, resolveOptions } from "./settings.js";
import { proxyContainer, tokenVolume } from "./sidecar.js";
import { reasonToSkip, reasonToSkipWith } from "./skip.js";
import { type Warning, warningsOf } from "./warnings.js";
import { workloadOf } from "./workload.js";

/** What a plan depends on beside the object. */
export interface PlanContext {
  readonly kinds: readonly PodTemplateKind[];
  /** Options from farther away than the pod template's annotations, the nearest first. */
  readonly layers: readonly Layer[];
  /** That of mesh. */
  readonly version: string;
  /** What adds the sidecar, for the annotation: `mesh inject`. */
  readonly injectedBy: string;
  /** HOST:PORT of the control plane for pods that do not ask the cluster's DNS, where neither they nor a layer name one. */
  readonly controlPlaneAddress?: string | undefined;
  /** KIND/NAME of the workload, where it is known better than the object tells. */
  readonly workload?: string;
}

/** What becomes of an object. */
export type Plan =
  /** It has no pod template. */
  | { readonly outcome: "untouched" }
  /** First the removals take away what an earlier run added, then the additions are made. */
  | {
      readonly outcome: "injected";
      readonly removals: readonly Removal[];
      readonly additions: readonly Addition[];
      readonly warnings: readonly Warning[];
    }
  /** It gets no sidecar, and one of an earlier run is taken away. */
  | { readonly outcome: "skipped"; readonly reason: string; readonly removals: readonly Removal[] }
  /** Something that the object itself asks for cannot be taken. */
  | { readonly outcome: "refused"; readonly path: Path; readonly message: string };

/** What a meshed pod looks like, as what is to be added to an object; or why it gets no sidecar. */
export function plan(object: Json, context: PlanContext): Plan {
  const removals = ownParts(object, context.kinds);
  const original = isObject(object) ? withoutParts(object, removals) : object;
  const template = findPodTemplate(original, context.kinds);
  if (!template || !isObject(original)) return { outcome: "untouched" };
  const skipped = (reason: string): Plan => ({ outcome: "skipped", reason, removals });
  if ("reason" in template) return skipped(template.reason);
  const reason = reasonToSkip(template);
  if (reason !== undefined) return skipped(reason);
  const mistake = findMistake(template);
  if (mistake) return mistake;
  const options = optionsFor(template, context);
  if ("outcome" in options) return options;
  const reasonWith = reasonToSkipWith(template, options);
  if (reasonWith !== undefined) return skipped(reasonWith);
  return {
    outcome: "injected",
    removals,
    additions: additionsTo(template, options, original, context),
    warnings: warningsOf(template, options),
  };
}

type Refused = Plan & { outcome: "refused" };

/** What an annotation or a label of the mesh's says and cannot mean. */
function findMistake({ path, value }: PodTemplate): Refused | undefined {
  const metadata = isObject(value["metadata"]) ? value["metadata"] : {};
  const refused = (entries: string, key: string, message: string): Refused => ({
    outcome: "refused",
    path: [...path, "metadata", entries, key],
    message: `${key}: ${message}`,
  });
  const labels = isObject(metadata["labels"]) ? metadata["labels"] : {};
  const asked = labels[INJECT_LABEL];
  if (asked !== undefined && asked !== "enabled" && asked !== "disabled") {
    return refused("labels", INJECT_LABEL, `${JSON.stringify(asked)} is neither enabled nor disabled`);
  }
  const annotations = isObject(metadata["annotations"]) ? metadata["annotations"] : {};
  const wrong = Object.entries(annotations).find(
    ([key, found]) => key.startsWith(OPTION_PREFIX) && typeof found !== "string",
  );
  if (!wrong) return undefined;
  const [key, found] = wrong;
  return refused("annotations", key, `${describe(found)} and not a text; write it in quotes`);
}

function optionsFor(template: PodTemplate, context: PlanContext): Options | Refused {
  const layers = [
    annotationLayer(textEntries(template, "annotations")),
    ...context.layers,
    ...addressLayer(template, context),
  ];
  const options = resolveOptions(layers, context.version);
  if (options.ok) return options.value;
  const { layer, name, message } = options.error;
  const own = layer === 0 ? [`${OPTION_PREFIX}${name}`] : [];
  return { outcome: "refused", path: [...template.path, "metadata", "annotations", ...own], message };
}

/** The farthest layer of a pod that finds no service by its name. */
function addressLayer(template: PodTemplate, { controlPlaneAddress }: PlanContext): Layer[] {
  if (controlPlaneAddress === undefined || otherDns(template) === undefined) return [];
  return [flagLayer({ [OPTIONS.controlPlane.name]: controlPlaneAddress })];
}

const DEFAULT_GRACE_PERIOD = 30;

function additionsTo(
  template: PodTemplate,
  options: Options,
  object: JsonObject,
  context: PlanContext,
): readonly Addition[] {
  const grace = template.spec["terminationGracePeriodSeconds"];
  const proxy = proxyContainer(options, {
    workload: context.workload ?? workloadOf(object, template),
    gracePeriod: typeof grace === "number" && grace >= 0 ? grace : DEFAULT_GRACE_PERIOD,
    probes: probeRequests(template),
  });
  const init = options.cni ? [] : [initContainer(options, portsProbedByConnecting(template))];
  const entry = (entries: string, key: string, value: string): Addition => ({
    kind: "entry",
    path: [...template.path, "metadata", entries],
    key,
    value,
  });
  const item =
    (list: string, at: "start" | "end") =>
    (value: Json): Addition => ({
      kind: "item",
      path: [...template.path, "spec", list],
      at,
      value,
    });
  const additions = [
    entry("labels", MESHED_LABEL, "true"),
    entry("annotations", VERSION_ANNOTATION, context.version),
    entry("annotations", INJECTED_BY_ANNOTATION, context.injectedBy),
    // Of several items at the start the last one comes first: the sidecar, then the redirection, then the application's own.
    ...(options.nativeSidecar
      ? [...init, proxy].map(item("initContainers", "start"))
      : [...init.map(item("initContainers", "end")), item("containers", "end")(proxy)]),
    ...[tokenVolume(), noApiTokenVolume].map(item("volumes", "end")),
  ];
  const path = [...template.path, "metadata", "annotations"];
  return withRecord(object, additions, { path, key: EMPTY_BEFORE_ANNOTATION });
}
