import { Agent, get } from "node:http";
import { connect as connectHttp2 } from "node:http2";
import { connect } from "node:net";

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

/** The same in HTTP/2, by prior knowledge. */
export function askHttp2(port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const session = connectHttp2(`http://127.0.0.1:${port}`);
    const stream = session.request({ ":path": "/", ":authority": AUTHORITY });
    const end = (failure?: Error) => {
      session.destroy();
      if (failure) reject(failure);
      else resolve();
    };
    let status: number | undefined;
    session.on("error", end);
    stream.on("error", end);
    stream.on("response", (headers) => (status = headers[":status"]));
    stream.on("end", () => end(status === 200 ? undefined : new Error(`the answer was ${status}`)));
    stream.resume();
  });
}

/** Resolves when a port of 127.0.0.1 takes connections, whatever it speaks; rejects when it does not. */
export function reach(port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1", () => {
      socket.destroy();
      resolve();
    });
    socket.on("error", reject);
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
