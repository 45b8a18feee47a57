// Response smuggling and splitting: bytes of an application that one implementation reads as one response and another as two. None
// of them is given to another client, or to another request of the same one.
import { describe, expect } from "vitest";
import { RawConnection } from "../../mesh/clients.js";
import { answers, breaks, replaces, test } from "../cases.js";
import { head, ok } from "../messages.js";

/** A response that nobody asked for. */
const EVIL = ok("Content-Length: 4", "X: evil") + "evil";
const HEAD = head("HEAD /scripted HTTP/1.1", "Host: echo");

describe("9112 §6.3 ¶8 and §9.2 ¶3: bytes behind a response are given to nobody", () => {
  for (const [name, response, asks] of [
    ["Content-Length: 0", ok("Content-Length: 0"), undefined],
    ["Content-Length: 5", ok("Content-Length: 5") + "hello", undefined],
    ["chunks", ok("Transfer-Encoding: chunked") + "5\r\nhello\r\n0\r\n\r\n", undefined],
    ["204", head("HTTP/1.1 204 No Content"), undefined],
    ["304", head("HTTP/1.1 304 Not Modified", "Content-Length: 76"), undefined],
    ["HEAD", ok("Content-Length: 76"), HEAD],
    ["HEAD with chunks", ok("Transfer-Encoding: chunked"), HEAD],
  ] as const) {
    for (const [what, more] of [
      ["a response", EVIL],
      ["an interim response", head("HTTP/1.1 103 Early", "X: evil")],
      ["text", "evil"],
      ["an empty line", "\r\n"],
      ["a request", head("GET /evil HTTP/1.1", "Host: echo")],
    ] as const) {
      answers(`${name}, then ${what}`, response + more, {
        ...(asks && { asks }),
        received: response,
        atOnce: true,
      });
    }
  }
});

describe("9112 §11.1: responses that not everybody splits alike", () => {
  for (const [name, response] of Object.entries({
    "both fields": ok("Content-Length: 4", "Transfer-Encoding: chunked") + `0\r\n\r\n${EVIL}`,
    "two lengths": ok("Content-Length: 0", "Content-Length: 76") + EVIL,
    "a list of lengths": ok("Content-Length: 0, 76") + EVIL,
    "a length with a sign": ok("Content-Length: +0") + EVIL,
    "a negative length": ok("Content-Length: -1") + EVIL,
    "a length in hexadecimal": ok("Content-Length: 0x0") + EVIL,
    "a length beyond 2^64": ok("Content-Length: 18446744073709551616") + EVIL,
    "a length with a space before its colon": ok("Content-Length : 0") + EVIL,
    "a folded length": ok("Content-Length:\r\n 0") + EVIL,
    "a coding that nobody knows": ok("Transfer-Encoding: xchunked") + `0\r\n\r\n${EVIL}`,
    "a coding after VT": ok("Transfer-Encoding: \x0bchunked") + `0\r\n\r\n${EVIL}`,
    "chunked and then another": ok("Transfer-Encoding: chunked, identity") + `0\r\n\r\n${EVIL}`,
    "two codings": ok("Transfer-Encoding: chunked", "Transfer-Encoding: identity") + `0\r\n\r\n${EVIL}`,
    "HTTP/1.0 with chunks": head("HTTP/1.0 200 OK", "Transfer-Encoding: chunked") + `0\r\n\r\n${EVIL}`,
    "CR in a value": ok(`X: y\rContent-Length: 0`) + EVIL,
    "LF in a value": ok(`X: y\nContent-Length: 0`) + EVIL,
    "NUL in a value": ok(`X: y\0`, "Content-Length: 0") + EVIL,
    "LF LF ends the head": `HTTP/1.1 200 OK\r\nContent-Length: 0\n\n${EVIL}`,
    "LF after the status-line": `HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n${EVIL}`,
    "101 that nobody asked for":
      head("HTTP/1.1 101 Switching Protocols", "Upgrade: x", "Connection: upgrade") + EVIL,
    "a folded status-line": head("HTTP/1.1 200 OK\r\n X: y", "Content-Length: 0") + EVIL,
    "a field without a colon": ok("X", "Content-Length: 0") + EVIL,
    "something before it": `evil${EVIL}`,
    "an empty line before it": `\r\n${EVIL}`,
    "HTTP/0.9": "<html>evil</html>",
    "invalid after an interim response": head("HTTP/1.1 102 Processing").replace("102", "1x2") + EVIL,
  })) {
    replaces(name, response);
  }
  for (const [name, coded] of Object.entries({
    "a size with LF": `0\n\r\n${EVIL}`,
    "a size with a sign": `+0\r\n\r\n${EVIL}`,
    "a size of 2^64": `10000000000000000\r\n\r\n0\r\n\r\n${EVIL}`,
    "a size with a space": `0 \r\n\r\n${EVIL}`,
    "an extension with LF": `0;a\n\r\n\r\n${EVIL}`,
    "data without an end": `5\r\nhello0\r\n\r\n${EVIL}`,
    "a trailer that frames": `0\r\nContent-Length: 76\r\n\r\n${EVIL}`,
    "a response instead of a size": EVIL,
  })) {
    breaks(name, ok("Transfer-Encoding: chunked") + coded);
  }
});

describe("9112 §9.2 ¶3: what comes while nobody asks", () => {
  test("is given to nobody", {}, async ({ route, label }) => {
    const first = await RawConnection.open(route.address);
    const request = head("GET /first HTTP/1.1", "Host: echo");
    first.send(request);
    await first.until(request);
    const idle = route.backend.connections.find(({ received }) => received.includes(request));
    expect(idle, label).toBeDefined();
    await new Promise((resolve) => idle?.socket.write(EVIL, "latin1", resolve));
    const second = await RawConnection.open(route.address);
    for (const connection of [first, second]) {
      const before = connection.received;
      const next = head("GET /second HTTP/1.1", "Host: echo");
      connection.send(next);
      await connection.until(next);
      expect(connection.received.slice(before.length), label).not.toContain("evil");
    }
  });
});
