import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Failure } from "../../src/output/index.js";
import { SupervisedProcess } from "../../src/process/index.js";
import type { Content } from "./content.js";
import { metricsPage } from "./metrics-page.js";

const STREAMS = fileURLToPath(new URL("../../../target/release/discovery-streams", import.meta.url));

/** How many were told of an endpoint, and when the last of them was, in milliseconds since 1970. */
interface Told {
  readonly count: number;
  readonly lastMs: number;
}

/** What is simulated. */
export interface Simulation {
  readonly folder: string;
  /** Of the control plane. */
  readonly address: string;
  /** Where all of them give their metrics. */
  readonly adminPort: number;
  readonly content: Content;
  /** Of each pod, by `namespace/name`. */
  readonly tokens: ReadonlyMap<string, string>;
}

/** A process with a discovery stream for each pod. */
export class SimulatedProxies {
  readonly #process: SupervisedProcess;
  readonly #told = new Map<string, Told>();
  #streams = 0;
  #snapshots = 0;
  #failure: string | undefined;
  #onNews: () => void = () => undefined;

  constructor({ folder, address, adminPort, content, tokens }: Simulation) {
    const file = join(folder, "proxies");
    const lines = content.pods.map((pod) => {
      const { namespace, name, ip } = pod;
      const token = tokens.get(`${namespace}/${name}`) ?? "";
      return [namespace, name, ip, token, ...content.authoritiesOf(pod)].join(" ");
    });
    writeFileSync(file, lines.join("\n"), { mode: 0o600 });
    const page = join(folder, "metrics");
    writeFileSync(page, metricsPage());
    this.#process = new SupervisedProcess({
      command: "setpriv",
      args: ["--pdeathsig", "KILL", STREAMS, address, file, `0.0.0.0:${adminPort}`, page],
      env: process.env,
      onLine: (line) => this.#read(line),
    });
    this.#process.ended.then(
      () => this.#fail("the simulated proxies ended"),
      (error: unknown) => this.#fail(String(error)),
    );
  }

  /** Waits until so many streams are open and so many targets were told in full. */
  async untilOpen(streams: number, snapshots: number): Promise<void> {
    await this.#until(`${streams} streams with ${snapshots} targets`, () => {
      return this.#streams >= streams && this.#snapshots >= snapshots;
    });
  }

  /** When the last of so many streams was told of an endpoint at an address, in milliseconds since 1970. */
  async whenTold(ip: string, count: number): Promise<number> {
    await this.#until(`${count} streams to be told`, () => (this.#told.get(ip)?.count ?? 0) >= count);
    return this.#told.get(ip)?.lastMs ?? 0;
  }

  async stop(): Promise<void> {
    this.#failure = "stopped";
    await this.#process.stop();
  }

  async #until(what: string, isSo: () => boolean): Promise<void> {
    const limit = performance.now() + WITHIN_MS;
    while (!isSo()) {
      if (this.#failure !== undefined) throw new Failure(this.#failure);
      const left = limit - performance.now();
      if (left <= 0)
        throw new Failure(`waited for ${what}; there are ${this.#streams} with ${this.#snapshots}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.#onNews = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  #read(line: string): void {
    const [what, ...words] = line.split(" ");
    if (what === "streams") {
      this.#streams = Number(words[0]);
      this.#snapshots = Number(words[2]);
    } else if (what === "told") {
      this.#told.set(words[0] ?? "", { count: Number(words[1]), lastMs: Number(words[2]) / 1_000 });
    } else {
      this.#fail(line);
    }
    this.#onNews();
  }

  #fail(reason: string): void {
    this.#failure ??= reason;
    this.#onNews();
  }
}

const WITHIN_MS = 300_000;
