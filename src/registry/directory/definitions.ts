import type { Catalog, Problem } from "../../catalog/index.js";
import type { Definition, DefinitionMistake, FileContent } from "./definition.js";
import { Hosts } from "./hosts.js";
import { secondDefinition } from "./resource-file.js";

/** How long a definition that changed waits for the first answer about its host names. */
const FIRST_ANSWER_MS = 500;

interface File {
  definitions: Map<string, Definition>;
  mistakes: DefinitionMistake[];
}

/** The definition that counts for a key. */
interface Current {
  path: string;
  definition: Definition;
  /** Whether the catalog was told of it. */
  shown: boolean;
}

/**
 * What all files of a directory say together. Of several definitions of one name, the one that was there first is in force;
 * one that went wrong stays in force as it last was right.
 */
export class Definitions {
  private readonly files = new Map<string, File>();
  /** By key, the files that define it. */
  private readonly definers = new Map<string, Set<string>>();
  /** By key, the definition that counts. */
  private readonly inForce = new Map<string, Current>();
  private readonly hostUsers = new Map<string, Set<string>>();
  private readonly hosts = new Hosts((host) => this.hostChanged(host));

  private readonly timers = new Set<NodeJS.Timeout>();

  constructor(private readonly catalog: Catalog) {}

  /** Takes what the files say now; undefined: the file is gone. */
  update(contents: ReadonlyMap<string, FileContent | undefined>): void {
    const keys = new Set<string>();
    for (const [path, content] of contents) {
      const before = this.files.get(path);
      const after = content ? merge(before, content) : undefined;
      for (const key of before?.definitions.keys() ?? []) keys.add(key);
      for (const key of after?.definitions.keys() ?? []) keys.add(key);
      this.replaceFile(path, before, after);
    }
    const touched = new Set(contents.keys());
    for (const key of keys) for (const path of this.putInForce(key)) touched.add(path);
    for (const path of touched) this.report(path);
  }

  /** Waits for the first answers about host names. */
  resolved(timeoutMs: number): Promise<void> {
    return this.hosts.settled(timeoutMs);
  }

  stop(): void {
    for (const timer of this.timers) clearTimeout(timer);
    this.hosts.stop();
  }

  private replaceFile(path: string, before: File | undefined, after: File | undefined): void {
    for (const key of before?.definitions.keys() ?? [])
      if (!after?.definitions.has(key)) this.undefine(key, path);
    for (const key of after?.definitions.keys() ?? []) {
      const definers = this.definers.get(key) ?? new Set();
      this.definers.set(key, definers.add(path));
    }
    if (after) this.files.set(path, after);
    else this.files.delete(path);
  }

  private undefine(key: string, path: string): void {
    const definers = this.definers.get(key);
    definers?.delete(path);
    if (definers?.size === 0) this.definers.delete(key);
  }

  /** Tells the catalog of the definition that counts; returns the files for which that may be news. */
  private putInForce(key: string): Iterable<string> {
    const definers = this.definers.get(key) ?? new Set<string>();
    const before = this.inForce.get(key);
    const path = before && definers.has(before.path) ? before.path : [...definers].sort()[0];
    const definition = path === undefined ? undefined : this.files.get(path)?.definitions.get(key);
    if (definition === before?.definition) return definers;
    // The new one takes its hosts before the old one gives them back, so that their addresses stay known.
    for (const host of definition?.hosts.keys() ?? []) this.useHost(host, key, definition);
    for (const host of before?.definition.hosts.keys() ?? []) this.leaveHost(host, key, definition);
    if (path !== undefined && definition) {
      const current = { path, definition, shown: false };
      this.inForce.set(key, current);
      if (before && this.isPending(definition)) this.showLater(key, current);
      else this.show(current);
    } else {
      this.inForce.delete(key);
      before?.definition.remove(this.catalog);
    }
    return definers;
  }

  private show(current: Current): void {
    current.shown = true;
    current.definition.put(this.catalog, (host) => this.hosts.addresses(host), current.path);
  }

  /** Leaves what is in the catalog there for a moment, while the new definition's hosts are asked for the first time. */
  private showLater(key: string, current: Current): void {
    const timer = setTimeout(() => {
      this.timers.delete(timer);
      if (!current.shown && this.inForce.get(key) === current) this.show(current);
    }, FIRST_ANSWER_MS);
    this.timers.add(timer);
  }

  private isPending({ hosts }: Definition): boolean {
    return [...hosts.keys()].some((host) => this.hosts.pending(host));
  }

  private useHost(host: string, key: string, definition: Definition | undefined): void {
    const users = this.hostUsers.get(host) ?? new Set();
    if (!definition?.hosts.has(host) || users.has(key)) return;
    this.hostUsers.set(host, users.add(key));
    this.hosts.acquire(host);
  }

  private leaveHost(host: string, key: string, now: Definition | undefined): void {
    if (now?.hosts.has(host)) return;
    const users = this.hostUsers.get(host);
    if (!users?.delete(key)) return;
    if (users.size === 0) this.hostUsers.delete(host);
    this.hosts.release(host);
  }

  private hostChanged(host: string): void {
    for (const key of this.hostUsers.get(host) ?? []) {
      const current = this.inForce.get(key);
      if (!current) continue;
      if (current.shown || !this.isPending(current.definition)) this.show(current);
      this.report(current.path);
    }
  }

  private report(path: string): void {
    const file = this.files.get(path);
    const problems = file
      ? [...file.mistakes, ...this.overruled(path, file), ...this.unresolved(path, file)]
      : [];
    this.catalog.problems.report(
      path,
      problems.map(({ line, message }): Problem => ({ source: path, line, message })),
    );
  }

  private *overruled(path: string, { definitions }: File): IterableIterator<DefinitionMistake> {
    for (const [key, definition] of definitions) {
      const current = this.inForce.get(key);
      if (!current || current.path === path) continue;
      yield secondDefinition(definition, `${current.path}:${current.definition.line}`);
    }
  }

  private *unresolved(path: string, { definitions }: File): IterableIterator<DefinitionMistake> {
    for (const [key, definition] of definitions) {
      if (this.inForce.get(key)?.path !== path) continue;
      for (const [host, line] of definition.hosts) {
        const failure = this.hosts.failure(host);
        if (failure === "") continue;
        const last = this.hosts.addresses(host).join(", ");
        const until = last === "" ? "it is left out" : `its last addresses (${last}) stay`;
        const message = `found host "${host}", which cannot be resolved (${failure}); expected a name that DNS knows; ${until} until it can`;
        yield { line, message };
      }
    }
  }
}

/** What a file says, completed by what it said before wherever it is wrong now. */
function merge(before: File | undefined, { definitions, mistakes }: FileContent): File {
  const merged = new Map(definitions.map((definition) => [definition.key, definition]));
  const spoilsAny = mistakes.some(({ key }) => key === undefined);
  for (const [key, definition] of before?.definitions ?? []) {
    const spoilt = mistakes.some((mistake) => mistake.key === key);
    if (spoilt || (spoilsAny && !merged.has(key))) merged.set(key, definition);
  }
  return { definitions: merged, mistakes };
}
