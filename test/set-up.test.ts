import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";

const script = (name: string) => fileURLToPath(new URL(`../scripts/${name}`, import.meta.url));
const runWithoutPath = (name: string) =>
  spawnSync(process.execPath, [script(name)], { env: { PATH: "/nonexistent" }, encoding: "utf8" });

it("set-up says in one line that cargo is missing", () => {
  const { status, stderr } = runWithoutPath("setup.mjs");
  expect(status).toBe(1);
  expect(stderr).toMatch(/^error: cargo was not found: .* needs Rust \d+\.\d+ or newer\n$/);
});

it("npm test counts a set-up that failed as a failure, in its last line", () => {
  const { status, stdout } = runWithoutPath("test.mjs");
  expect(status).toBe(1);
  expect(stdout.trimEnd().split("\n").at(-1)).toBe("0 passed, 1 failed");
});
