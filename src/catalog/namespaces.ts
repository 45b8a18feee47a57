import { EventEmitter } from "node:events";
import { isDeepStrictEqual } from "node:util";
import type { Namespace } from "./model.js";

interface NamespacesEvents {
  /** One came, went or changed. */
  changed: [name: string];
}

/** The namespaces that a registry declared. */
export class Namespaces extends EventEmitter<NamespacesEvents> implements Iterable<Namespace> {
  readonly #byName = new Map<string, Namespace>();

  constructor() {
    super();
    this.setMaxListeners(0);
  }

  [Symbol.iterator](): IterableIterator<Namespace> {
    return this.#byName.values();
  }

  /** None where namespaces are just what things are in. */
  get size(): number {
    return this.#byName.size;
  }

  get(name: string): Namespace | undefined {
    return this.#byName.get(name);
  }

  /** Undefined takes it away. */
  set(name: string, namespace: Namespace | undefined): void {
    if (isDeepStrictEqual(this.#byName.get(name), namespace)) return;
    if (namespace) this.#byName.set(name, namespace);
    else this.#byName.delete(name);
    this.emit("changed", name);
  }
}
