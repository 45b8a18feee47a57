import { spawnSync } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { describe, expect, it, onTestFinished } from "vitest";
import { ended, MESH, runMesh, startMesh } from "../mesh-command.js";

describe("wrong usage ends with 2, a line of what was wrong and a line of what to try", () => {
  it.each([
    [["vresion"], "error: unknown command vresion\ntry: mesh version\n"],
    [["frobnicate", "all"], "error: unknown command frobnicate all\ntry: mesh --help\n"],
    [["version", "extra"], "error: unexpected argument extra\ntry: mesh version --help\n"],
    [["version", "--frobnicate"], "error: unknown flag --frobnicate\ntry: mesh version --help\n"],
    [["stat", "pod", "a", "b"], "error: unexpected argument b\ntry: mesh stat --help\n"],
    [["tap"], "error: missing argument TYPE\ntry: mesh tap --help\n"],
    [
      ["control-plane", "run"],
      "error: missing flag --directory\ntry: mesh control-plane run --directory DIR, or --registry kubernetes\n",
    ],
    [
      ["control-plane", "run", "--registry", "kubernetes", "--directory", "."],
      "error: --directory is not for --registry kubernetes\ntry: mesh control-plane run --help\n",
    ],
    [
      ["control-plane", "run", "--directory", ".", "--context", "kind"],
      "error: --kubeconfig and --context are for --registry kubernetes\ntry: mesh control-plane run --help\n",
    ],
    [
      ["auth", "node/a"],
      "error: 'node' is not possible here\ntry: one of deployment, statefulset, daemonset, job, cronjob, pod, service, namespace, workload, all\n",
    ],
    [
      ["bench", "--ruonds", "3"],
      "error: unknown flag --ruonds\ntry: --rounds (mesh bench --help lists all flags)\n",
    ],
    [
      ["tap", "all", "--max-rps", "0"],
      "error: --max-rps: expected an integer greater than or equal to 1 but received: 0\ntry: mesh tap --help\n",
    ],
    [
      ["stat", "-o", "xml"],
      "error: expected --output=xml to be one of: table, wide, json, yaml\ntry: mesh stat --help\n",
    ],
    [["--frobnicate"], "error: unknown flag --frobnicate\ntry: mesh --help\n"],
  ])("mesh %j", async (words, stderr) => {
    expect(await runMesh(words)).toEqual({ status: 2, signal: null, stdout: "", stderr });
  });

  it("shows a stack only with DEBUG=*", async () => {
    expect((await runMesh(["vresion"])).stderr).not.toContain("    at ");
    expect((await runMesh(["vresion"], { DEBUG: "*" })).stderr).toContain("    at ");
  });
});

it("says in a line that its output could not be written", () => {
  const full = openSync("/dev/full", "w");
  onTestFinished(() => closeSync(full));
  const { status, stderr } = spawnSync(process.execPath, [MESH, "version", "--client"], {
    stdio: ["ignore", full, "pipe"],
    encoding: "utf8",
  });
  expect({ status, stderr }).toEqual({
    status: 1,
    stderr: "error: the output could not be written (ENOSPC)\n",
  });
});

describe("help", () => {
  it.each([[["--help"]], [["-h"]], [["help"]], [[]]])("mesh %j lists the commands", async (words) => {
    const { status, stdout, stderr } = await runMesh(words);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(stdout).toMatch(/^ {2}version {2,}\S/m);
  });

  it.each([[["version", "--help"]], [["version", "-h"]], [["help", "version"]]])(
    "mesh %j tells of one command",
    async (words) => {
      const { status, stdout } = await runMesh(words);
      expect(status).toBe(0);
      expect(stdout).toContain("$ mesh version");
    },
  );

  it("tells of a default once, in the words of all flags", async () => {
    const { stdout } = await runMesh(["stat", "--help"]);
    const text = stdout.replace(/\s+/g, " ");
    expect(text).toContain("How far to look back; more than 10m needs a Prometheus (default: 1m).");
    expect(text).toContain("(default: table).");
    expect(text).not.toContain("[default:");
  });
});

it("takes no argument from standard input", async () => {
  const mesh = startMesh(["tap"]);
  mesh.stdin.end("all\n");
  expect(await ended(mesh)).toMatchObject({
    status: 2,
    stderr: expect.stringContaining("missing argument TYPE") as string,
  });
});
