import type { Node } from "yaml";
import {
  columnOf,
  isFlow,
  isMapNode,
  isSequenceNode,
  itemStart,
  pairStart,
  type CollectionNode,
  type MapNode,
  type SequenceNode,
} from "./layout.js";
import type { BlockStyle } from "./print.js";
import type { Source } from "./source.js";

/** What kubectl prints. */
const USUAL: BlockStyle = { step: 2, dash: 0, gap: 2 };

/** How often each width was seen. */
type Widths = Record<keyof BlockStyle, Map<number, number>>;

/** The block style of a document: that of the nearest neighbours, or else what most of the document does. */
export class Styles {
  private all: BlockStyle | undefined;

  constructor(
    private readonly root: Node | null,
    private readonly source: Source,
  ) {}

  /** The style for what is added to `node`. `parent` is the mapping that holds it, if one does. */
  near(node: CollectionNode, parent: MapNode | undefined): BlockStyle {
    const around = widths();
    if (isMapNode(node)) this.measureChildren(node, around);
    else this.measureGaps(node, around);
    const outside = widths();
    if (parent && !isFlow(parent)) this.measureChildren(parent, outside);
    const all = (this.all ??= this.measureAll());
    return {
      step: most(around.step) ?? most(outside.step) ?? all.step,
      dash: most(around.dash) ?? most(outside.dash) ?? all.dash,
      gap: most(around.gap) ?? all.gap,
    };
  }

  private measureAll(): BlockStyle {
    const seen = widths();
    const visit = (node: Node | null): void => {
      if (isMapNode(node)) {
        if (!isFlow(node)) this.measureChildren(node, seen);
        for (const pair of node.items) visit(pair.value);
      } else if (isSequenceNode(node)) {
        if (!isFlow(node)) this.measureGaps(node, seen);
        node.items.forEach(visit);
      }
    };
    visit(this.root);
    return {
      step: most(seen.step) ?? USUAL.step,
      dash: most(seen.dash) ?? USUAL.dash,
      gap: most(seen.gap) ?? USUAL.gap,
    };
  }

  private measureChildren(map: MapNode, into: Widths): void {
    if (isFlow(map)) return;
    const column = columnOf(map, this.source);
    for (const { value } of map.items) {
      if (isMapNode(value) && !isFlow(value)) count(into.step, columnOf(value, this.source) - column);
      if (isSequenceNode(value) && !isFlow(value)) count(into.dash, columnOf(value, this.source) - column);
    }
  }

  private measureGaps(sequence: SequenceNode, into: Widths): void {
    if (isFlow(sequence)) return;
    sequence.items.forEach((item, i) => {
      if (!isMapNode(item) || isFlow(item)) return;
      const dash = itemStart(sequence, i);
      const first = item.items[0];
      const content = first ? pairStart(first) : dash;
      if (this.source.lineStart(dash) === this.source.lineStart(content)) count(into.gap, content - dash);
    });
  }
}

const widths = (): Widths => ({ step: new Map(), dash: new Map(), gap: new Map() });

const count = (seen: Map<number, number>, width: number): void => {
  if (width >= 0) seen.set(width, (seen.get(width) ?? 0) + 1);
};

/** The width seen most often; of two, the one seen first. */
function most(seen: ReadonlyMap<number, number>): number | undefined {
  let best: readonly [number, number] | undefined;
  for (const entry of seen) if (!best || entry[1] > best[1]) best = entry;
  return best?.[0];
}
