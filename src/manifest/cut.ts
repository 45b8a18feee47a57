import { isDeepStrictEqual } from "node:util";
import { isAlias, type Node } from "yaml";
import {
  allOf,
  behindColon,
  cutRegions,
  indexesOf,
  partsOf,
  uncomment,
  wasAlias,
  wasEmpty,
  type Region,
} from "./block-cut.js";
import { cutFlow } from "./flow-cut.js";
import type { Json, Path } from "./json.js";
import {
  isFlow,
  isMapNode,
  isSequenceNode,
  type CollectionNode,
  type MapNode,
  type PairNode,
} from "./layout.js";
import { keyOf, lookUp } from "./look-up.js";
import type { Emptied, MapCut, NetCut, SequenceCut } from "./net-cut.js";
import type { Parsed } from "./parse.js";
import { isMergeKey } from "./reading.js";
import { Sharing } from "./sharing.js";
import type { Source } from "./source.js";
import type { Splice } from "./splice.js";
import type { Edit } from "./edit.js";

/** The splices that make `cut` in the document. Throws Refused where its text has no place for it. */
export function cutOut(source: Source, parsed: Parsed, cut: NetCut): Edit {
  const cutter = new Cutter(source, parsed);
  if (parsed.root) cutter.visit(parsed.root, cut, []);
  return cutter.edit();
}

class Cutter {
  private readonly inline: Splice[] = [];
  private readonly regions: Region[] = [];
  private readonly sharing: Sharing;
  private readonly visited = new Map<Node, NetCut>();

  constructor(
    private readonly source: Source,
    private readonly parsed: Parsed,
  ) {
    this.sharing = new Sharing(source, parsed);
  }

  edit(): Edit {
    const splices = [...this.inline, ...cutRegions(this.regions, this.source)];
    return { splices, shared: this.sharing.reasons };
  }

  visit(node: Node, cut: NetCut, path: Path): void {
    this.sharing.noteAnchor(node, path);
    const before = this.visited.get(node);
    if (before) {
      if (!isDeepStrictEqual(before, cut)) this.sharing.refuseTwo(node);
      return;
    }
    this.visited.set(node, cut);
    if (cut.kind === "map" && isMapNode(node)) this.visitMap(node, cut, path);
    if (cut.kind === "sequence" && isSequenceNode(node)) this.visitSequence(node, cut, path);
  }

  private visitMap(map: MapNode, cut: MapCut, path: Path): void {
    for (const [key, inner] of cut.within) {
      const found = lookUp(map, key, this.parsed.targets);
      if (!found) continue;
      if (found.through) this.sharing.noteMerge(found.through, [...path, key]);
      this.visitEntry(found.map, found.pair, inner, [...path, key]);
    }
    const gone = indexesOf(map, ({ key }) => !isMergeKey(key) && cut.gone.has(this.nameOf(key) ?? ""));
    if (gone.size > 0) this.takeParts(map, gone);
  }

  private visitSequence(sequence: CollectionNode, cut: SequenceCut, path: Path): void {
    for (const [index, inner] of cut.within) {
      const item = sequence.items[index] as Node | undefined;
      if (item) this.enter(item, inner, [...path, index]);
    }
    if (cut.gone.size > 0) this.takeParts(sequence, cut.gone);
  }

  private visitEntry(map: MapNode, pair: PairNode, cut: NetCut, path: Path): void {
    if (cut.kind === "emptied") this.empty(pair, cut, path);
    else if (cut.kind === "map" && this.isOverride(map, pair, cut)) this.bringAliasBack(pair);
    else if (pair.value) this.enter(pair.value, cut, path);
  }

  private enter(node: Node, cut: NetCut, path: Path): void {
    const target = isAlias(node) ? this.parsed.targets.get(node) : node;
    if (isAlias(node)) this.sharing.noteAlias(node, path);
    if (target) this.visit(target, cut, path);
  }

  private takeParts(node: CollectionNode, gone: ReadonlySet<number>): void {
    if (isFlow(node)) this.inline.push(...cutFlow(node, gone, this.source));
    else this.regions.push(...partsOf(node, gone, this.source));
  }

  private empty(pair: PairNode, { before }: Emptied, path: Path): void {
    const { value } = pair;
    if (isAlias(value)) {
      this.sharing.noteAlias(value, path);
      const target = this.parsed.targets.get(value);
      if (isMapNode(target) || isSequenceNode(target)) this.takeAll(target);
      return;
    }
    if (!isMapNode(value) && !isSequenceNode(value)) return;
    this.sharing.noteAnchor(value, path);
    if (isFlow(value) && before === null) {
      const [start, end] = value.range ?? [0, 0];
      this.inline.push({ at: start, remove: end - start, insert: "null" });
      return;
    }
    this.takeAll(value);
    if (isFlow(value)) return;
    const was = wasEmpty(pair);
    if (was) this.inline.push(uncomment(was));
    else if (before !== null) {
      this.inline.push({ at: behindColon(pair), remove: 0, insert: ` ${JSON.stringify(before)}` });
    }
  }

  private takeAll(node: CollectionNode): void {
    if (isFlow(node)) this.inline.push(...cutFlow(node, new Set(node.items.keys()), this.source));
    else this.regions.push(allOf(node, this.source));
  }

  private isOverride(map: MapNode, pair: PairNode, cut: MapCut): boolean {
    if (isFlow(map) || cut.within.size > 0 || !isMapNode(pair.value) || isFlow(pair.value)) return false;
    const [, ...own] = pair.value.items;
    return (
      wasAlias(pair, (alias) => this.parsed.targets.has(alias)) !== undefined &&
      own.every(({ key }) => cut.gone.has(this.nameOf(key) ?? ""))
    );
  }

  private bringAliasBack(pair: PairNode): void {
    const was = wasAlias(pair, (alias) => this.parsed.targets.has(alias));
    if (!was || !isMapNode(pair.value)) return;
    this.inline.push(uncomment(was));
    this.regions.push(allOf(pair.value, this.source));
  }

  private nameOf(key: Node | null): string | undefined {
    return keyOf(key, this.parsed.targets);
  }
}

/** What the text says was at `path` before it was filled: null, `[]` or `{}`; undefined where it says nothing. */
export function emptyBefore(path: Path, { root, targets }: Parsed): Json | undefined {
  let node: Node | null | undefined = root;
  let was: Json | undefined;
  for (const step of path) {
    const resolved: Node | null | undefined = isAlias(node) ? targets.get(node) : node;
    was = undefined;
    if (isMapNode(resolved)) {
      const found = lookUp(resolved, String(step), targets);
      const value: Node | null | undefined = found?.pair.value;
      if (found && (isMapNode(value) || isSequenceNode(value)) && !isFlow(value))
        was = wasEmpty(found.pair)?.value;
      node = value;
    } else if (isSequenceNode(resolved)) node = resolved.items[Number(step)];
    else return undefined;
  }
  return was;
}
