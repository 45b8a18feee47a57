// What a sidecar costs in a pod: the time until the pod is ready, and what mesh bench finds in the cluster. Left in .cache/bench-pods.md.
import { appendFileSync, mkdirSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { type Spread, spreadOf, thisMachine } from "../../src/bench/index.js";
import { Cluster, type Pod, PODS } from "../../src/kubernetes/index.js";
import { formatMarkdownTable } from "../../src/output/index.js";
import {
  applyPrinted,
  edited,
  kubectl,
  mesh,
  rolledOut,
  uninstall,
  WITHOUT_DASHBOARDS,
} from "./administrator.js";

const NAMESPACE = "bench-pods";
const TURNS = 10;
const POLL_MS = 10;
const READY_WITHIN_MS = 120_000;

const report = fileURLToPath(new URL("../../.cache/bench-pods.md", import.meta.url));

beforeAll(async () => {
  mkdirSync(new URL(".", `file://${report}`), { recursive: true });
  const { cpu, cores, kernel } = thisMachine();
  writeFileSync(report, `\`npm run bench:pods\` on ${cpu}, ${cores} cores, ${kernel}: the whole cluster\n\n`);
  await applyPrinted("install", ...WITHOUT_DASHBOARDS);
  await rolledOut("mesh-system", "mesh-control-plane");
  await kubectl.run(["create", "namespace", NAMESPACE]);
});
afterAll(async () => {
  await kubectl.run(["delete", "namespace", NAMESPACE]);
  await uninstall();
});

/** A pod that has no probe of its own, so that none but the sidecar's are waited for. */
const manifest = (name: string) =>
  JSON.stringify({
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, namespace: NAMESPACE },
    spec: {
      terminationGracePeriodSeconds: 1,
      containers: [
        {
          name: "world",
          image: "registry.mesh.dev/mesh-samples:0.1.0",
          args: ["hello-world/world.js"],
        },
      ],
    },
  });

/** How long after a pod was asked for its application ran, and it was ready, in ms. */
interface StartUp {
  readonly running: number;
  readonly ready: number;
}

async function startUpOf(cluster: Cluster, pod: Pod): Promise<StartUp> {
  const began = performance.now();
  const created = await cluster.create(PODS, pod, NAMESPACE);
  if (!created.ok) throw created.error;
  let running: number | undefined;
  while (performance.now() - began < READY_WITHIN_MS) {
    const found = await cluster.get(PODS, pod.metadata.name, NAMESPACE);
    if (!found.ok) throw found.error;
    const { containerStatuses = [], conditions = [] } = found.value.status ?? {};
    if (containerStatuses.some(({ state }) => state?.running)) running ??= performance.now() - began;
    if (
      running !== undefined &&
      conditions.some(({ type, status }) => type === "Ready" && status === "True")
    ) {
      return { running, ready: performance.now() - began };
    }
    await sleep(POLL_MS);
  }
  throw new Error(`${pod.metadata.name} is not ready in time`);
}

const inSeconds = (spread: Spread | null) =>
  spread === null
    ? "-"
    : [spread.median, spread.min, spread.max]
        .map((ms) => (ms / 1000).toFixed(2))
        .join("|")
        .replace(/^(.*)\|(.*)\|(.*)$/, "$1 s ($2 to $3)");

test("start-up", async () => {
  const opened = await Cluster.open({ kubeconfig: inject("cluster").kubeconfig });
  if (!opened.ok) throw opened.error;
  const seen: Record<"without" | "with", StartUp[]> = { without: [], with: [] };
  // The first of each is not counted: nothing of it is in the machine's memory.
  for (let turn = 0; turn <= TURNS; turn++) {
    for (const kind of ["without", "with"] as const) {
      const name = `${kind}-${turn}`;
      const printed = kind === "with" ? (await edited("inject", manifest(name))).stdout : manifest(name);
      const startUp = await startUpOf(opened.value, JSON.parse(printed) as Pod);
      if (turn > 0) seen[kind].push(startUp);
      await kubectl.run(["delete", "pod", name, "-n", NAMESPACE]);
    }
  }
  opened.value.close();
  const rows = (["without", "with"] as const).map((kind) => ({
    kind,
    running: spreadOf(seen[kind].map(({ running }) => running)),
    ready: spreadOf(seen[kind].map(({ ready }) => ready)),
  }));
  const table = formatMarkdownTable(
    [
      { heading: "POD", value: ({ kind }) => `${kind} a sidecar` },
      { heading: "APPLICATION RUNS", align: "right", value: ({ running }) => inSeconds(running) },
      { heading: "READY", align: "right", value: ({ ready }) => inSeconds(ready) },
    ],
    rows,
  );
  appendFileSync(
    report,
    `**Start-up of a pod**, ${TURNS} of each in turn; medians (least to most)\n\n${table}\n\n`,
  );
});

test("mesh bench in the cluster", async () => {
  const { status, stdout, stderr } = await mesh("bench", "-n", NAMESPACE, "-o", "markdown");
  expect(status, stderr).toBe(0);
  appendFileSync(report, stdout);
});
