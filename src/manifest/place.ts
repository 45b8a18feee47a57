import { isAlias, type Node } from "yaml";
import type { Path } from "./json.js";
import { isMapNode, isSequenceNode, pairStart } from "./layout.js";
import { lookUp } from "./look-up.js";
import type { Parsed } from "./parse.js";

/** The offset of what `path` leads to (an entry's key, an item's start), or of the last part of the path that is there. */
export function placeOf(path: Path, { root, targets }: Parsed): number {
  let node: Node | null = root;
  let offset = root?.range?.[0] ?? 0;
  for (const step of path) {
    const resolved: Node | null | undefined = isAlias(node) ? targets.get(node) : node;
    if (isMapNode(resolved)) {
      const found = lookUp(resolved, String(step), targets);
      if (!found) return offset;
      offset = pairStart(found.pair);
      node = found.pair.value;
    } else if (isSequenceNode(resolved) && typeof step === "number") {
      const item: Node | null | undefined = resolved.items[step];
      if (!item) return offset;
      offset = item.range?.[0] ?? offset;
      node = item;
    } else return offset;
  }
  return offset;
}
