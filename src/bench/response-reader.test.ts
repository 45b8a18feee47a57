import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { ResponseReader } from "./response-reader.js";

/** Feeds a response cut at these places; gives what the reader said at the end. */
function read(bytes: string, cuts: readonly number[] = []): { last: string; reader: ResponseReader } {
  const whole = Buffer.from(bytes, "latin1");
  const places = [...new Set(cuts.map((cut) => cut % whole.length))].sort((a, b) => a - b);
  const reader = new ResponseReader();
  let last = "";
  for (const [index, from] of [0, ...places].entries()) {
    const segment = Buffer.from(whole.subarray(from, places[index] ?? whole.length));
    last = reader.feed(segment);
    // Connections read every segment into one buffer, so nothing of it may be kept.
    segment.fill(0);
    if (last !== "more" && places[index] !== undefined) throw new Error(`${last} before the end`);
  }
  return { last, reader };
}

const COMPLETE: readonly [string, string, number][] = [
  ["with a length", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 200],
  ["with an empty body", "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", 200],
  ["without a body by its status", "HTTP/1.1 204 No Content\r\n\r\n", 204],
  ["chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", 200],
  [
    "chunked with extensions and trailers",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\nA;a=b\r\n0\r\n\r\n01234\r\n0\r\nx: y\r\n\r\n",
    200,
  ],
  ["after interim ones", "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 503 X\r\ncontent-length: 1\r\n\r\n!", 503],
];

describe.each(COMPLETE)("a response %s", (_name, bytes, status) => {
  it("ends at its last byte, however it is cut", () => {
    fc.assert(
      fc.property(fc.array(fc.nat()), (cuts) => {
        const { last, reader } = read(
          bytes,
          cuts.filter((cut) => cut % bytes.length !== 0),
        );
        expect(last).toBe("complete");
        expect(reader.head?.status).toBe(status);
      }),
    );
  });

  it("is malformed with a byte too many, as nobody asked for more", () => {
    expect(read(`${bytes}x`).last).toBe("malformed");
  });

  it("is not complete without its last byte", () => {
    expect(read(bytes.slice(0, -1)).last).toBe("more");
  });
});

test("without length or chunks the end of the connection is the end", () => {
  const { last, reader } = read("HTTP/1.1 200 OK\r\n\r\nhello");
  expect(last).toBe("more");
  expect(reader.endsWithConnection).toBe(true);
  expect(reader.head?.reusable).toBe(false);
});

test.each([
  ["HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n", true],
  ["HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", false],
  ["HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", false],
  ["HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n", true],
])("%j leaves the connection reusable: %s", (bytes, reusable) => {
  expect(read(bytes).reader.head?.reusable).toBe(reusable);
});

test("tells an answer of the proxy's own from the service's", () => {
  const { reader } = read("HTTP/1.1 503 X\r\nmesh-proxy-error: no-endpoints\r\ncontent-length: 0\r\n\r\n");
  expect(reader.head?.proxyError).toBe("no-endpoints");
});

test.each([
  ["SSH-2.0-OpenSSH\r\n\r\n"],
  ["HTTP/1.1 101 Switching Protocols\r\n\r\n"],
  ["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n"],
  ["x".repeat(70_000)],
])("%.40j is malformed", (bytes) => {
  expect(read(bytes).last).toBe("malformed");
});
