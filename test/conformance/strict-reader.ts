// Requests read by the letter of RFC 9112 and by nothing else: an independent judge of what a proxy lets through. Bytes are
// characters from U+0000 to U+00FF.

/** What the bytes of a connection are, as far as they go. */
export type Reading =
  | { kind: "request"; length: number }
  /** A beginning of a request. */
  | { kind: "partial" }
  /** No request of HTTP/1.1, or one that could be read in two ways. */
  | { kind: "fault"; fault: string };

const PARTIAL: Reading = { kind: "partial" };
const TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";
const REQUEST_LINE = new RegExp(`^${TOKEN} ([\\x21-\\x7e\\x80-\\xff]+) HTTP/1\\.1$`);
const FIELD_LINE = new RegExp(`^(${TOKEN}):[ \\t]*([\\t\\x20-\\x7e\\x80-\\xff]*?)[ \\t]*$`);
const CHUNK_LINE = /^([0-9A-Fa-f]+)((?:;[\t\x20-\x7e\x80-\xff]*)*)\r\n/;

/** Reads the request at the start of what was received. */
export function readRequest(received: string): Reading {
  const end = received.indexOf("\r\n\r\n");
  if (end < 0) return PARTIAL;
  const [requestLine = "", ...lines] = received.slice(0, end).split("\r\n");
  if (!REQUEST_LINE.test(requestLine)) return fault("request-line", requestLine);
  const fields = new Map<string, string[]>();
  for (const line of lines) {
    const [, name, value] = FIELD_LINE.exec(line) ?? [];
    if (name === undefined || value === undefined) return fault("field-line", line);
    const values = fields.get(name.toLowerCase()) ?? [];
    fields.set(name.toLowerCase(), [...values, value]);
  }
  if (fields.get("host")?.length !== 1) return fault("Host", String(fields.get("host")));
  return readBody(received, end + 4, fields);
}

/** The target in the request-line of a request that was read. */
export function targetOf(request: string): string {
  return REQUEST_LINE.exec(request.slice(0, request.indexOf("\r\n")))?.[1] ?? "";
}

function readBody(received: string, start: number, fields: ReadonlyMap<string, readonly string[]>): Reading {
  const length = fields.get("content-length");
  const coding = fields.get("transfer-encoding");
  if (length && coding) return fault("framing", "Content-Length and Transfer-Encoding");
  if (coding) {
    return coding.join().toLowerCase() === "chunked"
      ? readChunked(received, start)
      : fault("coding", coding.join());
  }
  const [digits = "0", ...others] = length ?? [];
  if (others.length > 0 || !/^\d+$/.test(digits)) return fault("Content-Length", String(length));
  const end = start + Number(digits);
  return received.length < end ? PARTIAL : { kind: "request", length: end };
}

/** Reads the chunked coding from `start` on, with its trailers. */
export function readChunked(received: string, start: number): Reading {
  let at = start;
  for (;;) {
    if (!received.includes("\r\n", at)) return PARTIAL;
    const [line, size] = CHUNK_LINE.exec(received.slice(at)) ?? [];
    if (line === undefined || size === undefined) return fault("chunk", received.slice(at, at + 40));
    at += line.length;
    const data = parseInt(size, 16);
    if (data === 0) return readTrailers(received, at);
    if (received.length < at + data + 2) return PARTIAL;
    if (received.slice(at + data, at + data + 2) !== "\r\n") return fault("chunk", "its data has no end");
    at += data + 2;
  }
}

function readTrailers(received: string, start: number): Reading {
  let at = start;
  for (;;) {
    const end = received.indexOf("\r\n", at);
    if (end < 0) return PARTIAL;
    if (end === at) return { kind: "request", length: end + 2 };
    const line = received.slice(at, end);
    if (!FIELD_LINE.test(line)) return fault("trailer", line);
    at = end + 2;
  }
}

function fault(where: string, what: string): Reading {
  return { kind: "fault", fault: `${where}: ${JSON.stringify(what)}` };
}
