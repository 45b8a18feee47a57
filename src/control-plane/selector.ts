import { status } from "@grpc/grpc-js";
import type { Duration__Output } from "../../generated/google/protobuf/Duration.js";
import type { ResourceSelector__Output } from "../../generated/mesh/api/v1/ResourceSelector.js";
import type { Catalog, ResourceSelector } from "../catalog/index.js";
import { nearest } from "../output/index.js";
import { secondsIn } from "../proto/index.js";
import { RESOURCE_TYPES } from "../resource-type/index.js";
import { fail, ok, type Result } from "../result/index.js";

/** A call that cannot be answered: its gRPC status, and a text `what` or `what\ntry: hint`. */
export interface Refusal {
  code: status;
  details: string;
}

// So many names are listed when the one that was asked for does not exist.
const LISTED_NAMES = 5;

/** A refusal of a request that makes no sense whatever there is. */
export function invalid(what: string, hint: string): Refusal {
  return { code: status.INVALID_ARGUMENT, details: `${what}\ntry: ${hint}` };
}

/** A refusal of a request that makes sense, and cannot be answered here or now. */
export function unanswerable(what: string, hint: string): Refusal {
  return { code: status.FAILED_PRECONDITION, details: `${what}\ntry: ${hint}` };
}

/** Checks what came over the wire. */
export function readSelector(message: ResourceSelector__Output | null): Result<ResourceSelector, Refusal> {
  if (message === null) return fail(invalid("no resource was named", "TYPE or TYPE/NAME"));
  if (!(RESOURCE_TYPES as readonly string[]).includes(message.type)) {
    return fail(
      invalid(`'${message.type}' is not a type of resource`, `one of ${RESOURCE_TYPES.join(", ")}`),
    );
  }
  return ok(message);
}

const DEFAULT_WINDOW_SECONDS = 60;

/** How far back a request wants to look, in seconds. */
export function readWindow(window: Duration__Output | null): Result<number, Refusal> {
  const windowSeconds = window ? secondsIn(window) : DEFAULT_WINDOW_SECONDS;
  if (windowSeconds > 0) return ok(windowSeconds);
  return fail(invalid("the window must be longer than nothing", "-t 1m"));
}

/** For whoever asks for something that there is not: that, and what there is instead. */
export function absenceOf(catalog: Catalog, missing: ResourceSelector): { what: string; hint: string } {
  const hint = whatThereIs(catalog, missing) ?? "mesh proxy run beside a service; nothing is known there yet";
  const verb = missing.name === "" ? "there are" : "there is";
  return { what: `${verb} no ${describeSelector(missing)}`, hint };
}

/** The refusal of a selector whose namespace is known not to exist, with those that there are. */
export function missingNamespace(
  catalog: Catalog,
  { type, namespace, name }: ResourceSelector,
): Refusal | undefined {
  const wanted = type === "namespace" ? name : type === "node" ? "" : namespace;
  if (wanted === "" || catalog.mayBeNamespace(wanted)) return undefined;
  const names = catalog.resources({ type: "namespace", namespace: "", name: "" }).map(({ name: one }) => one);
  const meant = nearest(wanted, names);
  const known = meant === undefined ? names.slice(0, LISTED_NAMES) : [meant];
  const more = meant === undefined && names.length > LISTED_NAMES ? ", …" : "";
  const hint =
    type === "namespace" ? known.map((one) => `ns/${one}`) : [...known.map((one) => `-n ${one}`), "-A"];
  return {
    code: status.NOT_FOUND,
    details: `there is no namespace ${wanted}\ntry: ${hint.join(", ")}${more}`,
  };
}

/** What a selector means, in words: "workload world in namespace default", "pods in any namespace". */
export function describeSelector({ type, namespace, name }: ResourceSelector): string {
  if (type === "namespace" || type === "node") return name === "" ? `${type}s` : `${type} ${name}`;
  const what = type === "all" ? "resources" : name === "" ? `${type}s` : `${type} ${name}`;
  return namespace === "" ? `${what} in any namespace` : `${what} in namespace ${namespace}`;
}

/** What there is instead of what a selector named, as something to try; undefined when there is nothing. */
export function whatThereIs(
  catalog: Catalog,
  { type, namespace, name }: ResourceSelector,
): string | undefined {
  const named = ({ name }: { name: string }) => name;
  const namespaces = catalog.resources({ type: "namespace", namespace: "", name: "" }).map(named);
  const isInNamespace = type !== "namespace" && type !== "node";
  if (isInNamespace && namespace !== "" && namespaces.length > 0 && !namespaces.includes(namespace)) {
    const meant = nearest(namespace, namespaces);
    return `-n ${meant ?? namespaces.slice(0, LISTED_NAMES).join(", -n ")}, or -A`;
  }
  if (name !== "") {
    const ofType = catalog.resources({ type, namespace, name: "" }).map(named);
    const meant = nearest(name, ofType);
    if (meant !== undefined) return `${type}/${meant}`;
  }
  const elsewhere = catalog.resources({ type, namespace: "", name });
  if (namespace !== "" && isInNamespace && elsewhere.length > 0) {
    return `-n ${[...new Set(elsewhere.map((resource) => resource.namespace))].slice(0, LISTED_NAMES).join(", -n ")}, or -A`;
  }
  const here = catalog.resources({ type: name === "" ? "workload" : type, namespace, name: "" });
  const rest = here.length > 0 ? here : catalog.resources({ type: "all", namespace, name: "" });
  if (rest.length === 0) return undefined;
  const listed = rest.slice(0, LISTED_NAMES).map((resource) => `${resource.type}/${resource.name}`);
  return `${listed.join(", ")}${rest.length > LISTED_NAMES ? ", …" : ""}`;
}
