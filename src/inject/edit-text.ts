import type { Edit, Edited, EditedResource, Mistake, Place, Remark } from "../edit/index.js";
import {
  isRefusal,
  type Addition,
  type Json,
  type ManifestDocument,
  type ManifestObject,
  type ObjectChange,
  readDocuments,
  type Refusal,
  type Removal,
} from "../manifest/index.js";
import { ownParts } from "./own.js";
import { plan, type Plan, type PlanContext } from "./plan.js";
import type { PodTemplateKind } from "./pod-template.js";
import { nameOfObject } from "./workload.js";

/** What `mesh inject` can make of a resource. */
export const INJECT_OUTCOMES = ["injected", "skipped"] as const;
/** What `mesh uninject` can make of a resource. */
export const UNINJECT_OUTCOMES = ["uninjected"] as const;

/** Gives every pod of a manifest a sidecar. One that is there already gives way. */
export function injecting(context: PlanContext): (text: string) => Edited {
  return (text) =>
    editDocuments(text, (document) => {
      const planned = document.objects.map((object) => ({ object, plan: plan(valueOf(object), context) }));
      const mistakes = planned.flatMap(refusalOf);
      if (mistakes.length > 0) return { mistakes };
      const resources = planned.flatMap(reportOf);
      const cleared = takeAway(document, planned.map(removalsOf));
      if (isRefusal(cleared)) return { mistakes: [cleared] };
      const result = add(cleared, planned.map(additionsOf));
      return isRefusal(result) ? { mistakes: [result] } : { text: result.text, resources };
    });
}

/** Stands in every manifest of a pod that does not ask the cluster's DNS. */
const OTHER_DNS = /\bdnsPolicy\b.*\b(Default|None)\b/;

/**
 * The same, with a control plane that is looked for when a pod does not ask the cluster's DNS.
 * @param findControlPlane gives HOST:PORT, or undefined when it is not found; asked once at most
 */
export function injectingWith(
  context: PlanContext,
  findControlPlane: () => Promise<string | undefined>,
): Edit {
  let found: Promise<string | undefined> | undefined;
  return async (text) => {
    if (!OTHER_DNS.test(text)) return injecting(context)(text);
    found ??= findControlPlane();
    return injecting({ ...context, controlPlaneAddress: await found })(text);
  };
}

/** Takes every sidecar away that `injecting` added. */
export function uninjecting(kinds: readonly PodTemplateKind[]): (text: string) => Edited {
  return (text) =>
    editDocuments(text, (document) => {
      const removals = document.objects.map((object) => ownParts(valueOf(object), kinds));
      const resources = document.objects
        .filter((_, index) => removals[index]?.length)
        .map((object) => resource(object, "uninjected"));
      const result = takeAway(document, removals);
      return isRefusal(result) ? { mistakes: [result] } : { text: result.text, resources };
    });
}

type EditedDocument =
  | { readonly mistakes: readonly Refusal[] }
  | { readonly text: string; readonly resources: readonly EditedResource[] };

function editDocuments(text: string, edit: (document: ManifestDocument) => EditedDocument): Edited {
  const texts: string[] = [];
  const resources: EditedResource[] = [];
  const mistakes: Mistake[] = [];
  for (const document of readDocuments(text)) {
    const edited = isRefusal(document) ? { mistakes: [document] } : edit(document);
    if ("mistakes" in edited) {
      mistakes.push(...edited.mistakes);
    } else {
      texts.push(edited.text);
      resources.push(...edited.resources);
    }
  }
  return mistakes.length > 0 ? { ok: false, mistakes } : { ok: true, text: texts.join(""), resources };
}

/** An object as it would be outside of a list of its kind, where it need not say what it is. */
const valueOf = ({ apiVersion, kind, value }: ManifestObject): Json => ({ apiVersion, kind, ...value });

interface Planned {
  readonly object: ManifestObject;
  readonly plan: Plan;
}

function refusalOf({ object, plan }: Planned): Refusal[] {
  return plan.outcome === "refused" ? [object.refusal(plan.path, plan.message)] : [];
}

function reportOf({ object, plan }: Planned): EditedResource[] {
  if (plan.outcome === "skipped") {
    const reason =
      plan.removals.length > 0 ? `${plan.reason}; the sidecar that was there is gone` : plan.reason;
    return [resource(object, plan.outcome, { reason })];
  }
  if (plan.outcome !== "injected") return [];
  const warnings = plan.warnings.map(({ path, message }) => ({ message, ...place(object.positionOf(path)) }));
  return [resource(object, plan.outcome, { warnings })];
}

function resource(
  object: ManifestObject,
  outcome: string,
  more: { reason?: string; warnings?: readonly Remark[] } = {},
): EditedResource {
  return {
    resource: nameOfObject(valueOf(object)),
    ...(object.namespace !== undefined && { namespace: object.namespace }),
    ...place(object.position),
    outcome,
    warnings: [],
    ...more,
  };
}

const place = ({ line, column }: Place): Place => ({ line, column });

const removalsOf = ({ plan }: Planned) => ("removals" in plan ? plan.removals : []);
const additionsOf = ({ plan }: Planned) => (plan.outcome === "injected" ? plan.additions : []);

/** `changes` has an item for each object of the document. */
function takeAway(
  document: ManifestDocument,
  changes: readonly (readonly Removal[])[],
): ManifestDocument | Refusal {
  const wanted = changesOf(document, changes);
  return wanted.length === 0 ? document : document.remove(wanted);
}

function add(
  document: ManifestDocument,
  changes: readonly (readonly Addition[])[],
): ManifestDocument | Refusal {
  const wanted = changesOf(document, changes);
  return wanted.length === 0 ? document : document.add(wanted);
}

function changesOf<T>(document: ManifestDocument, changes: readonly (readonly T[])[]): ObjectChange<T>[] {
  return document.objects
    .map((object, index) => ({ object, change: changes[index] ?? [] }))
    .filter(({ change }) => change.length > 0);
}
