import { readFileSync } from "node:fs";
import type { Layer } from "../inject/index.js";
import { readInstallation, sidecarOptions } from "../install/index.js";
import { fail, ok, type Result } from "../result/index.js";

/** The sidecar's options of an installation, from the file of values that is mounted into the webhook's pod. */
export class InstalledOptions {
  readonly #path: string;
  readonly #version: string;
  #text: string | undefined;
  #layer: Layer = { given: {}, call: (option) => option };

  constructor(path: string, version: string) {
    this.#path = path;
    this.#version = version;
  }

  /** The options that were read last. */
  get layer(): Layer {
    return this.#layer;
  }

  /** Reads the file when it has changed. What cannot be taken leaves the options as they were. */
  refresh(): Result<undefined> {
    let text: string;
    try {
      text = readFileSync(this.#path, "utf8");
    } catch (error) {
      return fail(`${this.#path}: ${error instanceof Error ? error.message : String(error)}`);
    }
    if (text === this.#text) return ok(undefined);
    const read = readInstallation({ flags: {}, files: [this.#path], sets: [] }, this.#version);
    if (!read.ok) return fail(read.error.join("; "));
    this.#text = text;
    this.#layer = sidecarOptions(read.value);
    return ok(undefined);
  }
}
