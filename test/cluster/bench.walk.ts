// mesh bench in a cluster: what it measures, what it says when it cannot, and that it leaves nothing.
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { ended } from "../mesh-command.js";
import {
  applyPrinted,
  kubectl,
  mesh,
  rolledOut,
  startedMesh,
  uninstall,
  WITHOUT_DASHBOARDS,
} from "./administrator.js";

const NAMESPACE = "bench-walk";
const QUICK = ["--rounds", "1", "--duration", "2s", "--rate", "200", "--connections", "8"];

beforeAll(async () => {
  await applyPrinted("install", ...WITHOUT_DASHBOARDS);
  await rolledOut("mesh-system", "mesh-control-plane");
  await kubectl.run(["create", "namespace", NAMESPACE]);
});
afterAll(() => uninstall(NAMESPACE));

const made = () => kubectl.run(["get", "pods,services", "-n", NAMESPACE, "-o", "name"]);

/** It does not wait for the end of the pods, which takes them a second or two. */
const expectNothingLeft = () => expect.poll(made, { timeout: 30_000 }).toBe("");

afterEach(expectNothingLeft);

interface Target {
  readonly name: string;
  readonly failed: number;
  readonly addedUs: { readonly p50: { readonly median: number } } | null;
  readonly cpuUsPerRequest: { readonly paced: { readonly median: number } | null };
  readonly rssBytes: { readonly max: number } | null;
}

test("it measures direct calls, one sidecar and two, and removes what it made", async () => {
  const { status, stdout, stderr } = await mesh("bench", "-n", NAMESPACE, "-o", "json", ...QUICK);
  expect(status, stderr).toBe(0);
  const { targets } = JSON.parse(stdout) as { targets: Target[] };
  expect(targets.map(({ name, failed }) => [name, failed])).toEqual([
    ["direct", 0],
    ["one sidecar", 0],
    ["two sidecars, mTLS", 0],
  ]);
  const [direct, one, two] = targets;
  expect(direct?.addedUs).toBeNull();
  expect(one?.addedUs?.p50.median).toBeTypeOf("number");
  // Each of them worked, and the memory of a whole sidecar was read.
  const cpu = (target?: Target) => target?.cpuUsPerRequest.paced?.median ?? 0;
  expect(cpu(one)).toBeGreaterThan(0);
  expect(cpu(two)).toBeGreaterThan(cpu(one));
  expect(two?.rssBytes?.max).toBeGreaterThan(1_000_000);
});

test.each(["http2", "grpc", "tcp"])(
  "%s is measured as well, and --tls is what there is",
  async (protocol) => {
    const quick = ["--rounds", "1", "--duration", "500ms", "--rate", "100", "--connections", "8"];
    const asked = ["--protocol", protocol, "--tls", "-o", "json", ...quick];
    const { status, stdout, stderr } = await mesh("bench", "-n", NAMESPACE, ...asked);
    expect(status, stderr).toBe(0);
    const { settings, targets } = JSON.parse(stdout) as { settings: object; targets: Target[] };
    expect(settings).toMatchObject({ protocol, tls: true });
    expect(targets.map(({ failed }) => failed)).toEqual([0, 0, 0]);
    expect(targets[2]?.cpuUsPerRequest.paced?.median).toBeGreaterThan(0);
  },
);

test.each(["SIGINT", "SIGTERM"] as const)("%s removes what it made", async (signal) => {
  const bench = startedMesh("bench", "-n", NAMESPACE, "--duration", "1m");
  await expect.poll(made, { timeout: 30_000 }).toContain("-load\n");
  bench.kill(signal);
  expect(await ended(bench)).toMatchObject({ status: 1, stderr: "error: interrupted\n" });
});

test("a namespace that is not there is named, with those that are", async () => {
  const { status, stderr } = await mesh("bench", "-n", "bench-wlak");
  expect(status).toBe(1);
  expect(stderr).toContain("error: there is no namespace 'bench-wlak' (there are: bench-walk, default, ");
  expect(stderr).toContain("try: -n bench-walk\n");
});

test("a right that is missing is told by its verb and its resource", async () => {
  const { status, stderr } = await mesh("bench", "-n", NAMESPACE, "--as", "nobody");
  expect(status).toBe(1);
  expect(stderr).toContain(
    "error: user 'nobody' may not get configmaps/mesh-values in namespace mesh-system\n",
  );
});

test("an image that is not there is named, and what was made is removed", async () => {
  const values = ["configmap", "mesh-values", "-n", "mesh-system"];
  const before = await kubectl.run(["get", ...values, "-o", "json"]);
  const { data } = JSON.parse(before) as { data: Record<string, string> };
  const elsewhere = { data: { "given.yaml": "images: { registry: nowhere.invalid }\n" } };
  await kubectl.run(["patch", ...values, "--type=merge", "-p", JSON.stringify(elsewhere)]);
  const { status, stderr } = await mesh("bench", "-n", NAMESPACE);
  expect(status).toBe(1);
  expect(stderr).toMatch(
    /^error: the image nowhere\.invalid\/mesh-\S+ of pod mesh-bench-\S+ cannot be pulled \(/,
  );
  await kubectl.run(["patch", ...values, "--type=merge", "-p", JSON.stringify({ data })]);
});

test("what a quota does not let be is told in the words of the API server", async () => {
  await kubectl.run(["create", "quota", "few", "-n", NAMESPACE, "--hard=pods=1"]);
  const { status, stderr } = await mesh("bench", "-n", NAMESPACE);
  expect(status).toBe(1);
  expect(stderr).toContain("exceeded quota: few, requested: pods=1, used: pods=1, limited: pods=1");
  await kubectl.run(["delete", "quota", "few", "-n", NAMESPACE]);
});
