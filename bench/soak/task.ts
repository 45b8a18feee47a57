/** How a writer or a reader dawdles: after so many bytes it pauses, up to so many times. */
export interface Pace {
  readonly everyBytes: number;
  readonly pauseMs: number;
  readonly times: number;
}

/** A body, or one direction of a tunnel, and how both ends deal with it. */
export interface Transfer {
  readonly bytes: number;
  readonly writer: Pace | null;
  readonly reader: Pace | null;
}

/** How a body is framed (RFC 9112, section 6). */
export type Framing = "length" | "chunked" | "until-close";

/** A message's body. */
export interface Body extends Transfer {
  readonly framing: Framing;
}

/** A connection that one side breaks on purpose. */
export interface Abort {
  readonly by: "client" | "server";
  /** While what was the client's, or the server's, is on its way; the server may also break it instead of answering. */
  readonly during: "request" | "response" | "head";
  /** Bytes of that body that are sent or received before; fewer than it has. */
  readonly afterBytes: number;
  /** By RST instead of FIN. */
  readonly reset: boolean;
}

/** One request and what is to be answered. Everything the server needs stands in a header of it. */
export interface Exchange {
  /** Of this exchange alone. */
  readonly id: number;
  readonly method: "GET" | "HEAD" | "PUT" | "POST" | "DELETE";
  readonly request: Body | null;
  readonly response: Body;
  /** The response begins before the request has ended. */
  readonly duplex: boolean;
  /** The client waits for 100 (Continue), which the server sends or, when it refuses the body, does not. */
  readonly expects: "nothing" | "continue" | "refusal";
  readonly abort: Abort | null;
  /** The server closes its connection after the response without having said so. */
  readonly closesSilently: boolean;
}

/** Bytes both ways at once, each side finishing when it has sent its own. */
export interface Tunnel {
  readonly id: number;
  readonly up: Transfer;
  readonly down: Transfer;
  readonly abort: Abort | null;
  /** The client says nothing before the server has. */
  readonly serverSpeaksFirst: boolean;
}

/** What one client does before it takes the next task. */
export type Task =
  | { readonly kind: "exchange"; readonly exchange: Exchange }
  /** Requests over one connection, idle in between for so many milliseconds. */
  | {
      readonly kind: "keep-alive";
      readonly exchanges: readonly Exchange[];
      readonly idleMs: readonly number[];
    }
  /** Requests over one connection without waiting for answers, cut into segments of so many bytes. */
  | {
      readonly kind: "pipeline";
      readonly exchanges: readonly Exchange[];
      readonly segments: readonly number[];
    }
  /** A tunnel by upgrade, by CONNECT, or by TCP to an endpoint's proxy. */
  | { readonly kind: "upgrade" | "connect"; readonly tunnel: Tunnel }
  | { readonly kind: "opaque"; readonly tunnel: Tunnel; readonly endpoint: number };

export type TaskKind = Task["kind"];

/** The header that tells the server what to do, as JSON. */
export const TASK_HEADER = "soak-task";
/** The header in which the server tells how much of the request's body it received. */
export const RECEIVED_HEADER = "soak-received";
/** The header that names the endpoint which answered. */
export const ENDPOINT_HEADER = "soak-endpoint";

/** What the server of an opaque connection says first. */
export const BANNER = "soak ready\n";
/** Bytes in which the server tells at the end of a duplex response, or of a tunnel, how much it received. */
export const RECEIPT_BYTES = 16;

/** How much was received, as the server tells it. */
export const receipt = (bytes: number) => String(bytes).padStart(RECEIPT_BYTES, "0");

/** The names under which both ends know the bytes of a task. */
export const upKey = (id: number) => 2 * id;
export const downKey = (id: number) => 2 * id + 1;

/** An exchange in a few words. */
export function describe({ method, request, response, duplex, expects }: Exchange): string {
  const up = request === null ? "" : ` with ${request.bytes} bytes (${request.framing})`;
  const how = [
    response.framing,
    ...(duplex ? ["duplex"] : []),
    ...(expects === "nothing" ? [] : [`expects ${expects}`]),
  ];
  return `${method}${up} for ${response.bytes} (${how.join(", ")})`;
}

/** Methods that may be sent again (RFC 9110, section 9.2.2). */
export const isIdempotent = ({ method }: Exchange) => method !== "POST";
