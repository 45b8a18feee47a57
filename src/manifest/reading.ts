import {
  isAlias,
  isMap,
  isScalar,
  isSeq,
  type Alias,
  type Node,
  type Pair,
  type Scalar,
  type YAMLMap,
} from "yaml";
import { isArray, isObject, type Json, type JsonObject } from "./json.js";
import type { Refusal } from "./refusal.js";
import type { Source } from "./source.js";

/** What a document means: its plain value, and which nodes its aliases stand for. */
export interface Reading {
  readonly value: Json;
  readonly targets: ReadonlyMap<Alias, Node>;
  /** The aliases of an anchored node, those of merge keys too. */
  readonly uses: ReadonlyMap<Node, readonly Alias[]>;
}

/** Thrown inside this part where a text is refused; never leaves it. */
export class Refused extends Error {
  constructor(readonly refusal: Refusal) {
    super(refusal.message);
  }
}

/** How many values all aliases of a document together may stand for: trees of aliases grow exponentially. */
const MAX_ALIASED_VALUES = 100_000;
const MAX_DEPTH = 250;

/**
 * Reads a document as Kubernetes does: YAML 1.1 with merge keys, then JSON. Throws Refused where Kubernetes could not:
 * a key given twice, a key that is no scalar, an alias without anchor or of what it stands in, and for what grows too large.
 */
export function readNode(root: Node | null, source: Source): Reading {
  const reader = new Reader(source);
  return { value: root ? reader.read(root, 0) : null, targets: reader.targets, uses: reader.uses };
}

interface Anchored {
  readonly node: Node;
  /** Undefined while it is being read. */
  value: Json | undefined;
  /** How many values it holds, itself counted. */
  size: number;
}

class Reader {
  readonly targets = new Map<Alias, Node>();
  readonly uses = new Map<Node, Alias[]>();
  private readonly anchors = new Map<string, Anchored>();
  private count = 0;
  private aliased = 0;

  constructor(private readonly source: Source) {}

  read(node: Node, depth: number): Json {
    if (depth > MAX_DEPTH) this.refuse(node, `nested more than ${MAX_DEPTH} levels deep`);
    this.count++;
    if (isAlias(node)) return this.readAlias(node);
    const name = isScalar(node) || isMap(node) || isSeq(node) ? node.anchor : undefined;
    if (name === undefined) return this.readContent(node, depth);
    const anchored: Anchored = { node, value: undefined, size: 0 };
    const before = this.count;
    this.anchors.set(name, anchored);
    anchored.value = this.readContent(node, depth);
    anchored.size = this.count - before + 1;
    return anchored.value;
  }

  private readAlias(alias: Alias): Json {
    const anchored = this.anchors.get(alias.source);
    if (!anchored)
      this.refuse(alias, `*${alias.source} is an alias, but no anchor &${alias.source} stands before it`);
    if (anchored.value === undefined) this.refuse(alias, `*${alias.source} stands for what it is a part of`);
    this.targets.set(alias, anchored.node);
    const uses = this.uses.get(anchored.node);
    if (uses) uses.push(alias);
    else this.uses.set(anchored.node, [alias]);
    this.count += anchored.size;
    this.aliased += anchored.size;
    if (this.aliased > MAX_ALIASED_VALUES) {
      this.refuse(alias, `the document's aliases stand for more than ${MAX_ALIASED_VALUES} values`);
    }
    return anchored.value;
  }

  private readContent(node: Node, depth: number): Json {
    if (isScalar(node)) return plain(node);
    if (isSeq<Node | null>(node)) return node.items.map((item) => (item ? this.read(item, depth + 1) : null));
    if (isMap<Node | null, Node | null>(node)) return this.readMap(node, depth);
    return this.refuse(node, "expected a mapping, a sequence or a scalar");
  }

  private readMap(map: YAMLMap<Node | null, Node | null>, depth: number): JsonObject {
    const entries: Record<string, Json> = {};
    const keys = new Map<string, Node | null>();
    const merged: JsonObject[] = [];
    for (const pair of map.items) {
      if (isMergeKey(pair.key)) {
        merged.push(...this.mergeSources(pair, depth));
        continue;
      }
      const key = this.readKey(pair, map);
      const value = pair.value ? this.read(pair.value, depth + 1) : null;
      const first = keys.get(key);
      if (first !== undefined) this.refuseSecond(key, pair.key, first);
      keys.set(key, pair.key);
      define(entries, key, value);
    }
    for (const from of merged) {
      for (const [key, value] of Object.entries(from)) {
        if (!Object.hasOwn(entries, key)) define(entries, key, value);
      }
    }
    return entries;
  }

  private readKey({ key }: Pair<Node | null, Node | null>, map: Node): string {
    const value = key ? this.read(key, 0) : null;
    if (value !== null && typeof value !== "object") return String(value);
    return this.refuse(
      key ?? map,
      `${value === null ? "nothing" : "a mapping or sequence"} stands as a key; expected a word`,
    );
  }

  private mergeSources({ key, value }: Pair<Node | null, Node | null>, depth: number): JsonObject[] {
    const from = value ? this.read(value, depth + 1) : null;
    return (isArray(from) ? from : [from]).map((source) => {
      if (isObject(source)) return source;
      return this.refuse(key, "the merge key << takes a mapping, or a sequence of mappings");
    });
  }

  private refuseSecond(key: string, second: Node | null, first: Node | null): never {
    const line = this.source.position(first?.range?.[0] ?? 0).line;
    this.refuse(second, `the key ${JSON.stringify(key)} is given a second time; line ${line} has it already`);
  }

  private refuse(node: Node | null, message: string): never {
    throw new Refused(this.source.refusal(node?.range?.[0] ?? 0, message));
  }
}

/** True for the key `<<` that merges other mappings into its own; quoted, it is a key like any other. */
export function isMergeKey(key: Node | null): boolean {
  return isScalar(key) && (key.type === "PLAIN" || key.type === undefined) && key.source === "<<";
}

function define(entries: Record<string, Json>, key: string, value: Json): void {
  if (key === "__proto__") {
    Object.defineProperty(entries, key, { value, enumerable: true, configurable: true, writable: true });
  } else entries[key] = value;
}

/** A scalar as JSON knows it; YAML's other numbers become text. */
function plain({ value }: Scalar): Json {
  switch (typeof value) {
    case "string":
    case "boolean":
      return value;
    case "number":
      return Number.isFinite(value) ? value : String(value);
    case "bigint":
      return value.toString();
    default:
      return null;
  }
}
