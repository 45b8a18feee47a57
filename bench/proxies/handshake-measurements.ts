import { setTimeout as sleep } from "node:timers/promises";
import { Failure } from "../../src/output/index.js";
import { saturate } from "./load.js";
import type { Measurement, MeasurementSettings } from "./measurement.js";
import { HELD_CONNECTIONS } from "./plain-measurements.js";
import type { RunningRow } from "./row.js";
import { type Beginning, holdTlsConnections, makeConnections } from "./tls-load.js";
import { largestRss, watchUsage } from "./watched.js";

/** One after the other, so that who keeps one ticket at a time has it. */
const CLIENT_CONNECTIONS = 1;
const WARM_UP_SECONDS = 1;
const SETTLE_MS = 2000;

/** New mTLS connections, seen from either end, and idle ones. */
export const HANDSHAKE_MEASUREMENTS: readonly Measurement[] = [
  {
    step: "handshakes",
    arrangement: "accepting",
    name: "connections accepted",
    measure: async (row, settings) => ({
      cpuAcceptedFull: await accepted(row, "full", settings),
      cpuAcceptedResumed: await accepted(row, "resumed", settings),
    }),
  },
  {
    step: "handshakes",
    arrangement: "accepting",
    name: "idle mTLS connections",
    async measure(row, { signal }) {
      if (row.takesTls === undefined) return {};
      const close = await holdTlsConnections(row.takesTls, HELD_CONNECTIONS);
      try {
        await sleep(SETTLE_MS, undefined, { signal });
        return { rssSecuredHeld: largestRss(row) };
      } finally {
        close();
      }
    },
  },
  {
    step: "handshakes",
    arrangement: "connecting",
    name: "connections made",
    async measure(row, settings) {
      const full = await made(row, "full", settings);
      const cpuMadeFull = full.cpuUs / full.taken.full;
      const { cpuUs, taken } = await made(row, "resumed", settings);
      if (taken.resumed < taken.full / 2) return { cpuMadeFull };
      // Who spends each ticket once needs a full one now and then: the acceptor gives tickets in those alone.
      return { cpuMadeFull, cpuMadeResumed: (cpuUs - taken.full * cpuMadeFull) / taken.resumed };
    },
  },
];

/** CPU time in µs of the proxy for each connection that the load makes to it. */
async function accepted(
  row: RunningRow,
  beginning: Beginning,
  { seconds, signal }: MeasurementSettings,
): Promise<number> {
  if (row.takesTls === undefined) throw new Failure("this proxy takes no TLS");
  await makeConnections(row.takesTls, beginning, WARM_UP_SECONDS, signal);
  const used = watchUsage(row);
  const count = await makeConnections(row.takesTls, beginning, seconds, signal);
  return used().cpuUs / count;
}

/** CPU time in µs of the proxy while it makes connections, one for each request, and how those began. */
async function made(
  row: RunningRow,
  beginning: Beginning,
  { seconds, signal }: MeasurementSettings,
): Promise<{ cpuUs: number; taken: Record<Beginning, number> }> {
  const { connectsTo: acceptor, port } = row;
  if (acceptor === undefined) throw new Failure("this proxy makes no TLS connections");
  const load = { port, path: "/", connections: CLIENT_CONNECTIONS };
  acceptor.beginning = beginning;
  await saturate({ ...load, seconds: WARM_UP_SECONDS }, signal);
  const before = { ...acceptor.taken };
  const used = watchUsage(row);
  await saturate({ ...load, seconds }, signal);
  const { cpuUs } = used();
  const { full, resumed } = acceptor.taken;
  return { cpuUs, taken: { full: full - before.full, resumed: resumed - before.resumed } };
}
