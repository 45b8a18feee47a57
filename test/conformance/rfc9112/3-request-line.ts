// RFC 9112, section 3: the request-line.
import { describe } from "vitest";
import { refuses, relays } from "../cases.js";
import { get, head } from "../messages.js";

/** A request with this request-line. */
const request = (line: string) => head(line, "Host: echo");
const WELL_KNOWN = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH"];

describe("9112 §3.1: the method is a token, and is case-sensitive", () => {
  for (const method of [
    ...WELL_KNOWN,
    "PROPFIND",
    "M-SEARCH",
    "get",
    "X",
    "!#$%&'*+.^_`|~-09",
    "A".repeat(500),
  ]) {
    relays(`${method.slice(0, 20)} is sent on as it is`, request(`${method} / HTTP/1.1`));
  }
  for (const method of ["G(T", "G,T", 'G"T', "GET:", "G\x7fT", "G\xc4T", "G/T", "[GET]"]) {
    refuses(`${JSON.stringify(method)} is none`, request(`${method} / HTTP/1.1`), { opaqueInbound: true });
  }
});

describe("9112 §3 ¶1: one space between method, target and version, and none elsewhere", () => {
  refuses("two after the method", request("GET  / HTTP/1.1"));
  refuses("two before the version", request("GET /  HTTP/1.1"));
  refuses("one before the method", request(" GET / HTTP/1.1"), { opaqueInbound: true });
  refuses("one after the version", request("GET / HTTP/1.1 "));
  for (const [name, space] of Object.entries({ HTAB: "\t", VT: "\x0b", FF: "\x0c", NBSP: "\xa0" })) {
    refuses(`¶3: ${name} after the method`, request(`GET${space}/ HTTP/1.1`), { opaqueInbound: true });
    refuses(`¶3: ${name} after the version`, request(`GET / HTTP/1.1${space}`));
  }
  for (const [name, space] of Object.entries({ HTAB: "\t", VT: "\x0b", FF: "\x0c" })) {
    refuses(`¶3: ${name} before the version`, request(`GET /${space}HTTP/1.1`), { opaqueInbound: true });
    refuses(`¶3: ${name} and a space before the version`, request(`GET /${space} HTTP/1.1`));
  }
  refuses("no target", request("GET HTTP/1.1"));
  refuses("an empty target", request("GET  HTTP/1.1"));
  refuses("a method alone", request("GET"), { opaqueInbound: true });
  refuses("no version", request("GET /"), { opaqueInbound: true });
});

describe("9112 §3 ¶5: long request-lines", () => {
  relays("8000 octets", request(`GET /${"a".repeat(8000 - "GET / HTTP/1.1".length)} HTTP/1.1`));
  refuses("¶4: a target longer than any that is accepted", request(`GET /${"a".repeat(70_000)} HTTP/1.1`), {
    status: 414,
    reason: "target-too-long",
  });
});

describe("9112 §3.2: the target", () => {
  refuses("¶3: a space in it", request("GET /a b HTTP/1.1"));
  for (const octet of ["\x01", "\x08", "\x1b", "\x7f"]) {
    refuses(`¶3: the control character ${JSON.stringify(octet)} in it`, request(`GET /a${octet}b HTTP/1.1`));
  }
  refuses("¶2: a fragment is no part of it", request("GET /a#b HTTP/1.1"));
  refuses("¶2: nor is an empty fragment", request("GET /a?b# HTTP/1.1"));
  for (const target of ["a", "a/b", "?a", ".", "echo", "echo:80", "\\", "*a", "%2f"]) {
    refuses(`¶2: ${target} has no form`, request(`GET ${target} HTTP/1.1`));
  }
});

describe("9112 §3.2.1: origin-form", () => {
  for (const target of [
    "/",
    "/a/../b/./c//d",
    "//echo/a",
    "/%2e%2E/%00%0d%0a%zz%",
    "/;p=1/a,b:c@d!$&'()*+=~",
    "/?",
    "/??a=/?&b=http://other/",
    "/http://other/",
  ]) {
    relays(`9110 §7.7 ¶4: ${target} is not modified`, request(`GET ${target} HTTP/1.1`));
  }
  relays("octets that belong in no URI are not modified", request('GET /a"<>\\^`{|}\xc3\xa4 HTTP/1.1'));
});

describe("9112 §3.2.2: absolute-form", () => {
  for (const [target, arrives, host] of [
    ["http://echo/a?b", "/a?b", "echo"],
    ["HTTP://echo/", "/", "echo"],
    ["http://ECHO/", "/", "ECHO"],
    ["http://echo:80/a", "/a", "echo:80"],
    ["http://echo", "/", "echo"],
    ["http://echo?a=b", "/?a=b", "echo"],
    ["http://echo//a", "//a", "echo"],
    ["http://echo/http://other/", "/http://other/", "echo"],
    ["http://echo/@other/", "/@other/", "echo"],
  ] as const) {
    relays(`¶7: ${target} decides, whatever Host says`, head(`GET ${target} HTTP/1.1`, "Host: other"), {
      arrives: head(`GET ${arrives} HTTP/1.1`, `Host: ${host}`),
    });
  }
  relays(
    "¶7: Host becomes that of the target where it stands",
    head("GET http://echo/ HTTP/1.1", "A: b", "hOST:\tother ", "C: d"),
    {
      arrives: head("GET / HTTP/1.1", "A: b", "hOST: echo", "C: d"),
    },
  );
  relays("¶7: an empty Host too", head("GET http://echo/ HTTP/1.1", "Host:"), { arrives: get() });
  relays("HTTP/1.0 without Host gets the target's", "GET http://echo/ HTTP/1.0\r\n\r\n", {
    arrives: get(),
    adds: "Connection: close\r\n",
    closes: true,
  });
  refuses("§3.2 ¶6: HTTP/1.1 without Host", "GET http://echo/ HTTP/1.1\r\n\r\n");
  refuses("§3.2 ¶6: two Hosts", head("GET http://echo/ HTTP/1.1", "Host: echo", "Host: echo"));
  refuses("§3.2 ¶6: an invalid Host", head("GET http://echo/ HTTP/1.1", "Host: a b"));
  for (const target of [
    "https://echo/",
    "ftp://echo/",
    "urn:echo",
    "http:/echo/",
    "http:echo",
    "http://",
    "http:///",
    "http://:80/",
    "http://user@echo/",
    "http://user:secret@echo/",
    "http://@echo/",
    "http://echo\\@other/",
    "http://echo:x/",
    "http://echo:80:80/",
    "http://[::1/",
    "http://::1/",
    "http://echo/#a",
    "http://echo#@other/",
    "http://ec ho/",
    "http://e\xc3\xa4cho/",
  ]) {
    refuses(`${target} is refused`, head(`GET ${target} HTTP/1.1`, "Host: echo"));
  }
});

describe("9112 §3.2.3: authority-form is for CONNECT", () => {
  for (const target of [
    "/",
    "*",
    "echo",
    "echo:",
    ":80",
    "http://echo:80/",
    "echo:80/",
    "user@echo:80",
    "echo:x",
    "echo:0",
    "echo:65536",
    "echo:80:80",
  ]) {
    refuses(`9110 §9.3.6 ¶4: CONNECT ${target}`, head(`CONNECT ${target} HTTP/1.1`, "Host: echo"));
  }
  refuses("another method with it", request("GET echo:80 HTTP/1.1"));
});

describe("9112 §3.2.4: asterisk-form is for OPTIONS", () => {
  relays("it is sent on as it is", request("OPTIONS * HTTP/1.1"));
  relays("¶5: absolute-form without path becomes it", head("OPTIONS http://echo HTTP/1.1", "Host: echo"), {
    arrives: request("OPTIONS * HTTP/1.1"),
  });
  relays("¶5: absolute-form with a path does not", head("OPTIONS http://echo/ HTTP/1.1", "Host: echo"), {
    arrives: request("OPTIONS / HTTP/1.1"),
  });
  relays("¶5: nor does one with a query", head("OPTIONS http://echo?a HTTP/1.1", "Host: echo"), {
    arrives: request("OPTIONS /?a HTTP/1.1"),
  });
  refuses("GET with it", request("GET * HTTP/1.1"));
  refuses("options, another method, with it", request("options * HTTP/1.1"), {
    routes: ["outbound", "pair"],
  });
});

describe("9112 §3.2 ¶6: Host", () => {
  refuses("none", "GET / HTTP/1.1\r\n\r\n");
  refuses("two that differ", get("Host: other"));
  refuses("two that are alike", get("Host: echo"));
  refuses("two, the second with other letters", get("hOsT: echo"));
  for (const value of [
    "a b",
    "echo, other",
    "user@echo",
    "echo/",
    "echo/path",
    "http://echo",
    "echo#a",
    "echo?a",
    "echo\\",
    "echo:x",
    "echo:-1",
    "echo:+80",
    "echo:80:80",
    "echo: 80",
    ":80",
    "::1",
    "[::1",
    "[::1]x",
    "[::1]:x",
    "[echo]",
    "ec[ho]",
    "echo%",
    "echo%zz",
    '"echo"',
    "<echo>",
    "ech\xf6",
    "echo\x7f",
  ]) {
    refuses(`${JSON.stringify(value)} is invalid`, head("GET / HTTP/1.1", `Host: ${value}`));
  }
});
