import { execFile } from "node:child_process";
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { LatencyHistogram } from "../../src/bench/index.js";
import { Failure } from "../../src/output/index.js";
import { LOAD_CORE, onCore } from "./cores.js";
import { AUTHORITY } from "./http.js";

/** How the load generators load. */
export const SATURATING_CONNECTIONS = 32;
export const BODY_CONNECTIONS = 8;
export const PACED_CONNECTIONS = 16;
export const RATE = 1000;

/** What wrk counted. */
export interface Saturated {
  readonly requests: number;
  readonly perSecond: number;
}

/** Loads a port with wrk, every connection at all times busy. Fails when a single request does. */
export async function saturate(
  { port, path, connections, seconds }: { port: number; path: string; connections: number; seconds: number },
  signal: AbortSignal,
): Promise<Saturated> {
  const output = await run(
    signal,
    "wrk",
    ...["-t1", `-c${connections}`, `-d${seconds}s`, "-H", `Host: ${AUTHORITY}`],
    `http://127.0.0.1:${port}${path}`,
  );
  return readWrk(output);
}

/** Reads what wrk printed. Throws a Failure when a request failed. */
export function readWrk(output: string): Saturated {
  const errors = /^\s*(Socket errors: .*|Non-2xx.*)$/m.exec(output)?.[1];
  if (errors !== undefined) throw new Failure(`requests failed under load: ${errors}`);
  const requests = Number(/(\d+) requests in/.exec(output)?.[1]);
  const perSecond = Number(/Requests\/sec:\s+([\d.]+)/.exec(output)?.[1]);
  if (!(requests > 0 && perSecond > 0)) throw new Failure(`wrk said something unexpected: ${output}`);
  return { requests, perSecond };
}

/** What h2load logged, latencies in µs. */
export interface Paced {
  readonly requests: number;
  readonly p50: number;
  readonly p99: number;
}

/**
 * Sends `RATE` requests a second with h2load, spread evenly: its connections open a millisecond apart, and each sends one
 * request in as many milliseconds as there are connections.
 */
export async function pace(
  { port, seconds, directory }: { port: number; seconds: number; directory: string },
  signal: AbortSignal,
): Promise<Paced> {
  const log = join(directory, "h2load.tsv");
  await rm(log, { force: true });
  const connections = ["-c", String(PACED_CONNECTIONS), "-r1", "--rate-period=1ms"];
  const requests = ["-n", String(RATE * seconds), `--rps=${RATE / PACED_CONNECTIONS}`];
  await run(
    signal,
    "h2load",
    ...["--h1", ...connections, ...requests, `--log-file=${log}`, "-H", `:authority: ${AUTHORITY}`],
    `http://127.0.0.1:${port}/`,
  );
  return readH2load(await readFile(log, "utf8"));
}

/** Reads h2load's log: a line for each request, with its start, status and duration in µs. Throws a Failure when one failed. */
export function readH2load(log: string): Paced {
  const latencies = new LatencyHistogram();
  for (const line of log.trimEnd().split("\n")) {
    const [, status, micros] = line.split("\t");
    if (status !== "200")
      throw new Failure(`a request failed at the fixed rate, with status ${status ?? "?"}`);
    latencies.record(Number(micros) / 1000);
  }
  const percentiles = latencies.percentiles();
  if (percentiles === null) throw new Failure("h2load logged nothing");
  return { requests: latencies.count, p50: percentiles.p50, p99: percentiles.p99 };
}

async function run(signal: AbortSignal, command: string, ...words: string[]): Promise<string> {
  const program = onCore(LOAD_CORE, command, ...words);
  const { stdout } = await promisify(execFile)(program.command, program.args ?? [], { signal });
  return stdout;
}
