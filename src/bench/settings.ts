import { Failure, parseBytes, parseDuration } from "../output/index.js";
import { fail, ok, type Result } from "../result/index.js";
import type { GivenService } from "./given-service.js";
import { type Protocol, PROTOCOLS } from "./protocol.js";
import type { Limits } from "./verdict.js";
import type { BenchOptions } from "./run-bench.js";
import { addressOfUrl } from "./target.js";

/** How a bench is to run, as text that a person gave; what is absent is left to the default. */
export interface BenchSettings {
  readonly url?: string | undefined;
  /** `http://host:port` */
  readonly proxy?: string | undefined;
  readonly "proxy-pid"?: readonly string[] | undefined;
  readonly protocol?: string | undefined;
  readonly tls?: boolean | undefined;
  readonly rate?: string | undefined;
  readonly connections?: string | undefined;
  readonly duration?: string | undefined;
  readonly rounds?: string | undefined;
  readonly "max-added-p99"?: string | undefined;
  readonly "max-rss"?: string | undefined;
}

/** What the settings come to. */
export interface BenchPlan {
  readonly options: BenchOptions;
  readonly limits: Limits;
}

/** What a bench does when nothing else is asked for. */
export const BENCH_DEFAULTS = {
  protocol: "http1",
  rate: "1000",
  connections: "32",
  duration: "5s",
  rounds: "3",
} as const;

const LONGEST_S = 3600;

/** Reads the settings; a wrong one is a Failure with status 2 that names its flag. */
export function readBenchSettings(settings: BenchSettings): Result<BenchPlan, Failure> {
  try {
    const { protocol, rate, connections, duration, rounds } = BENCH_DEFAULTS;
    return ok({
      options: {
        protocol: readProtocol(settings.protocol ?? protocol),
        tls: settings.tls ?? false,
        rate: wholeNumber("--rate", settings.rate ?? rate, 1_000_000),
        connections: wholeNumber("--connections", settings.connections ?? connections, 10_000),
        rounds: wholeNumber("--rounds", settings.rounds ?? rounds, 1000),
        durationMs: milliseconds("--duration", settings.duration ?? duration),
        service: readService(settings),
      },
      limits: readLimits(settings),
    });
  } catch (error) {
    if (error instanceof Failure) return fail(error);
    throw error;
  }
}

function readProtocol(text: string): Protocol {
  const protocol = PROTOCOLS.find((one) => one === text);
  if (protocol === undefined) throw wrong("--protocol", text, `one of ${PROTOCOLS.join(", ")}`);
  return protocol;
}

/** A service of the user's own is asked as it is, by HTTP/1. */
function readService(settings: BenchSettings): GivenService | null {
  const { url, proxy, protocol, tls } = settings;
  if (url !== undefined && protocol !== undefined && protocol !== BENCH_DEFAULTS.protocol) {
    throw wrong(
      "--protocol",
      `${protocol} with --url`,
      "http1, or without --url, for the bench's own service",
    );
  }
  if (url !== undefined && tls === true) {
    throw new Failure("--tls with --url cannot be taken", {
      hint: "--tls without --url: your own proxies have the certificates that they have",
      exitStatus: 2,
    });
  }
  const pids = settings["proxy-pid"] ?? [];
  if (url === undefined) {
    if (proxy !== undefined) throw wrong("--proxy", proxy, "--url, whose service it is to reach");
    if (pids.length > 0) throw wrong("--proxy-pid", pids.join(" "), "--url and --proxy");
    return null;
  }
  if (proxy === undefined) throw wrong("--url", url, "--proxy, to compare a direct call with one through it");
  if (pids.length === 0 && settings["max-rss"] !== undefined) {
    throw wrong("--max-rss", settings["max-rss"], "--proxy-pid, whose memory it limits");
  }
  const proxyUrl = httpUrl("--proxy", proxy);
  if (proxyUrl.pathname !== "/") throw wrong("--proxy", proxy, "http://HOST:PORT, without a path");
  return {
    url: httpUrl("--url", url).href,
    proxy: addressOfUrl(proxyUrl),
    processes: pids.map((pid) => wholeNumber("--proxy-pid", pid, 2 ** 31)),
  };
}

function readLimits(settings: BenchSettings): Limits {
  const { "max-added-p99": addedP99, "max-rss": rss } = settings;
  return {
    // Rounded, because 0.0008 s is not exactly 800 µs in floating point.
    ...(addedP99 !== undefined && {
      addedP99Us: Math.round(seconds("--max-added-p99", addedP99, "1ms, 800us") * 1e6),
    }),
    ...(rss !== undefined && { rssBytes: bytes("--max-rss", rss) }),
  };
}

function wholeNumber(flag: string, text: string, most: number): number {
  const value = /^\d{1,10}$/.test(text) ? Number(text) : 0;
  if (value < 1 || value > most) throw wrong(flag, text, `a whole number from 1 to ${most}`);
  return value;
}

function milliseconds(flag: string, text: string): number {
  const value = seconds(flag, text, "5s, 1m");
  if (value < 0.1 || value > LONGEST_S) throw wrong(flag, text, "from 100ms to 1h");
  return Math.round(value * 1000);
}

function seconds(flag: string, text: string, examples: string): number {
  const value = parseDuration(text);
  if (value === undefined) throw wrong(flag, text, `a duration (${examples})`);
  return value;
}

function bytes(flag: string, text: string): number {
  const value = parseBytes(text);
  if (value === undefined) throw wrong(flag, text, "an amount of memory (10MB, 8MiB)");
  return value;
}

function httpUrl(flag: string, text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol !== "http:" || url.username !== "" || url.hash !== "") {
    throw wrong(flag, text, flag === "--url" ? "http://HOST:PORT/PATH" : "http://HOST:PORT");
  }
  return url;
}

function wrong(flag: string, value: string, expected: string): Failure {
  return new Failure(`${flag} ${value} cannot be taken`, { hint: `${flag} with ${expected}`, exitStatus: 2 });
}
