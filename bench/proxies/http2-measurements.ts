import { call } from "./load.js";
import type { Measurement } from "./measurement.js";
import { watchUsage } from "./watched.js";

const WARM_UP_SECONDS = 2;

/** One proxy in HTTP/2 on clear text. */
export const HTTP2_MEASUREMENTS: readonly Measurement[] = [
  {
    step: "http2",
    arrangement: "http2",
    name: "HTTP/2",
    async measure(row, { seconds, directory, signal }) {
      const load = { port: row.port, directory };
      await call({ ...load, seconds: WARM_UP_SECONDS }, signal);
      const used = watchUsage(row);
      const { requests, failed, perSecond } = await call({ ...load, seconds }, signal);
      const { cpuUs, userUs } = used();
      const counted = { http2Throughput: perSecond, http2Failed: failed };
      if (row.pids.length === 0) return counted;
      return { ...counted, cpuHttp2: cpuUs / requests, userHttp2: userUs / requests };
    },
  },
];
