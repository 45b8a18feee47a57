import { once } from "node:events";
import { get, type IncomingMessage } from "node:http";
import { Failure } from "../../src/output/index.js";
import { ENDLESS_PATH } from "./endless-application.js";
import { AUTHORITY } from "./http.js";

/** An answer that has begun, and of which there is always more to come. */
export class AnswerUnderWay {
  readonly #response: IncomingMessage;
  /** The time at which it was cut. Rejects when it came to an end as if it were whole. */
  readonly cut: Promise<number>;

  private constructor(response: IncomingMessage) {
    this.#response = response;
    // That it was cut is what is waited for.
    response.on("error", () => undefined);
    this.cut = new Promise((resolve, reject) => {
      response.on("close", () => {
        if (response.complete) reject(new Failure("the answer that never ends came to an end in order"));
        else resolve(performance.now());
      });
    });
  }

  /** Asks a port of 127.0.0.1 for it, and waits for its first bytes. */
  static async begin(port: number): Promise<AnswerUnderWay> {
    const headers = { host: AUTHORITY };
    const request = get({ host: "127.0.0.1", port, path: ENDLESS_PATH, headers, agent: false });
    const [response] = (await once(request, "response")) as [IncomingMessage];
    const answer = new AnswerUnderWay(response);
    await once(response, "data");
    if (response.statusCode !== 200) throw new Failure(`the answer was ${response.statusCode}`);
    return answer;
  }

  /** Ends it, if nobody else did. */
  close(): void {
    this.#response.destroy();
  }
}
