// RFC 9112, sections 8 and 9: messages that break off, and how connections are used.
import { describe, expect, vi } from "vitest";
import { RawConnection } from "../../mesh/clients.js";
import { SOON } from "../../mesh/running-mesh.js";
import { answers, relays, test } from "../cases.js";
import { chunked, get, head, ok, post } from "../messages.js";
import { echo } from "../recording-backend.js";

const CLOSE = "Connection: close";
const closing = { adds: `${CLOSE}\r\n`, closes: true } as const;

describe("9112 §8 ¶1 and ¶4: a request that breaks off reaches no application as a whole", () => {
  for (const [name, sent] of Object.entries({
    "in the request-line": "GET / HT",
    "in the head": "GET / HTTP/1.1\r\nHost: echo\r\n",
    "before the last LF of the head": get().slice(0, -1),
    "before its content": post("", "Content-Length: 5"),
    "within its content": post("hell", "Content-Length: 5"),
    "within the largest content there is": post("hello", "Content-Length: 18446744073709551615"),
    "in a chunk": chunked("5\r\nhel"),
    "after a chunk": chunked("5\r\nhello\r\n"),
    "before the end of the last chunk": chunked("5\r\nhello\r\n0\r\n"),
    "in the trailers": chunked("5\r\nhello\r\n0\r\nX: y\r\n"),
  })) {
    test(name, {}, async ({ route, label }) => {
      const connection = await RawConnection.open(route.address);
      connection.send(sent);
      connection.socket.end();
      await connection.untilEnd();
      const { backend } = route;
      await vi.waitFor(() => {
        expect(
          backend.connections.every(({ rest, ended }) => !rest || ended),
          label,
        ).toBe(true);
      }, SOON);
      expect(backend.requests, label).toEqual([]);
      expect(
        backend.connections.filter(({ fault }) => fault),
        label,
      ).toEqual([]);
    });
  }
});

describe("9112 §8 ¶2 and ¶4: a response that breaks off does not look whole to the client", () => {
  for (const [name, sent, ends] of [
    ["before its content", ok("Content-Length: 5"), "finished"],
    ["within its content", `${ok("Content-Length: 5")}hell`, "finished"],
    ["in a chunk", `${ok("Transfer-Encoding: chunked")}5\r\nhel`, "finished"],
    ["after a chunk", `${ok("Transfer-Encoding: chunked")}5\r\nhello\r\n`, "finished"],
    [
      "before the end of the last chunk",
      `${ok("Transfer-Encoding: chunked")}5\r\nhello\r\n0\r\n`,
      "finished",
    ],
  ] as const) {
    answers(name, sent, { then: "finish", ends });
  }
  test(
    "a reset within content that ends with its connection is passed on as one",
    {},
    async ({ route, label }) => {
      const request = head("POST /scripted HTTP/1.1", "Host: echo");
      route.backend.replies.set("/scripted", { bytes: `${ok("X: y")}some` });
      const connection = await RawConnection.open(route.address);
      connection.send(request);
      await connection.until("some");
      route.backend.connections.find(({ received }) => received.includes(request))?.socket.resetAndDestroy();
      await connection.untilEnd();
      expect(connection.ending, label).toBe("reset");
    },
  );
  for (const [name, bytes, reason] of [
    ["¶3: in its head", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n", "bad-response"],
    ["before its first byte", "", "upstream-reset"],
  ] as const) {
    test(`${name}: 502`, {}, async ({ route, label }) => {
      route.backend.replies.set("/scripted", { bytes, then: "finish" });
      const connection = await RawConnection.open(route.address);
      connection.send(head("POST /scripted HTTP/1.1", "Host: echo"));
      expect(await connection.until(`mesh-proxy: ${reason}\n`), label).toMatch(/^HTTP\/1\.1 502 /);
      expect(route.backend.requests, label).toHaveLength(1);
    });
  }
});

describe("9112 §9.2 and §9.3.2: pipelined requests are answered in their order", () => {
  const requests = [
    head("GET /1 HTTP/1.1", "Host: echo"),
    post("hello", "Content-Length: 5"),
    head("HEAD /2 HTTP/1.1", "Host: echo"),
    chunked("5\r\nhello\r\n0\r\nX: y\r\n\r\n"),
    head("DELETE /3 HTTP/1.1", "Host: echo"),
  ];
  relays("of any method and framing", requests.join(""), { arrives: requests });
  relays("many of them", get("X: y").repeat(50), { arrives: Array<string>(50).fill(get("X: y")) });
  test("¶1: also when the first takes longest", {}, async ({ route, label }) => {
    const slow = "x".repeat(300);
    route.backend.replies.set("/slow", { bytes: ok("Content-Length: 300") + slow, step: 1 });
    const connection = await RawConnection.open(route.address);
    connection.send(head("GET /slow HTTP/1.1", "Host: echo") + get());
    await connection.until(get());
    expect(connection.received, label).toBe(ok("Content-Length: 300") + slow + echo(get()));
  });
});

describe("9112 §9.3: persistence", () => {
  relays("¶3.2: HTTP/1.1 persists", get());
  relays("¶3.2: also when that is said", get("Connection: keep-alive"), { arrives: get() });
  for (const value of ["close", "Close", "keep-alive, close", "close, X", " ,close,"]) {
    relays(`¶3.1, §9.6 ¶6: Connection: ${value} ends it, and is said in turn`, get(`Connection: ${value}`), {
      arrives: get(),
      ...closing,
    });
  }
  relays("¶3.1: close among two lines", get("Connection: keep-alive", "Connection: close"), {
    arrives: get(),
    ...closing,
  });
  relays("§9.6 ¶4: a field that is named Close says nothing", get("Close: close"));
  relays("¶3.4: HTTP/1.0 ends", head("GET / HTTP/1.0", "Host: echo"), { arrives: get(), ...closing });
  relays(
    "¶3.3: HTTP/1.0 persists when it asks to, and is told so",
    head("GET / HTTP/1.0", "Host: echo", "Connection: Keep-Alive"),
    {
      arrives: get(),
      adds: "Connection: keep-alive\r\n",
    },
  );
  relays(
    "¶3.1: HTTP/1.0 that asks for both ends",
    head("GET / HTTP/1.0", "Host: echo", "Connection: keep-alive, close"),
    {
      arrives: get(),
      ...closing,
    },
  );
  relays(
    "¶8: HTTP/1.0 at a proxy ends, whatever it asks",
    head("GET http://echo/ HTTP/1.0", "Host: echo", "Connection: keep-alive"),
    {
      arrives: get(),
      ...closing,
    },
  );
  relays(
    "§C.2.2: Proxy-Connection keeps nothing",
    head("GET / HTTP/1.0", "Host: echo", "Proxy-Connection: keep-alive"),
    {
      arrives: get(),
      ...closing,
    },
  );
  relays("¶7: a request's content is read to its end", post("x".repeat(50_000), "Content-Length: 50000"));
});

describe("9112 §9.3 and §9.6: the application's side", () => {
  for (const [name, response] of [
    ["Connection: close", ok("Content-Length: 2", CLOSE)],
    ["HTTP/1.0", head("HTTP/1.0 200 OK", "Content-Length: 2")],
    [
      "HTTP/1.0, keep-alive and close",
      head("HTTP/1.0 200 OK", "Content-Length: 2", "Connection: keep-alive, close"),
    ],
  ] as const) {
    answers(`¶8: ${name} ends its connection, not the client's`, `${response}ok`, {
      received: `${ok("Content-Length: 2")}ok`,
    });
    test(`¶8: no request follows on it: ${name}`, {}, async ({ route, label }) => {
      route.backend.replies.set("/scripted", { bytes: `${response}ok` });
      const connection = await RawConnection.open(route.address);
      const request = head("GET /scripted HTTP/1.1", "Host: echo");
      connection.send(request + get());
      await connection.until(get());
      await vi.waitFor(() => {
        const used = route.backend.connections.find(({ received }) => received.includes(request));
        expect(used?.received.endsWith(request), label).toBe(true);
        expect(used?.ended, label).toBe(true);
      }, SOON);
    });
  }
  answers(
    "¶3.3: HTTP/1.0 with keep-alive persists",
    `${head("HTTP/1.0 200 OK", "Content-Length: 2", "Connection: keep-alive", "Keep-Alive: timeout=5")}ok`,
    {
      received: `${ok("Content-Length: 2")}ok`,
    },
  );
  answers(
    "§9.3.1: a connection that it closes unannounced costs no request",
    `${ok("Content-Length: 2")}ok`,
    { then: "finish" },
  );
});

describe("9112 §9.6: tear-down", () => {
  test("¶12: a client that has finished gets its response", {}, async ({ route, label }) => {
    const connection = await RawConnection.open(route.address);
    connection.send(post("hello", "Content-Length: 5"));
    connection.socket.end();
    expect(await connection.untilEnd(), label).toContain(echo(post("hello", "Content-Length: 5")));
    expect(connection.ending, label).toBe("finished");
  });
  test("¶10: a client that goes on sending gets its response all the same", {}, async ({ route, label }) => {
    const connection = await RawConnection.open(route.address);
    connection.send(get(CLOSE) + "x".repeat(200_000));
    expect(await connection.untilEnd(), label).toBe(echo(get(), `${CLOSE}\r\n`));
    expect(connection.ending, label).toBe("finished");
    expect(route.backend.requests, label).toEqual([get()]);
  });
  test(
    "§9.3 ¶7: a response before the request has ended closes what the rest would spoil",
    {},
    async ({ route, label }) => {
      const refusal = head("HTTP/1.1 413 Content Too Large", "Content-Length: 0", CLOSE);
      route.backend.replies.set("/", { early: refusal, bytes: "" });
      const connection = await RawConnection.open(route.address);
      connection.send(post("hello", "Content-Length: 500"));
      expect(await connection.untilEnd(), label).toBe(refusal);
      expect(route.backend.requests, label).toEqual([]);
    },
  );
});
