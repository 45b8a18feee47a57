// RFC 9112, section 6: where the body of a message ends.
import { describe } from "vitest";
import { answers, ASKS, refuses, relays, replaces } from "../cases.js";
import { get, head, ok, post } from "../messages.js";

/** The chunked coding of "hello". */
const HELLO = "5\r\nhello\r\n0\r\n\r\n";
const HEAD = head("HEAD /scripted HTTP/1.1", "Host: echo");
const CLOSE = "Connection: close";

/** Values that are no Content-Length. */
const NO_LENGTHS: readonly string[] = [
  "",
  "+5",
  "-5",
  "-0",
  "0x5",
  "05h",
  "5a",
  "a",
  "5 5",
  "5,5",
  "5, 5",
  "5,6",
  ",5",
  "5;5",
  "5.0",
  "1e1",
  "5_0",
  "'5'",
  '"5"',
  "\xb2",
  "\xef\xbc\x95",
  "18446744073709551616",
  "99999999999999999999999999999999",
];

/** Values of Transfer-Encoding that are not `chunked` alone. */
const NO_CODINGS: readonly string[] = [
  "",
  "identity",
  "gzip",
  "gzip, chunked",
  "chunked, gzip",
  "chunked, identity",
  "identity, chunked",
  "chunked, chunked",
  "chunked;q=1",
  '"chunked"',
  ",chunked",
  "chunked,",
  "xchunked",
  "chunkedx",
  "chunk",
  "chunked chunked",
];

describe("9112 §6.3: requests", () => {
  relays("¶2.7: no field, no body", get());
  relays("¶2.7: not even for POST", post(""));
  for (const length of ["5", "05", `${"0".repeat(40)}5`]) {
    relays(`¶2.6: Content-Length: ${length}`, post("hello", `Content-Length: ${length}`));
  }
  relays("¶2.6: Content-Length: 0", post("", "Content-Length: 0"));
  relays("¶2.6: Content-Length with whitespace around it", post("hello", "cONTENT-lENGTH:\t 5 \t"));
  relays("¶2.6: content that looks like a request", post(get(), `Content-Length: ${get().length}`));
  relays("¶2.6: 200,000 octets", post("0123456789".repeat(20_000), "Content-Length: 200000"));
  for (const method of ["GET", "HEAD", "DELETE", "OPTIONS", "TRACE", "SEARCH"]) {
    relays(
      `§6 ¶4: the framing of ${method} is no other`,
      head(`${method} / HTTP/1.1`, "Host: echo", "Content-Length: 5") + "hello",
    );
  }
  for (const name of ["chunked", "Chunked", "CHUNKED"]) {
    relays(`¶2.4: Transfer-Encoding: ${name}`, post(HELLO, `Transfer-Encoding: ${name}`));
  }
  relays("¶2.4: Transfer-Encoding with whitespace around it", post(HELLO, "tRANSFER-eNCODING:\t chunked \t"));
  for (const value of NO_LENGTHS) {
    refuses(`¶2.5: Content-Length: ${JSON.stringify(value)}`, post("hello", `Content-Length: ${value}`));
  }
  refuses("¶2.5: Content-Length twice, alike", post("hello", "Content-Length: 5", "Content-Length: 5"));
  refuses("¶2.5: Content-Length twice, different", post("hello", "Content-Length: 5", "Content-Length: 6"));
  for (const value of NO_CODINGS) {
    refuses(`¶2.4: Transfer-Encoding: ${JSON.stringify(value)}`, post(HELLO, `Transfer-Encoding: ${value}`));
  }
  refuses(
    "§6.1 ¶4: Transfer-Encoding twice",
    post(HELLO, "Transfer-Encoding: chunked", "Transfer-Encoding: chunked"),
  );
  refuses("¶2.3: both fields", post(HELLO, `Content-Length: ${HELLO.length}`, "Transfer-Encoding: chunked"));
  refuses(
    "¶2.3: both fields, in the other order",
    post(HELLO, "Transfer-Encoding: chunked", "Content-Length: 5"),
  );
  refuses(
    "§6.1 ¶16: Transfer-Encoding in HTTP/1.0",
    head("POST / HTTP/1.0", "Host: echo", "Transfer-Encoding: chunked") + HELLO,
  );
  relays("Content-Length in HTTP/1.0", head("POST / HTTP/1.0", "Host: echo", "Content-Length: 5") + "hello", {
    arrives: post("hello", "Content-Length: 5"),
    adds: `${CLOSE}\r\n`,
    closes: true,
  });
});

describe("9112 §6.3: responses", () => {
  answers("¶2.6: Content-Length", ok("Content-Length: 5") + "hello");
  answers("¶2.6: Content-Length with zeros before it", ok("Content-Length: 0005") + "hello");
  answers("¶2.6: Content-Length: 0", ok("Content-Length: 0"));
  answers("¶2.6: 200,000 octets", ok("Content-Length: 200000") + "0123456789".repeat(20_000));
  answers("¶2.6: content that looks like a response", ok("Content-Length: 38") + ok("Content-Length: 0"));
  answers("¶2.4: Transfer-Encoding: chunked", ok("Transfer-Encoding: Chunked") + HELLO);
  for (const version of ["1.0", "1.1"]) {
    answers(`¶2.8: neither: until HTTP/${version} closes`, `HTTP/${version} 200 OK\r\nX: y\r\n\r\nhello`, {
      then: "finish",
      ends: "finished",
      received: ok("X: y", CLOSE) + "hello",
    });
  }
  answers("¶2.8: neither, and nothing comes", ok("X: y"), {
    then: "finish",
    ends: "finished",
    received: ok("X: y", CLOSE),
  });
  for (const fields of [["Content-Length: 99"], ["Transfer-Encoding: chunked"], []]) {
    answers(`¶2.1: HEAD, ${fields.join() || "no field"}`, ok(...fields), { asks: HEAD });
    answers(`¶2.1: 304, ${fields.join() || "no field"}`, head("HTTP/1.1 304 Not Modified", ...fields));
    answers(`¶2.1: HEAD and 404, ${fields.join() || "no field"}`, head("HTTP/1.1 404 No", ...fields), {
      asks: HEAD,
    });
  }
  for (const field of ["Content-Length: 99", "Transfer-Encoding: chunked"]) {
    answers(`9110 §8.6 ¶8, §6.1 ¶10: 204 has no ${field}`, head("HTTP/1.1 204 None", "X: y", field), {
      received: head("HTTP/1.1 204 None", "X: y"),
    });
    answers(
      `9110 §8.6 ¶8, §6.1 ¶10: 1xx has no ${field}`,
      head("HTTP/1.1 103 Early", field, "X: y") + ok("Content-Length: 0"),
      {
        received: head("HTTP/1.1 103 Early", "X: y") + ok("Content-Length: 0"),
      },
    );
  }
  answers("¶2.1: 204 without a field", head("HTTP/1.1 204 None"));
  for (const value of NO_LENGTHS) {
    replaces(`¶2.5: Content-Length: ${JSON.stringify(value)}`, ok(`Content-Length: ${value}`) + "hello");
  }
  replaces("¶2.5: Content-Length twice, alike", ok("Content-Length: 5", "Content-Length: 5") + "hello");
  replaces("¶2.5: Content-Length twice, different", ok("Content-Length: 5", "Content-Length: 6") + "hello!");
  for (const value of NO_CODINGS) {
    replaces(`¶2.4: Transfer-Encoding: ${JSON.stringify(value)}`, ok(`Transfer-Encoding: ${value}`) + HELLO);
  }
  replaces("¶2.3: both fields", ok("Content-Length: 5", "Transfer-Encoding: chunked") + HELLO);
  replaces(
    "¶2.3: both fields, in the other order",
    ok("Transfer-Encoding: chunked", "Content-Length: 5") + HELLO,
  );
  replaces(
    "§6.1 ¶16: Transfer-Encoding in HTTP/1.0",
    head("HTTP/1.0 200 OK", "Transfer-Encoding: chunked") + HELLO,
  );
  replaces("invalid fields count in 304 too", head("HTTP/1.1 304 Not Modified", "Content-Length: x"));
});

describe("9112 §6.1 ¶13: a client of HTTP/1.0 gets no Transfer-Encoding", () => {
  const asks = head("GET /scripted HTTP/1.0", "Host: echo");
  const trailers = "5;a=b\r\nhello\r\n6\r\n world\r\n0\r\nX-Sum: 1\r\n\r\n";
  answers(
    "but the content, until the connection closes",
    ok("Transfer-Encoding: chunked", "X: y") + trailers,
    {
      asks,
      arrives: ASKS,
      ends: "finished",
      received: ok("X: y", CLOSE) + "hello world",
    },
  );
  answers("also when it asked to keep the connection", ok("X: y", "Transfer-Encoding: chunked") + HELLO, {
    asks: head("GET /scripted HTTP/1.0", "Host: echo", "Connection: keep-alive"),
    arrives: ASKS,
    ends: "finished",
    received: ok("X: y", CLOSE) + "hello",
  });
});
