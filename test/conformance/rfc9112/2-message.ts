// RFC 9112, section 2: how a message is read.
import { describe } from "vitest";
import { answers, refuses, relays } from "../cases.js";
import { get, head, ok, post } from "../messages.js";

describe("9112 §2.2: empty lines around requests", () => {
  relays("¶6: one before the request-line is ignored", `\r\n${get()}`, { arrives: get() });
  relays("¶6: a few before the request-line are ignored", `${"\r\n".repeat(4)}${get()}`, { arrives: get() });
  relays("¶5: one after the content of a request is ignored", `${post("hello", "Content-Length: 5")}\r\n`, {
    arrives: post("hello", "Content-Length: 5"),
  });
  relays("¶5: one that Content-Length counts is content", post("hello\r\n", "Content-Length: 7"));
  refuses("¶6: too many are refused", `${"\r\n".repeat(9)}${get()}`);
});

describe("9112 §2.2 ¶3: a line ends with CRLF, never with LF alone", () => {
  refuses("the request-line", "GET / HTTP/1.1\nHost: echo\r\n\r\n");
  refuses("a field", "GET / HTTP/1.1\r\nHost: echo\nX: y\r\n\r\n");
  refuses("the last field", "GET / HTTP/1.1\r\nHost: echo\n\r\n");
  refuses("the head", "GET / HTTP/1.1\r\nHost: echo\r\n\n");
  refuses("every line", "GET / HTTP/1.1\nHost: echo\n\n");
  refuses("an empty line before the request-line", `\n${get()}`);
});

describe("9112 §2.2 ¶4: a bare CR makes a message invalid", () => {
  refuses("before the request-line", `\r${get()}`);
  refuses("in the method", "GE\rT / HTTP/1.1\r\nHost: echo\r\n\r\n", { opaqueInbound: true });
  refuses("in the target", "GET /\ra HTTP/1.1\r\nHost: echo\r\n\r\n");
  refuses("as a separator", "GET /\rHTTP/1.1\r\nHost: echo\r\n\r\n", { opaqueInbound: true });
  refuses("after the version", "GET / HTTP/1.1\r\r\nHost: echo\r\n\r\n");
  refuses("instead of a line's end", "GET / HTTP/1.1\rHost: echo\r\n\r\n", { opaqueInbound: true });
  refuses("in a field's name", get("X\rY: z"));
  refuses("before the colon", get("X\r: z"));
  refuses("in a field's value", get("X: y\rContent-Length: 5"));
  refuses("at the end of a field's value", get("X: y\r"));
  refuses("instead of the empty line", "GET / HTTP/1.1\r\nHost: echo\r\n\r\r\n");
});

describe("9112 §2.2 ¶8: whitespace between start-line and first field", () => {
  refuses("a space before a field", "GET / HTTP/1.1\r\n Host: echo\r\n\r\n");
  refuses("a tab before a field", "GET / HTTP/1.1\r\n\tHost: echo\r\n\r\n");
  refuses("a line of spaces", "GET / HTTP/1.1\r\n  \r\nHost: echo\r\n\r\n");
  refuses("a field of its own", "GET / HTTP/1.1\r\n X: y\r\nHost: echo\r\n\r\n");
});

describe("9112 §2.2 ¶9: what does not match the grammar", () => {
  refuses("is answered 400 where it has to be routed", "hello\r\n\r\n", { opaqueInbound: true });
  refuses("a response instead of a request", ok("Content-Length: 0"), { opaqueInbound: true });
  refuses("TLS", "\x16\x03\x01\x00\x05hello\r\n\r\n", { routes: ["outbound", "pair"] });
  refuses("a line without a colon", get("X"));
  refuses("NUL before the request-line", `\0${get()}`, { opaqueInbound: true });
  refuses("NUL in the method", "G\0T / HTTP/1.1\r\nHost: echo\r\n\r\n", { opaqueInbound: true });
  refuses("NUL in the target", "GET /\0 HTTP/1.1\r\nHost: echo\r\n\r\n");
  refuses("NUL in the version", "GET / HTTP/1.\x001\r\nHost: echo\r\n\r\n");
  refuses("NUL instead of the empty line", "GET / HTTP/1.1\r\nHost: echo\r\n\0\r\n");
});

describe("9112 §2.2 ¶2: a message is octets", () => {
  const octets = Array.from({ length: 128 }, (_, index) => String.fromCharCode(128 + index)).join("");
  relays("above US-ASCII in values", get(`X: ${octets}`));
  relays("in content, all of them", post(`\0\r\n\r\n\x1f\x7f${octets}`, "Content-Length: 135"));
  // U+010A and U+010D, of which a reader of characters might keep only the last octet: LF and CR.
  relays("UTF-8 that looks like line ends to who truncates characters", get("X: a\xc4\x8d\xc4\x8aY: b"));
});

describe("9112 §2.3 and 9110 §2.5: the version", () => {
  relays("¶5: a request of HTTP/1.0 is sent on as HTTP/1.1", head("GET / HTTP/1.0", "Host: echo"), {
    arrives: get(),
    adds: "Connection: close\r\n",
    closes: true,
  });
  answers("¶5: a response of HTTP/1.0 is sent on as HTTP/1.1", head("HTTP/1.0 200 OK", "Content-Length: 0"), {
    received: ok("Content-Length: 0"),
  });
  for (const version of [
    "http/1.1",
    "HTTP/1",
    "HTTP/11.1",
    "HTTP/x.1",
    "HTTP/ 1.1",
    "HTTPS/1.1",
    "XTTP/1.1",
  ]) {
    refuses(`¶2: ${version} is none`, head(`GET / ${version}`, "Host: echo"), { opaqueInbound: true });
  }
  for (const version of ["HTTP/1.", "HTTP/1.1x", "HTTP/1.01", "HTTP/1.11", "HTTP/1.x", "HTTP/1.1,"]) {
    refuses(`¶2: ${version} is none`, head(`GET / ${version}`, "Host: echo"));
  }
  refuses("9110 §15.6.6: HTTP/2.0 is not supported", head("GET / HTTP/2.0", "Host: echo"), {
    status: 505,
    reason: "version-not-supported",
    opaqueInbound: true,
  });
  refuses("9110 §15.6.6: HTTP/0.9 is not supported", head("GET / HTTP/0.9", "Host: echo"), {
    status: 505,
    reason: "version-not-supported",
    opaqueInbound: true,
  });
  refuses("9110 §6.2 ¶8: nor is HTTP/1.2", head("GET / HTTP/1.2", "Host: echo"), {
    status: 505,
    reason: "version-not-supported",
  });
  refuses("a request of HTTP/0.9, which names no version", "GET /\r\n", { opaqueInbound: true });
});
