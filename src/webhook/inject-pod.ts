import {
  annotationLayer,
  asJsonPatch,
  KNOWN_KINDS,
  type Layer,
  OPTION_PREFIX,
  ownParts,
  plan,
  type Plan,
  PROXY_CONTAINER,
} from "../inject/index.js";
import type { Json } from "../manifest/index.js";
import type { AdmissionAnswer } from "./admission.js";

/** What a new pod's sidecar depends on beside the pod. */
export interface InjectionContext {
  /** The options of the installation. */
  readonly installed: Layer;
  /** The namespace that the pod goes to, and its annotations. */
  readonly namespace: string;
  readonly namespaceAnnotations: Readonly<Record<string, string>>;
  /** That of mesh. */
  readonly version: string;
}

/** What became of a pod, for the log and the metrics. */
export interface PodVerdict {
  readonly outcome: "injected" | "skipped" | "refused";
  /** Why it was skipped or refused. */
  readonly reason?: string;
  readonly answer: AdmissionAnswer;
}

/** Gives a new pod the sidecar that `mesh inject` would give it. One that it has already stays, with the options it was given. */
export function injectPod(pod: Json, context: InjectionContext): PodVerdict {
  if (hasSidecar(pod)) return skipped("it has its sidecar already", []);
  const namespaceLayer: Layer = {
    ...annotationLayer(context.namespaceAnnotations),
    call: (option) => `${OPTION_PREFIX}${option} of namespace ${context.namespace}`,
  };
  const planned = plan(pod, {
    kinds: KNOWN_KINDS,
    layers: [namespaceLayer, context.installed],
    version: context.version,
    injectedBy: "mesh webhook",
  });
  return verdictOn(pod, planned);
}

const hasSidecar = (pod: Json) =>
  ownParts(pod, KNOWN_KINDS).some((part) => part.kind === "item" && part.name === PROXY_CONTAINER);

function verdictOn(pod: Json, planned: Plan): PodVerdict {
  switch (planned.outcome) {
    case "injected": {
      const warnings = planned.warnings.map(({ message }) => `mesh: ${message}`);
      return {
        outcome: "injected",
        answer: { allowed: true, patch: asJsonPatch(pod, planned), warnings },
      };
    }
    case "skipped":
      return skipped(planned.reason, [`mesh: the pod gets no sidecar: ${planned.reason}`]);
    case "untouched":
      return skipped("it is no pod", []);
    case "refused":
      return {
        outcome: "refused",
        reason: planned.message,
        answer: { allowed: false, message: `mesh: ${planned.message}` },
      };
  }
}

const skipped = (reason: string, warnings: readonly string[]): PodVerdict => ({
  outcome: "skipped",
  reason,
  answer: { allowed: true, warnings },
});
