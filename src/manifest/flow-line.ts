import { isCollection, isMap, isSeq, type CST, type Node } from "yaml";
import { composeDocument } from "./schema.js";

const LEAD = "a: ";

/**
 * Reads brackets that a line starts with and that close on it, with a comment at most behind them. Undefined for anything
 * else.
 * @param offset where the line stands in its document
 */
export function readFlowLine(line: string, offset: number): Node | undefined {
  const { contents, errors } = composeDocument(LEAD + line);
  const [pair, ...more] = isMap<Node, Node | null>(contents) ? contents.items : [];
  const node = pair?.value;
  if (errors.length + more.length > 0 || !isCollection(node) || node.srcToken?.type !== "flow-collection")
    return undefined;
  moveNode(node, offset - LEAD.length);
  moveToken(node.srcToken, offset - LEAD.length);
  return node;
}

function moveNode(node: Node | null, by: number): void {
  if (node?.range) node.range = [node.range[0] + by, node.range[1] + by, node.range[2] + by];
  if (isMap<Node | null, Node | null>(node)) {
    for (const { key, value } of node.items) {
      moveNode(key, by);
      moveNode(value, by);
    }
  } else if (isSeq<Node | null>(node)) for (const item of node.items) moveNode(item, by);
}

/** Moves a token with all that are in it; the nodes share theirs with it. */
function moveToken(token: CST.Token | null | undefined, by: number): void {
  if (!token) return;
  if ("offset" in token) token.offset += by;
  if (token.type === "flow-collection") {
    moveToken(token.start, by);
    for (const { start, key, sep, value } of token.items) {
      for (const inner of [...start, key, ...(sep ?? []), value]) moveToken(inner, by);
    }
    for (const inner of token.end) moveToken(inner, by);
  } else if ("end" in token) for (const inner of token.end ?? []) moveToken(inner, by);
}
