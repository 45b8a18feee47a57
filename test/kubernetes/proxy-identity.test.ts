// Who a proxy is: real proxies against a real control plane, which asks an API server in memory.
import { credentials, status } from "@grpc/grpc-js";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { loadProxyTap } from "../../src/proto/index.js";
import { statusAnswer } from "./api-server.js";
import { certificateAuthority } from "./certificates.js";
import { namespace } from "./installed-mesh.js";
import { type ProxyStart, RunningControlPlane, type TestPod } from "./running-control-plane.js";

const SOON = { timeout: 60_000, interval: 20 };

let controlPlane: RunningControlPlane;
beforeAll(async () => {
  controlPlane = await RunningControlPlane.start();
});
afterEach(() => {
  controlPlane.api.answering = controlPlane.state.answer;
});
afterAll(() => controlPlane.stop());

let pods = 0;

/** A pod of a Deployment of its own. */
function newPod(): TestPod {
  const number = ++pods;
  const workload = `web${number}`;
  return {
    namespace: "shop",
    name: `${workload}-5d8f-x`,
    uid: `uid-${number}`,
    ip: `127.0.1.${number}`,
    workload,
  };
}

function addedPod(): TestPod {
  const pod = newPod();
  controlPlane.addPod(pod);
  return pod;
}

const meshed = ({ workload }: TestPod, count: number) =>
  vi.waitFor(
    async () => expect(await controlPlane.deployment(workload)).toMatchObject({ pods: 1, meshedPods: count }),
    SOON,
  );

const refusalsOf = ({ name }: { name: string }, reason: string) =>
  controlPlane.log.filter((line) => line.includes(`proxy=shop/${name} reason=${reason}`)).length;

test("a proxy that shows its pod's token counts as the pod's, and of the pod's owner", async () => {
  const pod = addedPod();
  const proxy = await controlPlane.startProxy(pod, { token: controlPlane.state.tokens.issue(pod) });
  await meshed(pod, 1);
  await vi.waitFor(async () => expect(await proxy.readiness()).toBe(200), SOON);
  expect(await controlPlane.deployment("what-it-says")).toBeUndefined();
});

describe("a proxy with roots", () => {
  /** The roots that the control plane has put into a namespace. */
  async function rootsIn(where: string): Promise<string> {
    controlPlane.state.put(namespace(where, {}));
    const copy = () =>
      controlPlane.state.all("ConfigMap").find(({ metadata }) => metadata.namespace === where) as
        { data?: Record<string, string> } | undefined;
    await vi.waitFor(() => expect(copy()?.data?.["ca.crt"]).toContain("BEGIN CERTIFICATE"), SOON);
    return copy()?.data?.["ca.crt"] ?? "";
  }

  const plainTextProxies = async () =>
    (await controlPlane.metrics()).sum("mesh_control_plane_plain_text_proxies");

  test("is certified by its pod's token, and counts as no other", async () => {
    const roots = await rootsIn("shop");
    const before = await plainTextProxies();
    const pod = addedPod();
    const token = controlPlane.state.tokens.issue(pod);
    const secured = await controlPlane.startProxy(pod, { token, roots });
    await meshed(pod, 1);
    await vi.waitFor(async () => expect(await secured.readiness()).toBe(200), SOON);
    expect(await plainTextProxies()).toBe(before);
    const older = addedPod();
    await controlPlane.startProxy(older, { token: controlPlane.state.tokens.issue(older) });
    await meshed(older, 1);
    expect(await plainTextProxies()).toBe(before + 1);
  });

  test("is known while its pod is there, connected or not, and no longer", async () => {
    const roots = await rootsIn("shop");
    const pod = addedPod();
    const token = controlPlane.state.tokens.issue(pod);
    const proxy = await controlPlane.startProxy(pod, { token, roots });
    const connected = async () => (await controlPlane.certified())[pod.name];
    await expect.poll(connected, SOON).toBe(true);
    await proxy.kill();
    await expect.poll(connected, SOON).toBe(false);
    controlPlane.state.remove("Pod", pod.name, pod.namespace);
    await expect.poll(connected, SOON).toBeUndefined();
  });

  test("lets the control plane watch its requests, and nobody who does not prove to be that", async () => {
    const roots = await rootsIn("shop");
    const pod = addedPod();
    const token = controlPlane.state.tokens.issue(pod);
    const variables = { MESH_PROXY_TAP_TLS: "true" };
    const secured = await controlPlane.startProxy(pod, { token, roots, variables });
    await meshed(pod, 1);
    const told = controlPlane.tap(pod);
    const watched = async () => {
      await secured.call("/watched");
      return told.map(({ event }) => event?.request?.path);
    };
    await expect.poll(watched, SOON).toContain("/watched");
    expect(told.filter(({ note }) => note)).toEqual([]);
    const inbound = { direction: "inbound" };
    const shaken = async (result: string) =>
      (await secured.metrics()).sum("mesh_tls_handshakes_total", { ...inbound, result });
    expect(await shaken("full")).toBe(1);
    const { Tap } = loadProxyTap().mesh.proxy.v1;
    const stranger = new Tap(secured.tapAddress, credentials.createInsecure());
    const refused = new Promise((resolve) => stranger.observe({}).on("error", resolve));
    expect(await refused).toMatchObject({ code: status.UNAVAILABLE });
    stranger.close();
    expect(await shaken("identity-failed")).toBeGreaterThan(0);
    await secured.kill();
  });

  test("is given no certificate by another pod's token", async () => {
    const roots = await rootsIn("shop");
    const [own, other] = [addedPod(), addedPod()];
    const proxy = await controlPlane.startProxy(own, {
      token: controlPlane.state.tokens.issue(other),
      roots,
    });
    await vi.waitFor(() => expect(refusalsOf(own, "other-pod")).toBeGreaterThan(0), SOON);
    expect(await proxy.readiness()).toBe(503);
    await meshed(own, 0);
    await proxy.kill();
  });

  test("does not believe a control plane of another root", async () => {
    const pod = addedPod();
    const roots = certificateAuthority("another").certificate;
    const proxy = await controlPlane.startProxy(pod, { token: controlPlane.state.tokens.issue(pod), roots });
    await vi.waitFor(() => expect(proxy.log.join("\n")).toMatch(/certificate|UnknownIssuer/), SOON);
    expect(await proxy.readiness()).toBe(503);
    await meshed(pod, 0);
    await proxy.kill();
  });
});

describe("a proxy is refused, and told why,", () => {
  const expired = { seconds: -1 };
  test.each<[string, string, string, (own: TestPod, other: TestPod) => ProxyStart]>([
    ["that shows no token", "no-token", "expected the token", () => ({})],
    [
      "that shows another pod's",
      "other-pod",
      "the token is of pod shop/",
      (_, other) => ({ token: controlPlane.state.tokens.issue(other) }),
    ],
    [
      "that calls itself another pod",
      "other-pod",
      "the token is of pod shop/",
      (own, other) => ({ token: controlPlane.state.tokens.issue(own), name: other.name }),
    ],
    [
      "whose token is for others",
      "invalid-token",
      'target audiences [\\"mesh.dev\\"]',
      (own) => ({ token: controlPlane.state.tokens.issue(own, { audience: "vault" }) }),
    ],
    [
      "whose token has ended",
      "invalid-token",
      "has expired",
      (own) => ({ token: controlPlane.state.tokens.issue(own, expired) }),
    ],
    ["that made one up", "invalid-token", "invalid bearer token", () => ({ token: "made.up.token" })],
    [
      "that gives another pod's address",
      "other-address",
      "is no address of pod shop/",
      (own, other) => ({ token: controlPlane.state.tokens.issue(own), ips: other.ip }),
    ],
    [
      "that has its listeners on loopback, where the control plane has its own",
      "other-address",
      "is no address of pod shop/",
      (own) => ({
        token: controlPlane.state.tokens.issue(own),
        variables: { MESH_PROXY_TAP: "127.0.0.1:0" },
      }),
    ],
  ])("%s", async (_, reason, details, startOf) => {
    const own = addedPod();
    const other = addedPod();
    const start = startOf(own, other);
    const proxy = await controlPlane.startProxy(own, start);
    const named = { name: start.name ?? own.name };
    await vi.waitFor(() => expect(refusalsOf(named, reason)).toBeGreaterThan(1), SOON);
    await vi.waitFor(() => expect(proxy.log.join("\n")).toContain(details), SOON);
    const counted = (await controlPlane.metrics()).sum("mesh_control_plane_refused_proxies_total", {
      reason,
    });
    expect(counted).toBeGreaterThan(1);
    expect(proxy.log.filter((line) => line.includes("refused by the control plane"))).toHaveLength(1);
    await meshed(own, 0);
    await meshed(other, 0);
    await proxy.kill();
  });
});

test("a pod that has only its node's address cannot take it for its own", async () => {
  const pod = { ...newPod(), hostNetwork: true };
  controlPlane.addPod(pod);
  await controlPlane.startProxy(pod, { token: controlPlane.state.tokens.issue(pod) });
  await vi.waitFor(() => expect(refusalsOf(pod, "other-address")).toBeGreaterThan(0), SOON);
  await meshed(pod, 0);
});

test("a refusal is logged once by the proxy, which is not ready, until another token is where it looks for one", async () => {
  const pod = addedPod();
  const proxy = await controlPlane.startProxy(pod, { token: controlPlane.state.tokens.issue(newPod()) });
  await vi.waitFor(() => expect(refusalsOf(pod, "other-pod")).toBeGreaterThan(2), SOON);
  const refused = proxy.log.filter((line) => line.includes("refused by the control plane"));
  expect(refused).toHaveLength(1);
  expect(await proxy.readiness()).toBe(503);
  proxy.rotate(controlPlane.state.tokens.issue(pod));
  await meshed(pod, 1);
  await vi.waitFor(async () => expect(await proxy.readiness()).toBe(200), SOON);
});

test("while the API server is away a token that it has taken is believed, and others are not refused for good", async () => {
  const [known, unknown] = [addedPod(), addedPod()];
  const token = controlPlane.state.tokens.issue(known);
  const before = await controlPlane.startProxy(known, { token });
  await meshed(known, 1);
  await before.kill();
  controlPlane.api.answering = () => statusAnswer(503, "ServiceUnavailable", "the storage is away");
  const back = await controlPlane.startProxy(known, { token });
  await vi.waitFor(async () => expect(await back.readiness()).toBe(200), SOON);
  const other = await controlPlane.startProxy(unknown, { token: controlPlane.state.tokens.issue(unknown) });
  await vi.waitFor(() => expect(refusalsOf(unknown, "not-verified")).toBeGreaterThan(0), SOON);
  await vi.waitFor(() => expect(other.log.join("\n")).toContain("the storage is away"), SOON);
  controlPlane.api.answering = controlPlane.state.answer;
  await meshed(unknown, 1);
});

test("a pod that is not known yet is served at once, and counts once it is known", async () => {
  const pod = newPod();
  const proxy = await controlPlane.startProxy(pod, { token: controlPlane.state.tokens.issue(pod) });
  await vi.waitFor(async () => expect(await proxy.readiness()).toBe(200), SOON);
  expect(await controlPlane.deployment(pod.workload)).toBeUndefined();
  controlPlane.addPod(pod);
  await meshed(pod, 1);
});

test("the token of a pod that is gone gives nobody the place of the next pod of its name", async () => {
  const pod = addedPod();
  await controlPlane.startProxy(pod, { token: controlPlane.state.tokens.issue(pod) });
  await meshed(pod, 1);
  controlPlane.addPod({ ...pod, uid: "another" });
  await meshed(pod, 0);
});
