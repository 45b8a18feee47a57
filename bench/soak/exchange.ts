import { type Agent, type ClientRequest, type IncomingMessage, request as httpRequest } from "node:http";
import { breakOff, wasBrokenOff } from "./app-connection.js";
import type { Socket } from "node:net";
import { ByteReader, EndedEarly } from "./byte-reader.js";
import type { Content } from "./content.js";
import { Answered, BrokenOff, type Ended, type Outcome, outcomeOf, reasonOf, type Stage } from "./outcome.js";
import { downKey, ENDPOINT_HEADER, type Exchange, RECEIVED_HEADER, TASK_HEADER, upKey } from "./task.js";
import { receive, receiveEnd, receiveReceipt, send, SinkGone, Wrong } from "./transfer.js";
import type { Watch } from "./watch.js";

/** What was sent before a break has left by then. */
const BEFORE_BREAK_MS = 5;

/** How a client reaches a service. */
export interface Way {
  readonly host: string;
  readonly port: number;
  /** What requests name. */
  readonly authority: string;
}

/** An exchange that has ended, and the connection that it had. */
export interface EndedExchange extends Ended {
  readonly connection: Socket | undefined;
}

/** Runs one exchange with Node's client. */
export async function runExchange(
  exchange: Exchange,
  way: Way,
  agent: Agent,
  content: Content,
  watch: Watch,
): Promise<EndedExchange> {
  const running = new RunningExchange(exchange, way, agent, content, watch);
  const startedAt = performance.now();
  const outcome = await running.run();
  const { endpoint, connection } = running;
  return { outcome, startedAt, endedAt: performance.now(), endpoint, connection };
}

class RunningExchange {
  endpoint: string | undefined;
  connection: Socket | undefined;
  readonly #startedAt = performance.now();
  readonly #request: ClientRequest;
  readonly #response: Promise<IncomingMessage>;
  #stage: Stage = "before the head";
  #brokeBy: Error | undefined;

  constructor(
    private readonly exchange: Exchange,
    { host, port, authority }: Way,
    agent: Agent,
    private readonly content: Content,
    private readonly watch: Watch,
  ) {
    const { id, method, request, expects } = exchange;
    this.#request = httpRequest({
      ...{ host, port, agent, method, path: `/${id}`, signal: watch.signal },
      headers: {
        host: authority,
        [TASK_HEADER]: JSON.stringify(exchange),
        ...(request?.framing === "length" && { "content-length": request.bytes }),
        ...(request?.framing === "chunked" && { "transfer-encoding": "chunked" }),
        ...(expects !== "nothing" && { expect: "100-continue" }),
      },
    });
    this.#request.on("error", (error) => (this.#brokeBy ??= error));
    this.#request.on("socket", (socket) => (this.connection = socket));
    this.#response = new Promise((resolve, reject) => {
      this.#request.on("response", resolve).on("error", reject);
    });
    this.#response.catch(() => undefined);
  }

  async run(): Promise<Outcome> {
    const sending = this.#send();
    sending.catch(() => undefined);
    const outcome = await this.#receive().then(
      (): Outcome => ({ kind: "complete" }),
      // Node takes a reset for the end of a body that ends with its connection, and tells of it only here.
      (error: unknown) =>
        outcomeOf(error instanceof EndedEarly ? (this.#brokeBy ?? error) : error, this.#stage, this.exchange),
    );
    // Whoever has the whole answer has nothing more to say.
    if (!this.#request.writableEnded) this.#request.destroy();
    const brokenOff = await sending.then(
      () => false,
      (error: unknown) => error instanceof BrokenOff,
    );
    if (outcome.kind !== "failed") return outcome;
    return brokenOff
      ? { kind: "broken off" }
      : { ...outcome, detail: `${outcome.detail}, ${this.#history()}` };
  }

  /** What may have to do with a failure. */
  #history(): string {
    const { connection } = this;
    const use = this.#request.reusedSocket ? "on a connection that was used before" : "on a new connection";
    const elsewhere = connection && wasBrokenOff(connection) ? " and that another request broke" : "";
    const bytes = `${connection?.bytesWritten} bytes written to it, ${connection?.bytesRead} read`;
    return `${use}${elsewhere}, ${bytes}, after ${Math.round(performance.now() - this.#startedAt)} ms`;
  }

  async #send(): Promise<void> {
    const { id, request, abort, expects } = this.exchange;
    if (expects !== "nothing" && !(await this.#isToContinue())) return;
    const breaks = abort?.by === "client" && abort.during === "request";
    const { watch } = this;
    const steps = {
      moved: (bytes: number) => watch.sent(bytes),
      pause: (milliseconds: number) => watch.pause(milliseconds),
    };
    if (request !== null) {
      const bytes = breaks ? abort.afterBytes : request.bytes;
      await send(this.#request, this.content, upKey(id), bytes, request.writer, steps);
    }
    if (breaks) {
      await watch.pause(BEFORE_BREAK_MS);
      // The proxy's answer may be there before the client breaks off.
      if (this.#request.destroyed) throw new SinkGone("the connection is gone");
      this.#breakOff(abort.reset);
      throw new BrokenOff();
    }
    this.#request.end();
  }

  /** Whether the server wants the body. */
  async #isToContinue(): Promise<boolean> {
    this.#request.flushHeaders();
    let isAsked = false;
    const asked = new Promise<void>((resolve) => {
      this.#request.once("continue", () => {
        isAsked = true;
        resolve();
      });
    });
    // The response may follow at once.
    await Promise.race([asked, this.#response]);
    return isAsked;
  }

  async #receive(): Promise<void> {
    const { id, method, request, response, abort, duplex, expects } = this.exchange;
    const message = await this.#response;
    this.#stage = "in the body";
    this.watch.moved();
    this.endpoint = textOf(message, ENDPOINT_HEADER);
    const reader = new ByteReader(message);
    const reason = reasonOf(message.statusCode, textOf(message, "mesh-proxy-error"));
    if (reason !== undefined) {
      while ((await reader.read(1_000)) !== null);
      throw new Answered(reason);
    }
    const expectedStatus = expects === "refusal" ? 403 : 200;
    if (message.statusCode !== expectedStatus) throw new Wrong(`the answer was ${message.statusCode}`);
    const bytes = request?.bytes ?? 0;
    if (expects === "refusal") return receiveEnd(reader);
    if (!duplex && textOf(message, RECEIVED_HEADER) !== String(bytes)) {
      throw new Wrong(`${bytes} bytes were sent, and ${textOf(message, RECEIVED_HEADER)} received`);
    }
    if (method === "HEAD") return receiveEnd(reader);
    const { watch } = this;
    const steps = {
      moved: (count: number) => watch.received(count),
      pause: (milliseconds: number) => watch.pause(milliseconds),
    };
    const breaks = abort?.by === "client" && abort.during === "response";
    const length = breaks ? abort.afterBytes : response.bytes;
    await receive(reader, this.content, downKey(id), length, response.reader, steps);
    if (breaks) {
      // When all had come, Node has given the connection to another request by now.
      if (!message.readableEnded || !this.#request.writableEnded) this.#breakOff(abort.reset);
      throw new BrokenOff();
    }
    if (duplex) await receiveReceipt(reader, bytes);
    await receiveEnd(reader);
    if (abort !== null) throw new Wrong(`complete, although the ${abort.by} broke it`);
  }

  #breakOff(reset: boolean): void {
    if (this.#request.socket) breakOff(this.#request.socket, { reset });
    this.#request.destroy();
  }
}

function textOf({ headers }: IncomingMessage, name: string): string | undefined {
  const value = headers[name];
  return typeof value === "string" ? value : undefined;
}
