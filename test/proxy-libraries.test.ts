// What the sidecar has in memory beside itself: every library is one more in each of them.
import { basename } from "node:path";
import { expect, test } from "vitest";
import { librariesOf } from "../images/shared-objects.js";
import { findProxyBinary } from "../src/sidecar/index.js";

test("the proxy needs no library but the C library, with its loader", () => {
  const others = librariesOf(findProxyBinary())
    .map((path) => basename(path))
    .filter((name) => !/^(libc\.so|ld-linux)/.test(name));
  expect(others).toEqual([]);
});
