import { once } from "node:events";
import { createServer } from "node:net";
import { createInterface } from "node:readline";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { runMesh, startMesh } from "../mesh-command.js";
import { descendants, isRunning } from "../processes.js";

const FREE_PORTS = ["--control-plane", "127.0.0.1:1", "--outbound", "0", "--admin", "0", "--tap", "0"];
const DEADLINE = { timeout: 60_000, interval: 20 };

/** The command with a proxy that listens, and where its admin listener is. */
async function startProxy() {
  const command = startMesh(["proxy", "run", ...FREE_PORTS, "--log-format", "json"]);
  onTestFinished(() => void command.kill("SIGKILL"));
  const ended = once(command, "exit");
  const admin = await new Promise<string>((resolve) => {
    createInterface({ input: command.stderr }).on("line", (line) => {
      const entry = JSON.parse(line) as Record<string, string>;
      if (entry["message"] === "listening") resolve(entry["admin"] ?? "");
    });
  });
  return { command, ended, admin };
}

describe("mesh proxy run", () => {
  it.each(["SIGTERM", "SIGINT", "SIGHUP"] as const)(
    "%s lets the proxy end, and the command ends as the proxy did",
    async (signal) => {
      const { command, ended, admin } = await startProxy();
      expect((await fetch(`http://${admin}/live`)).status).toBe(200);
      command.kill(signal);
      expect(await ended).toEqual([0, null]);
      await expect(fetch(`http://${admin}/live`)).rejects.toThrow();
    },
  );

  it("leaves no proxy behind when it is killed", async () => {
    const { command, ended } = await startProxy();
    const proxies = descendants(command.pid ?? 0);
    expect(proxies).toHaveLength(1);
    command.kill("SIGKILL");
    await ended;
    await vi.waitFor(() => expect(proxies.filter(isRunning)).toEqual([]), DEADLINE);
  });

  it("ends with the proxy's status when a port is taken", async () => {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    onTestFinished(() => void server.close());
    const { port } = server.address() as { port: number };
    const { status, stderr } = await runMesh(["proxy", "run", ...FREE_PORTS, "--inbound", `${port}=9000`]);
    expect(status).toBe(1);
    expect(stderr).toContain(`127.0.0.1:${port}`);
  });

  it("names the flag of a wrong value", async () => {
    expect(await runMesh(["proxy", "run", "--inbound", "10000"])).toEqual({
      status: 2,
      signal: null,
      stdout: "",
      stderr:
        "error: --inbound 10000 cannot be taken\n" +
        "try: --inbound with LISTEN=APPLICATION, each PORT or ADDRESS:PORT, or LISTEN=original\n",
    });
  });

  it("says where it looked for the proxy's binary", async () => {
    const { status, stderr } = await runMesh(["proxy", "run"], { MESH_PROXY_BINARY: "/no/such/file" });
    expect(status).toBe(1);
    expect(stderr).toContain("/no/such/file");
  });
});
