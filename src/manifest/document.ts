import type { Addition, Removal } from "./change.js";
import { cutOut, emptyBefore } from "./cut.js";
import { edit } from "./edit.js";
import { isFaithful, shortened } from "./faithful.js";
import { equalJson, isObject, type JsonObject, type Path } from "./json.js";
import { changed, extend, Misfit, type NetChange } from "./net-change.js";
import { cutValue, netCutOf } from "./net-cut.js";
import { findObjects, type FoundObject } from "./object.js";
import { parse, type Parsed } from "./parse.js";
import { Refused } from "./reading.js";
import { isRefusal, type Position, type Refusal } from "./refusal.js";
import { Source } from "./source.js";
import { splice } from "./splice.js";
import { splitDocuments } from "./split.js";
import { placeOf } from "./place.js";

/** An object of Kubernetes in a file. */
export interface ManifestObject {
  readonly apiVersion: string;
  readonly kind: string;
  /** What `metadata` calls it; empty where it does not say. */
  readonly name: string;
  readonly namespace: string | undefined;
  /** As Kubernetes reads it, aliases and merge keys resolved. */
  readonly value: JsonObject;
  /** From its document's root; not empty for an item of a List. */
  readonly path: Path;
  /** Where the object starts. */
  readonly position: Position;
  /** Where `path` leads to in the text, or, where that ends, the last part of it that is there. */
  positionOf(path: Path): Position;
  /** A refusal of the object for what `path` leads to. */
  refusal(path: Path, message: string, hint?: string): Refusal;
}

/** A change of one object of a document. */
export interface ObjectChange<T> {
  readonly object: ManifestObject;
  readonly change: readonly T[];
}

/** One document of a file, with the directives, comments and markers around it. */
export class ManifestDocument {
  private found: readonly ManifestObject[] | undefined;

  private constructor(
    private readonly source: Source,
    private reading: Parsed | undefined,
  ) {}

  static parse(text: string, firstLine: number): ManifestDocument | Refusal {
    const source = new Source(text, firstLine);
    const parsed = parse(source);
    return isRefusal(parsed) ? parsed : new ManifestDocument(source, parsed);
  }

  /** The objects of the document: itself, or a List's items, also those of Lists in it. */
  get objects(): readonly ManifestObject[] {
    return (this.found ??= findObjects(this.parsed.value).map(
      (object) => new PlacedObject(object, this.source, this.parsed),
    ));
  }

  /** A text that was found to be right without being read as a whole is read when somebody asks. */
  private get parsed(): Parsed {
    if (this.reading) return this.reading;
    const parsed = parse(this.source);
    if (isRefusal(parsed)) throw new Error(`a changed manifest cannot be read: ${parsed.message}`);
    return (this.reading = parsed);
  }

  /** The document as it stands in the file. The texts of all of a file's documents, joined, are the file's. */
  get text(): string {
    return this.source.text;
  }

  /**
   * The document with additions to objects of it, as insertions into its text. Refused where they would change
   * anything else, or where the text has no place for them.
   */
  add(changes: readonly ObjectChange<Addition>[]): ManifestDocument | Refusal {
    return this.refusing(() => {
      const change = this.netChange(changes);
      if (!change) return this;
      this.refuseOddLineBreaks();
      const made = edit(this.source, this.parsed, change);
      const text = splice(this.text, made.splices);
      const { styles } = made;
      if (!styles?.every((style) => isFaithful(change, style))) {
        return this.checked(text, changed(this.parsed.value, change), made.shared);
      }
      const short = shortened(change);
      const { splices, shared } = edit(this.source, this.parsed, short);
      const checked = this.checked(splice(this.text, splices), changed(this.parsed.value, short), shared);
      return isRefusal(checked)
        ? checked
        : new ManifestDocument(new Source(text, this.source.firstLine), undefined);
    });
  }

  /**
   * The document without what removals name, as cuts out of its text: where that is as `add` made it, byte for byte what it
   * was before.
   */
  remove(changes: readonly ObjectChange<Removal>[]): ManifestDocument | Refusal {
    return this.refusing(() => {
      const cut = netCutOf(
        this.parsed.value,
        changes.map(({ object, change }) => ({ value: object.value, path: object.path, removals: change })),
        (path) => emptyBefore(path, this.parsed),
      );
      if (!cut) return this;
      const { splices, shared } = cutOut(this.source, this.parsed, cut);
      if (splices.length === 0) return this;
      return this.checked(splice(this.text, splices), cutValue(this.parsed.value, cut), shared);
    });
  }

  /** What ends a line to some parsers alone can hide from the others what a document means. JSON has no such doubts. */
  private refuseOddLineBreaks(): void {
    const odd = /\r(?!\n)|[\u0085\u2028\u2029]/.exec(this.text);
    if (!odd || /^\uFEFF?\s*\{/.test(this.text)) return;
    throw new Refused(
      this.source.refusal(
        odd.index,
        "a character that ends the line to some YAML parsers and not to others",
        "replace it by a line break or by an escape in double quotes",
      ),
    );
  }

  private netChange(changes: readonly ObjectChange<Addition>[]): NetChange | undefined {
    let net: NetChange | undefined;
    for (const { object, change } of changes) {
      for (const addition of change) {
        const path = [...object.path, ...addition.path];
        net = extend(this.parsed.value, net, { ...addition, path });
      }
    }
    return net;
  }

  /** The new text, if it means what it should and nothing else. */
  private checked(
    text: string,
    expected: Parsed["value"],
    shared: readonly Refusal[],
  ): ManifestDocument | Refusal {
    const after = ManifestDocument.parse(text, this.source.firstLine);
    const isOne = [...splitDocuments(text)].length === 1;
    if (isOne && !isRefusal(after) && equalJson(after.parsed.value, expected)) return after;
    return (
      shared[0] ??
      this.source.refusal(
        this.parsed.root?.range?.[0] ?? 0,
        "mesh cannot change this document and be sure that nothing else in it changes",
        "write it in block style, without anchors, or let kubectl print it: kubectl create --dry-run=client -o yaml -f …",
      )
    );
  }

  private refusing(work: () => ManifestDocument | Refusal): ManifestDocument | Refusal {
    try {
      return work();
    } catch (error) {
      if (error instanceof Refused) return error.refusal;
      if (error instanceof Misfit) {
        return this.source.refusal(placeOf(error.path, this.parsed), error.message);
      }
      throw error;
    }
  }
}

/** A class, for an object literal with a getter would have V8 keep what the getter sees until it cleans up everything. */
class PlacedObject implements ManifestObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly namespace: string | undefined;
  readonly value: JsonObject;
  readonly path: Path;

  constructor(
    found: FoundObject,
    private readonly source: Source,
    private readonly parsed: Parsed,
  ) {
    const metadata = found.value["metadata"];
    const { name, namespace } = isObject(metadata) ? metadata : {};
    this.apiVersion = found.apiVersion;
    this.kind = found.kind;
    this.name = typeof name === "string" || typeof name === "number" ? String(name) : "";
    this.namespace = typeof namespace === "string" ? namespace : undefined;
    this.value = found.value;
    this.path = found.path;
  }

  get position(): Position {
    return this.positionOf([]);
  }

  positionOf(path: Path): Position {
    return this.source.position(this.offsetOf(path));
  }

  refusal(path: Path, message: string, hint?: string): Refusal {
    return this.source.refusal(this.offsetOf(path), message, hint);
  }

  private offsetOf(path: Path): number {
    return placeOf([...this.path, ...path], this.parsed);
  }
}

/**
 * The documents of a file one after another, each a refusal where it cannot be read. Each is read when it is asked for, so
 * that a long file needs no more memory than its longest document.
 */
export function* readDocuments(text: string): Generator<ManifestDocument | Refusal> {
  for (const { text: part, firstLine } of splitDocuments(text)) yield ManifestDocument.parse(part, firstLine);
}
