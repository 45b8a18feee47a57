import { Agent, request } from "node:https";
import { Failure } from "../../src/output/index.js";

/** Requests that are under way at a time. */
const CONCURRENT = 16;

/** Writes to an API server as fast as it takes it. Its certificate is not looked at: it is on this machine. */
export class ApiClient {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: CONCURRENT, rejectUnauthorized: false });

  constructor(
    private readonly server: string,
    private readonly token: string,
  ) {}

  async isReady(): Promise<boolean> {
    try {
      return (await this.#send("GET", "/readyz")).status === 200;
    } catch {
      return false;
    }
  }

  /** The text at a path. */
  async read(path: string): Promise<string> {
    return (await this.#expect("GET", path)).body;
  }

  /** Creates an object in a collection; what the API server made of it. */
  async create(collection: string, object: object): Promise<unknown> {
    return JSON.parse((await this.#expect("POST", collection, object)).body) as unknown;
  }

  /** Writes over an object, or its status. */
  async replace(path: string, object: object): Promise<void> {
    await this.#expect("PUT", path, object);
  }

  /** Runs a task for each of many, so many at a time as the server is asked. */
  async forAll<T>(items: readonly T[], task: (item: T) => Promise<unknown>): Promise<void> {
    const left = items.values();
    const work = async () => {
      for (const item of left) await task(item);
    };
    await Promise.all(Array.from({ length: CONCURRENT }, work));
  }

  close(): void {
    this.#agent.destroy();
  }

  async #expect(method: string, path: string, object?: object) {
    const answer = await this.#send(method, path, object);
    if (answer.status < 300) return answer;
    throw new Failure(`the API server would not ${method} ${path}: ${answer.status} ${answer.body}`);
  }

  #send(method: string, path: string, object?: object): Promise<{ status: number; body: string }> {
    const body = object && JSON.stringify(object);
    const headers = {
      Authorization: `Bearer ${this.token}`,
      ...(body !== undefined && {
        "Content-Type": "application/json",
        "Content-Length": Buffer.byteLength(body),
      }),
    };
    return new Promise((resolve, reject) => {
      const sent = request(this.server + path, { method, agent: this.#agent, headers }, (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("error", reject);
        response.on("end", () => {
          resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString("utf8") });
        });
      });
      sent.on("error", reject);
      sent.end(body);
    });
  }
}
