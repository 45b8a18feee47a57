// What the tables are made of: each case is one test, which sends raw bytes over every route, at once and in single bytes.
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { RawConnection } from "../mesh/clients.js";
import { SOON } from "../mesh/running-mesh.js";
import { head } from "./messages.js";
import { NOT_UNDERSTOOD, type Reply } from "./recorded-connection.js";
import { echo } from "./recording-backend.js";
import { type Route, type RunningRoutes, startRoutes } from "./routes.js";
import { writeInSteps } from "./steps.js";
import { readChunked } from "./strict-reader.js";

/** Follows each message that is read to its end, to show that this is where it ends. */
const NEXT = head("GET /next HTTP/1.1", "Host: echo");
/** Follows each message that is refused, and must never be seen. */
const SMUGGLED = head("GET /smuggled HTTP/1.1", "Host: echo");
/** Sent by another client afterwards, to show that nothing is left that it could be given. */
const WITNESS = head("GET /witness HTTP/1.1", "Host: echo");

/** What one proxy does not let through says nothing new of a pair. */
const SINGLE: readonly Route["name"][] = ["outbound", "inbound"];
/** How many bytes are sent at once. Both proxies of a pair were given pieces alone. */
const STEPS: Readonly<Record<Route["name"], readonly number[]>> = {
  outbound: [Infinity, 1],
  inbound: [Infinity, 5],
  pair: [Infinity],
};
/** Longer messages are sent in longer pieces. */
const MAX_PIECES = 40;
/** What most requests begin with is not divided in all of them. */
const USUAL_START = /^(GET|POST) \/ HTTP\/1\.1\r\nHost: echo\r\n/;

type Bytes = string | ((route: Route) => string);

/** What is the same in every kind of case. */
interface Where {
  /** All of them when it is absent. */
  routes?: readonly Route["name"][];
}

/** A request that is read in one way. */
export interface Relayed extends Where {
  /** What the application gets, a text a request; what was sent when it is absent. */
  arrives?: Bytes | readonly string[];
  /** What the client gets; echoes when it is absent. */
  answer?: Bytes;
  /** Field lines that the proxy adds to the echo. */
  adds?: string;
  /** The proxy takes no request after this one. */
  closes?: boolean;
  /** What was sent behind these requests is refused. */
  refusedAfter?: boolean;
}

/** A request that is refused. */
export interface Refused extends Where {
  /** 400 when it is absent. */
  status?: number;
  /** In the field mesh-proxy-error; bad-request when it is absent. */
  reason?: string;
  /** Before the application alone, where any protocol may be spoken, it does not look like HTTP/1 and passes unread. */
  opaqueInbound?: boolean;
}

/** A response that is relayed. */
export interface Answered extends Where {
  /** What the client asks; a GET when it is absent. Its target is /scripted. */
  asks?: string;
  /** What the application gets; what was asked when it is absent. */
  arrives?: string;
  /** What the client gets; what the application sent when it is absent. */
  received?: string;
  /** What the application does after its response. */
  then?: Reply["then"];
  /** How the client's connection ends, when it does. */
  ends?: "finished" | "reset";
  /** It is never sent in pieces, of which the last might come when the next request was sent. */
  atOnce?: boolean;
}

/** A request for what {@link Reply}s are given to. */
export const ASKS = head("GET /scripted HTTP/1.1", "Host: echo");

/** One route and one way of sending. */
interface Run {
  route: Route;
  step: number;
  /** Names the run in failures. */
  label: string;
}

/** The mesh of this test file, whatever modules its tables stand in. */
let running: RunningRoutes | undefined;
beforeAll(async () => {
  running = await startRoutes();
});
afterAll(() => running?.stop());

/** One test: `check` runs on each route with each way of sending. */
export function test(name: string, where: Where, check: (run: Run) => Promise<void>): void {
  it(name, async () => {
    const routes = (running?.routes ?? []).filter((route) => where.routes?.includes(route.name) ?? true);
    expect(routes).not.toEqual([]);
    // All of them end before the next test begins, also when one has failed.
    const results = await Promise.allSettled(
      routes.map(async (route) => {
        for (const step of STEPS[route.name]) {
          route.backend.forget();
          await check({
            route,
            step,
            label: `${route.name}, ${step === Infinity ? "at once" : "in pieces"}`,
          });
        }
      }),
    );
    for (const result of results) if (result.status === "rejected") throw result.reason;
  });
}

/** The request arrives, in one reading, and where it ends the next one begins. */
export function relays(name: string, sent: string, expected: Relayed = {}): void {
  test(name, expected, (run) => checkRelayed(run, sent, expected));
}

/** The request is refused and the connection closed; nothing of it, or after it, is seen by the application. */
export function refuses(name: string, sent: string, expected: Refused = {}): void {
  test(name, { routes: SINGLE, ...expected }, (run) => checkRefused(run, sent, expected));
}

/** The response arrives. */
export function answers(name: string, responds: string, expected: Answered = {}): void {
  test(name, expected, (run) => checkAnswered(run, responds, expected));
}

/** The response is replaced by 502, its connection closed, and nothing of it is given to anybody. */
export function replaces(
  name: string,
  responds: string,
  asked: Pick<Answered, "asks" | "arrives" | "routes"> = {},
): void {
  test(name, { routes: SINGLE, ...asked }, (run) => checkReplaced(run, responds, asked));
}

/** The response turns out to be malformed after its head: the client gets 502, or a beginning that nobody takes for whole. */
export function breaks(name: string, responds: string, where: Where = {}): void {
  test(name, where, (run) => checkBroken(run, responds));
}

async function checkRelayed(run: Run, sent: string, expected: Relayed): Promise<void> {
  const { route, label } = run;
  const { arrives = sent, adds = "", refusedAfter = false, closes = refusedAfter } = expected;
  const requests = typeof arrives === "object" ? arrives : [resolve(arrives, route)];
  const echoes = requests.map((request, index) => echo(request, index === requests.length - 1 ? adds : ""));
  const answer = expected.answer === undefined ? echoes.join("") : resolve(expected.answer, route);
  const connection = await RawConnection.open(route.address);
  await deliver(run, connection, sent, NEXT);
  if (refusedAfter) {
    await endsWith(run, connection, "finished");
    expect(connection.received.slice(0, answer.length), label).toBe(answer);
    expectOwnResponse(connection.received.slice(answer.length), 400, "bad-request", label);
  } else {
    await receives(run, connection, closes ? answer : answer + echo(NEXT));
    if (closes) await ends(run, connection);
  }
  await witness(run);
  expect(route.backend.requests, label).toEqual([...requests, ...(closes ? [] : [NEXT]), WITNESS]);
  await expectNoFaults(run);
  connection.socket.destroy();
}

async function checkRefused(run: Run, sent: string, expected: Refused): Promise<void> {
  if (expected.opaqueInbound && run.route.name === "inbound") return checkOpaque(run, sent);
  const { route, label } = run;
  const { status = 400, reason = "bad-request" } = expected;
  const connection = await RawConnection.open(route.address);
  await deliver(run, connection, sent, SMUGGLED);
  await within(run, connection, () => connection.received.includes("/smuggled"));
  expect(connection.received, label).not.toContain("/smuggled");
  expect(connection.ending, label).toBe("finished");
  expectOwnResponse(connection.received, status, reason, label);
  expect(connection.received, label).toMatch(/\r\nconnection: close\r\n/);
  await witness(run);
  expect(route.backend.requests, label).toEqual([WITNESS]);
  await expectBrokenOff(run);
  connection.socket.destroy();
}

/** A connection whose bytes are not read is one connection to the application too, for these bytes alone. */
async function checkOpaque(run: Run, sent: string): Promise<void> {
  const { route, label } = run;
  const connection = await RawConnection.open(route.address);
  await deliver(run, connection, sent, SMUGGLED);
  await receives(run, connection, NOT_UNDERSTOOD);
  await vi.waitFor(() => {
    const opaque = route.backend.connections.find(({ fault }) => fault !== undefined);
    expect(opaque?.received, label).toBe(sent + SMUGGLED);
  }, SOON);
  connection.socket.destroy();
  await witness(run);
  expect(route.backend.requests, label).toEqual([WITNESS]);
}

async function checkAnswered(run: Run, responds: string, expected: Answered): Promise<void> {
  const { route, label } = run;
  const { asks = ASKS, arrives = asks, received = responds, then, ends, atOnce = false } = expected;
  route.backend.replies.set("/scripted", {
    bytes: responds,
    step: atOnce ? responds.length : stepFor(run, responds),
    ...(then && { then }),
  });
  const connection = await RawConnection.open(route.address);
  connection.send(asks);
  await receives(run, connection, received);
  if (ends) await endsWith(run, connection, ends);
  else await asksNext(run, connection, received);
  await witness(run);
  expect(route.backend.requests, label).toEqual([arrives, ...(ends ? [] : [NEXT]), WITNESS]);
  await expectNoFaults(run);
  connection.socket.destroy();
}

async function checkReplaced(
  run: Run,
  responds: string,
  { asks = ASKS, arrives = asks }: Pick<Answered, "asks" | "arrives">,
): Promise<void> {
  const { route, label } = run;
  route.backend.replies.set("/scripted", { bytes: responds, step: stepFor(run, responds) });
  const connection = await RawConnection.open(route.address);
  connection.send(asks);
  const answer = await within(run, connection, () =>
    /\n$/.test(connection.received.split("\r\n\r\n")[1] ?? ""),
  );
  expectOwnResponse(answer, 502, "bad-response", label);
  await asksNext(run, connection, answer);
  await witness(run);
  expect(route.backend.requests, label).toEqual([arrives, NEXT, WITNESS]);
  await expectClosed(run, arrives);
  connection.socket.destroy();
}

async function checkBroken(run: Run, responds: string): Promise<void> {
  const { route, label } = run;
  route.backend.replies.set("/scripted", { bytes: responds, step: stepFor(run, responds) });
  const connection = await RawConnection.open(route.address);
  connection.send(ASKS);
  const isOwn = () => connection.received.endsWith("mesh-proxy: bad-response\n");
  await within(run, connection, isOwn);
  if (isOwn()) {
    expectOwnResponse(connection.received, 502, "bad-response", label);
  } else {
    expect(connection.ending, label).toBeDefined();
    expect(responds.startsWith(connection.received), `${label}: ${JSON.stringify(connection.received)}`).toBe(
      true,
    );
    const body = connection.received.indexOf("\r\n\r\n") + 4;
    expect(readChunked(connection.received, body).kind, `${label}: ${connection.received}`).toBe("partial");
  }
  await witness(run);
  expect(route.backend.requests, label).toEqual([ASKS, WITNESS]);
  await expectClosed(run, ASKS);
  connection.socket.destroy();
}

/**
 * Sends a message and, at once, what follows it. Where the protocol has to be told from the first line, which waits for
 * it for a short time only, that line is not divided.
 */
async function deliver(run: Run, connection: RawConnection, sent: string, follows: string): Promise<void> {
  if (run.step === Infinity) {
    connection.send(sent + follows);
    return;
  }
  const undivided = run.route.name === "inbound" ? /^[\r\n]*[^\n]*\n?/ : USUAL_START;
  const start = undivided.exec(sent)?.[0] ?? "";
  const rest = sent.slice(start.length);
  connection.socket.setNoDelay();
  if (start) await writeInSteps(connection.socket, start, start.length);
  await writeInSteps(connection.socket, rest, stepFor(run, rest));
  await writeInSteps(connection.socket, follows, follows.length);
}

function stepFor({ step }: Run, bytes: string): number {
  return Math.max(1, Math.min(bytes.length, Math.max(step, Math.ceil(bytes.length / MAX_PIECES))));
}

/** Waits until a condition holds or the connection has ended; gives what was received, or tells it when nothing more comes. */
async function within({ label }: Run, connection: RawConnection, condition: () => boolean): Promise<string> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new Error(`${label}: nothing more after ${JSON.stringify(connection.received)}`));
    }, 60_000);
  });
  await Promise.race([connection.wait(condition), late]).finally(() => clearTimeout(timer));
  return connection.received;
}

async function receives(run: Run, connection: RawConnection, expected: string): Promise<void> {
  const isOver = () =>
    connection.received.length >= expected.length || !expected.startsWith(connection.received);
  expect(await within(run, connection, isOver), run.label).toBe(expected);
}

/** What was written in pieces may have come after the end, and is then answered by a reset. */
async function ends(run: Run, connection: RawConnection): Promise<void> {
  await within(run, connection, () => false);
  expect(run.step === Infinity ? ["finished"] : ["finished", "reset"], run.label).toContain(
    connection.ending,
  );
}

async function endsWith(run: Run, connection: RawConnection, ending: "finished" | "reset"): Promise<void> {
  await within(run, connection, () => false);
  expect(connection.ending, run.label).toBe(ending);
}

async function asksNext(run: Run, connection: RawConnection, before: string): Promise<void> {
  connection.send(NEXT);
  await receives(run, connection, before + echo(NEXT));
}

/** Another client gets what it asks for. */
async function witness(run: Run): Promise<void> {
  const connection = await RawConnection.open(run.route.address);
  connection.send(WITNESS);
  await receives(run, connection, echo(WITNESS));
  connection.socket.destroy();
}

function expectOwnResponse(text: string, status: number, reason: string, label: string): void {
  expect(text, label).toMatch(
    new RegExp(`^HTTP/1\\.1 ${status} [^\\r]+\\r\\nmesh-proxy-error: ${reason}\\r\\n`),
  );
  expect(text.match(/HTTP\/1\./g), `${label}: ${text}`).toHaveLength(1);
}

/** Nothing else came but what was broken off before. */
async function expectNoFaults({ route, label }: Run): Promise<void> {
  await vi.waitFor(() => {
    const others = route.backend.connections.filter(({ fault, rest, ended }) => fault ?? (rest && !ended));
    expect(
      others.map(({ fault, rest }) => [fault, rest]),
      label,
    ).toEqual([]);
  }, SOON);
}

/** What came of a refused request is at most a beginning of one, on a connection that is used for nothing else. */
async function expectBrokenOff({ route, label }: Run): Promise<void> {
  await vi.waitFor(() => {
    for (const { fault, rest, ended, received } of route.backend.connections) {
      expect(fault, label).toBeUndefined();
      expect(received, label).not.toContain("/smuggled");
      if (rest) expect(ended, `${label}: ${JSON.stringify(rest)}`).toBe(true);
    }
  }, SOON);
}

/** The connection on which that request came last is closed. */
async function expectClosed({ route, label }: Run, request: string): Promise<void> {
  await vi.waitFor(() => {
    const connection = route.backend.connections.find(({ received }) => received.includes(request));
    expect(connection?.received.endsWith(request), label).toBe(true);
    expect(connection?.ended, label).toBe(true);
  }, SOON);
}

function resolve(bytes: Bytes, route: Route): string {
  return typeof bytes === "string" ? bytes : bytes(route);
}
