// An HTTPS server that answers the way a Kubernetes API server does, on the few paths that a test gives it.
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PortForwarding } from "../../bench/port-forwarding.js";
import { certificateAuthority, type KeyPair, serverCertificate } from "./certificates.js";

/** A request that the server got. */
export interface ReceivedRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage["headers"];
  readonly body: unknown;
  /** The client's port: the same for requests on one connection. */
  readonly port: number | undefined;
}

/** What it answers: an object, or a text as it is; or a watch that goes on, or a port-forward. */
export interface Answer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  /** Told of the open watch, instead of a body. */
  readonly watch?: (watch: Watch) => void;
  /** The port of this machine's loopback to which a port-forward leads. */
  readonly forward?: number;
}

/** An open watch. */
export interface Watch {
  /** Sends a line; an event, or a text as it is. */
  send(event: object | string): void;
  /** Ends the answer as the server does now and then. */
  end(): void;
  /** Breaks the connection. */
  reset(): void;
}

/** Gives the answer for a request; undefined is 404 Not Found as the API server says it. */
export type Answering = (request: ReceivedRequest) => Answer | undefined;

/** A running server. */
export interface ApiServer {
  readonly url: string;
  readonly authority: KeyPair;
  /** Every request so far. */
  readonly received: ReceivedRequest[];
  /** A kubeconfig with the one context `test` (user `tester` by a token) for this server. */
  readonly kubeconfig: string;
  answering: Answering;
  stop(): Promise<void>;
}

/** The token that the kubeconfig has; requests with another are unauthorized. */
export const TOKEN = "recorded";

/** Starts a server on a free port of 127.0.0.1. */
export async function startApiServer(answering: Answering): Promise<ApiServer> {
  const authority = certificateAuthority("kubernetes");
  const { certificate, key } = serverCertificate(authority, ["IP:127.0.0.1"]);
  const folder = mkdtempSync(join(tmpdir(), "mesh-api-server-"));
  const received: ReceivedRequest[] = [];
  const answerTo = (question: ReceivedRequest): Answer => {
    received.push(question);
    if (question.headers.authorization !== `Bearer ${TOKEN}`) return unauthorized();
    return running.answering(question) ?? notFound();
  };
  const server = createServer({ cert: certificate, key }, (request, response) => {
    void read(request).then((question) => send(response, answerTo(question)));
  });
  const forwarding = new PortForwarding();
  const refused = new Set<Duplex>();
  server.on("upgrade", (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    const question = describe(request, "");
    const answer = answerTo(question);
    const asked = Number(question.query.get("ports"));
    if (answer.forward !== undefined) forwarding.take(request, socket, head, answer.forward, asked);
    else {
      refused.add(socket.on("error", () => undefined).once("close", () => refused.delete(socket)));
      refuse(socket, answer);
    }
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const kubeconfig = join(folder, "config");
  writeFileSync(kubeconfig, kubeconfigFor(url, authority.certificate));
  const running: ApiServer = {
    url,
    authority,
    received,
    kubeconfig,
    answering,
    stop: async () => {
      forwarding.stop();
      for (const socket of refused) socket.destroy();
      server.closeAllConnections();
      server.close();
      await once(server, "close");
      rmSync(folder, { recursive: true });
    },
  };
  return running;
}

/** A kubeconfig with the one context `test`. */
export function kubeconfigFor(server: string, authority: string, token = TOKEN): string {
  return JSON.stringify({
    apiVersion: "v1",
    kind: "Config",
    "current-context": "test",
    clusters: [
      {
        name: "test",
        cluster: { server, "certificate-authority-data": Buffer.from(authority).toString("base64") },
      },
    ],
    users: [{ name: "tester", user: { token } }],
    contexts: [{ name: "test", context: { cluster: "test", user: "tester", namespace: "shop" } }],
  });
}

/** The API server's refusal (metav1.Status). */
export function statusAnswer(code: number, reason: string, message: string): Answer {
  return {
    status: code,
    body: { kind: "Status", apiVersion: "v1", status: "Failure", message, reason, code },
  };
}

const notFound = () => statusAnswer(404, "NotFound", "the server could not find the requested resource");
const unauthorized = () => statusAnswer(401, "Unauthorized", "Unauthorized");

async function read(request: IncomingMessage): Promise<ReceivedRequest> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return describe(request, Buffer.concat(chunks).toString("utf8"));
}

function describe(request: IncomingMessage, text: string): ReceivedRequest {
  const { pathname, searchParams } = new URL(request.url ?? "", "https://server");
  return {
    method: request.method ?? "",
    path: pathname,
    query: searchParams,
    headers: request.headers,
    body: text === "" ? undefined : (JSON.parse(text) as unknown),
    port: request.socket.remotePort,
  };
}

/** Answers a request for a WebSocket as any other. */
/** The connection stays open for another request, as the API server leaves it. */
function refuse(socket: Duplex, { status = 200, body }: Answer): void {
  const text = JSON.stringify(body);
  socket.write(`HTTP/1.1 ${status} \r\nContent-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`);
}

function send(response: ServerResponse, { status = 200, headers = {}, body, watch }: Answer): void {
  response.writeHead(status, { "Content-Type": "application/json", ...headers });
  if (watch) {
    response.flushHeaders();
    watch({
      send: (event) => void response.write(`${typeof event === "string" ? event : JSON.stringify(event)}\n`),
      end: () => void response.end(),
      reset: () => void response.destroy(),
    });
    return;
  }
  response.end(typeof body === "string" ? body : JSON.stringify(body));
}
