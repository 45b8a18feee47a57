// Services for a mesh to carry: Node's HTTP server, bare TCP servers, and a server in a process of its own that can be killed.
import { once } from "node:events";
import { createServer as createHttpServer, type RequestListener, type Server as HttpServer } from "node:http";
import { createServer as createTcpServer, type Server, type Socket } from "node:net";
import { onTestFinished } from "vitest";
import { SupervisedProcess } from "../../src/process/index.js";

/** A server of this process, gone when the test is. */
export interface Backend<S extends Server> {
  /** host:port. */
  address: string;
  server: S;
}

/** Starts an HTTP server for the time of one test. */
export async function startHttpBackend(answer: RequestListener): Promise<Backend<HttpServer>> {
  const server = createHttpServer(answer);
  return { server, address: await listen(server) };
}

/** Starts a TCP server, with half-open connections, for the time of one test. */
export async function startTcpBackend(serve: (socket: Socket) => void): Promise<Backend<Server>> {
  const server = createTcpServer({ allowHalfOpen: true }, (socket) => {
    // A peer that is gone is what many of the tests are about.
    socket.on("error", () => undefined);
    serve(socket);
  });
  return { server, address: await listen(server) };
}

async function listen(server: Server): Promise<string> {
  const sockets = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("not a TCP server");
  return `127.0.0.1:${address.port}`;
}

/** Answers every request with its name, some milliseconds after it came. */
const NAMED_SERVER = `
  const [name, port, delayMs, backlog] = process.argv.slice(1);
  const server = require("node:http").createServer((request, response) => {
    request.resume();
    setTimeout(() => response.end(name), Number(delayMs));
  });
  server.listen({ port: Number(port), host: "127.0.0.1", backlog: Number(backlog) }, () => {
    console.log(server.address().port);
  });
  process.stdin.on("end", () => process.exit()).resume();
`;

/** An HTTP server in a process of its own. */
export interface BackendProcess {
  /** host:port. */
  address: string;
  /** Sends a signal and, when it is one that ends a process, waits for the end. */
  kill(signal: NodeJS.Signals): Promise<void>;
  signal(signal: NodeJS.Signals): void;
}

/** Starts an HTTP server in a process of its own for the time of one test. It answers with `name` after `delayMs` milliseconds. */
export async function startBackendProcess(
  name: string,
  { port = 0, delayMs = 0, backlog = 511 } = {},
): Promise<BackendProcess> {
  let listens: (port: string) => void = () => undefined;
  const listening = new Promise<string>((resolve) => (listens = resolve));
  const child = new SupervisedProcess({
    command: process.execPath,
    args: ["-e", NAMED_SERVER, name, String(port), String(delayMs), String(backlog)],
    env: process.env,
    onLine: (line) => listens(line),
  });
  const kill = async (signal: NodeJS.Signals) => {
    child.signal(signal);
    await child.ended;
  };
  onTestFinished(() => kill("SIGKILL"));
  return { address: `127.0.0.1:${await listening}`, kill, signal: (signal) => child.signal(signal) };
}
