// What a meshed pod looks like, as a list of additions; used by the command and by the webhook.
export {
  ADMIN_PORT_NAME,
  INIT_CONTAINER,
  INJECT_LABEL,
  INJECTED_BY_ANNOTATION,
  MESHED_LABEL,
  PROXY_CONTAINER,
  TOKEN_AUDIENCE,
  TAP_PORT_NAME,
  VERSION_ANNOTATION,
} from "./names.js";
export { applyChanges, asJsonPatch, type PatchOperation } from "./json-patch.js";
export { OPTION_LIST, OPTION_PREFIX, OPTIONS, type OptionDefinition } from "./options.js";
export { isSidecar, ownParts } from "./own.js";
export { plan, type Plan, type PlanContext } from "./plan.js";
export { KNOWN_KINDS, parsePodTemplateKind, type PodTemplateKind } from "./pod-template.js";
export { annotationLayer, flagLayer, type Given, type Layer, resolveOptions } from "./settings.js";
export { cronJobOf, nameOfObject, namespaceOfObject } from "./workload.js";
export type { Warning } from "./warnings.js";
export { INJECT_OUTCOMES, injecting, injectingWith, UNINJECT_OUTCOMES, uninjecting } from "./edit-text.js";
export { flagContext, readKinds } from "./flag-context.js";
