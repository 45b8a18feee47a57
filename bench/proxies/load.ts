import { execFile } from "node:child_process";
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { LatencyHistogram } from "../../src/bench/index.js";
import { Failure } from "../../src/output/index.js";
import { LOAD_CORE, onCore } from "./cores.js";
import { AUTHORITY } from "./http.js";

/** How the load generators load. */
export const SATURATING_CONNECTIONS = 32;
export const BODY_CONNECTIONS = 8;
export const OPAQUE_CONNECTIONS = 4;
export const PACED_CONNECTIONS = 16;
export const RATE = 1000;
/** In HTTP/2; streams are of all connections together. */
export const HTTP2_CONNECTIONS = 4;
export const HTTP2_STREAMS = 32;

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

/** Latencies in µs by which requests are counted. */
export const LATENCY_BOUNDS = [100, 200, 300, 500, 1000, 2000, 5000] as const;

export type LatencyBound = (typeof LATENCY_BOUNDS)[number];

/** What h2load logged, latencies in µs. */
export interface Paced {
  readonly requests: number;
  readonly p50: number;
  readonly p99: number;
  /** Which share of the requests took no longer than each bound, in the order of the bounds. */
  readonly within: readonly number[];
}

/** A request at the fixed rate. */
export interface PacedRequest {
  /** When it began, in µs since 1970. */
  readonly began: number;
  /** From there to the end of the answer, in µs. */
  readonly took: number;
}

/**
 * Sends `RATE` requests a second with h2load, spread evenly: its connections open a millisecond apart, and each sends one
 * request in as many milliseconds as there are connections.
 */
export async function pace(place: PacedPlace, signal: AbortSignal): Promise<Paced> {
  return summarize(await paceRequests(place, signal));
}

/** Where to send requests at the fixed rate, for how long, and a directory for the load generator's log. */
export interface PacedPlace {
  readonly port: number;
  readonly seconds: number;
  readonly directory: string;
}

/** The same, and tells of each request. They are in the order in which their answers ended. */
export async function paceRequests(
  { port, seconds, directory }: PacedPlace,
  signal: AbortSignal,
): Promise<readonly PacedRequest[]> {
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
export function readH2load(log: string): readonly PacedRequest[] {
  if (log.trim() === "") throw new Failure("h2load logged nothing");
  return log
    .trimEnd()
    .split("\n")
    .map((line) => {
      const [began, status, took] = line.split("\t");
      if (status !== "200")
        throw new Failure(`a request failed at the fixed rate, with status ${status ?? "?"}`);
      return { began: Number(began), took: Number(took) };
    });
}

/** Percentiles of requests, and how many took no longer than each bound. */
export function summarize(paced: readonly PacedRequest[]): Paced {
  const latencies = new LatencyHistogram();
  for (const { took } of paced) latencies.record(took / 1000);
  const { p50 = 0, p99 = 0 } = latencies.percentiles() ?? {};
  const requests = paced.length;
  const within = LATENCY_BOUNDS.map((bound) => paced.filter(({ took }) => took <= bound).length / requests);
  return { requests, p50, p99, within };
}

/** What h2load counted: requests that succeeded, and those that did not. */
export interface Called extends Saturated {
  readonly failed: number;
}

/** A message of gRPC: not compressed, five bytes long. */
const GRPC_MESSAGE = Buffer.from("\0\0\0\0\x05hello");

/** Loads a port with calls as of gRPC in HTTP/2, every stream at all times busy. */
export async function call(
  { port, seconds, directory }: { port: number; seconds: number; directory: string },
  signal: AbortSignal,
): Promise<Called> {
  const message = join(directory, "message");
  await writeFile(message, GRPC_MESSAGE);
  const output = await run(
    signal,
    "h2load",
    ...["-D", String(seconds), "-c", String(HTTP2_CONNECTIONS)],
    ...["-m", String(HTTP2_STREAMS / HTTP2_CONNECTIONS), "-d", message],
    ...["-H", `:authority: ${AUTHORITY}`, "-H", "content-type: application/grpc", "-H", "te: trailers"],
    `http://127.0.0.1:${port}/`,
  );
  return readH2loadSummary(output);
}

/** Reads what h2load printed. */
export function readH2loadSummary(output: string): Called {
  const [, succeeded, failed] = /(\d+) succeeded, (\d+) failed/.exec(output) ?? [];
  const perSecond = Number(/^finished in [^,]+, ([\d.]+) req\/s/m.exec(output)?.[1]);
  const requests = Number(succeeded);
  if (!(requests > 0 && perSecond > 0)) throw new Failure(`h2load said something unexpected: ${output}`);
  return { requests, failed: Number(failed), perSecond };
}

/** What iperf3 received. */
export interface Downloaded {
  readonly bytes: number;
  readonly perSecond: number;
}

/** Receives as many bytes as iperf3's server sends, over several connections. */
export async function download(
  { port, seconds }: { port: number; seconds: number },
  signal: AbortSignal,
): Promise<Downloaded> {
  const output = await run(
    signal,
    "iperf3",
    ...["--client", "127.0.0.1", "--port", String(port), "--reverse", "--json"],
    ...["--parallel", String(OPAQUE_CONNECTIONS), "--time", String(seconds)],
  );
  return readIperf(output);
}

/** Reads iperf3's report. Throws a Failure when it is one of an error, or of nothing. */
export function readIperf(output: string): Downloaded {
  const report = JSON.parse(output) as {
    error?: string;
    end?: { sum_received?: { bytes: number; seconds: number } };
  };
  const { bytes = 0, seconds = 0 } = report.end?.sum_received ?? {};
  if (report.error !== undefined || bytes === 0) {
    throw new Failure(`iperf3 received nothing: ${report.error ?? "no error"}`);
  }
  return { bytes, perSecond: bytes / seconds };
}

async function run(signal: AbortSignal, command: string, ...words: string[]): Promise<string> {
  const program = onCore(LOAD_CORE, command, ...words);
  const { stdout } = await promisify(execFile)(program.command, program.args ?? [], { signal });
  return stdout;
}
