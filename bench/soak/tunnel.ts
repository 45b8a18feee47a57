import { breakOff } from "./app-connection.js";
import type { Content } from "./content.js";
import { type Connection, open, readHead } from "./connection.js";
import type { Way } from "./exchange.js";
import { Answered, BrokenOff, type Ended, outcomeOf, reasonOf, type Stage } from "./outcome.js";
import { BANNER, downKey, TASK_HEADER, type Tunnel, upKey } from "./task.js";
import { receive, receiveEnd, receiveReceipt, send, Wrong, write } from "./transfer.js";
import type { Watch } from "./watch.js";

/** What was sent before a break has left by then. */
const BEFORE_BREAK_MS = 5;

/** Runs a tunnel that begins with a request, by upgrade or by CONNECT, or with its connection. */
export async function runTunnel(
  tunnel: Tunnel,
  by: "upgrade" | "connect" | "opaque",
  way: Way,
  content: Content,
  watch: Watch,
): Promise<Ended> {
  const startedAt = performance.now();
  let stage: Stage = "connecting";
  let connection: Connection | undefined;
  const ended = (outcome: Ended["outcome"]): Ended => ({
    ...{ outcome, startedAt, endedAt: performance.now(), endpoint: undefined },
  });
  try {
    connection = await open(way.host, way.port, watch);
    stage = "before the head";
    if (by === "upgrade") await upgrade(tunnel, connection, way);
    if (by === "connect") await ask(connection, `CONNECT ${way.authority} HTTP/1.1`, way, [], 200);
    stage = "in a tunnel";
    if (by !== "upgrade") await introduce(tunnel, connection);
    await relay(tunnel, connection, content, watch);
    return ended({ kind: "complete" });
  } catch (error) {
    return ended(outcomeOf(error, stage));
  } finally {
    connection?.socket.destroy();
  }
}

function upgrade(tunnel: Tunnel, connection: Connection, way: Way): Promise<void> {
  const fields = ["Connection: Upgrade", "Upgrade: soak", `${TASK_HEADER}: ${JSON.stringify(tunnel)}`];
  return ask(connection, "GET /tunnel HTTP/1.1", way, fields, 101);
}

async function ask(
  { socket, reader }: Connection,
  line: string,
  { authority }: Way,
  fields: readonly string[],
  expected: number,
): Promise<void> {
  await write(socket, [line, `Host: ${authority}`, ...fields, "", ""].join("\r\n"));
  const head = await readHead(reader);
  const reason = reasonOf(head.status, head.field("mesh-proxy-error"));
  if (reason !== undefined) throw new Answered(reason);
  if (head.status !== expected) throw new Wrong(`the answer was ${head.status}`);
}

/** Says what the tunnel is to be, before or after the server has said its banner. */
async function introduce(tunnel: Tunnel, { socket, reader }: Connection): Promise<void> {
  const line = `${JSON.stringify(tunnel)}\n`;
  if (!tunnel.serverSpeaksFirst) await write(socket, line);
  const banner = await reader.until("\n");
  if (banner !== BANNER) throw new Wrong(`the banner was ${JSON.stringify(banner)}`);
  if (tunnel.serverSpeaksFirst) await write(socket, line);
}

async function relay(tunnel: Tunnel, connection: Connection, content: Content, watch: Watch): Promise<void> {
  const sending = sendUp(tunnel, connection, content, watch);
  const receiving = receiveDown(tunnel, connection, content, watch);
  // Nobody reads any more what is still to be sent.
  receiving.catch(() => connection.socket.destroy());
  // What came tells more than what could not be sent.
  const failures = (await Promise.allSettled([receiving, sending])).flatMap((end) =>
    end.status === "rejected" && end.reason instanceof Error ? [end.reason] : [],
  );
  const first = (kind: typeof Wrong | typeof BrokenOff) =>
    failures.find((failure) => failure instanceof kind);
  const failure = first(Wrong) ?? first(BrokenOff) ?? failures[0];
  if (failure !== undefined) throw failure;
  if (tunnel.abort !== null) throw new Wrong(`complete, although the ${tunnel.abort.by} broke it`);
}

async function sendUp(
  { id, up, abort }: Tunnel,
  { socket }: Connection,
  content: Content,
  watch: Watch,
): Promise<void> {
  const steps = {
    moved: (bytes: number) => watch.sent(bytes),
    pause: (milliseconds: number) => watch.pause(milliseconds),
  };
  const breaks = abort?.by === "client" && abort.during === "request";
  await send(socket, content, upKey(id), breaks ? abort.afterBytes : up.bytes, up.writer, steps);
  if (breaks) {
    await watch.pause(BEFORE_BREAK_MS);
    breakOff(socket, abort);
    throw new BrokenOff();
  }
  socket.end();
}

async function receiveDown(
  { id, up, down, abort }: Tunnel,
  { socket, reader }: Connection,
  content: Content,
  watch: Watch,
): Promise<void> {
  const steps = {
    moved: (bytes: number) => watch.received(bytes),
    pause: (milliseconds: number) => watch.pause(milliseconds),
  };
  const breaks = abort?.by === "client" && abort.during === "response";
  await receive(reader, content, downKey(id), breaks ? abort.afterBytes : down.bytes, down.reader, steps);
  if (breaks) {
    breakOff(socket, abort);
    throw new BrokenOff();
  }
  await receiveReceipt(reader, up.bytes);
  await receiveEnd(reader);
}
