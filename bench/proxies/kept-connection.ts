import { Agent, get } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { Failure } from "../../src/output/index.js";
import { AUTHORITY } from "./http.js";

const PAUSE_MS = 1;
const LIMIT_MS = 30_000;

/** A connection to a port of 127.0.0.1 that is kept open from one request to the next. */
export class KeptConnection {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });
  readonly #port: number;
  #isOpen = false;

  constructor(port: number) {
    this.#port = port;
  }

  /**
   * Asks again and again until the answer has this status. Gives the time at which that answer's head came.
   * @throws Failure when that takes too long, or the connection was not kept
   */
  async until(status: number, signal: AbortSignal): Promise<number> {
    const limit = performance.now() + LIMIT_MS;
    for (;;) {
      const answer = await this.#ask();
      if (answer.status === status) return answer.at;
      if (answer.at > limit) throw new Failure(`the answer is still ${answer.status}, and not ${status}`);
      await sleep(PAUSE_MS, undefined, { signal });
    }
  }

  close(): void {
    this.#agent.destroy();
  }

  #ask(): Promise<{ status: number | undefined; at: number }> {
    return new Promise((resolve, reject) => {
      const headers = { host: AUTHORITY };
      const request = get({ host: "127.0.0.1", port: this.#port, path: "/", headers, agent: this.#agent });
      request.on("error", reject);
      request.on("response", (response) => {
        const at = performance.now();
        if (this.#isOpen && !request.reusedSocket) reject(new Failure("the connection was not kept"));
        this.#isOpen = true;
        response.resume();
        response.on("error", reject);
        response.on("end", () => resolve({ status: response.statusCode, at }));
      });
    });
  }
}
