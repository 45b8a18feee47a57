import { commaBehind, commentBehind, partEnd, partStart } from "./flow.js";
import type { CollectionNode } from "./layout.js";
import type { Source } from "./source.js";
import type { Splice } from "./splice.js";

/** Takes those parts of a flow collection away whose indexes are `gone`, each with the comma and space that it came with. */
export function cutFlow(node: CollectionNode, gone: ReadonlySet<number>, source: Source): Splice[] {
  const count = node.items.length;
  if (gone.size === count) return [emptyBrackets(node, source)];
  const splices: Splice[] = [];
  for (let first = 0; first < count; first++) {
    if (!gone.has(first)) continue;
    let last = first;
    while (gone.has(last + 1)) last++;
    if (first === 0) splices.push(cut(partStart(node, 0), partStart(node, last + 1)));
    else splices.push(...cutBehind(node, first, last, source));
    first = last;
  }
  return splices;
}

function cutBehind(node: CollectionNode, first: number, last: number, source: Source): Splice[] {
  const before = partEnd(node, first - 1, source);
  const end = partEnd(node, last, source);
  const comma = commaBehind(node, before);
  if (last < node.items.length - 1 || comma === undefined) return [cut(before, end)];
  const start = commentBehind(comma + 1, source);
  const trailing = commaBehind(node, end);
  if (trailing !== undefined) return [cut(start, trailing + 1)];
  return start === comma + 1 ? [cut(before, end)] : [cut(before, comma + 1), cut(start, end)];
}

/** The opposite of how brackets without anything in them are filled. */
function emptyBrackets(node: CollectionNode, source: Source): Splice {
  const open = (node.range?.[0] ?? 0) + 1;
  const close = (node.range?.[1] ?? 0) - 1;
  const start = partStart(node, 0);
  const end = partEnd(node, node.items.length - 1, source);
  const behind = (commaBehind(node, end) ?? end - 1) + 1;
  const padding = source.text.slice(open, start);
  return cut(open, padding.includes("\n") ? close : behind);
}

const cut = (start: number, end: number): Splice => ({ at: start, remove: end - start, insert: "" });
