import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import type { KeyPair } from "../certificates/index.js";
import { type AdmissionAnswer, type AdmissionRequest, readReview, reviewOf } from "./admission.js";

/** Larger than any object that an API server takes, twice: reviews carry an object and what it was before. */
const LARGEST_BODY = 8 * 1024 * 1024;
/** An API server waits for thirty seconds at most. */
const REQUEST_WITHIN_MS = 30_000;

/** What answers reviews, by the path of the URL. */
export type Reviewers = Readonly<Record<string, (request: AdmissionRequest) => Promise<AdmissionAnswer>>>;

/** A running HTTPS server for the API server's questions. */
export interface WebhookServer {
  /** host:port, with the port that was really taken. */
  readonly address: string;
  /** New connections are shown this certificate. */
  serve(certificate: KeyPair): void;
  stop(): Promise<void>;
}

/** Starts the server; until it has a certificate no handshake succeeds. Rejects when it cannot listen. */
export async function startWebhookServer(
  { host, port }: { host: string; port: number },
  reviewers: Reviewers,
): Promise<WebhookServer> {
  const server = createServer((request, response) => {
    answer(request, response, reviewers).catch((error: unknown) => {
      if (response.headersSent) response.destroy();
      else end(response, 500, error instanceof Error ? error.message : String(error));
    });
  });
  server.requestTimeout = REQUEST_WITHIN_MS;
  server.listen(port, host);
  await once(server, "listening");
  const address = server.address() as AddressInfo;
  return {
    address: `${address.family === "IPv6" ? `[${address.address}]` : address.address}:${address.port}`,
    serve: ({ certificate, key }) =>
      server.setSecureContext({ cert: certificate, key, minVersion: "TLSv1.2" }),
    async stop() {
      server.close();
      server.closeIdleConnections();
      await once(server, "close");
    },
  };
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  reviewers: Reviewers,
): Promise<void> {
  const path = new URL(request.url ?? "/", "https://webhook").pathname;
  const review = Object.hasOwn(reviewers, path) ? reviewers[path] : undefined;
  if (!review) {
    end(response, 404, "there is nothing here");
    return;
  }
  const asked = await readRequest(request);
  if ("status" in asked) {
    end(response, asked.status, asked.message);
    return;
  }
  const text = JSON.stringify(reviewOf(asked, await review(asked)));
  response.writeHead(200, { "Content-Type": "application/json", "Content-Length": Buffer.byteLength(text) });
  response.end(text);
}

interface Refusal {
  readonly status: number;
  readonly message: string;
}

const refuse = (status: number, message: string): Refusal => ({ status, message });

async function readRequest(request: IncomingMessage): Promise<AdmissionRequest | Refusal> {
  if (request.method !== "POST") return refuse(405, "only POST is answered here");
  const body = await readBody(request);
  if (body === undefined) return refuse(413, `more than ${LARGEST_BODY} bytes`);
  const read = readReview(body);
  return read.ok ? read.value : refuse(400, read.error);
}

function end(response: ServerResponse, status: number, message: string): void {
  response.writeHead(status, { "Content-Type": "text/plain; charset=utf-8", Connection: "close" });
  response.end(`${message}\n`);
}

/** Undefined when it is too large. */
async function readBody(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  // The answer goes over the same connection, which must not be torn down with what is not read.
  for await (const chunk of request.iterator({ destroyOnReturn: false })) {
    size += (chunk as Buffer).length;
    if (size > LARGEST_BODY) return undefined;
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks).toString("utf8");
}
