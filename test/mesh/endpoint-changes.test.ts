import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { freePort } from "../../bench/ports.js";
import { startBackendProcess, startHttpBackend } from "./backends.js";
import { Load, send } from "./clients.js";
import { inboundOf, metricsOf, outboundOf, RunningMesh, type RunningProxy, SOON } from "./running-mesh.js";

const CONNECTIONS = 8;
/** Long enough for every client to have a request in flight most of the time. */
const DELAY = { delayMs: 10 };

let mesh: RunningMesh;
let outbound: string;
let client: RunningProxy;
beforeEach(async () => {
  mesh = await RunningMesh.start();
  client = await mesh.startProxy({ name: "client" });
  outbound = outboundOf(client);
});
afterEach(() => mesh.stop());

/** Load on the service `web` from the moment on at which it answers. */
async function loadOnWeb(): Promise<Load> {
  await vi.waitFor(async () => expect((await send(outbound, "web")).status).toBe(200), SOON);
  return new Load(outbound, "web", CONNECTIONS);
}

/** Load on the service `web`, two applications behind a sidecar each; the second of them. */
async function loadOnTwoSidecars() {
  const first = await startBackendProcess("one", DELAY);
  const application = await startBackendProcess("two", DELAY);
  const other = await mesh.startInbound("web-1", first.address);
  const proxy = await mesh.startInbound("web-2", application.address);
  mesh.setService("web", [inboundOf(other), inboundOf(proxy)]);
  const load = await loadOnWeb();
  await vi.waitFor(() => expect(load.answered.get("two")).toBeGreaterThan(20), SOON);
  return { proxy, application, load };
}

function expectOnlyInFlightFailed(load: Load): void {
  expect(load.failures.length).toBeLessThanOrEqual(CONNECTIONS);
  expect(load.failures.filter((failure) => failure !== "502 upstream-reset")).toEqual([]);
}

const named = (name: string) => startHttpBackend((_, response) => response.end(name));

describe("an endpoint that is added", () => {
  it("gets traffic, and no request fails", async () => {
    const [one, two] = await Promise.all([named("one"), named("two")]);
    mesh.setService("web", [one.address]);
    const load = await loadOnWeb();
    await load.more(50);
    mesh.setService("web", [one.address, two.address]);
    await vi.waitFor(() => expect(load.answered.get("two")).toBeGreaterThan(20), SOON);
    await load.stop();
    expect(load.failures).toEqual([]);
  });
});

describe("an endpoint that is taken out", () => {
  it("gets no more traffic, and no request fails", async () => {
    const [one, two] = await Promise.all([named("one"), named("two")]);
    mesh.setService("web", [one.address, two.address]);
    const load = await loadOnWeb();
    await vi.waitFor(() => expect(load.answered.get("two")).toBeGreaterThan(20), SOON);
    mesh.setService("web", [one.address]);
    await vi.waitFor(async () => {
      const before = load.answered.get("two");
      await load.more(50);
      expect(load.answered.get("two")).toBe(before);
    }, SOON);
    await load.stop();
    expect(load.failures).toEqual([]);
  });
});

describe("an endpoint that is killed under load", () => {
  it("fails at most the requests in flight on it, and gets traffic again when it is back", async () => {
    const one = await startBackendProcess("one", DELAY);
    const port = await freePort();
    const two = await startBackendProcess("two", { port, ...DELAY });
    mesh.setService("web", [one.address, two.address]);
    const load = await loadOnWeb();
    await vi.waitFor(() => expect(load.answered.get("two")).toBeGreaterThan(20), SOON);

    await two.kill("SIGKILL");
    await load.more(500);
    expectOnlyInFlightFailed(load);

    const before = load.answered.get("two") ?? 0;
    const failed = load.failures.length;
    await startBackendProcess("two", { port, ...DELAY });
    await vi.waitFor(() => expect(load.answered.get("two")).toBeGreaterThan(before + 20), SOON);
    await load.stop();
    expect(load.failures.slice(failed)).toEqual([]);
  });

  it("fails at most the requests in flight on it, together with its proxy", async () => {
    const { proxy, application, load } = await loadOnTwoSidecars();

    proxy.signal("SIGKILL");
    await Promise.all([proxy.ended, application.kill("SIGKILL")]);
    await load.more(500);
    await load.stop();
    expectOnlyInFlightFailed(load);
  });

  it("fails at most the requests in flight on it, while its proxy lives on", async () => {
    const { application, load } = await loadOnTwoSidecars();

    await application.kill("SIGKILL");
    await load.more(500);
    await load.stop();
    expectOnlyInFlightFailed(load);
  });
});

describe("a service", () => {
  it("without endpoints answers 503 no-endpoints, which is counted, until they are back", async () => {
    const { address } = await named("one");
    mesh.setService("web", [address]);
    await vi.waitFor(async () => expect((await send(outbound, "web")).status).toBe(200), SOON);

    mesh.setService("web", []);
    const empty = await vi.waitFor(async () => {
      const answer = await send(outbound, "web");
      expect(answer.status).toBe(503);
      return answer;
    }, SOON);
    expect(empty.headers["mesh-proxy-error"]).toBe("no-endpoints");
    const counted = {
      direction: "outbound",
      dst_service: "web",
      status_code: "503",
      proxy_error: "no-endpoints",
    };
    await vi.waitFor(async () => {
      const metrics = await metricsOf(client);
      expect(metrics.sum("mesh_responses_total", { ...counted, classification: "failure" })).toBe(1);
    }, SOON);

    mesh.setService("web", [address]);
    await vi.waitFor(async () => expect((await send(outbound, "web")).body).toBe("one"), SOON);
  });

  it("that is deleted answers 404 no-such-service, until it is back", async () => {
    const { address } = await named("one");
    expect((await send(outbound, "web")).headers["mesh-proxy-error"]).toBe("no-such-service");
    mesh.setService("web", [address]);
    await vi.waitFor(async () => expect((await send(outbound, "web")).body).toBe("one"), SOON);
    mesh.remove("disco/web");
    await vi.waitFor(async () => expect((await send(outbound, "web")).status).toBe(404), SOON);
    mesh.setService("web", [address]);
    await vi.waitFor(async () => expect((await send(outbound, "web")).body).toBe("one"), SOON);
  });
});
