// Runs every check and every test suite of both languages: npm test. With --cluster also the walks of npm run test:cluster. The
// last line is `N passed, N failed`; the exit status agrees.
import { spawn } from "node:child_process";
import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { setUp } from "./setup.mjs";
import { announce, reportFailure, root, StepFailed } from "./steps.mjs";
import { installTestPrograms, installOtherNode } from "./test-tools.mjs";

/**
 * Runs a program.
 * @param show what is done with its output as it comes
 * @param variables what its environment has besides ours
 * @returns {Promise<{ succeeded: boolean, output: string }>} the output as text, both streams.
 */
function runReading(command, args, show, variables = {}) {
  return new Promise((resolve) => {
    const env = { ...process.env, ...variables };
    const child = spawn(command, args, { cwd: root, env, stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    child.stdout.on("data", (data) => ((output += data), show(process.stdout, data)));
    child.stderr.on("data", (data) => ((output += data), show(process.stderr, data)));
    child.on("error", (error) => resolve({ succeeded: false, output: error.message }));
    child.on("close", (status) => resolve({ succeeded: status === 0, output }));
  });
}

const runShowing = (command, args, variables) =>
  runReading(command, args, (stream, data) => stream.write(data), variables);
const runSilently = (command, args) => runReading(command, args, () => undefined);

/** A check that passes or fails as a whole, such as a linter. */
async function check(command, args) {
  const { succeeded, output } = await runShowing(command, args);
  return succeeded ? { passed: 1, failures: [] } : { passed: 0, failures: [output] };
}

/** Tests that did not run count as failed: nothing is skipped in silence. A file that could not be loaded is one failure. */
function readVitest(report) {
  const tests = report.testResults.flatMap((file) =>
    file.assertionResults.map((test) => ({
      passed: test.status === "passed",
      failure: `${file.name}: ${test.fullName}: ${test.failureMessages?.join("\n") || test.status}`,
    })),
  );
  const brokenFiles = report.testResults.filter(
    (file) => file.status === "failed" && file.assertionResults.every(({ status }) => status !== "failed"),
  );
  const failures = [
    ...tests.filter(({ passed }) => !passed).map(({ failure }) => failure),
    ...brokenFiles.map((file) => `${file.name}: ${file.message}`),
  ];
  return { passed: tests.length - (failures.length - brokenFiles.length), failures };
}

/** Runs vitest, or a script that passes its words on to it. */
async function vitest(node, name, words, variables) {
  const file = join(root, ".cache", `vitest-${name}.json`);
  rmSync(file, { force: true });
  const report = ["--reporter=default", "--reporter=json", `--outputFile.json=${file}`];
  const { succeeded } = await runShowing(node, [...words, ...report], variables);
  try {
    return settle(readVitest(JSON.parse(readFileSync(file, "utf8"))), succeeded);
  } catch (error) {
    return settle({ passed: 0, failures: [`no report: ${error.message}`] }, false);
  }
}

async function cargoTest() {
  const { succeeded, output } = await runShowing("cargo", [
    "test",
    "--workspace",
    "--locked",
    "--no-fail-fast",
  ]);
  const counts = [...output.matchAll(/test result: .*? (\d+) passed;/g)].map(([, count]) => Number(count));
  const passed = counts.reduce((total, count) => total + count, 0);
  const failures = [...output.matchAll(/^test (.*) \.\.\. (?!ok$).*$/gm)].map(
    ([line, test]) => output.split(`---- ${test} stdout ----`)[1]?.split("\n---- ")[0] ?? line,
  );
  return settle({ passed, failures }, succeeded);
}

/** A suite that crashed, or found no tests, has failed whatever it counted. */
function settle({ passed, failures }, succeeded) {
  const isBroken = failures.length === 0 && (!succeeded || passed === 0);
  return { passed, failures: isBroken ? ["it ended without telling how"] : failures };
}

/** Starts to compile for suites that come later, while others wait and sleep. What it prints is shown with the suite. */
function startCompiling(withCluster) {
  const compile = (what) => runSilently(process.execPath, ["scripts/compile.mjs", what]);
  const interop = compile("interop");
  const cluster = withCluster && !process.env.KUBECONFIG ? interop.then(() => compile("cluster")) : NOTHING;
  return { interop, cluster };
}

const NOTHING = Promise.resolve({ succeeded: true, output: "" });

/** A suite of programs that are being compiled: it has failed when that does. */
async function onceCompiled(compiling, suite) {
  const { succeeded, output } = await compiling;
  process.stdout.write(output);
  const end = () => output.trim().split("\n").slice(-SHOWN_LINES).join("\n");
  return succeeded ? suite() : { passed: 0, failures: [`it could not be compiled:\n${end()}`] };
}

const UNIT_TESTS = ["node_modules/vitest/vitest.mjs", "run"];
const INTEROP_TESTS = [...UNIT_TESTS, "--config", "test/interop/vitest.config.ts"];

/** What holds the sidecar, its images and the reading of YAML, to which it is the same which Node.js runs the test. */
const SAME_ON_EVERY_NODE = [
  "bench/soak",
  "test/conformance",
  "test/images.test.ts",
  "test/manifest",
  "test/mesh",
];

/** Vitest's flag that leaves out a file, or all of a folder. */
function excluding(path) {
  return `--exclude=${path.endsWith(".ts") ? path : `${path}/**`}`;
}

/** What meets the addresses of pods, nodes and services in all of their forms. */
const WALKS_OF_ADDRESSES = ["install", "telemetry", "traffic"];

/** Runs walks in a cluster. */
function walks(name, chosen = [], variables = {}) {
  return vitest(process.execPath, name, ["scripts/test-cluster.mjs", ...chosen], variables);
}

function suites(otherNode, compiling, withCluster) {
  const all = [
    ["eslint", () => check(process.execPath, ["node_modules/eslint/bin/eslint.js", "."])],
    ["prettier", () => check(process.execPath, ["node_modules/prettier/bin/prettier.cjs", "--check", "."])],
    ["types", () => check(process.execPath, ["node_modules/typescript/bin/tsc", "--noEmit"])],
    ["rustfmt", () => check("cargo", ["fmt", "--all", "--check"])],
    [
      "clippy",
      () => check("cargo", ["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"]),
    ],
    [`TypeScript tests, Node ${process.version}`, () => vitest(process.execPath, "own-node", UNIT_TESTS)],
    [
      "TypeScript tests, Node 24",
      () => vitest(otherNode, "other-node", [...UNIT_TESTS, ...SAME_ON_EVERY_NODE.map(excluding)]),
    ],
    ["Rust tests", cargoTest],
    [
      "h2spec and gRPC interop",
      () => onceCompiled(compiling.interop, () => vitest(process.execPath, "interop", INTEROP_TESTS)),
    ],
  ];
  if (withCluster) {
    all.push(["Kubernetes", () => onceCompiled(compiling.cluster, () => walks("cluster"))]);
  }
  // A cluster of KUBECONFIG has the addresses that it has.
  if (withCluster && !process.env.KUBECONFIG) {
    all.push([
      "Kubernetes, IPv6 alone",
      () => walks("cluster-ipv6", WALKS_OF_ADDRESSES, { CLUSTER_FAMILIES: "ipv6" }),
    ]);
  }
  return all;
}

async function testAll(withCluster) {
  setUp();
  installTestPrograms();
  const otherNode = installOtherNode();
  const results = [];
  mkdirSync(join(root, ".cache"), { recursive: true });
  for (const [name, suite] of suites(otherNode, startCompiling(withCluster), withCluster)) {
    announce(name);
    const started = Date.now();
    results.push({ name, ...(await suite()), seconds: Math.round((Date.now() - started) / 1000) });
  }
  return results;
}

/** Lines of a failure that are shown again at the end, where a log that was cut short still has them. */
const SHOWN_LINES = 30;
const SHOWN_FAILURES = 10;

function printFailures(results) {
  for (const { name, failures } of results) {
    for (const failure of failures.slice(0, SHOWN_FAILURES)) {
      console.log(`\nFAILED ${name}: ${failure.trim().split("\n").slice(0, SHOWN_LINES).join("\n")}`);
    }
  }
}

function printSummary(results) {
  console.log();
  for (const { name, passed, failures, seconds } of results) {
    const outcome = failures.length > 0 ? "FAILED" : "ok    ";
    console.log(`${outcome} ${name}: ${passed} passed, ${failures.length} failed (${seconds} s)`);
  }
  const sum = (count) => results.reduce((total, result) => total + count(result), 0);
  const failed = sum(({ failures }) => failures.length);
  if (failed > 0) process.exitCode = 1;
  console.log(`${sum(({ passed }) => passed)} passed, ${failed} failed`);
}

/** The flags that were given; throws StepFailed for what is none. */
function readFlags(words) {
  try {
    return parseArgs({ args: words, options: { cluster: { type: "boolean", default: false } } }).values;
  } catch (error) {
    throw new StepFailed(error.message, "npm test, or npm test -- --cluster");
  }
}

try {
  const { cluster } = readFlags(process.argv.slice(2));
  const results = await testAll(cluster);
  printFailures(results);
  printSummary(results);
} catch (failure) {
  reportFailure(failure);
  console.log("0 passed, 1 failed");
}
