import { setTimeout as sleep } from "node:timers/promises";
import type { RowFigures } from "./figures.js";
import { holdConnections } from "./http.js";
import { download } from "./load.js";
import type { Measurement, MeasurementSettings } from "./measurement.js";
import type { RunningRow } from "./row.js";
import { BYTES_PER_MB, measureBodies, measurePace, measureSaturation } from "./under-load.js";
import { largestRss, watchUsage } from "./watched.js";

/** How many idle keep-alive connections are held. */
export const HELD_CONNECTIONS = 1000;

const SETTLE_MS = 2000;

const isProxied = ({ pids }: RunningRow) => pids.length > 0;

/** One proxy, in HTTP/1 and in what it does not understand. */
export const PLAIN_MEASUREMENTS: readonly Measurement[] = [
  {
    step: "saturate",
    arrangement: "plain",
    name: "saturation",
    async measure(row, settings) {
      const { perSecond: throughput, proxies } = await measureSaturation(row, settings);
      if (proxies === undefined) return { throughput };
      const { cpuUs: cpuSaturated, userUs: userSaturated, rssBytes: rssLoaded } = proxies;
      return { throughput, cpuSaturated, userSaturated, rssLoaded };
    },
  },
  {
    step: "pace",
    arrangement: "plain",
    name: "fixed rate",
    async measure(row, settings) {
      const { p50, p99, proxies } = await measurePace(row, settings);
      return { p50, p99, ...(proxies && { cpuPaced: proxies.cpuUs }) };
    },
  },
  {
    step: "hold",
    arrangement: "plain",
    name: "idle connections",
    applies: isProxied,
    async measure(row, { signal }, { rssIdle = 0 }) {
      const close = await holdConnections(row.port, HELD_CONNECTIONS);
      let rssHeld: number;
      try {
        await sleep(SETTLE_MS, undefined, { signal });
        rssHeld = largestRss(row);
      } finally {
        close();
      }
      await sleep(SETTLE_MS, undefined, { signal });
      return { rssHeld, rssKept: largestRss(row) - rssIdle };
    },
  },
  {
    step: "carryBodies",
    arrangement: "plain",
    name: "1 MB responses",
    async measure(row, settings) {
      const { perSecond: bodyThroughput, cpuUs: bodyCpu } = await measureBodies(row, settings);
      return { bodyThroughput, ...(bodyCpu !== undefined && { bodyCpu }) };
    },
  },
  {
    step: "carryBytes",
    arrangement: "plain",
    name: "opaque TCP",
    applies: ({ opaquePort }) => opaquePort !== null,
    async measure(row, { seconds, signal }) {
      if (row.opaquePort === null) return {};
      const used = watchUsage(row);
      const { bytes, perSecond } = await download({ port: row.opaquePort, seconds }, signal);
      const opaqueThroughput = perSecond / BYTES_PER_MB;
      return {
        opaqueThroughput,
        ...(isProxied(row) && { opaqueCpu: used().cpuUs / (bytes / BYTES_PER_MB) }),
      };
    },
  },
];

/** What a row takes while nothing is asked of it. */
export async function measureIdle(
  row: RunningRow,
  { seconds, signal }: MeasurementSettings,
): Promise<RowFigures> {
  const used = watchUsage(row);
  await sleep(seconds * 1000, undefined, { signal });
  if (!isProxied(row)) return {};
  return { rssIdle: largestRss(row), wakeUps: used().sleeps / seconds };
}
