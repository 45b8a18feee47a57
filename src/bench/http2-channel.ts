import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  constants,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
} from "node:http2";
import type { Channel, ChannelEvents } from "./channel.js";
import type { Outcome } from "./outcome.js";
import { connectionsFor, type Protocol } from "./protocol.js";
import { SingleRequestChannel } from "./single-request-channel.js";
import { type Address, addressOf, type Target } from "./target.js";

/** A message of gRPC: not compressed, five bytes long. */
const GRPC_MESSAGE = Buffer.from("\0\0\0\0\x05hello");

/** Channels whose requests are streams of a few connections, to a proxy as to the service itself: by prior knowledge. */
export function http2Channels(
  target: Target,
  protocol: Protocol,
  count: number,
  events: ChannelEvents,
): readonly Channel[] {
  const connections = Array.from(
    { length: connectionsFor(protocol, count) },
    () => new SharedConnection(addressOf(target)),
  );
  return Array.from({ length: count }, (_, index) => {
    const connection = connections[index % connections.length] ?? new SharedConnection(addressOf(target));
    return new Http2Channel(connection, headersFor(target, protocol), protocol === "grpc", events);
  });
}

function headersFor({ url }: Target, protocol: Protocol): OutgoingHttpHeaders {
  const { host, pathname, search } = new URL(url);
  const common = { ":authority": host, ":scheme": "http", "user-agent": "mesh-bench" };
  if (protocol !== "grpc") return { ...common, ":method": "GET", ":path": pathname + search };
  return {
    ...common,
    ":method": "POST",
    ":path": "/mesh.bench.Echo/Say",
    "content-type": "application/grpc",
    te: "trailers",
  };
}

/** A connection of HTTP/2 that is opened when a stream needs it, and again when it has ended. */
class SharedConnection {
  readonly #address: Address;
  #session: ClientHttp2Session | null = null;

  constructor(address: Address) {
    this.#address = address;
  }

  request(headers: OutgoingHttpHeaders, endStream: boolean): ClientHttp2Stream {
    return this.#open().request(headers, { endStream });
  }

  close(): void {
    this.#session?.destroy();
    this.#session = null;
  }

  #open(): ClientHttp2Session {
    if (this.#session !== null && !this.#session.closed && !this.#session.destroyed) return this.#session;
    const { host, port } = this.#address;
    const session = connect(`http://${host.includes(":") ? `[${host}]` : host}:${port}`);
    // Its streams are told as well.
    session.on("error", () => undefined);
    this.#session = session;
    return session;
  }
}

class Http2Channel extends SingleRequestChannel {
  readonly #connection: SharedConnection;
  readonly #headers: OutgoingHttpHeaders;
  readonly #isGrpc: boolean;
  #stream: ClientHttp2Stream | null = null;

  constructor(
    connection: SharedConnection,
    headers: OutgoingHttpHeaders,
    isGrpc: boolean,
    events: ChannelEvents,
  ) {
    super(events);
    this.#connection = connection;
    this.#headers = headers;
    this.#isGrpc = isGrpc;
  }

  override close(): void {
    super.close();
    this.#connection.close();
  }

  protected override start(): void {
    const stream = this.#connection.request(this.#headers, !this.#isGrpc);
    this.#stream = stream;
    const answer = new Answer(this.#isGrpc);
    stream.on("response", (headers) => answer.read(headers));
    stream.on("trailers", (trailers: IncomingHttpHeaders) => answer.read(trailers));
    stream.on("end", () => (answer.isComplete = true));
    stream.on("error", (error: NodeJS.ErrnoException) => (answer.failure = reasonOf(error)));
    stream.on("close", () => {
      if (stream === this.#stream) this.finish(answer.outcome(stream.rstCode));
    });
    stream.resume();
    if (this.#isGrpc) stream.end(GRPC_MESSAGE);
  }

  protected override letGo(): void {
    const stream = this.#stream;
    this.#stream = null;
    stream?.close(constants.NGHTTP2_CANCEL);
  }
}

/** What has come of an answer. */
class Answer {
  isComplete = false;
  failure: string | null = null;
  #status = 0;
  #proxyError = "";
  #grpcStatus = "";
  readonly #isGrpc: boolean;

  constructor(isGrpc: boolean) {
    this.#isGrpc = isGrpc;
  }

  /** Takes its head, or its trailers. */
  read(fields: IncomingHttpHeaders & { ":status"?: number | undefined }): void {
    this.#status = fields[":status"] ?? this.#status;
    this.#proxyError = textOf(fields["mesh-proxy-error"]) || this.#proxyError;
    this.#grpcStatus = textOf(fields["grpc-status"]) || this.#grpcStatus;
  }

  outcome(resetCode: number): Outcome {
    if (this.failure !== null) return { kind: "failed", reason: this.failure };
    if (this.#status === 0 || !this.isComplete) {
      return {
        kind: "failed",
        reason: resetCode === 0 ? "connection closed" : `reset with code ${resetCode}`,
      };
    }
    const answered = { kind: "answered", status: this.#status, proxyError: this.#proxyError } as const;
    return this.#isGrpc ? { ...answered, grpcStatus: this.#grpcStatus } : answered;
  }
}

const textOf = (value: string | readonly string[] | undefined): string =>
  typeof value === "string" ? value : (value?.join(", ") ?? "");

/** Streams are told that they are cancelled, by what befell their connection. */
function reasonOf(error: NodeJS.ErrnoException): string {
  const { code, message, syscall } =
    error.cause instanceof Error ? (error.cause as NodeJS.ErrnoException) : error;
  if (syscall === "connect") return `connect: ${code ?? message}`;
  return code === "ECONNRESET" ? "connection reset" : message;
}
