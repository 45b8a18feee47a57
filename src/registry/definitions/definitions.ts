import type { Problem, Problems } from "../../catalog/index.js";
import {
  type Definition,
  type DefinitionMistake,
  secondDefinition,
  type SourceContent,
} from "./definition.js";
import { Hosts } from "./hosts.js";

/** How long a definition that changed waits for the first answer about its host names. */
const FIRST_ANSWER_MS = 500;

/** What a source says that may be wrong in part. */
interface Source<Sink> {
  definitions: Map<string, Definition<Sink>>;
  mistakes: DefinitionMistake[];
}

/** The definition that counts for a key. */
interface Current<Sink> {
  source: string;
  definition: Definition<Sink>;
  /** Whether it was put where it goes. */
  shown: boolean;
}

/**
 * What several sources (the files of a directory, the objects of a cluster) say together. Of several definitions of one name, the
 * one that was there first is in force; one that went wrong stays in force as it last was right.
 */
export class Definitions<Sink> {
  private readonly sources = new Map<string, Source<Sink>>();
  /** By key, the sources that define it. */
  private readonly definers = new Map<string, Set<string>>();
  /** By key, the definition that counts. */
  private readonly inForce = new Map<string, Current<Sink>>();
  private readonly hostUsers = new Map<string, Set<string>>();
  private readonly hosts = new Hosts((host) => this.hostChanged(host));

  private readonly timers = new Set<NodeJS.Timeout>();

  /** @param sink where the definitions that count go */
  constructor(
    private readonly sink: Sink,
    private readonly problems: Problems,
  ) {}

  /** Takes what the sources say now; undefined: the source is gone. */
  update(contents: ReadonlyMap<string, SourceContent<Sink> | undefined>): void {
    const keys = new Set<string>();
    for (const [source, content] of contents) {
      const before = this.sources.get(source);
      const after = content ? merge(before, content) : undefined;
      for (const key of before?.definitions.keys() ?? []) keys.add(key);
      for (const key of after?.definitions.keys() ?? []) keys.add(key);
      this.replaceSource(source, before, after);
    }
    const touched = new Set(contents.keys());
    for (const key of keys) for (const source of this.putInForce(key)) touched.add(source);
    for (const source of touched) this.report(source);
  }

  /** Waits for the first answers about host names. */
  resolved(timeoutMs: number): Promise<void> {
    return this.hosts.settled(timeoutMs);
  }

  stop(): void {
    for (const timer of this.timers) clearTimeout(timer);
    this.hosts.stop();
  }

  private replaceSource(
    source: string,
    before: Source<Sink> | undefined,
    after: Source<Sink> | undefined,
  ): void {
    for (const key of before?.definitions.keys() ?? [])
      if (!after?.definitions.has(key)) this.undefine(key, source);
    for (const key of after?.definitions.keys() ?? []) {
      const definers = this.definers.get(key) ?? new Set();
      this.definers.set(key, definers.add(source));
    }
    if (after) this.sources.set(source, after);
    else this.sources.delete(source);
  }

  private undefine(key: string, source: string): void {
    const definers = this.definers.get(key);
    definers?.delete(source);
    if (definers?.size === 0) this.definers.delete(key);
  }

  /** Puts the definition that counts where it goes; returns the sources for which that may be news. */
  private putInForce(key: string): Iterable<string> {
    const definers = this.definers.get(key) ?? new Set<string>();
    const before = this.inForce.get(key);
    const source = before && definers.has(before.source) ? before.source : [...definers].sort()[0];
    const definition = source === undefined ? undefined : this.sources.get(source)?.definitions.get(key);
    if (definition === before?.definition) return definers;
    // The new one takes its hosts before the old one gives them back, so that their addresses stay known.
    for (const host of definition?.hosts.keys() ?? []) this.useHost(host, key, definition);
    for (const host of before?.definition.hosts.keys() ?? []) this.leaveHost(host, key, definition);
    if (source !== undefined && definition) {
      const current = { source, definition, shown: false };
      this.inForce.set(key, current);
      if (before && this.isPending(definition)) this.showLater(key, current);
      else this.show(current);
    } else {
      this.inForce.delete(key);
      before?.definition.remove(this.sink);
    }
    return definers;
  }

  private show(current: Current<Sink>): void {
    current.shown = true;
    current.definition.put(this.sink, (host) => this.hosts.addresses(host), current.source);
  }

  /** Leaves what was there before for a moment, while the new definition's hosts are asked for the first time. */
  private showLater(key: string, current: Current<Sink>): void {
    const timer = setTimeout(() => {
      this.timers.delete(timer);
      if (!current.shown && this.inForce.get(key) === current) this.show(current);
    }, FIRST_ANSWER_MS);
    this.timers.add(timer);
  }

  private isPending({ hosts }: Definition<Sink>): boolean {
    return [...hosts.keys()].some((host) => this.hosts.pending(host));
  }

  private useHost(host: string, key: string, definition: Definition<Sink> | undefined): void {
    const users = this.hostUsers.get(host) ?? new Set();
    if (!definition?.hosts.has(host) || users.has(key)) return;
    this.hostUsers.set(host, users.add(key));
    this.hosts.acquire(host);
  }

  private leaveHost(host: string, key: string, now: Definition<Sink> | undefined): void {
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
      this.report(current.source);
    }
  }

  private report(source: string): void {
    const content = this.sources.get(source);
    const problems = content
      ? [...content.mistakes, ...this.overruled(source, content), ...this.unresolved(source, content)]
      : [];
    this.problems.report(
      source,
      problems.map(({ line, message }): Problem => ({ source, line, message })),
    );
  }

  private *overruled(source: string, { definitions }: Source<Sink>): IterableIterator<DefinitionMistake> {
    for (const [key, definition] of definitions) {
      const current = this.inForce.get(key);
      if (!current || current.source === source) continue;
      yield secondDefinition(definition, `${current.source}:${current.definition.line}`);
    }
  }

  private *unresolved(source: string, { definitions }: Source<Sink>): IterableIterator<DefinitionMistake> {
    for (const [key, definition] of definitions) {
      if (this.inForce.get(key)?.source !== source) continue;
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

/** What a source says, completed by what it said before wherever it is wrong now. */
function merge<Sink>(
  before: Source<Sink> | undefined,
  { definitions, mistakes }: SourceContent<Sink>,
): Source<Sink> {
  const merged = new Map(definitions.map((definition) => [definition.key, definition]));
  const spoilsAny = mistakes.some(({ key }) => key === undefined);
  for (const [key, definition] of before?.definitions ?? []) {
    const spoilt = mistakes.some((mistake) => mistake.key === key);
    if (spoilt || (spoilsAny && !merged.has(key))) merged.set(key, definition);
  }
  return { definitions: merged, mistakes };
}
