import { isDeepStrictEqual } from "node:util";
import { isAlias, isScalar, type Alias, type Node } from "yaml";
import { addEntries, addItems, fillEntry, overrideAlias } from "./block.js";
import { addToFlow, flowReplacement, type FlowAddition } from "./flow.js";
import { isArray, isObject, showPath, type Json, type Path } from "./json.js";
import {
  isFlow,
  isMapNode,
  isSequenceNode,
  nodeEnd,
  pairEnd,
  pairStart,
  pairToken,
  type CollectionNode,
  type MapNode,
  type PairNode,
} from "./layout.js";
import { lookUp } from "./look-up.js";
import type { Fill, MapChange, NetChange } from "./net-change.js";
import type { Parsed } from "./parse.js";
import { isNested, type BlockStyle, type Nested } from "./print.js";
import { Refused } from "./reading.js";
import type { Refusal } from "./refusal.js";
import { Sharing } from "./sharing.js";
import type { Source } from "./source.js";
import type { Splice } from "./splice.js";
import { Styles } from "./style.js";

/** A change as splices of the text, and what could make it mean more than was asked for. */
export interface Edit {
  readonly splices: readonly Splice[];
  /** Places that others share, by aliases or merge keys: the reason if the edit turns out to change those too. */
  readonly shared: readonly Refusal[];
  /** The styles of what is added in block style; undefined where a mapping or sequence is added in flow style. */
  readonly styles?: readonly BlockStyle[] | undefined;
}

/** The splices that make `change` in the document. Throws Refused where its text has no place for it. */
export function edit(source: Source, parsed: Parsed, change: NetChange): Edit {
  const editor = new Editor(source, parsed);
  if (parsed.root) editor.visit(parsed.root, change, { path: [], parents: [] });
  return editor;
}

/** Where a node stands: the path that led there, and the mappings around it, the innermost first. */
interface Context {
  readonly path: Path;
  readonly parents: readonly MapNode[];
}

class Editor implements Edit {
  readonly splices: Splice[] = [];
  private readonly sharing: Sharing;
  private readonly around: Styles;
  private readonly used: BlockStyle[] = [];
  private nestsInFlow = false;
  private readonly visited = new Map<Node, NetChange>();

  constructor(
    private readonly source: Source,
    private readonly parsed: Parsed,
  ) {
    this.around = new Styles(parsed.root, source);
    this.sharing = new Sharing(source, parsed);
  }

  get styles(): readonly BlockStyle[] | undefined {
    return this.nestsInFlow ? undefined : this.used;
  }

  get shared(): readonly Refusal[] {
    return this.sharing.reasons;
  }

  visit(node: Node, change: NetChange, context: Context): void {
    this.sharing.noteAnchor(node, context.path);
    // Two objects can share a node, and then each asks for its change.
    const before = this.visited.get(node);
    if (before) {
      if (!isDeepStrictEqual(before, change))
        this.refuse(node, "what two objects share cannot be changed for each");
      return;
    }
    this.visited.set(node, change);
    if (change.kind === "map" && isMapNode(node)) this.visitMap(node, change, context);
    else if (change.kind === "sequence" && isSequenceNode(node)) {
      for (const [index, inner] of change.within) {
        const item = node.items[index];
        if (item) this.enter(item, inner, { ...context, path: [...context.path, index] });
      }
      this.addItems(node, change.front, change.back, context);
    } else this.refuse(node, `${showPath(context.path)} is empty; expected a mapping`);
  }

  private styleNear(node: CollectionNode, parent: MapNode | undefined): BlockStyle {
    const style = this.around.near(node, parent);
    if (!this.used.some((before) => isDeepStrictEqual(before, style))) this.used.push(style);
    return style;
  }

  private visitMap(map: MapNode, change: MapChange, context: Context): void {
    for (const [key, inner] of change.within) {
      const found = lookUp(map, key, this.parsed.targets);
      if (!found)
        return this.refuse(map, `${showPath([...context.path, key])} is not to be found in the text`);
      if (found.through) this.sharing.noteMerge(found.through, [...context.path, key]);
      this.visitEntry(found.map, found.pair, inner, {
        path: [...context.path, key],
        parents: [found.map, ...context.parents],
      });
    }
    if (change.added.size > 0) this.addEntries(map, change.added, context);
  }

  private visitEntry(map: MapNode, pair: PairNode, change: NetChange, context: Context): void {
    const { value } = pair;
    if (change.kind === "fill") this.fill(map, pair, change, context);
    else if (isAlias(value) && this.overridesAlias(map, pair, value, change))
      this.override(map, pair, value, change);
    else if (value) this.enter(value, change, context);
  }

  /** Visits what a node is or stands for. */
  private enter(node: Node, change: NetChange, context: Context): void {
    const target = isAlias(node) ? this.parsed.targets.get(node) : node;
    if (isAlias(node)) this.sharing.noteAlias(node, context.path);
    if (target) this.visit(target, change, context);
  }

  private addEntries(map: MapNode, added: ReadonlyMap<string, Json>, context: Context): void {
    if (isFlow(map)) {
      this.addToFlow(map, { entries: added }, context);
    } else {
      this.splices.push(addEntries(map, added, this.styleNear(map, context.parents[0]), this.source));
    }
  }

  private addItems(
    node: CollectionNode,
    front: readonly Json[],
    back: readonly Json[],
    context: Context,
  ): void {
    if (front.length + back.length === 0 || !isSequenceNode(node)) return;
    const parent = context.parents[0];
    if (isFlow(node)) this.addToFlow(node, { front, back }, context);
    else {
      const style = this.styleNear(node, parent);
      this.splices.push(...addItems(node, front, back, style, parent, this.source));
    }
  }

  private fill(map: MapNode, pair: PairNode, change: Fill, context: Context): void {
    const { value } = pair;
    if (isAlias(value)) this.refuse(value, `${showPath(context.path)} is ${this.sharing.nameOf(value)}`);
    if (value) this.sharing.noteAnchor(value, context.path);
    const tag = pairToken(pair)?.sep?.find(({ type }) => type === "tag");
    if (tag)
      this.refuseAt(
        tag.offset,
        `${showPath(context.path)} has the tag ${tag.source}; mesh would have to change it`,
      );
    if (!isNested(change.value)) this.refuse(value, `${showPath(context.path)} is to be filled with nothing`);
    const filling = change.value;
    if (isFlow(map) || this.isOpenedUp(value)) this.fillFlow(pair, value, filling, context);
    else this.fillBlock(map, pair, filling, context);
  }

  /** True for brackets over several lines: they stay brackets. */
  private isOpenedUp(value: Node | null): boolean {
    const [start, end] = value?.range ?? [0, 0];
    return value !== null && !isScalar(value) && this.source.text.slice(start, end).includes("\n");
  }

  private fillBlock(map: MapNode, pair: PairNode, value: Nested, context: Context): void {
    if (!pairToken(pair)?.sep?.some(({ type }) => type === "map-value-ind")) {
      this.refuseAt(pairStart(pair), `${showPath(context.path)} is a key without a colon`);
    }
    const style = this.styleNear(map, context.parents[1]);
    const written = nodeEnd(pair.value, this.source) !== undefined;
    this.splices.push(...fillEntry(map, pair, value, style, written, this.source));
  }

  private fillFlow(pair: PairNode, value: Node | null, filling: Nested, context: Context): void {
    if (isMapNode(value) && isObject(filling)) {
      const entries = new Map(Object.entries(filling));
      this.addToFlow(value, { entries }, context);
    } else if (isSequenceNode(value) && isArray(filling)) {
      this.addToFlow(value, { front: [], back: filling }, context);
    } else this.replaceNull(pair, value, filling, context);
  }

  private addToFlow(node: CollectionNode, addition: FlowAddition, { parents }: Context): void {
    const added =
      "entries" in addition ? [...addition.entries.values()] : [...addition.front, ...addition.back];
    this.nestsInFlow ||= added.some(isNested);
    this.splices.push(...addToFlow(node, addition, parents, this.source));
  }

  /** Only here do characters go: flow style has no place for both `null` and what comes instead. */
  private replaceNull(pair: PairNode, value: Node | null, filling: Nested, context: Context): void {
    const [at, end] = value?.range ?? [0, 0];
    if (this.source.text.slice(at, end) !== "null") {
      this.refuseAt(
        pairEnd(pair, this.source) - 1,
        `${showPath(context.path)} says nothing in flow style`,
        "write null",
      );
    }
    this.nestsInFlow = true;
    const insert = flowReplacement(filling, context.parents, this.source);
    this.splices.push({ at, remove: end - at, insert });
  }

  /** An alias of a mapping that only gets new entries can be merged with them, which changes nobody else. */
  private overridesAlias(map: MapNode, pair: PairNode, alias: Alias, change: NetChange): change is MapChange {
    const target = this.parsed.targets.get(alias);
    const sep = pairToken(pair)?.sep ?? [];
    return (
      change.kind === "map" &&
      change.within.size === 0 &&
      isMapNode(target) &&
      !isFlow(map) &&
      !sep.some(({ type }) => type === "newline")
    );
  }

  private override(map: MapNode, pair: PairNode, alias: Alias, change: MapChange): void {
    const style = this.styleNear(map, undefined);
    this.splices.push(...overrideAlias(map, pair, alias, change.added, style, this.source));
  }

  private refuse(node: Node | null, message: string): never {
    this.refuseAt(node?.range?.[0] ?? 0, message);
  }

  private refuseAt(offset: number, message: string, hint?: string): never {
    throw new Refused(this.source.refusal(offset, message, hint));
  }
}
