import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import type { AppLine } from "./app.js";
import { breakOff, isPeerGone, unwatched } from "./app-connection.js";
import { ByteReader } from "./byte-reader.js";
import type { Content } from "./content.js";
import { serveTunnel } from "./stream-app.js";
import {
  downKey,
  ENDPOINT_HEADER,
  type Exchange,
  isIdempotent,
  receipt,
  RECEIPT_BYTES,
  RECEIVED_HEADER,
  TASK_HEADER,
  type Tunnel,
  upKey,
} from "./task.js";
import { receive, receiveEnd, send, write } from "./transfer.js";

/** What was written before a break has left by then. */
const BEFORE_BREAK_MS = 20;

/** An HTTP server that does what each request's header says. */
export function createHttpApp(name: string, content: Content, tell: (line: AppLine) => void): Server {
  // Only faults that the soak knows of close connections.
  const server = createServer({ keepAliveTimeout: 0, requestTimeout: 0, headersTimeout: 0 });
  const serve = (request: IncomingMessage, response: ServerResponse) => {
    void new Answer(name, content, tell, request, response).give();
  };
  server.on("request", serve).on("checkContinue", serve);
  server.on("upgrade", (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    if (!(socket instanceof Socket)) return;
    socket.unshift(head);
    socket.write("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: soak\r\n\r\n");
    void serveTunnel(taskIn(request) as Tunnel, new ByteReader(socket), socket, content, tell);
  });
  server.on("clientError", (error: NodeJS.ErrnoException, socket: Duplex) => {
    // A request that breaks off is none that is malformed.
    if (error.code?.startsWith("HPE_") === true && error.code !== "HPE_INVALID_EOF_STATE") {
      tell({ says: "violation", what: `${name} was sent what is no request: ${error.message}` });
    }
    socket.destroy();
  });
  return server;
}

function taskIn({ headers }: IncomingMessage): unknown {
  return JSON.parse(String(headers[TASK_HEADER]));
}

/** One exchange, as the server sees it. */
class Answer {
  readonly #exchange: Exchange;
  readonly #socket: Socket;

  constructor(
    private readonly name: string,
    private readonly content: Content,
    private readonly tell: (line: AppLine) => void,
    private readonly request: IncomingMessage,
    private readonly response: ServerResponse,
  ) {
    this.#exchange = taskIn(request) as Exchange;
    this.#socket = request.socket;
    request.on("error", () => undefined);
    response.on("error", () => undefined);
  }

  async give(): Promise<void> {
    try {
      if (!isIdempotent(this.#exchange)) this.tell({ says: "once", id: this.#exchange.id });
      await this.#follow();
    } catch (error) {
      if (!isPeerGone(error)) {
        const what = `${this.name} at exchange ${this.#exchange.id}: ${String(error)}`;
        this.tell({ says: "violation", what });
      }
      this.#socket.destroy();
    }
  }

  async #follow(): Promise<void> {
    const { abort, expects, duplex, closesSilently } = this.#exchange;
    if (abort?.by === "server" && abort.during === "head") {
      breakOff(this.#socket, abort);
      return;
    }
    if (expects === "refusal") {
      this.response.writeHead(403, { [ENDPOINT_HEADER]: this.name }).end();
      return;
    }
    if (closesSilently) this.response.on("finish", () => this.#socket.end());
    if (expects === "continue") this.response.writeContinue();
    const received = this.#receive();
    if (duplex) {
      // A break of the connection ends both.
      await Promise.all([received, this.#send(received)]);
    } else {
      await received;
      await this.#send(received);
    }
  }

  async #receive(): Promise<void> {
    const { id, request, abort } = this.#exchange;
    const reader = new ByteReader(this.request);
    const bytes = request?.bytes ?? 0;
    const pace = request?.reader ?? null;
    if (abort?.by === "server" && abort.during === "request") {
      await receive(reader, this.content, upKey(id), abort.afterBytes, pace, unwatched);
      breakOff(this.#socket, abort);
      return;
    }
    await receive(reader, this.content, upKey(id), bytes, pace, unwatched);
    await receiveEnd(reader);
    if (abort?.by === "client" && abort.during === "request") {
      throw new Error("a request came whole that its client broke off");
    }
  }

  async #send(received: Promise<void>): Promise<void> {
    const { id, method, request, response, abort, duplex } = this.#exchange;
    const bytes = request?.bytes ?? 0;
    if (response.framing === "until-close") this.response.useChunkedEncodingByDefault = false;
    this.response.writeHead(200, {
      [ENDPOINT_HEADER]: this.name,
      ...(!duplex && { [RECEIVED_HEADER]: bytes }),
      ...(response.framing === "length" && {
        "content-length": response.bytes + (duplex ? RECEIPT_BYTES : 0),
      }),
    });
    this.response.flushHeaders();
    if (method === "HEAD") {
      this.response.end();
      return;
    }
    const breaks = abort?.by === "server" && abort.during === "response";
    const length = breaks ? abort.afterBytes : response.bytes;
    await send(this.response, this.content, downKey(id), length, response.writer, unwatched);
    if (breaks) {
      await sleep(BEFORE_BREAK_MS);
      breakOff(this.#socket, abort);
      return;
    }
    if (duplex) {
      await received;
      await write(this.response, receipt(bytes));
    }
    this.response.end();
  }
}
