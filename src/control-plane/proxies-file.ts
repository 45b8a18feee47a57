import { readFile, rename, writeFile } from "node:fs/promises";
import type { CertifiedProxy } from "./certified-proxies.js";

/**
 * Remembers certified proxies for a control plane that starts anew: until they are back, their endpoints are not to be spoken to in plain text, and none is
 * to be forgotten while the root is changed.
 */
export class ProxiesFile {
  #writing: Promise<void> | undefined;
  #isDue = false;

  private constructor(
    private readonly path: string,
    /** What was remembered when it was opened, without those whose certificate has ended. */
    readonly remembered: readonly CertifiedProxy[],
    private readonly failed: (message: string) => void,
  ) {}

  /** Reads the file. One that is not there, or is damaged, remembers nothing. */
  static async open(path: string, failed: (message: string) => void): Promise<ProxiesFile> {
    const text = await readFile(path, "utf8").catch(() => "[]");
    return new ProxiesFile(path, parse(text), failed);
  }

  /** Writes what there is when it comes to it; many changes are written at once. */
  write(list: () => readonly CertifiedProxy[]): void {
    this.#isDue = true;
    this.#writing ??= this.#writeWhileDue(list).finally(() => (this.#writing = undefined));
  }

  /** Resolves when everything is written. */
  async written(): Promise<void> {
    await this.#writing;
  }

  async #writeWhileDue(list: () => readonly CertifiedProxy[]): Promise<void> {
    while (this.#isDue) {
      await new Promise(setImmediate);
      this.#isDue = false;
      const draft = `${this.path}.${process.pid}.tmp`;
      try {
        await writeFile(draft, JSON.stringify(list()), { mode: 0o600 });
        await rename(draft, this.path);
      } catch (error) {
        this.failed(`certified proxies are not remembered: ${String(error)}`);
      }
    }
  }
}

function parse(text: string): CertifiedProxy[] {
  try {
    const known = JSON.parse(text, revive) as CertifiedProxy[];
    return known.filter(({ proxy, trust }) => proxy.name !== "" && trust.notAfter > new Date());
  } catch {
    return [];
  }
}

const DATES: ReadonlySet<string> = new Set(["notAfter", "from", "until"]);
const revive = (key: string, value: unknown): unknown =>
  DATES.has(key) && typeof value === "string" ? new Date(value) : value;
