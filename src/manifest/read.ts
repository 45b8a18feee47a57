import {
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  parseAllDocuments,
  type Document,
  type Node,
} from "yaml";
import type { Mistake, Value } from "./value.js";

/** A file of YAML documents. */
export interface Manifest {
  /** The documents that could be read, without the empty ones. */
  documents: Value[];
  /** Where the text is no YAML. */
  mistakes: Mistake[];
}

/** Reads one or several YAML documents. A document with a mistake is left out; the others are read. */
export function readManifest(text: string): Manifest {
  const lines = new LineCounter();
  // What ends too early is reported past the last line, where nobody would look.
  const end = text.trimEnd().length;
  const lineAt = (offset: number) => lines.linePos(Math.min(offset, end)).line;
  const manifest: Manifest = { documents: [], mistakes: [] };
  const parsed = parseAllDocuments(text, { lineCounter: lines, prettyErrors: false });
  if (!Array.isArray(parsed)) return manifest;
  for (const document of parsed) {
    for (const { pos, message } of document.errors) {
      manifest.mistakes.push({ line: lineAt(pos[0]), message: `no valid YAML: ${message}` });
    }
    if (document.errors.length > 0 || document.contents === null) continue;
    try {
      const value = new Reader(document, lineAt).read(document.contents);
      if (value.kind !== "scalar" || value.value !== null) manifest.documents.push(value);
    } catch (error) {
      if (!(error instanceof Unreadable)) throw error;
      manifest.mistakes.push(error.mistake);
    }
  }
  return manifest;
}

class Unreadable extends Error {
  constructor(readonly mistake: Mistake) {
    super(mistake.message);
  }
}

/** An alias may stand for a large tree, and trees of aliases for enormous ones. */
const MAX_NODES = 100_000;
const MAX_DEPTH = 100;

class Reader {
  private nodes = 0;

  constructor(
    private readonly document: Document,
    private readonly lineAt: (offset: number) => number,
  ) {}

  read(node: Node | null, line = 1, depth = 0): Value {
    if (node === null) return { kind: "scalar", value: null, line };
    const at = node.range ? this.lineAt(node.range[0]) : line;
    if (++this.nodes > MAX_NODES || depth > MAX_DEPTH) {
      throw new Unreadable({ line: at, message: "too large a document" });
    }
    if (isAlias(node)) {
      const meant = node.resolve(this.document);
      if (meant) return this.read(meant, at, depth + 1);
      throw new Unreadable({
        line: at,
        message: `*${node.source}: expected an alias of an anchor in the document`,
      });
    }
    if (isSeq<Node | null>(node)) {
      return { kind: "list", line: at, items: node.items.map((item) => this.read(item, at, depth + 1)) };
    }
    if (isMap<Node, Node | null>(node)) {
      const entries = new Map(
        node.items.map(({ key, value }) => {
          const keyLine = key.range ? this.lineAt(key.range[0]) : at;
          return [
            isScalar(key) ? String(key.value) : key.toString(),
            this.read(value, keyLine, depth + 1),
          ] as const;
        }),
      );
      return { kind: "map", line: at, entries };
    }
    if (isScalar(node)) return { kind: "scalar", line: at, value: plain(node.value) };
    throw new Unreadable({ line: at, message: "expected a map, a list or a scalar" });
  }
}

/** A scalar as JSON knows it; YAML's other numbers (big integers) become text. */
function plain(value: unknown): string | number | boolean | null {
  switch (typeof value) {
    case "string":
    case "number":
    case "boolean":
      return value;
    case "bigint":
      return value.toString();
    default:
      return null;
  }
}
