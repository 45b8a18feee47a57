import { expect, test } from "vitest";
import { formatAddress, parseAddress } from "./index.js";

test.each([
  ["127.0.0.1:80", "127.0.0.1:80"],
  ["[0:0::1]:80", "[::1]:80"],
  ["[2001:DB8::0:1]:65535", "[2001:db8::1]:65535"],
  ["[::ffff:10.0.0.1]:80", "10.0.0.1:80"],
  ["localhost:80", undefined],
  ["127.0.0.1", undefined],
  ["127.0.0.1:0", undefined],
  ["127.0.0.1:65536", undefined],
  ["::1:80", undefined],
])("%s is read as %s", (text, expected) => {
  const address = parseAddress(text);
  expect(address && formatAddress(address)).toBe(expected);
});
