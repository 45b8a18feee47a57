// Those who send through a mesh: single requests, steady load, and bytes that no client library would send.
import { Agent, request as httpRequest, type IncomingHttpHeaders, type OutgoingHttpHeaders } from "node:http";
import { connect, type Socket } from "node:net";
import { onTestFinished } from "vitest";

/** A response that has ended. */
export interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  trailers: NodeJS.Dict<string>;
  body: string;
}

/** What a request is, beside where it goes. */
export interface Asked {
  method?: string;
  path?: string;
  headers?: OutgoingHttpHeaders;
  body?: string;
  agent?: Agent;
}

/** Sends a request to `address` that names `authority` as its host; rejects when the response breaks off. */
export function send(address: string, authority: string, asked: Asked = {}): Promise<Answer> {
  const { host, port } = parts(address);
  return new Promise((resolve, reject) => {
    const { method = "GET", path = "/", headers = {}, body, agent } = asked;
    const request = httpRequest({
      ...{ host, port, method, path },
      headers: { host: authority, ...headers },
      ...(agent && { agent }),
    });
    request.on("error", reject);
    request.on("response", (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (piece: string) => (text += piece));
      response.on("error", reject);
      response.on("end", () => {
        const { statusCode: status = 0, headers, trailers } = response;
        resolve({ status, headers, trailers, body: text });
      });
    });
    request.end(body);
  });
}

/** Clients that send one request after another over connections that they keep, until they are told to stop. */
export class Load {
  /** How often each body was the answer, with status 200. */
  readonly answered = new Map<string, number>();
  /** What went wrong, a line a request. */
  readonly failures: string[] = [];
  readonly #agent: Agent;
  readonly #clients: Promise<void>[];
  #isStopped = false;

  constructor(
    private readonly address: string,
    private readonly authority: string,
    connections = 8,
  ) {
    this.#agent = new Agent({ keepAlive: true, maxSockets: connections });
    this.#clients = Array.from({ length: connections }, () => this.#run());
    onTestFinished(() => this.stop());
  }

  /** Requests that were answered with status 200. */
  get succeeded(): number {
    return [...this.answered.values()].reduce((sum, count) => sum + count, 0);
  }

  /** Resolves when `count` more requests were answered. */
  async more(count: number): Promise<void> {
    const enough = this.succeeded + count;
    while (this.succeeded < enough) await pause(5);
  }

  /** Lets what is in flight finish, and sends no more. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await Promise.all(this.#clients);
    this.#agent.destroy();
  }

  async #run(): Promise<void> {
    while (!this.#isStopped) {
      try {
        const { status, headers, body } = await send(this.address, this.authority, { agent: this.#agent });
        if (status === 200) this.answered.set(body, (this.answered.get(body) ?? 0) + 1);
        else this.failures.push(`${status} ${String(headers["mesh-proxy-error"])}`);
      } catch (error) {
        this.failures.push(String(error));
      }
      await pause(1);
    }
  }
}

/** A TCP connection that a test speaks over itself. */
export class RawConnection {
  /** Everything received so far, a character a byte. */
  received = "";
  /** How the other side ended the connection: undefined while it has not. */
  ending: "finished" | "reset" | undefined;
  #onChange: () => void = () => undefined;

  /** Connects to host:port. */
  static async open(address: string): Promise<RawConnection> {
    const socket = connect({ ...parts(address), allowHalfOpen: true });
    await new Promise<void>((resolve, reject) => socket.once("connect", resolve).once("error", reject));
    return new RawConnection(socket);
  }

  private constructor(readonly socket: Socket) {
    socket.setEncoding("latin1");
    socket.on("data", (text: string) => {
      this.received += text;
      this.#onChange();
    });
    socket.on("end", () => this.#end("finished"));
    socket.on("error", () => this.#end("reset"));
    onTestFinished(() => void socket.destroy());
  }

  send(text: string): void {
    this.socket.write(text, "latin1");
  }

  /** Resolves with everything received once that matches. Rejects when the connection ends before. */
  async until(pattern: string | RegExp): Promise<string> {
    const matches = () =>
      typeof pattern === "string" ? this.received.includes(pattern) : pattern.test(this.received);
    await this.wait(matches);
    if (matches()) return this.received;
    throw new Error(`${this.ending} after ${JSON.stringify(this.received.slice(-1000))}`);
  }

  /** Resolves with everything received once the other side has ended the connection. */
  async untilEnd(): Promise<string> {
    await this.wait(() => false);
    return this.received;
  }

  /** Resolves once `isOver`, which is asked whenever something was received, or the other side has ended the connection. */
  wait(isOver: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      this.#onChange = () => {
        if (this.ending !== undefined || isOver()) resolve();
      };
      this.#onChange();
    });
  }

  #end(ending: "finished" | "reset"): void {
    this.ending ??= ending;
    this.#onChange();
  }
}

/** For some milliseconds. */
export const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

function parts(address: string): { host: string; port: number } {
  const { hostname, port } = new URL(`http://${address}`);
  return { host: hostname, port: Number(port) };
}
