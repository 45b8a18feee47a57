import { isAlias, isScalar, type Alias, type Node } from "yaml";
import { isMapNode, isSequenceNode, type MapNode, type PairNode } from "./layout.js";
import { isMergeKey } from "./reading.js";

/** Where a mapping has an entry. */
export interface Found {
  /** The mapping that it stands in: another one where a merge key brings it. */
  readonly map: MapNode;
  readonly pair: PairNode;
  /** The alias by which it comes, if it does. */
  readonly through: Alias | undefined;
}

/** The entry of a mapping, its own or a merged one. */
export function lookUp(map: MapNode, key: string, targets: ReadonlyMap<Alias, Node>): Found | undefined {
  const own = map.items.find((pair) => !isMergeKey(pair.key) && keyOf(pair.key, targets) === key);
  if (own) return { map, pair: own, through: undefined };
  for (const pair of map.items) {
    if (!isMergeKey(pair.key)) continue;
    for (const { from, through } of sourcesOf(pair.value, targets)) {
      const found = lookUp(from, key, targets);
      if (found) return { ...found, through: through ?? found.through };
    }
  }
  return undefined;
}

function sourcesOf(
  node: Node | null,
  targets: ReadonlyMap<Alias, Node>,
  through?: Alias,
): { from: MapNode; through: Alias | undefined }[] {
  if (isAlias(node)) return sourcesOf(targets.get(node) ?? null, targets, through ?? node);
  if (isMapNode(node)) return [{ from: node, through }];
  if (isSequenceNode(node)) return node.items.flatMap((item) => sourcesOf(item, targets, through));
  return [];
}

/** A key as the plain value has it. */
export function keyOf(key: Node | null, targets: ReadonlyMap<Alias, Node>): string | undefined {
  const node = isAlias(key) ? targets.get(key) : key;
  return isScalar(node) ? String(node.value) : undefined;
}
