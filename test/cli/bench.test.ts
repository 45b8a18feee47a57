import { once } from "node:events";
import { readdirSync } from "node:fs";
import { createServer, request, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import type { BenchReport } from "../../src/bench/index.js";
import { runMesh, startMesh } from "../mesh-command.js";
import { descendants, isRunning } from "../processes.js";

const QUICK = ["bench", "--rounds", "1", "--duration", "300ms", "--rate", "100", "--connections", "4"];
const DEADLINE = { timeout: 60_000, interval: 50 };

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

/** A forward proxy for absolute-form requests. */
const forward: RequestListener = (asked, response) => {
  request(asked.url ?? "", { headers: asked.headers }, (answer) => {
    response.writeHead(answer.statusCode ?? 502, answer.headers);
    answer.pipe(response);
  }).end();
};

/** A temporary directory for a command, so that what it leaves behind is seen. */
async function temporary(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "mesh-test-"));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

describe("mesh bench", () => {
  it("measures direct calls, one sidecar and two, with real proxies", async () => {
    const { status, stdout, stderr } = await runMesh([...QUICK, "-o", "json", "--max-rss", "1GB"]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    const { targets } = JSON.parse(stdout) as BenchReport;
    expect(targets.map(({ name }) => name)).toEqual(["direct", "one sidecar", "two sidecars"]);
    for (const { answered, failed, rounds, latencyUs } of targets) {
      expect(failed).toBe(0);
      expect(rounds.map(({ paced }) => paced.answered)).toEqual([30]);
      expect(answered).toBeGreaterThan(30);
      expect(latencyUs.p50?.median).toBeGreaterThan(0);
    }
    const [direct, one, two] = targets;
    expect(direct?.cpuUsPerRequest.saturated).toBeNull();
    // The two run the same code, so together they must have worked more than the one; and both have worked at all.
    expect(one?.cpuUsPerRequest.saturated?.median).toBeGreaterThan(0);
    expect(two?.rounds[0]?.saturated.usage.map((used) => (used?.cpuUs ?? 0) > 0)).toEqual([true, true]);
    expect(two?.rssBytes?.median).toBeGreaterThan(100_000);
  });

  it.each(["grpc", "tcp"])("measures %s over mTLS", async (protocol) => {
    const { status, stdout, stderr } = await runMesh([
      ...[...QUICK, "--protocol", protocol, "--tls", "-o", "json"],
    ]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    const { targets, settings } = JSON.parse(stdout) as BenchReport;
    expect(settings).toMatchObject({ protocol, tls: true });
    expect(targets.map(({ name, failed }) => [name, failed])).toEqual([
      ["direct", 0],
      ["one sidecar", 0],
      ["two sidecars, mTLS", 0],
    ]);
    for (const { rounds } of targets) expect(rounds.map(({ paced }) => paced.answered)).toEqual([30]);
    expect(targets[2]?.rounds[0]?.saturated.usage.map((used) => (used?.cpuUs ?? 0) > 0)).toEqual([
      true,
      true,
    ]);
  });

  it("measures a service of the user's own, directly and through a proxy", async () => {
    const asked = new Set<string>();
    const service = await serve((request_, response) => {
      asked.add(`${request_.method ?? ""} ${request_.url ?? ""}`);
      response.end("hello");
    });
    const proxy = await serve(forward);
    const { status, stdout } = await runMesh([
      ...[...QUICK, "-o", "markdown", "--url", `${service}path?q`, "--proxy", proxy],
      ...["--proxy-pid", String(process.pid)],
    ]);
    expect(status).toBe(0);
    expect(asked).toEqual(new Set(["GET /path?q"]));
    expect(stdout).toMatch(/^`mesh bench --rounds 1 .* on .* cores, /);
    expect(stdout).toMatch(
      /\| direct \| \d+ \| - \| - \| 0 \|\n\| proxy \| \d+ \| [\d.]+µs \| [\d.]+MB \| 0 \|/,
    );
  });

  it("fails when requests fail, and says how", async () => {
    let count = 0;
    const service = await serve((_request, response) => {
      count += 1;
      response.statusCode = count > 10 ? 500 : 200;
      response.end();
    });
    const { status, stdout, stderr } = await runMesh([
      ...QUICK,
      "--url",
      service,
      "--proxy",
      await serve(forward),
    ]);
    expect(status).toBe(1);
    expect(stdout).toMatch(/error: proxy: \d+ × status 500/);
    expect(stderr).toMatch(
      /^error: direct: \d+ of \d+ requests failed; proxy: \d+ of \d+ requests failed\n$/,
    );
  });

  it("fails when a limit is exceeded, and says by how much", async () => {
    const service = await serve((_request, response) => void response.end());
    const { status, stderr } = await runMesh([
      ...[...QUICK, "--url", service, "--proxy", await serve(forward)],
      ...["--proxy-pid", String(process.pid), "--max-rss", "1KB"],
    ]);
    expect(status).toBe(1);
    expect(stderr).toMatch(/^error: proxy: a proxy takes [\d.]+MB, [\d.]+MB more than --max-rss allows\n$/);
  });

  it("loads nothing that does not answer", async () => {
    const service = await serve((_request, response) => void response.writeHead(404).end());
    const { status, stderr } = await runMesh([...QUICK, "--url", service, "--proxy", service]);
    expect(status).toBe(1);
    expect(stderr).toMatch(`error: ${service} did not answer with 2xx: status 404\ntry: a URL that answers`);
  });

  it("names the flag of a wrong value", async () => {
    expect(await runMesh(["bench", "--rate", "fast"])).toMatchObject({
      status: 2,
      stdout: "",
      stderr: "error: --rate fast cannot be taken\ntry: --rate with a whole number from 1 to 1000000\n",
    });
    expect(await runMesh(["bench", "--protocol", "http3"])).toMatchObject({
      status: 2,
      stderr:
        "error: --protocol http3 cannot be taken\ntry: --protocol with one of http1, http2, grpc, tcp\n",
    });
  });

  it.each(["SIGINT", "SIGTERM", "SIGKILL"] as const)("leaves nothing behind after %s", async (signal) => {
    const directory = await temporary();
    const command = startMesh(["bench", "--duration", "1m"], { TMPDIR: directory });
    onTestFinished(() => void command.kill("SIGKILL"));
    command.stdout.resume();
    command.stderr.resume();
    const ended = once(command, "exit");
    // The service, two sidecars, and the load generator, which starts last.
    await vi.waitFor(() => expect(descendants(command.pid ?? 0)).toHaveLength(4), DEADLINE);
    const started = descendants(command.pid ?? 0);
    command.kill(signal);
    await ended;
    await vi.waitFor(() => {
      expect(started.filter(isRunning)).toEqual([]);
      expect(readdirSync(directory)).toEqual([]);
    }, DEADLINE);
  });
});
