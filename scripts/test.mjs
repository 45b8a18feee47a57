// Runs every check and every test suite of both languages. The last line is `N passed, N failed`; the exit status agrees.
import { spawn } from "node:child_process";
import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setUp } from "./setup.mjs";
import { announce, reportFailure, root } from "./steps.mjs";
import { installTestPrograms, installOtherNode } from "./test-tools.mjs";

/**
 * Runs a program, showing its output as it comes.
 * @returns {Promise<{ succeeded: boolean, output: string }>} the output as text, both streams.
 */
function runShowing(command, args) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd: root, stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    child.stdout.on("data", (data) => ((output += data), process.stdout.write(data)));
    child.stderr.on("data", (data) => ((output += data), process.stderr.write(data)));
    child.on("error", (error) => resolve({ succeeded: false, output: error.message }));
    child.on("close", (status) => resolve({ succeeded: status === 0, output }));
  });
}

/** A check that passes or fails as a whole, such as a linter. */
async function check(command, args) {
  const { succeeded } = await runShowing(command, args);
  return succeeded ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 };
}

/** Tests that did not run count as failed: nothing is skipped in silence. A file that could not be loaded is one failure. */
function countVitest(report) {
  const passed = report.numPassedTests;
  const brokenFiles = report.testResults.filter(
    (file) => file.status === "failed" && file.assertionResults.length === 0,
  );
  return { passed, failed: report.numTotalTests - passed + brokenFiles.length };
}

async function vitest(node, name, flags = []) {
  const file = join(root, ".cache", `vitest-${name}.json`);
  rmSync(file, { force: true });
  const { succeeded } = await runShowing(node, [
    ...["node_modules/vitest/vitest.mjs", "run", "--reporter=default", "--reporter=json", ...flags],
    `--outputFile.json=${file}`,
  ]);
  try {
    return settle(countVitest(JSON.parse(readFileSync(file, "utf8"))), succeeded);
  } catch {
    return settle({ passed: 0, failed: 0 }, false);
  }
}

async function cargoTest() {
  const { succeeded, output } = await runShowing("cargo", [
    "test",
    "--workspace",
    "--locked",
    "--no-fail-fast",
  ]);
  const counts = { passed: 0, failed: 0 };
  for (const [, passed, failed, ignored] of output.matchAll(
    /test result: .*? (\d+) passed; (\d+) failed; (\d+) ignored/g,
  )) {
    counts.passed += Number(passed);
    counts.failed += Number(failed) + Number(ignored);
  }
  return settle(counts, succeeded);
}

/** A suite that crashed, or found no tests, has failed whatever it counted. */
function settle({ passed, failed }, succeeded) {
  const isBroken = failed === 0 && (!succeeded || passed === 0);
  return { passed, failed: isBroken ? 1 : failed };
}

function suites(otherNode) {
  return [
    ["eslint", () => check(process.execPath, ["node_modules/eslint/bin/eslint.js", "."])],
    ["prettier", () => check(process.execPath, ["node_modules/prettier/bin/prettier.cjs", "--check", "."])],
    ["types", () => check(process.execPath, ["node_modules/typescript/bin/tsc", "--noEmit"])],
    ["rustfmt", () => check("cargo", ["fmt", "--all", "--check"])],
    [
      "clippy",
      () => check("cargo", ["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"]),
    ],
    [`TypeScript tests, Node ${process.version}`, () => vitest(process.execPath, "own-node")],
    // Soaks are long, and hold the proxy: one Node.js is enough for them.
    [
      "TypeScript tests, Node 24",
      () => vitest(otherNode, "other-node", ["--exclude=bench/soak/soak.test.ts"]),
    ],
    ["Rust tests", cargoTest],
  ];
}

async function testAll() {
  setUp();
  installTestPrograms();
  const results = [];
  mkdirSync(join(root, ".cache"), { recursive: true });
  for (const [name, suite] of suites(installOtherNode())) {
    announce(name);
    const started = Date.now();
    results.push({ name, ...(await suite()), seconds: Math.round((Date.now() - started) / 1000) });
  }
  return results;
}

function printSummary(results) {
  console.log();
  for (const { name, passed, failed, seconds } of results) {
    console.log(`${failed ? "FAILED" : "ok    "} ${name}: ${passed} passed, ${failed} failed (${seconds} s)`);
  }
  const sum = (key) => results.reduce((total, result) => total + result[key], 0);
  if (sum("failed") > 0) process.exitCode = 1;
  console.log(`${sum("passed")} passed, ${sum("failed")} failed`);
}

try {
  printSummary(await testAll());
} catch (failure) {
  reportFailure(failure);
  console.log("0 passed, 1 failed");
}
