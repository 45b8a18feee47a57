import { type Document, isMap, isScalar, parseDocument, type YAMLMap } from "yaml";
import type { JsonObject, Path } from "./json.js";
import { isObject } from "./json.js";

/** Keys of a document whose entries each have a comment before them. */
export class CommentedDocument {
  readonly #document: Document;

  constructor(text: string) {
    this.#document = parseDocument(text);
  }

  /** The comment before the key at a path of keys, its lines joined; undefined when there is none. */
  commentOf(path: Path): string | undefined {
    const map = this.#document.getIn(path.slice(0, -1), true) ?? this.#document.contents;
    if (!isMap(map)) return undefined;
    const index = map.items.findIndex(({ key }) => isScalar(key) && key.value === path.at(-1));
    const key = map.items[index]?.key;
    const comment = isScalar(key)
      ? (key.commentBefore ?? (index === 0 ? map.commentBefore : undefined))
      : undefined;
    return comment
      ?.split(/\n *\n/)
      .at(-1)
      ?.split("\n")
      .map((line) => line.trim())
      .join(" ");
  }

  /** The document's text with other values at its keys. Comments stay; keys that the document has not are added. */
  withValues(values: JsonObject): string {
    const document = this.#document.clone();
    if (isMap(document.contents)) put(document, document.contents, values);
    return document.toString({ lineWidth: 0, flowCollectionPadding: false });
  }
}

function put(document: Document, map: YAMLMap, values: JsonObject): void {
  for (const [key, value] of Object.entries(values)) {
    const there = map.get(key, true);
    if (isMap(there) && isObject(value) && there.items.length > 0) put(document, there, value);
    else if (isScalar(there) && (typeof value !== "object" || value === null)) there.value = value;
    else map.set(key, document.createNode(value));
  }
}
