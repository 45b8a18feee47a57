import { once } from "node:events";
import { createServer, type Server } from "node:net";
import { RecordedConnection, type Reply } from "./recorded-connection.js";
import { targetOf } from "./strict-reader.js";

/** A response that has the very bytes of the request as its content. */
export function echo(request: string, fields = ""): string {
  const head = `HTTP/1.1 200 OK\r\nContent-Length: ${request.length}\r\n${fields}\r\n`;
  return request.startsWith("HEAD ") ? head : head + request;
}

/** An application that keeps every byte it gets, and answers each request with an echo of itself unless told otherwise. */
export class RecordingBackend {
  /** Whole requests, in the order in which they came. */
  requests: string[] = [];
  connections: RecordedConnection[] = [];
  /** What is answered instead of an echo, by the request's target. */
  readonly replies = new Map<string, Reply>();
  readonly #server: Server;

  static async start(): Promise<RecordingBackend> {
    const backend = new RecordingBackend();
    backend.#server.listen(0, "127.0.0.1");
    await once(backend.#server, "listening");
    return backend;
  }

  private constructor() {
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
      const replyTo = (request: string) => this.replies.get(targetOf(request)) ?? { bytes: echo(request) };
      this.connections.push(
        new RecordedConnection(socket, replyTo, (request) => this.requests.push(request)),
      );
    });
  }

  /** host:port. */
  get address(): string {
    const address = this.#server.address();
    if (address === null || typeof address === "string") throw new Error("not listening");
    return `127.0.0.1:${address.port}`;
  }

  /** Begins a new record. Connections that wait for a request stay in it, emptied. */
  forget(): void {
    this.requests = [];
    this.replies.clear();
    this.connections = this.connections.filter((one) => !one.ended && !one.fault && !one.rest);
    for (const connection of this.connections) connection.received = "";
  }

  stop(): void {
    for (const { socket } of this.connections) socket.destroy();
    this.#server.close();
  }
}
