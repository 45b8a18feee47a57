// RFC 9112, section 4: the status-line.
import { describe } from "vitest";
import { answers, replaces } from "../cases.js";
import { head } from "../messages.js";

/** A response with this status-line. */
const response = (line: string) => head(line, "Content-Length: 2") + "ok";

describe("9112 §4 ¶4 and 9110 §15: the status", () => {
  for (const status of [
    200, 201, 203, 205, 206, 226, 299, 300, 302, 308, 400, 404, 407, 418, 451, 471, 499, 500, 503, 511, 599,
  ]) {
    answers(`${status} is sent on as it is`, response(`HTTP/1.1 ${status} Text`));
  }
  for (const status of [600, 999]) {
    answers(
      `9110 §15 ¶6: ${status}, which is invalid, is left to the client`,
      response(`HTTP/1.1 ${status} Text`),
    );
  }
  for (const status of ["", "0", "20", "2000", "0200", "099", "000", "2x0", "-20", "+20", "20.", "²00"]) {
    replaces(
      `¶5: ${JSON.stringify(status)} has not three digits, or no class`,
      response(`HTTP/1.1 ${status} OK`),
    );
  }
});

describe("9112 §4 ¶7: the reason-phrase", () => {
  for (const reason of [
    "OK",
    "No Reason At All",
    "a\tb",
    "  spaces  ",
    "\xe4\xf6\xff",
    "x".repeat(1000),
    "HTTP/1.1 500 No",
  ]) {
    answers(`${JSON.stringify(reason.slice(0, 20))} is sent on as it is`, response(`HTTP/1.1 299 ${reason}`));
  }
  answers("¶9: none, after a space", response("HTTP/1.1 200 "));
  answers("¶9: none, and no space, gets the space", response("HTTP/1.1 200"), {
    received: response("HTTP/1.1 200 "),
  });
  for (const octet of ["\0", "\r", "\x01", "\x7f"]) {
    replaces(`¶8: ${JSON.stringify(octet)} in it`, response(`HTTP/1.1 200 O${octet}K`));
  }
});

describe("9112 §4 ¶2: what is no status-line is replaced by 502", () => {
  for (const line of [
    "HTTP/1.1  200 OK",
    "HTTP/1.1\t200 OK",
    "HTTP/1.1 200\tOK",
    " HTTP/1.1 200 OK",
    "\r\nHTTP/1.1 200 OK",
    "HTTP/2.0 200 OK",
    "HTTP/1.2 200 OK",
    "HTTP/0.9 200 OK",
    "http/1.1 200 OK",
    "HTTP/1.1200 OK",
    "HTTP/1 200 OK",
    "HTTP/1.1",
    "HTTP 200 OK",
    "ICY 200 OK",
    "220 mail.example",
    "GET / HTTP/1.1",
    "200 OK",
    "\0",
  ]) {
    replaces(JSON.stringify(line), response(line));
  }
  replaces("a line that ends with LF", "HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n");
  replaces("a line that ends with CR", "HTTP/1.1 200 OK\rContent-Length: 0\r\n\r\n");
});
