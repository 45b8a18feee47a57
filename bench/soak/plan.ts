import { Random } from "./random.js";
import type { Abort, Body, Exchange, Framing, Pace, Task, TaskKind, Transfer, Tunnel } from "./task.js";

/** How many exchanges one task has at most. */
const MOST_EXCHANGES = 16;

/** Bodies that are small enough to wait for each other on one connection. */
const SMALL = 65_536;

const KINDS: readonly (readonly [number, TaskKind])[] = [
  [60, "exchange"],
  [10, "keep-alive"],
  [12, "pipeline"],
  [7, "upgrade"],
  [6, "connect"],
  [5, "opaque"],
];

/** The plan's bounds. */
export interface Bounds {
  readonly seed: number;
  /** The largest body, in bytes. */
  readonly largest: number;
}

/** What the `index`-th task is: the same for the same seed. */
export function taskOf({ seed, largest }: Bounds, index: number): Task {
  const random = new Random(seed, `task ${index}`);
  const id = (index + 1) * MOST_EXCHANGES;
  const kind = random.weighted(KINDS);
  switch (kind) {
    case "exchange":
      return { kind, exchange: exchangeOf(random, id, largest) };
    case "keep-alive": {
      const exchanges = several(random, 2, 5, (at) => wholeExchange(random, id + at, SMALL));
      return { kind, exchanges, idleMs: exchanges.map(() => random.between(0, 1_500)) };
    }
    case "pipeline": {
      const exchanges = several(random, 2, MOST_EXCHANGES, (at) => pipelinedExchange(random, id + at));
      return { kind, exchanges, segments: several(random, 1, 8, () => random.logUniform(20_000)) };
    }
    case "upgrade":
    case "connect":
      return { kind, tunnel: tunnelOf(random, id, largest) };
    case "opaque":
      return { kind, tunnel: tunnelOf(random, id, largest), endpoint: random.between(0, 1) };
  }
}

function several<T>(random: Random, least: number, most: number, make: (at: number) => T): T[] {
  return Array.from({ length: random.between(least, most) }, (_, at) => make(at));
}

/** Any exchange, in which either side may break the connection. */
function exchangeOf(random: Random, id: number, largest: number): Exchange {
  const exchange = wholeExchange(random, id, largest);
  if (exchange.expects === "refusal" || !random.chance(0.15)) return exchange;
  const abort = abortOf(
    random,
    exchange.request?.bytes ?? 0,
    exchange.method === "HEAD" ? 0 : exchange.response.bytes,
  );
  // The end of a body that ends with its connection is told from a break by RST alone.
  const reset = abort?.by === "server" && exchange.response.framing === "until-close";
  return { ...exchange, abort: abort && { ...abort, reset: abort.reset || reset } };
}

/** An exchange that nobody breaks. */
function wholeExchange(random: Random, id: number, largest: number): Exchange {
  const method = random.weighted<Exchange["method"]>([
    [40, "GET"],
    [5, "HEAD"],
    [25, "PUT"],
    [25, "POST"],
    [5, "DELETE"],
  ]);
  const hasBody = method === "PUT" || method === "POST";
  const request = hasBody ? bodyOf(random, largest, ["length", "chunked"]) : null;
  const expects = random.weighted<Exchange["expects"]>([
    [90, "nothing"],
    [6, "continue"],
    [4, "refusal"],
  ]);
  const expectsWithBody = request === null || request.bytes === 0 ? "nothing" : expects;
  return {
    id,
    method,
    request,
    response: bodyOf(random, largest, ["length", "chunked", "length", "chunked", "until-close"]),
    duplex: hasBody && expectsWithBody !== "refusal" && random.chance(0.5),
    expects: expectsWithBody,
    abort: null,
    closesSilently: random.chance(0.02),
  };
}

/** One of several that wait in a connection: its body and its response have lengths. */
function pipelinedExchange(random: Random, id: number): Exchange {
  const method = random.weighted<Exchange["method"]>([
    [70, "GET"],
    [30, "PUT"],
  ]);
  const plain = { writer: null, reader: null, framing: "length" } as const;
  return {
    id,
    method,
    request: method === "PUT" ? { ...plain, bytes: sizeOf(random, SMALL) } : null,
    response: { ...plain, bytes: sizeOf(random, SMALL) },
    duplex: false,
    expects: "nothing",
    abort: null,
    closesSilently: false,
  };
}

function tunnelOf(random: Random, id: number, largest: number): Tunnel {
  const [up, down] = [transferOf(random, largest), transferOf(random, largest)];
  const abort = random.chance(0.15) ? abortOf(random, up.bytes, down.bytes) : null;
  return { id, up, down, abort, serverSpeaksFirst: random.chance(0.5) };
}

function abortOf(random: Random, requestBytes: number, responseBytes: number): Abort | null {
  const by = random.weighted<Abort["by"]>([
    [1, "client"],
    [1, "server"],
  ]);
  const during = random.weighted<Abort["during"]>([
    [requestBytes > 0 ? 2 : 0, "request"],
    [responseBytes > 0 ? 2 : 0, "response"],
    [by === "server" ? 1 : 0.001, "head"],
  ]);
  // A client that breaks off before it has sent anything is none.
  if (by === "client" && during === "head") return null;
  const bytes = { request: requestBytes, response: responseBytes, head: 1 }[during];
  return { by, during, afterBytes: random.between(0, bytes - 1), reset: random.chance(0.5) };
}

function bodyOf(random: Random, largest: number, framings: readonly Framing[]): Body {
  const framing = framings[random.between(0, framings.length - 1)] ?? "length";
  return { ...transferOf(random, largest), framing };
}

function transferOf(random: Random, largest: number): Transfer {
  const bytes = sizeOf(random, largest);
  return { bytes, writer: paceOf(random, bytes), reader: paceOf(random, bytes) };
}

function sizeOf(random: Random, largest: number): number {
  return random.chance(0.05) ? 0 : random.logUniform(largest);
}

/** Most do not dawdle. */
function paceOf(random: Random, bytes: number): Pace | null {
  if (!random.chance(0.06)) return null;
  const times = random.between(1, 20);
  return { everyBytes: Math.max(1, Math.floor(bytes / times)), pauseMs: random.between(10, 200), times };
}
