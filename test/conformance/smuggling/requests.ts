// Request smuggling: bytes that one implementation reads as one request and another as two. Each ends in one reading, or in 400 and
// a closed connection; what the application saw is the proof. Behind every case stands a request that must not be answered.
import { describe } from "vitest";
import { refuses, relays } from "../cases.js";
import { chunked, get, head, post } from "../messages.js";

/** A request that hides in another one's body. */
const HIDDEN = head("GET /smuggled HTTP/1.1", "Host: echo");
const END = "0\r\n\r\n";
/** A body that ends at once for who reads chunks, and hides a request for who counts. */
const CL_TE = END + HIDDEN;
/** A body that hides a request in a chunk for who reads chunks, and ends before it for who counts. */
const TE_CL = `${HIDDEN.length.toString(16)}\r\n${HIDDEN}\r\n${END}`;

describe("CL.TE and TE.CL: both fields", () => {
  refuses(
    "the length covers the hidden request",
    post(CL_TE, `Content-Length: ${CL_TE.length}`, "Transfer-Encoding: chunked"),
  );
  refuses(
    "the chunks cover the hidden request",
    post(TE_CL, "Content-Length: 4", "Transfer-Encoding: chunked"),
  );
  refuses("the coding first", post(CL_TE, "Transfer-Encoding: chunked", `Content-Length: ${CL_TE.length}`));
  refuses("both say the same", post(END, "Content-Length: 5", "Transfer-Encoding: chunked"));
  refuses("a length of zero", post(CL_TE, "Content-Length: 0", "Transfer-Encoding: chunked"));
  refuses(
    "GET",
    head("GET / HTTP/1.1", "Host: echo", "Content-Length: 4", "Transfer-Encoding: chunked") + TE_CL,
  );
  refuses(
    "with a coding that is none",
    post(CL_TE, `Content-Length: ${CL_TE.length}`, "Transfer-Encoding: identity"),
  );
  refuses(
    "with a coding that is empty",
    post(CL_TE, `Content-Length: ${CL_TE.length}`, "Transfer-Encoding:"),
  );
  refuses(
    "the length named by Connection",
    post(CL_TE, "Connection: Content-Length", "Content-Length: 4", "Transfer-Encoding: chunked"),
  );
  refuses(
    "the coding named by Connection",
    post(CL_TE, "Connection: Transfer-Encoding", "Content-Length: 4", "Transfer-Encoding: chunked"),
  );
  refuses(
    "fields far apart",
    post(CL_TE, "Content-Length: 4", ...Array<string>(100).fill("X: y"), "Transfer-Encoding: chunked"),
  );
});

describe("TE.TE: a coding that not everybody recognises", () => {
  for (const line of [
    "Transfer-Encoding: xchunked",
    "Transfer-Encoding: chunkedx",
    "Transfer-Encoding: chunked-false",
    "Transfer-Encoding : chunked",
    "Transfer-Encoding\t: chunked",
    "Transfer-Encoding\x0b: chunked",
    " Transfer-Encoding: chunked",
    "\tTransfer-Encoding: chunked",
    "Transfer-Encoding: \x0bchunked",
    "Transfer-Encoding:\x0bchunked",
    "Transfer-Encoding: chunked\x0b",
    "Transfer-Encoding: \x0cchunked",
    "Transfer-Encoding: chunked\x0c",
    "Transfer-Encoding: \0chunked",
    "Transfer-Encoding: chunked\0",
    "Transfer-Encoding: chunked\x7f",
    "Transfer-Encoding: \xa0chunked",
    "Transfer-Encoding: chunked\xa0",
    "Transfer-Encoding: chunked\xff",
    "Transfer-Encoding: \x85chunked",
    "Transfer-Encoding: chun\xc5\xaeed",
    "Transfer-Encoding: c\xd2\xbbunked",
    "Transfer-Encoding: chunKed\xe2\x80\x8b",
    "Transfer-Encoding: \rchunked",
    "Transfer-Encoding: chunked\r",
    "Transfer-Encoding:\n chunked",
    "Transfer-Encoding:\r\n chunked",
    "Transfer-Encoding:\r\n\tchunked",
    "Transfer-Encoding\r\n : chunked",
    "Transfer-Encoding: chunked\r\n , identity",
    "Transfer-Encoding: chunked\n",
    "X: y\nTransfer-Encoding: chunked",
    "X: y\rTransfer-Encoding: chunked",
    "Transfer-Encoding: chunked, identity",
    "Transfer-Encoding: identity, chunked",
    "Transfer-Encoding: chunked, cow",
    "Transfer-Encoding: cow, chunked",
    "Transfer-Encoding: gzip, chunked",
    "Transfer-Encoding: chunked, chunked",
    "Transfer-Encoding: chunked chunked",
    "Transfer-Encoding: chunked;",
    "Transfer-Encoding: chunked; a=b",
    "Transfer-Encoding: chunked,",
    "Transfer-Encoding: ,chunked",
    "Transfer-Encoding: 'chunked'",
    'Transfer-Encoding: "chunked"',
    'Transfer-Encoding: "chunked',
    "Transfer-Encoding: [chunked]",
    "Transfer-Encoding: (chunked)",
    "Transfer-Encoding: chunk",
    "Transfer-Encoding: ch unked",
    "Transfer-Encoding: =chunked",
    "Transfer-Encoding: identity",
    "Transfer-Encoding: null",
    "Transfer-Encoding:",
    "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
    "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
    "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked",
    "Transfer-Encoding: chunked\r\nTransfer-Encoding: x",
    "Transfer-Encoding: x\r\nTransfer-Encoding: chunked",
    "Transfer-Encoding: chunked\r\ntransfer-encoding: cow",
    "Transfer-Encoding:\r\nTransfer-Encoding: chunked",
  ]) {
    refuses(`alone: ${JSON.stringify(line)}`, post(CL_TE, line));
    refuses(`with a length: ${JSON.stringify(line)}`, post(TE_CL, "Content-Length: 4", line));
  }
});

describe("CL.CL: a length that is not everybody's", () => {
  const length = HIDDEN.length;
  for (const lines of [
    ["Content-Length: 0", `Content-Length: ${length}`],
    [`Content-Length: ${length}`, "Content-Length: 0"],
    [`Content-Length: ${length}`, `Content-Length: ${length}`],
    [`Content-Length: ${length}`, "content-length: 0"],
    ["Content-Length:", `Content-Length: ${length}`],
    [`Content-Length: ${length}, 0`],
    [`Content-Length: 0, ${length}`],
    [`Content-Length: ${length},${length}`],
    [`Content-Length: ,${length}`],
    [`Content-Length: ${length},`],
    [`Content-Length: ${length};`],
    [`Content-Length: +${length}`],
    [`Content-Length: -${length}`],
    ["Content-Length: -1"],
    ["Content-Length: -0"],
    [`Content-Length: 0x${length.toString(16)}`],
    [`Content-Length: 0o${length.toString(8)}`],
    [`Content-Length: 0b${length.toString(2)}`],
    [`Content-Length: ${length.toString(16)}h`],
    ["Content-Length: 3_5"],
    ["Content-Length: 3 5"],
    ["Content-Length: 3\t5"],
    ["Content-Length: 3\x005"],
    [`Content-Length: ${length}\0`],
    [`Content-Length: ${length}\x0b`],
    [`Content-Length: \x0b${length}`],
    [`Content-Length: \x0c${length}`],
    [`Content-Length: ${length}\xa0`],
    [`Content-Length: \xa0${length}`],
    [`Content-Length: ${length}.0`],
    [`Content-Length: ${length}e0`],
    [`Content-Length: ${length}a`],
    [`Content-Length: a${length}`],
    [`Content-Length: "${length}"`],
    ["Content-Length: \xd9\xa3\xd9\xa5"],
    ["Content-Length: 18446744073709551616"],
    [`Content-Length: ${2n ** 64n + BigInt(length)}`],
    [`Content-Length: ${2n ** 128n + BigInt(length)}`],
    [`Content-Length: ${"9".repeat(400)}`],
    ["Content-Length: null"],
    ["Content-Length:"],
    [`Content-Length : ${length}`],
    [`Content-Length\t: ${length}`],
    [` Content-Length: ${length}`],
    [`Content-Length:\r\n ${length}`],
    [`Content-Length:\n ${length}`],
    [`X: y\nContent-Length: ${length}`],
    [`X: y\rContent-Length: ${length}`],
    [`X: y\r\n Content-Length: ${length}`],
    [`Content-Length: 0\rContent-Length: ${length}`],
    [`Content-Length: 0\nContent-Length: ${length}`],
  ]) {
    refuses(JSON.stringify(lines), post(HIDDEN, ...lines));
  }
  relays("zeros before it change nothing", post("hello", `Content-Length: ${"0".repeat(300)}5`));
});

describe("CL.0: content that not everybody expects", () => {
  const hidden = "GET /hidden HTTP/1.1\r\nHost: echo\r\n\r\n";
  for (const method of ["GET", "HEAD", "OPTIONS", "DELETE", "TRACE", "X"]) {
    relays(
      `${method} with a length`,
      head(`${method} / HTTP/1.1`, "Host: echo", `Content-Length: ${hidden.length}`) + hidden,
    );
    const coded = `${hidden.length.toString(16)}\r\n${hidden}\r\n${END}`;
    relays(
      `${method} with chunks`,
      head(`${method} / HTTP/1.1`, "Host: echo", "Transfer-Encoding: chunked") + coded,
    );
  }
  refuses(
    "CONNECT with a length",
    head("CONNECT echo:80 HTTP/1.1", "Host: echo", "Content-Length: 5") + "hello",
  );
  refuses(
    "CONNECT with chunks",
    head("CONNECT echo:80 HTTP/1.1", "Host: echo", "Transfer-Encoding: chunked") + END,
  );
});

describe("names that only look like the fields that frame", () => {
  for (const name of [
    "Content_Length",
    "Content-Length-",
    "-Content-Length",
    "X-Content-Length",
    "ContentLength",
    "Content.Length",
  ]) {
    relays(`${name} frames nothing`, get(`${name}: 100`));
  }
  for (const name of ["Transfer_Encoding", "X-Transfer-Encoding", "TransferEncoding", "Transfer-Encodings"]) {
    relays(`${name} frames nothing`, post("hello", "Content-Length: 5", `${name}: chunked`));
  }
  for (const name of [
    "Content-Length\0",
    "Content-Length\xa0",
    "Content Length",
    "Content-\xccength",
    "Content-Length\x0b",
    "\xef\xbb\xbfContent-Length",
    '"Content-Length"',
    "Content-Length\x1f",
    "Content-Len\rgth",
    "Transfer-Encoding\xad",
    "Transfer\xe2\x80\x90Encoding",
  ]) {
    refuses(`${JSON.stringify(name)} is no name`, post(HIDDEN, `${name}: ${HIDDEN.length}`));
  }
});

describe("Connection names what frames or routes", () => {
  const named = (option: string) =>
    [
      post("hello", `Connection: ${option}`, "Content-Length: 5"),
      post("hello", "Content-Length: 5"),
    ] as const;
  for (const option of [
    "Content-Length",
    "content-length, close-not",
    "Host",
    "Transfer-Encoding",
    "host, Content-Length",
  ]) {
    const [sent, arrives] = named(option);
    relays(`${option}: a length stays`, sent, { arrives });
  }
  relays(
    "Transfer-Encoding: the coding stays",
    post(`5\r\nhello\r\n${END}`, "Connection: Transfer-Encoding", "Transfer-Encoding: chunked"),
    {
      arrives: chunked(`5\r\nhello\r\n${END}`),
    },
  );
});

describe("chunks that not everybody counts alike", () => {
  const size = HIDDEN.length.toString(16);
  const coded = (line: string) => `${line}\r\n${HIDDEN}\r\n${END}`;
  for (const line of [
    ...[
      `+${size}`,
      `-${size}`,
      `0x${size}`,
      `0X${size}`,
      `#${size}`,
      `${size}h`,
      `0_${size}`,
      ` ${size}`,
      `${size} `,
    ],
    ...[
      `\t${size}`,
      `${size}\t`,
      `${size}\x0b`,
      `${size}\0`,
      `\0${size}`,
      `${size}\xa0`,
      `"${size}"`,
      `${size},`,
      `${size}.`,
    ],
    ...[
      `10000000000000000${size}`,
      `100000000${size}x`,
      `${"f".repeat(16)}${size}`,
      `${size} ;a`,
      `${size}\t;a`,
    ],
    ...[
      `${size}\r`,
      `${size};\r`,
      `${size};a\0b`,
      `${size};a\rb`,
      `${size};a\x0bb\x7f`,
      "",
      ";",
      "z",
      "\xef\xbc\x95",
    ],
  ]) {
    refuses(`a size of ${JSON.stringify(line)}`, chunked(coded(line)));
  }
  for (const [name, body] of Object.entries({
    "LF ends the size": `5\nhello\r\n${END}`,
    "LF ends the data": `5\r\nhello\n${END}`,
    "LF ends the last size": `5\r\nhello\r\n0\n\r\n`,
    "LF ends the body": "5\r\nhello\r\n0\r\n\n",
    "LF LF ends the body": "5\r\nhello\r\n0\n\n",
    "CR ends the size": `5\rhello\r\n${END}`,
    "CR ends the data": `5\r\nhello\r${END}`,
    "two octets that are not CRLF end the data": `5\r\nhelloXX${END}`,
    "CR X ends the data": `5\r\nhello\rX${END}`,
    "CRLF CRLF ends the data": `5\r\nhello\r\n\r\n${END}`,
    "LF in an extension": `5;a\n${HIDDEN}hello\r\n${END}`,
    "LF CR in an extension": `5;a\n\r\nhello\r\n${END}`,
    "LF ends an extension": `2;\nxx\r\n${size}\r\n${END}${HIDDEN}`,
    "LF ends an extension of the last chunk": "5\r\nhello\r\n0;a\n\r\n",
    "LF within quotes of an extension": `5;a="\n${HIDDEN}"\r\nhello\r\n${END}`,
    "CRLF within quotes of an extension is its end": `5;a="\r\nhello" \r\n${END}`,
    "a size after the last chunk": `0\r\n5\r\nhello\r\n${END}`,
    "a request after the last chunk": `0\r\n${HIDDEN}`,
    "a space before the last empty line": "0\r\n \r\n",
    "NUL before the last empty line": "0\r\n\0\r\n",
  })) {
    refuses(name, chunked(body));
  }
});

describe("trailers that could become header fields", () => {
  for (const field of [
    ...[
      "Content-Length: 35",
      "CONTENT-LENGTH: 0",
      "Transfer-Encoding: chunked",
      "Transfer-Encoding: x",
      "Host: other",
    ],
    ...["Connection: close", "Upgrade: websocket", "TE: trailers", "Trailer: X", "Content-Encoding: gzip"],
    ...[
      "X\r\nY: z",
      "X : y",
      "X\0: y",
      "X: y\nContent-Length: 5",
      "X: y\r\n Content-Length: 5",
      "X: y\rHost: z",
    ],
  ]) {
    refuses(JSON.stringify(field), chunked(`5\r\nhello\r\n0\r\n${field}\r\n\r\n`));
  }
  relays(
    "a trailer that nobody knows stays a trailer",
    chunked("0\r\nX-Content-Length: 5\r\nContent_Length: 5\r\n\r\n"),
  );
});

describe("hosts that not everybody reads alike", () => {
  for (const lines of [
    ["Host: echo", "Host: other"],
    ["Host: echo", "host: echo"],
    ["Host: echo", "Host:"],
    ["Host:", "Host: echo"],
    ["Host: echo other"],
    ["Host: echo\tother"],
    ["Host: other@echo"],
    ["Host: echo@other"],
    ["Host: echo:80@other"],
    ["Host: user:secret@echo"],
    ["Host: echo, other"],
    ["Host: echo/other"],
    ["Host: echo?other"],
    ["Host: echo#other"],
    ["Host: echo\\other"],
    ["Host: echo:80:90"],
    ["Host: echo:80other"],
    ["Host: http://echo/"],
    ["Host: echo\0"],
    ["Host: echo\0other"],
    ["Host: echo\x0b"],
    ["Host: echo%"],
    ["Host: \xe5cho"],
    ["Host: echo\xa0"],
    ["Host: [echo"],
    ["Host : echo"],
    [" Host: other", "Host: echo"],
    ["Host: echo", " Host: other"],
    ["Host: echo\r\n other"],
    ["X: y\nHost: other", "Host: echo"],
    ["X: y\rHost: other", "Host: echo"],
    ["Host\0: other", "Host: echo"],
    ["Host\xa0: other", "Host: echo"],
  ]) {
    refuses(JSON.stringify(lines), head("GET / HTTP/1.1", ...lines));
  }
  relays(
    "absolute-form against Host: the target is meant",
    head("GET http://echo/a HTTP/1.1", "Host: other"),
    {
      arrives: head("GET /a HTTP/1.1", "Host: echo"),
    },
  );
  for (const target of [
    "http://other@echo/",
    "http://echo@other/",
    "http://echo:80@other/",
    "http://echo#@other/",
    "http://echo\\@other/",
    "http://echo\\.other/",
    "http:\\\\echo/",
    "http:///echo/",
    "http:echo",
    "https://echo/",
  ]) {
    refuses(`absolute-form: ${target}`, head(`GET ${target} HTTP/1.1`, "Host: echo"));
  }
  for (const name of [
    "X-Forwarded-Host",
    "X-Host",
    "Forwarded",
    "X-Original-URL",
    "X-Rewrite-URL",
    "X-HTTP-Method-Override",
  ]) {
    relays(`${name} is another field and decides nothing`, get(`${name}: other`));
  }
});

describe("request-lines that not everybody reads alike", () => {
  for (const line of [
    "GET / HTTP/1.1 HTTP/1.1",
    "GET /a HTTP/1.1 /b HTTP/1.1",
    "GET /a b HTTP/1.1",
    "GET /smuggled\tHTTP/1.1 HTTP/1.1",
    "GET /a\0b HTTP/1.1",
    "GET /a\x0bb HTTP/1.1",
    "GET /a\x1fb HTTP/1.1",
    "GET /a\x7fb HTTP/1.1",
    "GET /a\rb HTTP/1.1",
    "GET /a#b HTTP/1.1",
    "GET a HTTP/1.1",
    "GET @echo/ HTTP/1.1",
    "GET :80/ HTTP/1.1",
    "GET echo:80 HTTP/1.1",
    "GET  / HTTP/1.1",
    "GET /  HTTP/1.1",
    "GET / HTTP/1.1 ",
    "GET / HTTP/1.1\0",
    "GET / HTTP/1.1\r",
    "GET / HTTP/1.11",
    "GET / HTTP/1.1.1",
  ]) {
    refuses(JSON.stringify(line), head(line, "Host: echo"));
  }
  for (const line of [
    "GET\t/ HTTP/1.1",
    "GET / HTTP/1.1\tX: y",
    "GET /",
    "GET /\r\nHost: echo",
    "get\0 / HTTP/1.1",
    "GET\xa0/ HTTP/1.1",
    "GET /\tHTTP/1.1",
    "GET / http/1.1",
    "GET / HTTP",
    "GET / HTTP/",
    "\x0bGET / HTTP/1.1",
    " GET / HTTP/1.1",
  ]) {
    refuses(`as another protocol: ${JSON.stringify(line)}`, head(line, "Host: echo"), {
      opaqueInbound: true,
    });
  }
});

describe("versions that not everybody frames alike", () => {
  refuses(
    "HTTP/1.0 with chunks",
    head("POST / HTTP/1.0", "Host: echo", "Transfer-Encoding: chunked") + CL_TE,
  );
  refuses(
    "HTTP/1.0 with both fields",
    head("POST / HTTP/1.0", "Host: echo", "Content-Length: 4", "Transfer-Encoding: chunked") + TE_CL,
  );
  refuses(
    "HTTP/1.0 with chunks that asks to be kept",
    head("POST / HTTP/1.0", "Host: echo", "Connection: keep-alive", "Transfer-Encoding: chunked") + CL_TE,
  );
  refuses(
    "HTTP/1.2 with chunks",
    head("POST / HTTP/1.2", "Host: echo", "Transfer-Encoding: chunked") + CL_TE,
    {
      status: 505,
      reason: "version-not-supported",
    },
  );
  refuses("HTTP/0.9 behind a request", "GET /\r\n\r\n", { opaqueInbound: true });
});

describe("where a request begins", () => {
  refuses("many empty lines before it", `${"\r\n".repeat(20)}${get()}`);
  refuses("many LF before it", `${"\n".repeat(20)}${get()}`);
  refuses("spaces before it", `\r\n ${get()}`, { opaqueInbound: true });
  refuses("a field before it", `X: y\r\n${get()}`, { opaqueInbound: true });
  const first = get("X: first");
  for (const [name, second] of Object.entries({
    "a second one that is malformed": get("X : y"),
    "a second one that has two lengths": post("hello", "Content-Length: 5", "Content-Length: 6"),
    "bytes that nobody announced": "hello\r\n\r\n",
    "chunks that nobody announced": `5\r\nhello\r\n${END}`,
  })) {
    relays(`${name} is refused after the first was answered`, first + second, {
      arrives: [first],
      refusedAfter: true,
    });
  }
});
