import { Agent, request as requestPlain, type ClientRequest, type IncomingMessage } from "node:http";
import { Agent as SecureAgent, request as requestSecure, type RequestOptions } from "node:https";
import type { Socket } from "node:net";
import { finished } from "node:stream";
import { TLSSocket } from "node:tls";
import type { WebSocket } from "ws";
import { fail, ok, type Result } from "../result/index.js";
import { Credentials, type RequestHeaders } from "./credentials.js";
import { ClusterFailure } from "./failure.js";
import type { SelectedContext } from "./kubeconfig.js";

/** How long the API server may take to accept a connection, TLS included: a command that fails has ended after five seconds. */
export const CONNECT_WITHIN_MS = 4_000;

/** How long it may take to answer when nobody says. */
const ANSWER_WITHIN_MS = 30_000;

/** How long it may take to open a WebSocket to what is behind it. */
const OPEN_WITHIN_MS = 10_000;

/** After how much silence the kernel asks whether the other end of a long answer is still there. */
const PROBE_SILENCE_AFTER_MS = 20_000;

/** A request to the API server. */
export interface HttpRequest {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** Path and query, below the server's address. */
  readonly target: string;
  readonly contentType?: string;
  readonly body?: string;
  /** How long the API server may take to answer, in milliseconds. */
  readonly answerWithinMs?: number;
}

/** Its answer, whatever the status. */
export interface HttpAnswer {
  readonly status: number;
  /** What the server's clock said, to the second; undefined when it did not say. */
  readonly date: Date | undefined;
  readonly body: string;
}

/** Whom to act as, by the API server's leave. */
export interface Impersonation {
  readonly user: string;
  readonly groups: readonly string[];
}

/** HTTP to the API server of a kubeconfig's current context, with the user's own credentials. */
export class Connection {
  /** The API server's address, as the kubeconfig has it. */
  readonly server: string;
  readonly impersonate: Impersonation | undefined;
  readonly #context: SelectedContext;
  readonly #credentials: Credentials;
  readonly #agent: Agent;

  constructor(context: SelectedContext, impersonate: Impersonation | undefined) {
    this.#context = context;
    this.#credentials = new Credentials(context);
    this.impersonate = impersonate;
    this.server = context.cluster.server;
    this.#agent = this.server.startsWith("http:")
      ? new Agent({ keepAlive: true })
      : new SecureAgent({ keepAlive: true });
  }

  /** Sends a request and reads the answer whole. */
  async send(request: HttpRequest): Promise<Result<HttpAnswer, ClusterFailure>> {
    const options = await this.#options(request);
    if (!options.ok) return options;
    try {
      const answer = await exchange(new URL(this.server + request.target), options.value, request);
      return ok(this.#minded(answer));
    } catch (error) {
      return fail(this.#unreachable(error));
    }
  }

  /**
   * Sends a request whose answer goes on for as long as there is something to say, and gives every line of it to `onLine`.
   * Resolves when the answer has ended or the signal was aborted; an answer that is a refusal is read whole instead.
   */
  async follow(
    request: HttpRequest,
    onLine: (line: string) => void,
    signal: AbortSignal,
  ): Promise<Result<HttpAnswer | undefined, ClusterFailure>> {
    const options = await this.#options(request);
    if (!options.ok) return options;
    try {
      const url = new URL(this.server + request.target);
      return ok(this.#minded(await readLines(url, { ...options.value, signal }, onLine)));
    } catch (error) {
      return signal.aborted ? ok(undefined) : fail(this.#unreachable(error));
    }
  }

  /** Opens a WebSocket (RFC 6455) of a sub-protocol; gives the answer instead when that is a refusal. */
  async webSocket(target: string, protocol: string): Promise<Result<WebSocket | HttpAnswer, ClusterFailure>> {
    const options = await this.#options({ method: "GET", target });
    if (!options.ok) return options;
    // What is kept open is for requests alone. A way through a proxy is an agent, too.
    const { agent, ...rest } = options.value;
    try {
      const url = this.server.replace(/^http/, "ws") + target;
      const opened = await openWebSocket(url, protocol, agent === this.#agent ? rest : options.value);
      return ok(this.#minded(opened));
    } catch (error) {
      return fail(this.#unreachable(error));
    }
  }

  /** Closes the connections that are kept open. */
  close(): void {
    this.#agent.destroy();
  }

  async #options(request: HttpRequest): Promise<Result<RequestOptions, ClusterFailure>> {
    const options: RequestOptions & { headers: RequestHeaders } = {
      method: request.method,
      headers: {},
    };
    try {
      await this.#credentials.applyTo(options);
    } catch (error) {
      return fail(error instanceof ClusterFailure ? error : this.#noCredentials(error));
    }
    // The package's agents keep no connection open. Only a proxy needs one of its own.
    if (!this.#credentials.goThroughProxy) options.agent = this.#agent;
    // A port-forward has no type of its own: asked for JSON alone, the API server answers 406.
    options.headers["Accept"] = "application/json, */*";
    if (request.body !== undefined) {
      options.headers["Content-Type"] = request.contentType ?? "application/json";
      options.headers["Content-Length"] = String(Buffer.byteLength(request.body));
    }
    if (this.impersonate !== undefined) {
      options.headers["Impersonate-User"] = this.impersonate.user;
      if (this.impersonate.groups.length > 0) options.headers["Impersonate-Group"] = this.impersonate.groups;
    }
    return ok(options);
  }

  /** Passes an answer on; other credentials are asked for when it refuses those that were shown. */
  #minded<Answer extends { readonly status?: number } | WebSocket | undefined>(answer: Answer): Answer {
    if (answer !== undefined && "status" in answer && answer.status === 401) this.#credentials.refused();
    return answer;
  }

  #unreachable(error: unknown): ClusterFailure {
    return new ClusterFailure(
      "unreachable",
      `the API server at ${this.server} cannot be reached (${reasonOf(error)})`,
      {
        hint: `kubectl cluster-info --context ${this.#context.name}`,
      },
    );
  }

  #noCredentials(error: unknown): ClusterFailure {
    const user = this.#context.user?.name ?? "";
    return new ClusterFailure(
      "no-credentials",
      `no credentials for user '${user}' of the kubeconfig (${reasonOf(error)})`,
      {
        hint: `kubectl auth whoami --context ${this.#context.name}`,
      },
    );
  }
}

/** One request and its answer; rejects with what the connection ended with. */
function exchange(
  url: URL,
  options: RequestOptions,
  { body, answerWithinMs = ANSWER_WITHIN_MS }: HttpRequest,
): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    const send = url.protocol === "http:" ? requestPlain : requestSecure;
    const request = send(url, options, (response) => {
      readWhole(response).then(resolve, reject);
    });
    request.on("error", reject);
    limitTime(request, answerWithinMs);
    request.end(body);
  });
}

/** Resolves with the answer when it is a refusal, and with undefined when every line was given. */
function readLines(
  url: URL,
  options: RequestOptions,
  onLine: (line: string) => void,
): Promise<HttpAnswer | undefined> {
  return new Promise((resolve, reject) => {
    const send = url.protocol === "http:" ? requestPlain : requestSecure;
    const request = send(url, options, (response) => {
      if (response.statusCode !== 200) {
        readWhole(response).then(resolve, reject);
        return;
      }
      response.socket.setKeepAlive(true, PROBE_SILENCE_AFTER_MS);
      let rest = "";
      response.setEncoding("utf8").on("data", (text: string) => {
        const lines = (rest + text).split("\n");
        rest = lines.pop() ?? "";
        lines.forEach(onLine);
      });
      finished(response, (error) => {
        if (error) reject(error);
        else resolve(undefined);
      });
    });
    request.on("error", reject);
    limitTimeToConnect(request);
    request.end();
  });
}

/** Resolves with a WebSocket that is paused, or with the answer when that is a refusal. */
async function openWebSocket(
  url: string,
  protocol: string,
  options: RequestOptions,
): Promise<WebSocket | HttpAnswer> {
  // Only here: few commands need it.
  const { WebSocket } = await import("ws");
  const socket = new WebSocket(url, protocol, {
    ...options,
    handshakeTimeout: OPEN_WITHIN_MS,
    perMessageDeflate: false,
  });
  return new Promise((resolve, reject) => {
    const opened = () => {
      // Whoever takes it begins to read: no message may come before.
      socket.pause();
      resolve(socket);
    };
    socket.once("open", opened).once("error", reject);
    socket.once("unexpected-response", (_request, response) => {
      // Nobody else ends it, and the API server keeps it open for minutes.
      const connection = response.socket;
      const end = () => void connection.destroy();
      readWhole(response).finally(end).then(resolve, reject);
    });
  });
}

async function readWhole(response: IncomingMessage): Promise<HttpAnswer> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  const date = Date.parse(response.headers.date ?? "");
  return {
    status: response.statusCode ?? 0,
    date: Number.isNaN(date) ? undefined : new Date(date),
    body: Buffer.concat(chunks).toString("utf8"),
  };
}

function limitTime(request: ClientRequest, answerWithinMs: number): void {
  limitTimeToConnect(request);
  const answering = endAfter(request, answerWithinMs, "no answer");
  request.once("close", () => clearTimeout(answering));
}

function limitTimeToConnect(request: ClientRequest): void {
  const connecting = endAfter(request, CONNECT_WITHIN_MS, "no connection");
  request.once("socket", (socket: Socket) => {
    if (!socket.connecting && request.reusedSocket) clearTimeout(connecting);
    else
      socket.once(socket instanceof TLSSocket ? "secureConnect" : "connect", () => clearTimeout(connecting));
  });
  request.once("close", () => clearTimeout(connecting));
}

function endAfter(request: ClientRequest, withinMs: number, what: string): NodeJS.Timeout {
  return setTimeout(() => request.destroy(new Error(`${what} within ${withinMs / 1000}s`)), withinMs);
}

const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: "connection refused",
  ECONNRESET: "connection reset",
  ENOTFOUND: "no such host",
  EAI_AGAIN: "the name could not be resolved",
  EHOSTUNREACH: "host unreachable",
  ENETUNREACH: "network unreachable",
  ETIMEDOUT: "timed out",
  SELF_SIGNED_CERT_IN_CHAIN: "its certificate is signed by an authority that the kubeconfig does not name",
  DEPTH_ZERO_SELF_SIGNED_CERT: "its certificate is signed by an authority that the kubeconfig does not name",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    "its certificate is signed by an authority that the kubeconfig does not name",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    "its certificate is signed by an authority that the kubeconfig does not name",
  CERT_HAS_EXPIRED: "its certificate has expired",
  CERT_NOT_YET_VALID: "its certificate is not valid yet",
  EPROTO: "what listens there does not speak TLS",
};

/** What a connection or a credential plugin ended with, in a few words. */
function reasonOf(error: unknown): string {
  // Several addresses of one name were tried: one reason of them is enough.
  const first: unknown = error instanceof AggregateError ? error.errors[0] : error;
  if (!(first instanceof Error)) return String(first);
  const code = "code" in first && typeof first.code === "string" ? first.code : "";
  return REASONS[code] ?? (first.message.trim().split("\n")[0] || code || "for a reason it did not tell");
}
