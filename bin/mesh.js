#!/usr/bin/env node
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

// Importing node:process, as dependencies do, reads each of its enumerable properties. Reading this one opens standard input and makes
// it non-blocking, also for other programs that have the same one: in `a | diff - <(mesh inject …)` diff would fail.
Object.defineProperty(process, "stdin", { enumerable: false });

const frame = new URL("../dist/src/cli/index.js", import.meta.url);

if (existsSync(frame)) {
  const { runCli } = await import(frame.href);
  await runCli(process.argv.slice(2), fileURLToPath(new URL("..", import.meta.url)));
} else {
  console.error("error: mesh is not built\ntry: npm run setup");
  process.exitCode = 1;
}
