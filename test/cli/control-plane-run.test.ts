import { once } from "node:events";
import { constants } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { ended, runMesh, startMesh } from "../mesh-command.js";

let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "mesh-"));
  await mkdir(join(directory, "disco"));
  await writeFile(join(directory, "disco", "web"), "127.0.0.1 70000\n");
});

afterAll(() => rm(directory, { recursive: true }));

const words = (...more: string[]) => ["control-plane", "run", "--directory", directory, ...more];
const FREE_PORTS = ["--listen", "127.0.0.1:0", "--api-listen", "127.0.0.1:0"];

const startControlPlane = (...more: string[]) => startWith(words(...more));

/** The command once it listens, with what it had logged by then. */
async function startWith(given: string[]) {
  const command = startMesh([...given, ...FREE_PORTS, "--log-format", "json"]);
  onTestFinished(() => void command.kill("SIGKILL"));
  const end = ended(command);
  const log: Record<string, string>[] = [];
  const api = await new Promise<string>((resolve) => {
    createInterface({ input: command.stderr }).on("line", (line) => {
      const entry = JSON.parse(line) as Record<string, string>;
      log.push(entry);
      if (entry["message"] === "listening for commands") resolve(entry["address"] ?? "");
    });
  });
  return { command, end, api, log };
}

describe("mesh control-plane run", () => {
  it.each(["SIGTERM", "SIGINT"] as const)("%s ends it with 0", async (signal) => {
    const { command, end, log } = await startControlPlane();
    command.kill(signal);
    expect(await end).toMatchObject({ status: 0, signal: null, stdout: "" });
    expect(log.map(({ message }) => message)).toEqual([
      `${directory}/disco/web:1: found port "70000"; expected a number from 1 to 65535`,
      "reading services and workloads",
      "no certificate authority: proxies speak plain text, and each is who it says it is",
      "listening for proxies",
      "listening for commands",
    ]);
  });

  it("says that proxies speak plain text, and what to do, unless there is a certificate authority", async () => {
    const plain = await startControlPlane();
    const warning = plain.log.find(({ message }) => message?.startsWith("no certificate authority"));
    expect(warning).toMatchObject({
      level: "warn",
      directory,
      try: `mesh ca create --directory ${directory}, and start again`,
    });
    plain.command.kill("SIGKILL");
    const secured = await mkdtemp(join(tmpdir(), "mesh-"));
    onTestFinished(() => rm(secured, { recursive: true }));
    await mkdir(join(secured, "disco"));
    const roles = ["--role", "discovery", "--role", "identity"];
    const { log } = await startWith(["control-plane", "run", "--directory", secured, ...roles]);
    expect(log.map(({ level }) => level)).not.toContain("warn");
  });

  it("ends with its standard input when that was asked for", async () => {
    const { command, end } = await startControlPlane("--stop-with-stdin");
    command.stdin.end();
    expect(await end).toMatchObject({ status: 0, signal: null });
  });

  it("leaves its standard input as it is, for others may have the same one", async () => {
    const { command, end } = await startControlPlane();
    const [, flags = ""] =
      /flags:\s*(\d+)/.exec(await readFile(`/proc/${command.pid}/fdinfo/0`, "utf8")) ?? [];
    expect(parseInt(flags, 8) & constants.O_NONBLOCK).toBe(0);
    command.kill();
    await end;
  });

  it("names a port in use and the flag that changes it", async () => {
    const { command, api } = await startControlPlane();
    const port = api.slice(api.lastIndexOf(":") + 1);
    const { status, stdout, stderr } = await runMesh(words("--listen", "127.0.0.1:0", "--api-listen", api));
    expect(stderr.trim().split("\n").slice(-2)).toEqual([
      `error: port ${port} is in use (${api})`,
      "try: another port with --api-listen 127.0.0.1:PORT (0 takes a free one)",
    ]);
    expect({ status, stdout }).toEqual({ status: 1, stdout: "" });
    command.kill("SIGTERM");
    await once(command, "exit");
  });

  it("names a directory that is missing", async () => {
    const missing = join(directory, "missing");
    expect(await runMesh(["control-plane", "run", "--directory", missing])).toMatchObject({
      status: 1,
      stderr: `error: --directory ${missing}: no such directory\ntry: mkdir -p ${missing}/disco\n`,
    });
  });

  it("does not serve the API to other machines", async () => {
    const { status, stderr } = await runMesh(words("--api-listen", "0.0.0.0:8085"));
    expect(stderr).toContain("error: --api-listen 0.0.0.0:8085: the API has no access control");
    expect(status).toBe(2);
  });
});
