// RFC 9110, sections 9, 10.1, 12, 13 and 14: methods, and the fields of requests.
import { describe, expect } from "vitest";
import { RawConnection } from "../../mesh/clients.js";
import { answers, relays, test } from "../cases.js";
import { get, head, ok, post } from "../messages.js";
import { echo } from "../recording-backend.js";

const OUTBOUND = ["outbound", "pair"] as const;

describe("9110 §9.3: methods", () => {
  relays("§9.3.1: GET with content", head("GET / HTTP/1.1", "Host: echo", "Content-Length: 5") + "hello");
  answers("§9.3.2: HEAD has the fields of GET, and no content", ok("Content-Length: 1000", 'ETag: "a"'), {
    asks: head("HEAD /scripted HTTP/1.1", "Host: echo"),
  });
  relays(
    "§9.3.5: DELETE with content",
    head("DELETE / HTTP/1.1", "Host: echo", "Content-Length: 5") + "hello",
  );
  relays(
    "§9.3.7: OPTIONS with content",
    head("OPTIONS / HTTP/1.1", "Host: echo", "Content-Length: 5") + "hello",
  );
  relays("§9.3.8: TRACE is the application's to answer", head("TRACE /a HTTP/1.1", "Host: echo", "A: b"));
  relays("§9.1 ¶5: methods are case-sensitive: head has content", head("head / HTTP/1.1", "Host: echo"));
});

describe("9110 §9.3.6: CONNECT", () => {
  const CONNECT = head("CONNECT echo:80 HTTP/1.1", "Host: echo:80");
  const ESTABLISHED = "HTTP/1.1 200 OK\r\n\r\n";
  test("¶1 and ¶7: leads to the service, as a tunnel", { routes: OUTBOUND }, async ({ route, label }) => {
    const connection = await RawConnection.open(route.address);
    connection.send(CONNECT);
    expect(await connection.until(ESTABLISHED), label).toBe(ESTABLISHED);
    connection.send(get("X: y"));
    expect(await connection.until(get("X: y")), label).toBe(ESTABLISHED + echo(get("X: y")));
    connection.socket.end();
    await connection.untilEnd();
    expect(connection.ending, label).toBe("finished");
    expect(route.backend.requests, label).toEqual([get("X: y")]);
  });
  test(
    "¶7: what follows its head at once goes through the tunnel",
    { routes: OUTBOUND },
    async ({ route, label }) => {
      const connection = await RawConnection.open(route.address);
      connection.send(CONNECT + get());
      expect(await connection.until(get()), label).toBe(ESTABLISHED + echo(get()));
    },
  );
  test("an unknown name: 404, and HTTP goes on", { routes: OUTBOUND }, async ({ route, label }) => {
    const connection = await RawConnection.open(route.address);
    connection.send(head("CONNECT nobody:80 HTTP/1.1", "Host: nobody") + get());
    expect(await connection.until(get()), label).toMatch(
      /^HTTP\/1\.1 404 [^]*no-such-service\nHTTP\/1\.1 200 OK/,
    );
  });
  test(
    "¶6: before an application it is the application's to answer",
    { routes: ["inbound"] },
    async ({ route, label }) => {
      // ¶12: these fields have no meaning here, and nobody is to give them one.
      const accepts = ok("Content-Length: 5", "X: y");
      route.backend.replies.set("echo:80", { bytes: accepts, then: "tunnel" });
      const connection = await RawConnection.open(route.address);
      connection.send(`${CONNECT}early`);
      expect(await connection.until("early"), label).toBe(`${ok("X: y")}early`);
      expect(route.backend.requests, label).toEqual([CONNECT]);
    },
  );
  test(
    "¶7: and may be refused, after which HTTP goes on",
    { routes: ["inbound"] },
    async ({ route, label }) => {
      const refusal = head("HTTP/1.1 405 Method Not Allowed", "Allow: GET", "Content-Length: 2") + "no";
      route.backend.replies.set("echo:80", { bytes: refusal });
      const connection = await RawConnection.open(route.address);
      connection.send(CONNECT + get());
      expect(await connection.until(get()), label).toBe(refusal + echo(get()));
    },
  );
});

describe("9110 §10.1.1: Expect", () => {
  const expects = post("", "Content-Length: 5", "Expect: 100-continue");
  const CONTINUE = head("HTTP/1.1 100 Continue");
  test("¶18.2: the head is sent on, 100 comes back, then the content goes", {}, async ({ route, label }) => {
    route.backend.replies.set("/", { early: CONTINUE, bytes: ok("Content-Length: 0") });
    const connection = await RawConnection.open(route.address);
    connection.send(expects);
    expect(await connection.until(CONTINUE), label).toBe(CONTINUE);
    connection.send("hello");
    expect(await connection.until(ok("Content-Length: 0")), label).toBe(CONTINUE + ok("Content-Length: 0"));
    expect(route.backend.requests, label).toEqual([`${expects}hello`]);
  });
  test(
    "¶15.1: a final response instead, and the content is never asked for",
    {},
    async ({ route, label }) => {
      const refusal = head("HTTP/1.1 417 Expectation Failed", "Content-Length: 0");
      route.backend.replies.set("/", { early: refusal, bytes: "" });
      const connection = await RawConnection.open(route.address);
      connection.send(expects);
      expect(await connection.until("\r\n\r\n"), label).toMatch(/^HTTP\/1\.1 417 /);
      await connection.untilEnd();
      expect(connection.received, label).toMatch(/\r\nConnection: close\r\n/);
      expect(route.backend.requests, label).toEqual([]);
    },
  );
  relays("¶11.3: a client need not wait", `${expects}hello`);
  relays("¶5: what nobody knows is the application's affair", get("Expect: x=y"));
  relays(
    "¶13.1: HTTP/1.0 does not have it",
    head("POST / HTTP/1.0", "Host: echo", "Expect: 100-continue", "Content-Length: 5") + "hello",
    {
      arrives: post("hello", "Content-Length: 5"),
      adds: "Connection: close\r\n",
      closes: true,
    },
  );
});

describe("9110 §10.1.4: TE", () => {
  relays("trailers are accepted at the next hop too, which is told", get("TE: trailers", "Connection: TE"));
  relays("¶6: also where the option was forgotten", get("TE: trailers"), {
    arrives: get("TE: trailers", "Connection: TE"),
  });
  relays("¶3: codings are this connection's alone", get("TE: gzip, deflate;q=0.5", "Connection: TE"), {
    arrives: get(),
  });
  relays("¶4: trailers among codings stay alone", get("te: gzip;q=1, Trailers , deflate", "connection: te"), {
    arrives: get("TE: trailers", "connection: te"),
  });
  relays("an empty one says nothing", get("TE:", "Connection: TE"), { arrives: get() });
});

describe("9110 §12 to §14: negotiation, conditions and ranges are between the ends", () => {
  for (const lines of [
    [
      "Accept: text/*;q=0.3, */*",
      "Accept-Language: da, en;q=0.7",
      "Accept-Charset: x",
      "Accept-Encoding: identity;q=0",
    ],
    ['If-Match: "a", W/"b"', "If-None-Match: *", "If-Modified-Since: Sat, 29 Oct 1994 19:43:31 GMT"],
    ["If-Unmodified-Since: x", 'If-Range: "a"', "Range: bytes=0-499, -500", "Range: lines=1"],
  ]) {
    relays(lines.join(" | "), get(...lines));
  }
  answers(
    "§14.4: 206 with Content-Range",
    head("HTTP/1.1 206 Partial Content", "Content-Range: bytes 0-4/10", "Content-Length: 5") + "hello",
  );
  answers(
    "§14.4: 416",
    head("HTTP/1.1 416 Range Not Satisfiable", "Content-Range: bytes */10", "Content-Length: 0"),
  );
  answers(
    "§15.3.7.2: multipart/byteranges",
    head(
      "HTTP/1.1 206 Partial Content",
      "Content-Type: multipart/byteranges; boundary=x",
      "Content-Length: 12",
    ) + "--x\r\n\r\n--x--",
  );
  answers(
    "§13.1.2: 304",
    head("HTTP/1.1 304 Not Modified", 'ETag: "a"', "Vary: *", "Date: Sat, 04 May 1996 00:00:00 GMT"),
  );
  answers("§13.1.1: 412", head("HTTP/1.1 412 Precondition Failed", "Content-Length: 0"));
});
