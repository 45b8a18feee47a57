import { describe, expect, it } from "vitest";
import { invocation } from "./invocation.js";

describe("the way to call mesh", () => {
  it.each([
    ["/usr/bin/mesh", "/bin:/usr/bin", "/home/me", "mesh"],
    ["/home/me/mesh/bin/mesh.js", "/bin:/usr/bin", "/home/me/mesh", "./bin/mesh"],
    ["/home/me/mesh/bin/mesh", "/bin", "/home/me", "./mesh/bin/mesh"],
    ["/home/me/mesh/bin/mesh.js", "/bin", "/tmp", "/home/me/mesh/bin/mesh"],
  ])("%s with PATH %s in %s is %s", (program, path, folder, expected) => {
    expect(invocation(program, path, folder)).toBe(expected);
  });
});
