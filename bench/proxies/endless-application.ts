import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** The path of the answer that never ends. */
export const ENDLESS_PATH = "/endless";

const CHUNK_MS = 50;

/** Answers every request at once, but for one path: there in chunks, for as long as anybody listens. */
export class EndlessApplication {
  readonly #server = createServer((request, response) => {
    if (request.url === ENDLESS_PATH) sendForEver(response);
    else response.end("ok\n");
  });

  private constructor() {}

  /** Starts one at a free port of 127.0.0.1. */
  static async start(): Promise<EndlessApplication> {
    const application = new EndlessApplication();
    application.#server.listen(0, "127.0.0.1");
    await once(application.#server, "listening");
    return application;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async stop(): Promise<void> {
    const closed = once(this.#server, "close");
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }
}

function sendForEver(response: ServerResponse): void {
  response.write("chunk\n");
  const timer = setInterval(() => response.write("chunk\n"), CHUNK_MS);
  response.on("close", () => clearInterval(timer));
}
