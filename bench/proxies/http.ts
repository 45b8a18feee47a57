import { Agent, get } from "node:http";

/** The authority that every request names, and by which the sidecar routes. */
export const AUTHORITY = "service.bench";

/** What a request may need beyond the port. */
export interface AskOptions {
  /** Unless it is `AUTHORITY`. */
  readonly authority?: string;
  /** For a connection that is kept. */
  readonly agent?: Agent;
}

/** Asks a port of 127.0.0.1 once for `/`. Resolves when the whole answer has come; rejects unless it is 200. */
export function ask(port: number, { authority = AUTHORITY, agent }: AskOptions = {}): Promise<void> {
  return new Promise((resolve, reject) => {
    const headers = { host: authority };
    const request = get({ host: "127.0.0.1", port, path: "/", headers, agent: agent ?? false });
    request.on("error", reject);
    request.on("response", (response) => {
      response.resume();
      response.on("error", reject);
      response.on("end", () => {
        if (response.statusCode === 200) resolve();
        else reject(new Error(`the answer was ${response.statusCode}`));
      });
    });
  });
}

/** Opens keep-alive connections one after the other, with one request on each. The function that it gives closes them. */
export async function holdConnections(port: number, count: number): Promise<() => void> {
  const agents: Agent[] = [];
  const close = () => agents.forEach((agent) => agent.destroy());
  try {
    for (let opened = 0; opened < count; opened += 1) {
      const agent = new Agent({ keepAlive: true, maxSockets: 1 });
      agents.push(agent);
      await ask(port, { agent });
    }
  } catch (error) {
    close();
    throw error;
  }
  return close;
}
