import { type Alias, type Node } from "yaml";
import { showPath, type Path } from "./json.js";
import type { Parsed } from "./parse.js";
import { Refused } from "./reading.js";
import type { Refusal } from "./refusal.js";
import type { Source } from "./source.js";

/**
 * Notes on places that others share, by aliases or merge keys: the reason to give if a change turns out to change those
 * too. It need not: two objects that share something can both want the same change.
 */
export class Sharing {
  readonly reasons: Refusal[] = [];

  constructor(
    private readonly source: Source,
    private readonly parsed: Parsed,
  ) {}

  noteAnchor(node: Node, path: Path): void {
    const use = this.parsed.uses.get(node)?.[0];
    if (!use) return;
    this.note(node, path, `is anchored as &${use.source}, which line ${this.lineOf(use)} uses`);
  }

  noteAlias(alias: Alias, path: Path): void {
    this.note(alias, path, `is ${this.nameOf(alias)}`);
  }

  noteMerge(alias: Alias, path: Path): void {
    this.note(alias, path, `comes by a merge key from ${this.nameOf(alias)}`);
  }

  refuseTwo(node: Node): never {
    const message = "two objects share this, and the changes to them differ";
    throw new Refused(this.reasons[0] ?? this.source.refusal(node.range?.[0] ?? 0, message));
  }

  /** An alias, and where what it stands for is. */
  nameOf(alias: Alias): string {
    const target = this.parsed.targets.get(alias);
    return `*${alias.source}, the alias of what line ${target ? this.lineOf(target) : 1} anchors`;
  }

  private lineOf(node: Node): number {
    return this.source.position(node.range?.[0] ?? 0).line;
  }

  private note(node: Node, path: Path, how: string): void {
    this.reasons.push(
      this.source.refusal(
        node.range?.[0] ?? 0,
        `${showPath(path)} ${how}; a change here would change more than this object`,
        "write it out in full where mesh has to add to it",
      ),
    );
  }
}
