import type { Json } from "./json.js";
import type { Value } from "./value.js";

/** A value without the lines where it stands. */
export function plainOf(value: Value): Json {
  switch (value.kind) {
    case "scalar":
      return value.value;
    case "list":
      return value.items.map(plainOf);
    case "map":
      return Object.fromEntries([...value.entries].map(([key, inner]) => [key, plainOf(inner)]));
  }
}
