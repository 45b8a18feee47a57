import { setTimeout as sleep } from "node:timers/promises";
import type { AppLine } from "./app.js";
import { Clients } from "./clients.js";
import { Content } from "./content.js";
import { FaultLog } from "./fault.js";
import { injectIntoControlPlane, injectIntoService } from "./inject.js";
import { byName, Life } from "./life.js";
import type { Note } from "./journal.js";
import { Logs } from "./logs.js";
import { complaintsOnProxy, LOAD_LIMIT, type Memory, memoryOf, type Period } from "./memory.js";
import { SoakedMesh } from "./mesh.js";
import type { Bounds } from "./plan.js";
import { type AtRest, isLeaking, openNow, settle } from "./settle.js";
import { Tally } from "./tally.js";

const SAMPLE_MS = 1_000;
/** Until the control plane has looked at every proxy's metrics, which it then does over a connection that it keeps. */
const REST_MS = 4_000;

/** What is to be soaked, and who is told of it. */
export interface SoakOptions extends Bounds {
  readonly durationMs: number;
  /** The applications have one byte wrong, which is to be noticed. */
  readonly wrongByte: boolean;
  /** The proxies have identities, and speak mTLS with each other. */
  readonly mtls: boolean;
  /** For everybody's files. */
  readonly directory: string;
  /** Ends the soak at once. */
  readonly signal: AbortSignal;
  readonly onProgress: (progress: Progress) => void;
  /** Is told of everything that happens. */
  readonly note: Note;
}

/** How far a soak is. */
export interface Progress {
  readonly leftMs: number;
  readonly tally: Tally;
  readonly faults: number;
}

/** What one program used, all its processes together. */
export interface ProcessorTime {
  readonly name: string;
  readonly processes: number;
  readonly cpuUs: number;
}

/** Everything that a soak found. */
export interface SoakResult {
  readonly tally: Tally;
  readonly faults: FaultLog["counts"];
  readonly warnings: ReadonlyMap<string, number>;
  readonly atStart: readonly AtRest[];
  readonly atEnd: readonly AtRest[];
  /** Of proxies that were there to the end. */
  readonly proxies: readonly Memory[];
  /** Of the load and the applications. */
  readonly others: readonly Memory[];
  readonly cpu: readonly ProcessorTime[];
  readonly trafficMs: number;
}

/** Soaks a mesh. Nothing that it started is left when this settles. */
export async function soak(options: SoakOptions): Promise<SoakResult> {
  return new Soak(options).run();
}

class Soak {
  readonly #tally: Tally;
  readonly #faults: FaultLog;
  readonly #logs: Logs;
  readonly #content: Content;
  readonly #proxies: Life[] = [];
  readonly #others: Life[] = [new Life("load", process.pid)];
  readonly #once = new Set<number>();

  constructor(private readonly options: SoakOptions) {
    this.#content = new Content(options.seed);
    this.#tally = new Tally(options.note);
    this.#faults = new FaultLog(options.note);
    this.#logs = new Logs(options.note);
  }

  async run(): Promise<SoakResult> {
    const { directory, seed, wrongByte, mtls } = this.options;
    const mesh = await SoakedMesh.start(directory, {
      ...{ seed, wrongByte, mtls, logs: this.#logs },
      hear: (line) => this.#hear(line),
      onStarted: (program, name, pid) => {
        (program === "proxy" ? this.#proxies : this.#others).push(new Life(name, pid));
      },
    });
    // Whatever waits for one of its processes comes to its end.
    const stop = () => void mesh.stop();
    this.options.signal.addEventListener("abort", stop);
    try {
      return await this.#soak(mesh);
    } finally {
      this.options.signal.removeEventListener("abort", stop);
      await mesh.stop();
    }
  }

  async #soak(mesh: SoakedMesh): Promise<SoakResult> {
    const { signal } = this.options;
    await sleep(REST_MS, undefined, { signal });
    const atStart = await openNow(mesh);
    const sampling = setInterval(() => this.#look(), SAMPLE_MS);
    this.#look();
    try {
      const traffic = await this.#sendTraffic(mesh);
      const atEnd = await settle(mesh, atStart, signal);
      this.#look();
      signal.throwIfAborted();
      return this.#resultOf(mesh, traffic, atStart, atEnd);
    } finally {
      clearInterval(sampling);
    }
  }

  async #sendTraffic(mesh: SoakedMesh): Promise<Period> {
    const { seed, durationMs, signal, onProgress } = this.options;
    const from = performance.now();
    const over = new AbortController();
    const end = () => over.abort();
    const timer = setTimeout(end, durationMs);
    signal.addEventListener("abort", end);
    const progress = setInterval(() => {
      const leftMs = Math.max(0, from + durationMs - performance.now());
      const faults = [...this.#faults.counts.values()].reduce((sum, count) => sum + count, 0);
      onProgress({ leftMs, tally: this.#tally, faults });
    }, SAMPLE_MS);
    try {
      const clients = new Clients(mesh, this.options, this.#content, this.#faults, this.#tally);
      const all = [
        clients.run(over.signal, signal),
        injectIntoService(mesh, "web", seed, this.#faults, over.signal),
        injectIntoService(mesh, "stream", seed, this.#faults, over.signal),
        injectIntoControlPlane(mesh, seed, this.#faults, over.signal),
      ];
      // When one fails the others come to their end before anything is stopped.
      for (const one of all) one.catch(end);
      const ends = await Promise.allSettled(all);
      for (const one of ends) if (one.status === "rejected") throw one.reason;
    } finally {
      clearTimeout(timer);
      clearInterval(progress);
      signal.removeEventListener("abort", end);
    }
    return { from, until: performance.now() };
  }

  #look(): void {
    for (const life of [...this.#proxies, ...this.#others]) life.look();
  }

  #hear(line: AppLine): void {
    if (line.says === "violation") this.#tally.violation(line.what);
    if (line.says !== "once") return;
    if (this.#once.has(line.id)) this.#tally.violation(`exchange ${line.id}, a POST, came twice`);
    this.#once.add(line.id);
  }

  #resultOf(
    mesh: SoakedMesh,
    traffic: Period,
    atStart: readonly AtRest[],
    atEnd: readonly AtRest[],
  ): SoakResult {
    const present = new Set(mesh.proxies.map(({ pid }) => pid));
    const proxies = this.#proxies
      .filter(({ pid }) => present.has(pid))
      .map((life) => memoryOf(life, traffic));
    const others = this.#others.map((life) => memoryOf(life, traffic));
    const complaints = [
      ...this.#logs.complaints,
      ...proxies.flatMap(complaintsOnProxy),
      ...others.filter(({ most }) => most > LOAD_LIMIT).map(({ name }) => `${name} took too much memory`),
      ...atEnd
        .filter((proxy, index) => isLeaking(proxy, atStart[index]))
        .map(
          (proxy) =>
            `proxy ${proxy.name} still has ${proxy.descriptors} descriptors and ${proxy.connections} connections`,
        ),
    ];
    for (const complaint of complaints) this.#tally.violation(complaint);
    return {
      ...{ tally: this.#tally, faults: this.#faults.counts, warnings: this.#logs.expected },
      ...{ atStart, atEnd, proxies, others, trafficMs: traffic.until - traffic.from },
      cpu: cpuByName([...this.#proxies, ...this.#others]),
    };
  }
}

function cpuByName(lives: readonly Life[]): ProcessorTime[] {
  return [...byName(lives)].map(([name, all]) => ({
    ...{ name, processes: all.length },
    cpuUs: all.reduce((sum, { cpuUs }) => sum + cpuUs, 0),
  }));
}
