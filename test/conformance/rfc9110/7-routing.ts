// RFC 9110, section 7: where a message goes, and what changes on its way.
import { describe, expect } from "vitest";
import { RawConnection } from "../../mesh/clients.js";
import { answers, refuses, relays, replaces, test } from "../cases.js";
import { chunked, get, head, ok, post } from "../messages.js";
import { echo } from "../recording-backend.js";

const OUTBOUND = ["outbound", "pair"] as const;

/** What a proxy answers itself. */
const own = (status: string, reason: string, ...fields: string[]) =>
  head(
    `HTTP/1.1 ${status}`,
    `mesh-proxy-error: ${reason}`,
    "content-type: text/plain",
    `content-length: ${reason.length + 13}`,
    ...fields,
  ) + `mesh-proxy: ${reason}\n`;

describe("9110 §7.2: Host", () => {
  for (const host of ["echo", "ECHO", "eChO", "echo:80", "echo:", "echo."]) {
    relays(`${host} leads to the service, and is sent on as it is`, head("GET / HTTP/1.1", `Host: ${host}`));
  }
  relays("where a service has every port, any of them", head("GET / HTTP/1.1", "Host: echo:8080"), {
    routes: ["outbound", "inbound"],
  });
  relays("wherever it stands", head("GET / HTTP/1.1", "A: b", "hOsT:\t echo \t", "C: d"));
  for (const host of ["nobody", "echo.other", "127.0.0.1", "[::1]:80", "%65cho", "echo,other", "*"]) {
    const sent = head("GET / HTTP/1.1", `Host: ${host}`);
    relays(`${host} is nobody's: 404`, sent, {
      routes: OUTBOUND,
      arrives: [],
      answer: own("404 Not Found", "no-such-service"),
    });
    relays(`${host} is the application's own affair`, sent, { routes: ["inbound"] });
  }
  relays("an empty one leads nowhere", head("GET / HTTP/1.1", "Host:"), {
    routes: OUTBOUND,
    arrives: [],
    answer: own("400 Bad Request", "not-routable"),
  });
  relays("an empty one is the application's own affair", head("GET / HTTP/1.1", "Host:"), {
    routes: ["inbound"],
  });
  relays("HTTP/1.0 without one gets the application's address", "GET / HTTP/1.0\r\n\r\n", {
    routes: ["inbound"],
    adds: "Connection: close\r\n",
    closes: true,
    arrives: ({ backend }) => head("GET / HTTP/1.1", `Host: ${backend.address}`),
  });
  relays("HTTP/1.0 without one leads nowhere", "GET / HTTP/1.0\r\n\r\n", {
    routes: OUTBOUND,
    arrives: [],
    closes: true,
    answer: own("400 Bad Request", "not-routable", "connection: close"),
  });
});

describe("9110 §7.6.1: fields for one connection go no further", () => {
  const cases: readonly (readonly [string, readonly string[], readonly string[]])[] = [
    ["¶5: Connection itself", ["Connection: X", "A: b"], ["A: b"]],
    ["¶5: a field that it names", ["Connection: X-Hop", "X-Hop: 1", "A: b"], ["A: b"]],
    ["¶5: a field that it names before", ["X-Hop: 1", "A: b", "Connection: X-Hop"], ["A: b"]],
    ["¶5: every line of it", ["X: 1", "Connection: X", "X: 2", "A: b", "x: 3"], ["A: b"]],
    [
      "¶5: several, in several lines",
      ["Connection: X, Y", "X: 1", "Y: 2", "Connection: Z", "Z: 3", "A: b"],
      ["A: b"],
    ],
    ["¶3: letters of either case", ["cONNECTION: x-hOP", "X-Hop: 1"], []],
    ["¶2: a list with empty members", ["Connection: , ,X,,", "X: 1", "A: b"], ["A: b"]],
    ["¶2: a list without spaces", ["Connection: X,Y", "X: 1", "Y: 2"], []],
    ["¶2: a list with tabs", ["Connection:\tX\t,\tY\t", "X: 1", "Y: 2"], []],
    ["¶10: an option without a field", ["Connection: nothing", "A: b"], ["A: b"]],
    ["¶8.1: Proxy-Connection", ["Proxy-Connection: keep-alive", "A: b"], ["A: b"]],
    ["¶8.2: Keep-Alive", ["Keep-Alive: timeout=5, max=100", "A: b"], ["A: b"]],
    ["¶8.5: Upgrade", ["Upgrade: websocket", "A: b"], ["A: b"]],
    ["an empty Connection", ["Connection:", "A: b"], ["A: b"]],
    ["but not a field whose name begins alike", ["Connection: X", "X-Y: 1", "XX: 2"], ["X-Y: 1", "XX: 2"]],
  ];
  for (const [name, sent, arrives] of cases) {
    relays(`request, ${name}`, get(...sent), { arrives: get(...arrives) });
    answers(`response, ${name}`, ok(...sent, "Content-Length: 0"), {
      received: ok(...arrives, "Content-Length: 0"),
    });
  }
  relays(
    "9110 §11.7.2: Proxy-Authorization is for the proxy that was asked",
    get("Proxy-Authorization: Basic eA==", "A: b"),
    {
      routes: OUTBOUND,
      arrives: get("A: b"),
    },
  );
  relays(
    "9110 §11.7.2: or for the application, where there is no other",
    get("Proxy-Authorization: Basic eA=="),
    {
      routes: ["inbound"],
    },
  );
});

describe("9110 §7.6 ¶2: what nobody knows is sent on", () => {
  relays("a method", head("FROBNICATE /a HTTP/1.1", "Host: echo"));
  relays("a field", get("Frobnicated: yes"));
  answers("a status", head("HTTP/1.1 287 Frobnicated", "Content-Length: 0"));
  answers("a field of a response", ok("Frobnicated: yes", "Content-Length: 0"));
  relays("a content coding", post("\x1f\x8b\x08xx", "Content-Length: 5", "Content-Encoding: frobnicated"));
});

describe("9110 §7.6.2: Max-Forwards", () => {
  const limited = (method: string, ...values: string[]) =>
    head(`${method} / HTTP/1.1`, "Host: echo", ...values.map((value) => `mAX-fORWARDS:\t${value} `), "A: b");
  const single = { routes: ["outbound", "inbound"] } as const;
  for (const method of ["OPTIONS", "TRACE"]) {
    relays(`¶4: ${method} counts it down`, limited(method, "10"), {
      ...single,
      arrives: limited(method, "9"),
    });
    relays(`¶4: ${method} counts it down at each proxy`, limited(method, "10"), {
      routes: ["pair"],
      arrives: limited(method, "8"),
    });
    relays(`¶4: ${method} counts it down to zero`, limited(method, "1"), {
      ...single,
      arrives: limited(method, "0"),
    });
    relays(`¶4: ${method} ends at the second proxy`, limited(method, "1"), {
      routes: ["pair"],
      arrives: [],
      answer: own("501 Not Implemented", "max-forwards"),
    });
    for (const zero of ["0", "000"]) {
      relays(`¶4: ${method} with ${zero} is not sent on`, limited(method, zero), {
        arrives: [],
        answer: own("501 Not Implemented", "max-forwards"),
      });
    }
    relays(`¶4: ${method} with more than can be counted`, limited(method, "9".repeat(40)), {
      ...single,
      arrives: limited(method, "18446744073709551614"),
    });
    for (const value of ["", "-1", "+1", "x", "1, 2", "0x1", "1.0"]) {
      refuses(`¶2: ${method} with ${JSON.stringify(value)}`, limited(method, value));
    }
    refuses(`9110 §5.3 ¶3: ${method} with two of them`, limited(method, "5", "0"));
    relays(`9110 §9.3.7 ¶5: none is made for ${method}`, head(`${method} / HTTP/1.1`, "Host: echo"));
  }
  for (const method of ["GET", "POST", "DELETE", "X"]) {
    relays(`¶5: ${method} does not count`, limited(method, "0"));
  }
});

describe("9110 §7.6.3: Via", () => {
  relays(
    "of others is sent on, and nothing is added",
    get("Via: 1.0 fred, 1.1 p.example.net", "via: 1.1 other (x)"),
  );
  answers(
    "of others in a response is sent on, and nothing is added",
    ok("Via: 1.1 fred", "Content-Length: 0"),
  );
});

describe("9110 §7.7: nothing is transformed", () => {
  relays("¶4: path and query", head("GET /%41/./b/../%2F//?a=%20&b=+ HTTP/1.1", "Host: echo"));
  relays("¶6: content", post("  \r\n\0 x", "Content-Length: 7", "Content-Type: text/plain"));
  answers("¶5: content of responses", ok("Content-Length: 7", "Cache-Control: no-transform") + "  \r\n\0 x");
  relays(
    "¶7: fields that describe the ends or the representation",
    get(
      "User-Agent: x/1",
      "From: a@b",
      "Referer: http://c/",
      "Accept-Encoding: gzip;q=0",
      "Cookie: a=b",
      "Authorization: Basic eA==",
    ),
  );
  answers(
    "¶7: fields of responses",
    ok(
      "Server: x/1",
      "Allow: GET",
      'ETag: W/"a"',
      "Last-Modified: Sat, 04 May 1996 00:00:00 GMT",
      "Location: http://other:1/#a",
      "Content-Length: 0",
    ),
  );
});

describe("9110 §7.8: Upgrade", () => {
  const asks = head(
    "GET /scripted HTTP/1.1",
    "Host: echo",
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Key: a2V5",
  );
  const switches = head(
    "HTTP/1.1 101 Switching Protocols",
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Accept: x",
  );
  test(
    "¶10: after 101 the connection is a tunnel for anything, to the end of each side",
    {},
    async ({ route, label }) => {
      route.backend.replies.set("/scripted", { bytes: `${switches}first`, then: "tunnel" });
      const connection = await RawConnection.open(route.address);
      connection.send(`${asks}early`);
      expect(await connection.until("early"), label).toBe(`${switches}firstearly`);
      const anything = `\0\xff\r\n\r\n${get(" malformed : z")}`;
      connection.send(anything);
      expect(await connection.until(anything), label).toBe(`${switches}firstearly${anything}`);
      connection.socket.end();
      await connection.untilEnd();
      expect(connection.ending, label).toBe("finished");
      expect(route.backend.requests, label).toEqual([asks]);
    },
  );
  answers("¶2: a server may go on with HTTP", ok("Content-Length: 2") + "ok", { asks });
  answers(
    "¶6: 426 tells to which protocol",
    head("HTTP/1.1 426 Upgrade Required", "Upgrade: x/2", "Connection: upgrade", "Content-Length: 0"),
    {},
  );
  answers(
    "¶7: in another response it is for the next hop alone",
    ok("Upgrade: h2c, x", "Connection: upgrade", "Content-Length: 0"),
    {
      received: ok("Content-Length: 0"),
    },
  );
  relays("¶14: without the connection option it goes no further", get("Upgrade: websocket"), {
    arrives: get(),
  });
  relays("¶14: the option without the field goes no further", get("Connection: upgrade"), { arrives: get() });
  relays("¶14: the option is the next hop's too", get("Connection: keep-alive, Upgrade", "Upgrade: a, b/2"), {
    arrives: get("Upgrade: a, b/2", "Connection: upgrade"),
  });
  relays(
    "¶14: in HTTP/1.0 it is ignored",
    head("GET / HTTP/1.0", "Host: echo", "Upgrade: websocket", "Connection: upgrade"),
    {
      arrives: get(),
      adds: "Connection: close\r\n",
      closes: true,
    },
  );
  relays(
    "an upgrade to HTTP/2, which could not be relayed, goes no further",
    get("Upgrade: h2c", "Connection: Upgrade, HTTP2-Settings", "HTTP2-Settings: AAMAAABk"),
    {
      arrives: get(),
    },
  );
  relays("¶15: with content", post("hello", "Content-Length: 5", "Upgrade: x", "Connection: Upgrade"));
  replaces("¶5: 101 that nobody asked for is replaced by 502", switches);
  replaces("¶14: also when the client named a protocol without the connection option", switches, {
    asks: head("GET /scripted HTTP/1.1", "Host: echo", "Upgrade: websocket"),
    arrives: head("GET /scripted HTTP/1.1", "Host: echo"),
  });
});

describe("9110 §7.5: responses belong to their requests", () => {
  test("of several clients at once", {}, async ({ route, label }) => {
    const all = Array.from({ length: 20 }, (_, index) => chunked(`5\r\nhello\r\n0\r\nX: ${index}\r\n\r\n`));
    await Promise.all(
      all.map(async (request) => {
        const connection = await RawConnection.open(route.address);
        connection.send(request);
        await connection.until("hello\r\n0\r\nX: ");
        expect(await connection.until(/X: \d+\r\n\r\n$/), label).toBe(echo(request));
      }),
    );
  });
});
