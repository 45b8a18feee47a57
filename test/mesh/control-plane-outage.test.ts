import { createInterface } from "node:readline";
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from "vitest";
import { ended, runMesh, startMesh } from "../mesh-command.js";
import { startHttpBackend } from "./backends.js";
import { Load, send } from "./clients.js";
import { inboundOf, metricsOf, outboundOf, RunningMesh, type RunningProxy, SOON } from "./running-mesh.js";

let mesh: RunningMesh;
let client: RunningProxy;
let server: RunningProxy;
let outbound: string;
beforeEach(async () => {
  mesh = await RunningMesh.start();
});
afterEach(() => mesh.stop());

/** The service `web`, behind a proxy, and a client's proxy that knows it. */
async function startWeb(): Promise<void> {
  const backend = await startHttpBackend((_, response) => response.end("web"));
  server = await mesh.startInbound("web-1", backend.address);
  mesh.setService("web", [inboundOf(server)]);
  client = await mesh.startProxy({ name: "client-1", workload: "client" });
  outbound = outboundOf(client);
  await vi.waitFor(async () => expect((await send(outbound, "web")).status).toBe(200), SOON);
}

/** `mesh tap workload/web`, as it prints. */
function startTap() {
  const command = startMesh(["tap", "workload/web", "--api", mesh.apiAddress]);
  onTestFinished(() => void command.kill("SIGKILL"));
  const result = ended(command);
  const lines: string[] = [];
  createInterface({ input: command.stdout }).on("line", (line) => lines.push(line));
  return { command, lines, result };
}

const isConnected = async (proxy: RunningProxy) => (await metricsOf(proxy)).sum("mesh_discovery_connected");

describe("a control plane that is killed under load and started again", () => {
  it("costs no request, and tap and stat come back by themselves", async () => {
    await startWeb();
    const load = new Load(outbound, "web");
    const tap = startTap();
    await vi.waitFor(() => expect(tap.lines.at(-1)).toContain("web"), SOON);

    await mesh.killControlPlane();
    await load.more(300);
    const shown = tap.lines.length;

    await mesh.startControlPlane();
    await vi.waitFor(() => expect(tap.lines.length).toBeGreaterThan(shown), SOON);
    tap.command.kill("SIGINT");
    const { status, stderr } = await tap.result;
    expect(status).toBe(0);
    expect(stderr).toContain("control plane");

    await vi.waitFor(async () => {
      const stat = await runMesh(["stat", "workload/web", "--api", mesh.apiAddress]);
      expect(stat).toMatchObject({ status: 0 });
      expect(stat.stdout).toMatch(/^web +1\/1 +100\.00% +0\.00% +[1-9]/m);
    }, SOON);
    await load.more(300);
    await load.stop();
    expect(load.failures).toEqual([]);
  });

  it("tells the proxies what changed while it was away, and no request fails", async () => {
    await startWeb();
    const load = new Load(outbound, "web");
    await mesh.killControlPlane();
    await vi.waitFor(async () => expect(await isConnected(client)).toBe(0), SOON);
    const other = await startHttpBackend((_, response) => response.end("other"));
    mesh.setService("web", [other.address]);
    await load.more(100);
    expect(load.answered.get("other")).toBeUndefined();

    await mesh.startControlPlane();
    await vi.waitFor(async () => {
      const before = load.answered.get("web");
      await load.more(50);
      expect(load.answered.get("web")).toBe(before);
    }, SOON);
    await load.stop();
    expect(load.failures).toEqual([]);
  });
});

describe("without a control plane", () => {
  it("a service that was never asked for is answered 503 discovery-unavailable, and found when it is back", async () => {
    await startWeb();
    mesh.setService("late", [inboundOf(server)]);
    await mesh.killControlPlane();
    await vi.waitFor(async () => expect(await isConnected(client)).toBe(0), SOON);
    const answer = await send(outbound, "late");
    expect([answer.status, answer.headers["mesh-proxy-error"]]).toEqual([503, "discovery-unavailable"]);
    expect((await send(outbound, "web")).status).toBe(200);

    await mesh.startControlPlane();
    await vi.waitFor(async () => expect((await send(outbound, "late")).body).toBe("web"), SOON);
  });

  it("a proxy starts, and serves what it needs no names for", async () => {
    const backend = await startHttpBackend((_, response) => response.end("web"));
    await mesh.killControlPlane();
    const proxy = await mesh.startInbound("web-1", backend.address);
    expect((await send(inboundOf(proxy), "web")).body).toBe("web");
    const ready = () => fetch(`http://${proxy.addresses.admin}/ready`).then(({ status }) => status);
    expect(await ready()).toBe(503);
    await mesh.startControlPlane();
    await vi.waitFor(async () => expect(await ready()).toBe(200), SOON);
  });
});
