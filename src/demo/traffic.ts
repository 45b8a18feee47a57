import { Agent, get } from "node:http";

/** What became of the requests that have ended. */
export interface TrafficCount {
  /** Answered with 200. */
  succeeded: number;
  failed: number;
  /** What the last one that failed got instead. */
  lastFailure?: string;
}

/** A steady trickle of requests to one address. */
export class Traffic {
  readonly count: TrafficCount = { succeeded: 0, failed: 0 };
  readonly #agent = new Agent({ keepAlive: true });
  readonly #url: string;
  #timer: NodeJS.Timeout | undefined;

  /** @param address host:port */
  constructor(address: string) {
    this.#url = `http://${address}/`;
  }

  /** Sends requests at this rate from now on, instead of the rate before. */
  flow(perSecond: number): void {
    this.pause();
    this.#timer = setInterval(() => {
      void this.#send();
    }, 1000 / perSecond);
  }

  /** Sends no more until it flows again. */
  pause(): void {
    clearInterval(this.#timer);
  }

  /** Ends for good, requests in flight too; these are not counted. */
  stop(): void {
    this.pause();
    this.#agent.destroy();
  }

  /** Sends one request that is not counted; gives what went wrong, undefined when the answer was 200. */
  ask(): Promise<string | undefined> {
    return new Promise((resolve) => {
      const request = get(
        this.#url,
        { agent: this.#agent, headers: { host: "hello" }, timeout: 5_000 },
        (response) => {
          const { statusCode = 0, headers } = response;
          const reason = headers["mesh-proxy-error"];
          response.resume().on("close", () => {
            if (!response.complete) resolve("an answer that was cut off");
            else if (statusCode === 200) resolve(undefined);
            else resolve(`status ${statusCode}${typeof reason === "string" ? ` (${reason})` : ""}`);
          });
        },
      );
      request.on("timeout", () => request.destroy(new Error("no answer within 5 s")));
      request.on("error", (error) => {
        resolve(error.message);
      });
    });
  }

  async #send(): Promise<void> {
    const failure = await this.ask();
    if (failure === undefined) {
      this.count.succeeded++;
    } else {
      this.count.failed++;
      this.count.lastFailure = failure;
    }
  }
}
