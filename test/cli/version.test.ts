import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { startControlPlane } from "../../src/control-plane/index.js";
import { runMesh } from "../mesh-command.js";

/** The API's address of a control plane that lives as long as the test. */
async function startedApi(version: string): Promise<string> {
  const directory = mkdtempSync(join(tmpdir(), "mesh-version-"));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const started = await startControlPlane({
    source: { directory },
    listen: "127.0.0.1:0",
    apiListen: "127.0.0.1:0",
    version,
    logFormat: "text",
    writeLog: () => undefined,
  });
  if (!started.ok) throw started.error;
  onTestFinished(() => started.value.stop());
  return started.value.apiAddress;
}

describe("mesh version", () => {
  it("prints its own version and the control plane's", async () => {
    const api = await startedApi("7.8.9");
    const { status, stdout } = await runMesh(["version", "--api", api]);
    expect(status).toBe(0);
    expect(stdout).toMatch(
      new RegExp(`^mesh {11}\\d+\\.\\d+\\.\\d+\ncontrol plane {2}7\\.8\\.9 at ${api}\n$`),
    );
  });

  it("says when there is no control plane", async () => {
    const { status, stdout } = await runMesh(["version"], { MESH_API: "127.0.0.1:1" });
    expect(status).toBe(0);
    expect(stdout).toMatch(/^control plane {2}none at 127\.0\.0\.1:1$/m);
  });

  it("says when something else listens there", async () => {
    const server = createServer((_request, response) => response.end()).listen(0, "127.0.0.1");
    await once(server, "listening");
    onTestFinished(() => void server.close());
    const { port } = server.address() as { port: number };
    const { status, stdout } = await runMesh(["version", "--api", `127.0.0.1:${port}`]);
    expect(status).toBe(0);
    expect(stdout).toMatch(/^control plane {2}none \(.*\)$/m);
  });

  it("asks nobody with --client", async () => {
    const { status, stdout } = await runMesh(["version", "--client"]);
    expect(status).toBe(0);
    expect(stdout).toMatch(/^mesh {11}\d+\.\d+\.\d+\n$/);
  });

  it("refuses an address that is none", async () => {
    const { status, stderr } = await runMesh(["version", "--api", "nonsense"]);
    expect(status).toBe(2);
    expect(stderr).toContain("--api");
  });
});
