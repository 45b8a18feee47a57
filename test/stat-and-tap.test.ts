import { execFile, type ChildProcess } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { parse } from "yaml";
import { type HelloAndWorld, REQUEST_EVERY_MS, startHelloAndWorld } from "./hello-and-world.js";
import { ended, MESH, runMesh, startMesh } from "./mesh-command.js";

const SOON = { timeout: 60_000, interval: 100 };

let directory: string;
let controlPlane: ChildProcess;
let addresses: { proxies: string; api: string };
let traffic: HelloAndWorld;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "mesh-stat-test-"));
  mkdirSync(join(directory, "disco"));
  ({ controlPlane, addresses } = await startControlPlane({ proxies: "127.0.0.1:0", api: "127.0.0.1:0" }));
  traffic = await startHelloAndWorld({ controlPlane: addresses.proxies, directory, answersAfterMs: 0 });
});

afterAll(async () => {
  await traffic.stop();
  controlPlane.kill("SIGKILL");
  rmSync(directory, { recursive: true });
});

describe("mesh stat", () => {
  test("shows what a workload served and what was sent to a service, in plain text in a pipe", async () => {
    const line =
      /^world +1\/1 +\d\d\.\d\d% +0\.00% +[\d.]+ +[\d.]+(µs|ms|s) +[\d.]+(µs|ms|s) +[\d.]+(µs|ms|s)$/m;
    await vi.waitFor(async () => {
      for (const words of [["deploy"], ["svc/world"], ["deploy", "world", "--from", "wl/hello"]]) {
        const { status, stdout } = await mesh("stat", ...words);
        expect(status).toBe(0);
        expect(stdout).toMatch(
          /^NAME +MESHED +SUCCESS +SECURED +RPS +LATENCY_P50 +LATENCY_P95 +LATENCY_P99\n/,
        );
        expect(stdout).toMatch(line);
        expect(stdout).not.toContain("\x1b");
      }
    }, SOON);
  });

  test("figures are right, and in JSON with their units", async () => {
    await vi.waitFor(async () => {
      const { stdout } = await mesh("stat", "svc", "-o", "json");
      const { window_seconds, rows } = JSON.parse(stdout) as { window_seconds: number; rows: object[] };
      expect(window_seconds).toBe(60);
      expect(rows).toMatchObject([{ type: "service", namespace: "default", name: "world", meshed_pods: 1 }]);
      const [{ http, tcp }] = rows as [Record<"http" | "tcp", Record<string, number>>];
      expect(http["requests_per_second_by_protocol"]).toEqual({
        http1: expect.closeTo(http["requests_per_second"] ?? 0, 3) as number,
      });
      expect(tcp["open_connections"]).toBeGreaterThanOrEqual(1);
      // A response has more bytes than a request here.
      expect(tcp["read_bytes_per_second"]).toBeGreaterThan(0);
      expect(tcp["write_bytes_per_second"]).toBeGreaterThan(tcp["read_bytes_per_second"] ?? 0);
      expect(http["success_rate"]).toBeGreaterThan(0.75);
      expect(http["success_rate"]).toBeLessThan(0.85);
      expect(http["requests_per_second"]).toBeGreaterThan(1);
      expect(http["requests_per_second"]).toBeLessThan(1000 / REQUEST_EVERY_MS + 10);
      expect(http["latency_p50_seconds"]).toBeLessThanOrEqual(http["latency_p99_seconds"] ?? 0);
    }, SOON);
  });

  test("YAML has the fields of JSON", async () => {
    const { stdout } = await mesh("stat", "workload/hello", "-o", "yaml");
    expect(parse(stdout)).toMatchObject({
      ...{ window_seconds: 60, keeper: "control-plane" },
      rows: [{ type: "workload", namespace: "default", name: "hello", http: null }],
    });
  });

  test("a workload that serves nothing has dashes; wide adds protocols and TCP", async () => {
    const { stdout } = await mesh("stat", "workload/hello", "-o", "wide");
    expect(stdout).toMatch(/^NAME .* LATENCY_P99 +PROTOCOL +TCP_CONN +READ_BYTES\/s +WRITE_BYTES\/s\n/);
    expect(stdout).toMatch(/^hello +1\/1( +-){7}/m);
    expect((await mesh("stat", "svc/world", "-o", "wide")).stdout).toMatch(/^world .* http1 /m);
  });

  test("nothing to show is a sentence on standard error, and no failure", async () => {
    const { status, stdout, stderr } = await mesh("stat", "sts");
    expect([status, stdout]).toEqual([0, ""]);
    expect(stderr).toBe(
      "there are no statefulsets in namespace default; try: deployment/world, workload/hello\n",
    );
  });
});

describe("mesh tap", () => {
  test("shows a request from its head to its end, at both proxies", async () => {
    const tap = startMesh(["tap", "all", "--path", "/greet", "--max-rps", "5"], { MESH_API: addresses.api });
    const end = ended(tap);
    const [output, said] = [collect(tap.stdout), collect(tap.stderr)];
    await vi.waitFor(() => {
      expect(said()).toMatch(/^\d+ requests were not shown: there are more than --max-rps allows$/m);
      expect(output()).toMatch(
        /^req id=(hello-1:\d+) dir=out src=hello-1 dst=world-1 tls=no protocol=http1 method=GET authority=world path=\/greet\?n=1\n[^]*^rsp id=\1 .* status=[25]00 latency=[^]*^end id=\1 .* duration=\S+ request=0B response=5B$/m,
      );
      expect(output()).toMatch(/^req id=world-1:\d+ dir=in src=127\.0\.0\.1:\d+ dst=world-1 /m);
    }, SOON);
    tap.kill("SIGINT");
    expect(await end).toMatchObject({ status: 0, signal: null });
  });

  test("JSON is one object a line", async () => {
    const tap = startMesh(["tap", "wl/hello", "--to", "deploy/world", "-o", "json"], {
      MESH_API: addresses.api,
    });
    const end = ended(tap);
    const output = collect(tap.stdout);
    await vi.waitFor(() => expect(output().split("\n").length).toBeGreaterThan(6), SOON);
    tap.kill("SIGINT");
    const { status, stdout } = await end;
    expect(status).toBe(0);
    const events = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    const [request] = events.filter(({ type }) => type === "request");
    expect(request).toMatchObject({
      proxy: "default/hello-1",
      direction: "outbound",
      source: { pod: "hello-1", workload_kind: "workload", workload: "hello", tls: false },
      destination: { pod: "world-1", workload_kind: "deployment", workload: "world", service: "world" },
      method: "GET",
      authority: "world",
      path: "/greet?n=1",
    });
    const finish = events.find(
      ({ type, request_id: id }) => type === "end" && id === request?.["request_id"],
    );
    expect(finish).toMatchObject({ request_bytes: 0, response_bytes: 5, error: "" });
    expect(finish?.["duration_us"]).toBeGreaterThan(0);
  });

  test("ends silently when its reader goes", async () => {
    const script = `"$0" "$1" tap all | head -3; echo "\${PIPESTATUS[0]}"`;
    const { stdout, stderr } = await run("bash", ["-c", script, process.execPath, MESH]);
    expect(stdout.trim().split("\n")).toHaveLength(4);
    expect(stdout).toMatch(/\n0\n$/);
    expect(stderr).toBe("");
  });

  test("says what there is when there is nothing to tap", async () => {
    expect(await mesh("tap", "deploy/wrold")).toMatchObject({
      status: 1,
      stdout: "",
      stderr:
        "error: there is nothing to tap: no deployment wrold in namespace default\ntry: deployment/world\n",
    });
  });
});

test("when a control plane is killed, taps and watched stats go on when it is back", async () => {
  const tap = startMesh(["tap", "all"], { MESH_API: addresses.api });
  const tapEnd = ended(tap);
  const [tapped, tapSaid] = [collect(tap.stdout), collect(tap.stderr)];
  const watch = startMesh(["stat", "deploy", "-w"], { MESH_API: addresses.api });
  const watchEnd = ended(watch);
  const [watched, said] = [collect(watch.stdout), collect(watch.stderr)];
  await vi.waitFor(
    () =>
      expect([tapped(), watched()]).toEqual([
        expect.stringContaining("req"),
        expect.stringContaining("world"),
      ]),
    SOON,
  );

  controlPlane.kill("SIGKILL");
  await vi.waitFor(
    () => expect(tapSaid()).toBe(`the control plane at ${addresses.api} went away; trying again\n`),
    SOON,
  );
  const before = tapped().length;
  await vi.waitFor(() => expect(said()).toMatch(/no control plane answers at .*; trying again\n/), SOON);

  ({ controlPlane } = await startControlPlane(addresses));
  await vi.waitFor(() => expect(said()).toContain("the control plane is back\n"), SOON);
  await vi.waitFor(() => expect(watched().slice(-400)).toMatch(/^world +1\/1 +\d+\.\d\d%/m), SOON);
  watch.kill("SIGINT");
  expect(await watchEnd).toMatchObject({ status: 0, signal: null });
  await vi.waitFor(() => expect(tapSaid()).toContain("the control plane is back\n"), SOON);
  await vi.waitFor(() => expect(tapped().slice(before)).toMatch(/^req /m), SOON);
  tap.kill("SIGINT");
  expect(await tapEnd).toMatchObject({ status: 0, signal: null });
}, 90_000);

function mesh(...words: string[]) {
  return runMesh(words, { MESH_API: addresses.api });
}

function run(command: string, args: string[]): Promise<{ stdout: string; stderr: string }> {
  const env = { ...process.env, MESH_API: addresses.api };
  return new Promise((resolve, reject) => {
    execFile(command, args, { env }, (error, stdout, stderr) => {
      if (error === null) resolve({ stdout, stderr });
      else reject(new Error(stderr, { cause: error }));
    });
  });
}

async function startControlPlane({ proxies, api }: { proxies: string; api: string }) {
  const words = ["control-plane", "run", "--directory", directory, "--listen", proxies, "--api-listen", api];
  const child = startMesh(words);
  const log = [collect(child.stdout), collect(child.stderr)];
  const found = await vi.waitFor(() => {
    const text = log.map((read) => read()).join("");
    const address = (what: string) =>
      new RegExp(`listening for ${what} address=(\\S+)`).exec(text)?.[1] ?? "";
    const taken = { proxies: address("proxies"), api: address("commands") };
    expect(taken.api, text).not.toBe("");
    return taken;
  }, SOON);
  return { controlPlane: child, addresses: found };
}

/** Gives what a stream has said until now. */
function collect(stream: Readable): () => string {
  let text = "";
  stream.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
  return () => text;
}
