// Messages for the tables, as raw bytes.

/** A GET request with these field lines. */
export function get(...fields: string[]): string {
  return head("GET / HTTP/1.1", "Host: echo", ...fields);
}

/** A POST request with this body and these field lines, which alone say how long the body is. */
export function post(body: string, ...fields: string[]): string {
  return head("POST / HTTP/1.1", "Host: echo", ...fields) + body;
}

/** A POST request with this as its body in the chunked coding. */
export function chunked(coded: string): string {
  return post(coded, "Transfer-Encoding: chunked");
}

/** A start-line and field lines. */
export function head(...lines: string[]): string {
  return `${lines.join("\r\n")}\r\n\r\n`;
}

/** A response with status 200 and these field lines. */
export function ok(...fields: string[]): string {
  return head("HTTP/1.1 200 OK", ...fields);
}
