import {
  type Addition,
  isArray,
  isEmpty,
  isObject,
  type Json,
  type Path,
  readRecord,
  type Removal,
  valueAt,
} from "../manifest/index.js";
import type { Plan } from "./plan.js";

/** A step of a JSON Patch (RFC 6902). */
export type PatchOperation =
  | { readonly op: "add"; readonly path: string; readonly value: Json }
  | { readonly op: "remove"; readonly path: string };

/** What a plan does to its object, as a JSON Patch; empty when it does nothing. */
export function asJsonPatch(object: Json, plan: Plan): PatchOperation[] {
  if (plan.outcome !== "injected" && plan.outcome !== "skipped") return [];
  const additions = plan.outcome === "injected" ? plan.additions : [];
  return applyChanges(object, plan.removals, additions).patch;
}

/** Makes changes to a copy of an object: what has become of it, and the same as a JSON Patch. */
export function applyChanges(
  object: Json,
  removals: readonly Removal[],
  additions: readonly Addition[] = [],
): { object: Json; patch: PatchOperation[] } {
  const document = new PatchedDocument(object);
  for (const removal of removals) document.takeAway(removal);
  document.bringBack();
  for (const addition of additions) document.add(addition);
  return { object: document.value, patch: document.patch };
}

/** An object that keeps a record of what is changed in it. */
class PatchedDocument {
  readonly patch: PatchOperation[] = [];
  /** What said nothing before it was filled, by JSON pointer. */
  readonly #emptyBefore = new Map<string, Json>();

  constructor(public value: Json) {}

  takeAway(removal: Removal): void {
    const { path } = removal;
    if (removal.kind !== "item") {
      const holder = valueAt(this.value, path);
      if (removal.kind === "record") {
        const record = readRecord(valueAt(this.value, [...path, removal.key]));
        for (const [place, was] of record) this.#emptyBefore.set(place, was);
      }
      if (isObject(holder) && Object.hasOwn(holder, removal.key)) this.#remove([...path, removal.key]);
    } else {
      for (;;) {
        const list = valueAt(this.value, path);
        const index = isArray(list)
          ? list.findIndex((item) => isObject(item) && item["name"] === removal.name)
          : -1;
        if (index === -1) break;
        this.#remove([...path, index]);
      }
    }
  }

  /** Where all that was filled in is gone, what was there before comes back. */
  bringBack(): void {
    for (const [place, was] of this.#emptyBefore) {
      const path = place
        .split("/")
        .slice(1)
        .map((step) => step.replaceAll("~1", "/").replaceAll("~0", "~"));
      if (valueAt(this.value, path) === undefined) this.#add(path, was);
    }
  }

  add(addition: Addition): void {
    const { path, value } = addition;
    const made = valueAt(this.value, path);
    if (made === undefined || isEmpty(made)) {
      this.#add(path, addition.kind === "entry" ? { [addition.key]: value } : [value]);
    } else if (addition.kind === "entry") {
      this.#add([...path, addition.key], value);
    } else {
      this.#add([...path, addition.at === "start" ? 0 : "-"], value);
    }
  }

  /** Adds a value, and the mappings on the way that are missing. */
  #add(path: Path, value: Json): void {
    const parent = path.slice(0, -1);
    const holder = valueAt(this.value, parent);
    if (holder === undefined || holder === null) {
      this.#add(parent, { [String(path.at(-1))]: value });
    } else {
      this.patch.push({ op: "add", path: pointer(path), value });
      this.value = updated(this.value, parent, (within) => withValue(within, path.at(-1), value));
    }
  }

  /** Removes a value, and what held it when that has nothing else. */
  #remove(path: Path): void {
    const parent = path.slice(0, -1);
    const holder = valueAt(this.value, parent);
    const size = isArray(holder) ? holder.length : isObject(holder) ? Object.keys(holder).length : 0;
    if (size === 1 && parent.length > 0) {
      this.#remove(parent);
    } else {
      this.patch.push({ op: "remove", path: pointer(path) });
      this.value = updated(this.value, parent, (within) => without(within, path.at(-1)));
    }
  }
}

/** RFC 6901. */
const pointer = (path: Path) =>
  path.map((step) => `/${String(step).replaceAll("~", "~0").replaceAll("/", "~1")}`).join("");

/** A copy of `value` in which what `path` leads to is updated. */
function updated(value: Json, path: Path, update: (within: Json) => Json): Json {
  const [step, ...rest] = path;
  if (step === undefined) return update(value);
  if (isArray(value))
    return value.map((item, index) => (index === step ? updated(item, rest, update) : item));
  if (!isObject(value)) return value;
  return { ...value, [step]: updated(value[step] ?? null, rest, update) };
}

type Step = Path[number] | undefined;

function withValue(holder: Json, step: Step, value: Json): Json {
  if (isArray(holder)) return step === "-" ? [...holder, value] : [value, ...holder];
  return isObject(holder) && step !== undefined ? { ...holder, [step]: value } : value;
}

function without(holder: Json, step: Step): Json {
  if (isArray(holder)) return holder.filter((_, index) => index !== step);
  return isObject(holder)
    ? Object.fromEntries(Object.entries(holder).filter(([key]) => key !== step))
    : holder;
}
