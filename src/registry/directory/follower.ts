import { open } from "node:fs/promises";
import { sep } from "node:path";
import type { Catalog } from "../../catalog/index.js";
import type { Definitions, SourceContent } from "../definitions/index.js";
import { readDiscoFile } from "./disco-file.js";
import { readResourceFile } from "./resource-file.js";
import { isGone, isUnknown, readTree, reasonOf, signatureOf, type Tree } from "./tree.js";
import { Watches } from "./watches.js";

/** What changes is taken once it has been the same for so long: a file being written is not read in the middle. */
const SETTLE_MS = 80;
/** A file that never stops changing is read all the same after this time. */
const MAX_SETTLE_MS = 500;
/** Looks again without being told of a change: not every file system tells. */
const POLL_MS = 2_000;
/** How long to wait after being told of a change, as they come in bursts. */
const BURST_MS = 10;
/** A file larger than this says something else than where services are. */
const MAX_FILE_BYTES = 16 * 1024 * 1024;

/** Files open at once. */
const READ_AT_ONCE = 32;

/** The signature of a file that is not there. */
const GONE = "gone";

interface Unsettled {
  signature: string;
  since: number;
  first: number;
}

/** Keeps definitions in step with the files of a directory. */
export class Follower {
  private readonly taken = new Map<string, string>();
  private readonly unsettled = new Map<string, Unsettled>();
  private readonly watches: Watches;
  private timer: NodeJS.Timeout | undefined;
  private due = Infinity;
  private scan: Promise<void> = Promise.resolve();
  private stopped = false;

  constructor(
    private readonly root: string,
    private readonly catalog: Catalog,
    private readonly definitions: Definitions<Catalog>,
  ) {
    this.watches = new Watches(root, () => this.lookAgain(BURST_MS));
  }

  /** Reads everything as it is now, and follows it from then on. */
  async start(): Promise<void> {
    await this.look(0);
    this.lookAgain(this.nextLook());
  }

  async stop(): Promise<void> {
    this.stopped = true;
    clearTimeout(this.timer);
    this.watches.close();
    await this.scan;
  }

  private lookAgain(delayMs: number): void {
    const at = Date.now() + delayMs;
    if (this.stopped || at >= this.due) return;
    clearTimeout(this.timer);
    this.due = at;
    this.timer = setTimeout(() => {
      this.scan = this.scan.then(async () => {
        this.due = Infinity;
        await this.look(SETTLE_MS);
        this.lookAgain(this.nextLook());
      });
    }, delayMs);
  }

  private nextLook(): number {
    return this.unsettled.size > 0 ? SETTLE_MS : POLL_MS;
  }

  private async look(settleMs: number): Promise<void> {
    const tree = await readTree(this.root, (directory, identity) => {
      if (!this.stopped) this.watches.visit(directory, identity);
    });
    this.watches.prune();
    this.reportUnreadable(tree);
    const contents = new Map<string, SourceContent | undefined>();
    const settled = this.settled(tree, settleMs);
    for (let from = 0; from < settled.length; from += READ_AT_ONCE) {
      const batch = settled.slice(from, from + READ_AT_ONCE);
      await Promise.all(batch.map((path) => this.take(path, tree.files.get(path)?.signature, contents)));
    }
    if (contents.size > 0 && !this.stopped) this.definitions.update(contents);
  }

  /** Reads a file as it now is; no signature: it is gone. */
  private async take(
    path: string,
    signature: string | undefined,
    contents: Map<string, SourceContent | undefined>,
  ): Promise<void> {
    if (signature === undefined) {
      this.taken.delete(path);
      contents.set(path, undefined);
    } else {
      const text = await readFileOnce(path, signature);
      if (text === undefined) return;
      this.taken.set(path, signature);
      contents.set(path, this.parse(path, text));
    }
    this.unsettled.delete(path);
  }

  /** The files that are not as they were taken, and have not changed for a while. */
  private settled(tree: Tree, settleMs: number): string[] {
    const now = Date.now();
    const settled: string[] = [];
    for (const path of new Set([...tree.files.keys(), ...this.taken.keys(), ...this.unsettled.keys()])) {
      if (isUnknown(path, tree) || this.kindOf(path) === undefined) continue;
      const signature = tree.files.get(path)?.signature ?? GONE;
      if (signature === (this.taken.get(path) ?? GONE)) {
        this.unsettled.delete(path);
        continue;
      }
      const before = this.unsettled.get(path);
      const since = before?.signature === signature ? before.since : now;
      const first = before?.first ?? now;
      this.unsettled.set(path, { signature, since, first });
      if (now - since >= settleMs || now - first >= MAX_SETTLE_MS) settled.push(path);
    }
    return settled;
  }

  private parse(path: string, text: string | Error): SourceContent {
    if (text instanceof Error) return { definitions: [], mistakes: [{ line: 0, message: text.message }] };
    const kind = this.kindOf(path);
    return kind?.disco === undefined ? readResourceFile(text) : readDiscoFile(kind.disco, text);
  }

  /** Undefined for files that say nothing to us. */
  private kindOf(path: string): { disco: string | undefined } | undefined {
    const below = path.slice(this.root.length).split(sep).filter(Boolean);
    const [folder, name, ...deeper] = below;
    if (folder === "disco" && name !== undefined) return deeper.length === 0 ? { disco: name } : undefined;
    return /\.ya?ml$/.test(path) ? { disco: undefined } : undefined;
  }

  private reportUnreadable({ unreadable }: Tree): void {
    this.catalog.problems.report(
      `reading ${this.root}`,
      [...unreadable].map(([source, reason]) => ({
        source,
        line: 0,
        message: `cannot be read (${reason}); what was read before stays in force`,
      })),
    );
  }
}

/** The text of a file; undefined when it is no longer the one with that signature; an error says why it cannot be read. */
async function readFileOnce(path: string, signature: string): Promise<string | Error | undefined> {
  try {
    const file = await open(path);
    try {
      if ((await file.stat()).size > MAX_FILE_BYTES) return new Error(`larger than ${MAX_FILE_BYTES} bytes`);
      const text = await file.readFile("utf8");
      return signatureOf(await file.stat({ bigint: true })) === signature ? text : undefined;
    } finally {
      await file.close();
    }
  } catch (error) {
    return isGone(error) ? undefined : new Error(`cannot be read (${reasonOf(error)})`);
  }
}
