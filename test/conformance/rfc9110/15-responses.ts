// RFC 9110, sections 6, 8, 10.2 and 15: responses, interim ones first.
import { describe, expect } from "vitest";
import { RawConnection } from "../../mesh/clients.js";
import { answers, ASKS, breaks, replaces, test } from "../cases.js";
import { head, ok } from "../messages.js";

const FINAL = `${ok("Content-Length: 5")}hello`;
const CONTINUE = head("HTTP/1.1 100 Continue");
const EARLY = head("HTTP/1.1 103 Early Hints", "Link: </a>; rel=preload", "link: </b>");

describe("9110 §15.2: interim responses", () => {
  for (const [name, interim] of Object.entries({
    "100": CONTINUE,
    "102": head("HTTP/1.1 102 Processing", "X: y"),
    "103 with fields": EARLY,
    "one that nobody knows": head("HTTP/1.1 199 "),
    several: CONTINUE + EARLY + EARLY + head("HTTP/1.1 104 X"),
    many: CONTINUE.repeat(50),
  })) {
    answers(`¶4: ${name} is sent on before the final one`, interim + FINAL);
    answers(`¶1: ${name} is not sent to a client of HTTP/1.0`, interim + FINAL, {
      asks: head("GET /scripted HTTP/1.0", "Host: echo"),
      arrives: ASKS,
      ends: "finished",
      received: `${ok("Content-Length: 5", "Connection: close")}hello`,
    });
  }
  answers(
    "§7.6.1: without the fields of its connection",
    head("HTTP/1.1 103 Early", "Connection: X", "X: y", "A: b") + FINAL,
    {
      received: head("HTTP/1.1 103 Early", "A: b") + FINAL,
    },
  );
  answers("¶2: it is not the end of a HEAD", EARLY + ok("Content-Length: 5"), {
    asks: head("HEAD /scripted HTTP/1.1", "Host: echo"),
  });
  answers("of HTTP/1.0 too", head("HTTP/1.0 103 Early") + FINAL, {
    received: head("HTTP/1.1 103 Early") + FINAL,
  });
  test("a malformed one is given to nobody", {}, async ({ route, label }) => {
    route.backend.replies.set("/scripted", { bytes: head("HTTP/1.1 103 Early", "X : y") + FINAL });
    const connection = await RawConnection.open(route.address);
    connection.send(ASKS);
    expect(await connection.until("bad-response\n"), label).toMatch(/^HTTP\/1\.1 502 /);
  });
  test("one without a final one is followed by 502", {}, async ({ route, label }) => {
    route.backend.replies.set("/scripted", { bytes: EARLY, then: "finish" });
    const connection = await RawConnection.open(route.address);
    connection.send(head("POST /scripted HTTP/1.1", "Host: echo"));
    expect(await connection.until(/mesh-proxy: [a-z-]+\n$/), label).toMatch(
      /^HTTP\/1\.1 103 [^]*HTTP\/1\.1 502 /,
    );
  });
  replaces("¶1: 1xx is not 0xx", head("HTTP/1.1 099 X") + FINAL);
});

describe("9110 §15.3 to §15.6: final responses", () => {
  answers("§15.3.5: 204 ends with its head", head("HTTP/1.1 204 No Content", "ETag: a"));
  answers("§15.3.6: 205 has a length", head("HTTP/1.1 205 Reset Content", "Content-Length: 0"));
  answers("§15.4.5: 304 ends with its head", head("HTTP/1.1 304 Not Modified", "Content-Length: 5"));
  answers(
    "§15.4: redirections are the client's affair",
    head("HTTP/1.1 307 T", "Location: http://echo/b", "Content-Length: 0"),
  );
  answers(
    "§15.5.2: 401",
    head(
      "HTTP/1.1 401 U",
      'WWW-Authenticate: Basic realm="a, b"',
      "WWW-Authenticate: X",
      "Content-Length: 0",
    ),
  );
  answers(
    "§15.5.8: 407 of a proxy behind",
    head("HTTP/1.1 407 P", "Proxy-Authenticate: Basic", "Content-Length: 0"),
  );
  answers("§15.6.4: 503 with Retry-After", head("HTTP/1.1 503 S", "Retry-After: 120", "Content-Length: 0"));
});

describe("9110 §6.6.1 and §10.2: what an origin says of itself and of its response", () => {
  answers("Date is left as it is", ok("Date: Sat, 04 May 1996 00:00:00 GMT", "Content-Length: 0"));
  answers("§6.6.1 ¶9: an invalid Date too", ok("Date: yesterday", "Content-Length: 0"));
  answers("none is added", ok("Content-Length: 0"));
  answers("§10.2.4: Server is left as it is, and none is added", ok("Server: a/1 (b)", "Content-Length: 0"));
  answers(
    "§8: representation metadata",
    ok(
      "Content-Type: a/b; c=d",
      "Content-Encoding: x",
      "Content-Language: de",
      "Content-Location: /c",
      "Content-Length: 0",
    ),
  );
  answers(
    "§8.6: content that is longer in its coding",
    `${ok("Content-Encoding: gzip", "Content-Length: 5")}\x1f\x8b\x08\0\0`,
  );
});

describe("9110 §6.5: trailers", () => {
  const chunks = "5\r\nhello\r\n0\r\n";
  answers(
    "§6.5.2: arrive where they stood",
    ok("Trailer: X", "Transfer-Encoding: chunked") + `${chunks}X: 1\r\nx: 2\r\n\r\n`,
  );
  answers(
    "§6.5.1 ¶3: are never merged into the head",
    ok("X: 0", "Transfer-Encoding: chunked") + `${chunks}X: 1\r\n\r\n`,
  );
  breaks(
    "§6.5.1 ¶2: of framing are refused",
    ok("Transfer-Encoding: chunked") + `${chunks}Content-Length: 5\r\n\r\n`,
  );
});
