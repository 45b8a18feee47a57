// RFC 9112, section 5, and RFC 9110, section 5: fields.
import { describe } from "vitest";
import { answers, refuses, relays, replaces } from "../cases.js";
import { get, ok } from "../messages.js";

/** Field lines that are sent on byte by byte. */
const KEPT: Readonly<Record<string, readonly string[]>> = {
  "9112 §5.1 ¶3: a value without whitespace around it": ["X:y"],
  "9112 §5.1 ¶3: a value with much whitespace around it": ["X: \t y \t "],
  "9112 §5.1 ¶3: whitespace within a value": ["X: a \t  b"],
  "9110 §5.5 ¶2: an empty value": ["X:", "Y: ", "Z:\t"],
  "9110 §5.1 ¶3: letters of either case": ["x-LOWER-upper: 1", "ACCEPT: 2", "uSER-aGENT: 3"],
  "9110 §5.1 ¶2: every character of a token in a name": ["!#$%&'*+-.^_`|~09azAZ: x"],
  "9110 §5.1 ¶6: a name that nobody knows": ["X-Nobody-Knows-This: y"],
  "9110 §5.3 ¶2: lines of the same name, in their order": ["X: 1", "Y: 2", "X: 3", "x: 4", "Y: 5", "X: 1"],
  "9110 §5.3 ¶4: several Set-Cookie": [
    "Set-Cookie: a=b, c",
    "Set-Cookie: d=e; Expires=Sat, 04 May 1996 00:00:00 GMT",
  ],
  "9110 §5.5 ¶4: octets above US-ASCII": ["X: \x80\xa0\xff \xc3\xa4"],
  "9110 §5.5 ¶12: quoted strings": ['X: "a,b;c\\"d: e"', "Y: 'single", 'Z: "open'],
  "9110 §5.4 ¶1: long values": [`X: ${"y".repeat(20_000)}`],
  "9110 §5.4 ¶1: many fields": Array.from({ length: 100 }, (_, index) => `X-${index}: ${index}`),
};

/** Field lines with which a message is malformed. */
const MALFORMED: Readonly<Record<string, string>> = {
  "9112 §5.1 ¶2: a space before the colon": "X : y",
  "9112 §5.1 ¶2: a tab before the colon": "X\t: y",
  "9110 §5.1 ¶2: no name": ": y",
  "9110 §5.1 ¶2: a space in a name": "X Y: z",
  "9110 §5.1 ¶2: a bracket in a name": "X(Y): z",
  "9110 §5.1 ¶2: a quote in a name": '"X": z',
  "9110 §5.1 ¶2: a slash in a name": "X/Y: z",
  "9110 §5.1 ¶2: a comma in a name": "X,Y: z",
  "9110 §5.1 ¶2: an at sign in a name": "X@Y: z",
  "9110 §5.1 ¶2: a brace in a name": "X{Y: z",
  "9110 §5.1 ¶2: NUL in a name": "X\0: y",
  "9110 §5.1 ¶2: DEL in a name": "X\x7f: y",
  "9110 §5.1 ¶2: an octet above US-ASCII in a name": "X\x80: y",
  "9110 §5.1 ¶2: UTF-8 in a name": "X\xc3\xa4: y",
  "9112 §5 ¶2: no colon": "X",
  "9110 §5.5 ¶5: NUL in a value": "X: a\0b",
  "9110 §5.5 ¶5: CR in a value": "X: a\rb",
  "9110 §5.5 ¶5: LF in a value": "X: a\nb",
  "9110 §5.5 ¶5: NUL at the end of a value": "X: a\0",
  "9110 §5.5 ¶5: NUL as a value": "X:\0",
  "9110 §5.5 ¶5: SOH in a value": "X: a\x01b",
  "9110 §5.5 ¶5: VT before a value": "X:\x0ba",
  "9110 §5.5 ¶5: FF after a value": "X: a\x0c",
  "9110 §5.5 ¶5: ESC in a value": "X: \x1b[31m",
  "9110 §5.5 ¶5: DEL in a value": "X: a\x7f",
  "9112 §5.2: a folded line": "X: a\r\n b",
  "9112 §5.2: a line that is folded with a tab": "X: a\r\n\tb",
  "9112 §5.2: a folded line without text": "X: a\r\n ",
  "9112 §5.2: a line that is folded at its beginning": "X:\r\n a",
  "9112 §5.2: a line that is folded before its colon": "X\r\n : a",
  "9112 §5.2: a line that is folded twice": "X: a\r\n b\r\n c",
};

describe("9112 §5 and 9110 §5: fields of requests", () => {
  for (const [name, lines] of Object.entries(KEPT)) relays(`${name} is sent on`, get(...lines));
  for (const [name, line] of Object.entries(MALFORMED)) {
    refuses(`${name} is refused`, get(line, "Y: z"));
    refuses(`${name} is refused in the last line`, get("Y: z", line));
  }
  const many = Array.from({ length: 200 }, (_, index) => `X-${index}: ${index}`);
  refuses("9110 §5.4 ¶2: too many fields", get(...many), { status: 431, reason: "header-too-large" });
  refuses("9110 §5.4 ¶2: a field that is too long", get(`X: ${"y".repeat(70_000)}`), {
    status: 431,
    reason: "header-too-large",
  });
  refuses(
    "9110 §5.4 ¶2: fields that are too long together",
    get(...Array<string>(100).fill(`X: ${"y".repeat(700)}`)),
    {
      status: 431,
      reason: "header-too-large",
    },
  );
});

describe("9112 §5 and 9110 §5: fields of responses", () => {
  const response = (...lines: string[]) => ok(...lines, "Content-Length: 2") + "ok";
  for (const [name, lines] of Object.entries(KEPT)) answers(`${name} is sent on`, response(...lines));
  for (const [name, line] of Object.entries(MALFORMED)) {
    replaces(`${name} is replaced by 502`, response(line));
  }
  replaces("too many fields are replaced by 502", response(...Array<string>(200).fill("X: y")));
  replaces("a field that is too long is replaced by 502", response(`X: ${"y".repeat(70_000)}`));
});
