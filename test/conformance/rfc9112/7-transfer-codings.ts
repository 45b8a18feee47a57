// RFC 9112, section 7: the chunked coding.
import { describe } from "vitest";
import { answers, breaks, refuses, relays } from "../cases.js";
import { chunked, ok, post } from "../messages.js";

const END = "0\r\n\r\n";
const response = (coded: string) => ok("Transfer-Encoding: chunked") + coded;

/** Bodies that are sent on byte by byte. */
const WELL_FORMED: Readonly<Record<string, string>> = {
  "§7.1 ¶2: no chunk but the last": END,
  "§7.1 ¶2: one chunk": `5\r\nhello\r\n${END}`,
  "§7.1 ¶2: several chunks": `1\r\nh\r\n4\r\nello\r\n6\r\n world\r\n${END}`,
  "§7.1 ¶2: digits of either case": `A\r\n0123456789\r\nb\r\n0123456789a\r\n${END}`,
  "§7.1 ¶2: zeros before a size": `0005\r\nhello\r\n${END}`,
  "§7.1 ¶5: many zeros before a size": `${"0".repeat(60)}5\r\nhello\r\n${END}`,
  "§7.1 ¶2: a last chunk of many zeros": `5\r\nhello\r\n${"0".repeat(60)}\r\n\r\n`,
  "§7.1 ¶2: content that looks like chunks": `f\r\n\r\n0\r\n\r\n0\r\n\r\n\0\0\0\r\n${END}`,
  "§7.1 ¶5: a chunk of 100,000 octets": `186A0\r\n${"0123456789".repeat(10_000)}\r\n${END}`,
  "§7.1.1 ¶4: an extension without a value": `5;a\r\nhello\r\n${END}`,
  "§7.1.1 ¶4: an extension with a value": `5;a=b\r\nhello\r\n${END}`,
  "§7.1.1 ¶4: an extension with a quoted value": `5;a="b;c\\"d 0"\r\nhello\r\n${END}`,
  "§7.1.1 ¶4: several extensions": `5;a;b=c;d="e"\r\nhello\r\n${END}`,
  "§7.1.1 ¶2: whitespace within extensions": `5; a = b ;\tc\r\nhello\r\n${END}`,
  "§7.1.1 ¶4: an extension of the last chunk": "5\r\nhello\r\n0;a=b\r\n\r\n",
  "§7.1.1 ¶4: an extension of 200 octets": `5;${"a".repeat(200)}\r\nhello\r\n${END}`,
  "§7.1.2: a trailer field": "5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n",
  "§7.1.2: several, with whitespace, letters of either case, no value, and twice the same":
    "0\r\nx-SUM:\t1 \r\nY:\r\nY: 2\r\nZ: \xe4\r\n\r\n",
  "§7.1.2: Content-MD5, ETag, Server-Timing and Set-Cookie":
    '0\r\nContent-MD5: x\r\nETag: "a"\r\nServer-Timing: a\r\nSet-Cookie: b=c\r\n\r\n',
};

/** Bodies that two implementations could read in two ways. */
const MALFORMED: Readonly<Record<string, string>> = {
  "§7.1 ¶2: no size": `\r\nhello\r\n${END}`,
  "§7.1 ¶2: an extension without a size": `;a=b\r\nhello\r\n${END}`,
  "§7.1 ¶2: no digit": `g\r\nhello\r\n${END}`,
  "§7.1 ¶2: a digit and a letter": `5g\r\nhello\r\n${END}`,
  "§7.1 ¶2: a plus": `+5\r\nhello\r\n${END}`,
  "§7.1 ¶2: a minus": `-5\r\nhello\r\n${END}`,
  "§7.1 ¶2: minus zero": "-0\r\n\r\n",
  "§7.1 ¶2: 0x": `0x5\r\nhello\r\n${END}`,
  "§7.1 ¶2: 0X0": `5\r\nhello\r\n0X0\r\n\r\n`,
  "§7.1 ¶2: an underscore": `0_5\r\nhello\r\n${END}`,
  "§7.1 ¶2: a point": `5.0\r\nhello\r\n${END}`,
  "§7.1 ¶2: a comma": `5,\r\nhello\r\n${END}`,
  "§7.1 ¶2: quotes": `"5"\r\nhello\r\n${END}`,
  "§7.1 ¶2: a space before a size": ` 5\r\nhello\r\n${END}`,
  "§7.1 ¶2: a space after a size": `5 \r\nhello\r\n${END}`,
  "§7.1 ¶2: a tab after a size": `5\t\r\nhello\r\n${END}`,
  "§7.1 ¶2: a space between digits": `0 5\r\nhello\r\n${END}`,
  "§7.1 ¶2: an octet above US-ASCII": `\xb5\r\nhello\r\n${END}`,
  "§7.1 ¶2: NUL after a size": `5\0\r\nhello\r\n${END}`,
  "§7.1 ¶5: 2^64": `10000000000000000\r\nhello\r\n${END}`,
  "§7.1 ¶5: 2^64 + 5": `10000000000000005\r\nhello\r\n${END}`,
  "§7.1 ¶5: 2^128": `1${"0".repeat(32)}\r\nhello\r\n${END}`,
  "§7.1 ¶5: more than 32 digits": `${"f".repeat(40)}\r\nhello\r\n${END}`,
  "§7.1 ¶2: LF after a size": `5\nhello\r\n${END}`,
  "§7.1 ¶2: CR after a size": `5\rhello\r\n${END}`,
  "§7.1 ¶2: CR CR LF after a size": `5\r\r\nhello\r\n${END}`,
  "§7.1 ¶2: LF after the data": `5\r\nhello\n${END}`,
  "§7.1 ¶2: CR after the data": `5\r\nhello\r${END}`,
  "§7.1 ¶2: nothing after the data": `5\r\nhello${END}`,
  "§7.1 ¶2: data that is longer than its size": `5\r\nhello world\r\n${END}`,
  "§7.1 ¶2: data that is shorter than its size": `5\r\nhell\r\n${END}`,
  "§7.1 ¶2: LF after the last size": "5\r\nhello\r\n0\n\r\n",
  "§7.1 ¶2: LF instead of the empty line": "5\r\nhello\r\n0\r\n\n",
  "§7.1 ¶2: CR before the empty line": "5\r\nhello\r\n0\r\n\r\r\n",
  "§7.1.1 ¶2: LF in an extension": `5;a\nb\r\nhello\r\n${END}`,
  "§7.1.1 ¶2: LF at the end of an extension": `5;a\nhello\r\n${END}`,
  "§7.1.1 ¶2: LF in a quoted extension": `5;a="\n"\r\nhello\r\n${END}`,
  "§7.1.1 ¶2: CR in an extension": `5;a\rb\r\nhello\r\n${END}`,
  "§7.1.1 ¶2: NUL in an extension": `5;a\0\r\nhello\r\n${END}`,
  "§7.1.1 ¶2: ESC in an extension": `5;\x1b\r\nhello\r\n${END}`,
  "§7.1.1 ¶2: whitespace before an extension": `5 ;a\r\nhello\r\n${END}`,
  "§7.1.1 ¶4: an extension of 1000 octets": `5;${"a".repeat(1000)}\r\nhello\r\n${END}`,
  "§7.1.2 ¶2: a trailer without a colon": "0\r\nX\r\n\r\n",
  "§7.1.2 ¶2: a trailer without a name": "0\r\n: y\r\n\r\n",
  "§7.1.2 ¶2: a space before a trailer's colon": "0\r\nX : y\r\n\r\n",
  "§7.1.2 ¶2: a trailer that begins with a space": "0\r\n X: y\r\n\r\n",
  "§7.1.2 ¶2: a folded trailer": "0\r\nX: y\r\n z\r\n\r\n",
  "§7.1.2 ¶2: LF after a trailer": "0\r\nX: y\n\r\n",
  "§7.1.2 ¶2: LF in a trailer": "0\r\nX: y\nZ: a\r\n\r\n",
  "§7.1.2 ¶2: CR in a trailer": "0\r\nX: y\rZ\r\n\r\n",
  "§7.1.2 ¶2: NUL in a trailer": "0\r\nX: \0\r\n\r\n",
  "§7.1.2 ¶2: an octet above US-ASCII in a trailer's name": "0\r\n\xe4: y\r\n\r\n",
  "§7.1.2: trailers of 20,000 octets": `0\r\nX: ${"y".repeat(20_000)}\r\n\r\n`,
  ...Object.fromEntries(
    [
      ...[
        "Content-Length: 5",
        "content-length: 0",
        "Transfer-Encoding: chunked",
        "TRANSFER-ENCODING: identity",
      ],
      ...["Host: other", "Connection: close", "Upgrade: x", "TE: trailers", "Trailer: X"],
      ...["Content-Encoding: gzip", "Proxy-Authorization: x"],
    ].map((field) => [`9110 §6.5.1 ¶2: the trailer ${field}`, `0\r\nX: y\r\n${field}\r\n\r\n`]),
  ),
};

describe("9112 §7.1: requests", () => {
  for (const [name, coded] of Object.entries(WELL_FORMED)) relays(name, chunked(coded));
  for (const [name, coded] of Object.entries(MALFORMED)) {
    refuses(name, chunked(coded));
    if (coded.length < 1000) refuses(`${name}, in a later chunk`, chunked(`3\r\nabc\r\n${coded}`));
  }
  relays(
    "9110 §6.6.2: Trailer announces trailers",
    post("0\r\nX-Sum: 1\r\n\r\n", "Trailer: X-Sum", "Transfer-Encoding: chunked"),
  );
});

describe("9112 §7.1: responses", () => {
  for (const [name, coded] of Object.entries(WELL_FORMED)) answers(name, response(coded));
  for (const [name, coded] of Object.entries(MALFORMED)) {
    breaks(name, response(coded));
  }
});
