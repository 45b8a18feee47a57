import { withinFigures } from "./figures.js";
import type { Measurement } from "./measurement.js";
import { measureBodies, measurePace, measureSaturation } from "./under-load.js";

/** Two proxies with mTLS between them; CPU is that of both. */
export const SECURE_MEASUREMENTS: readonly Measurement[] = [
  {
    step: "secure",
    arrangement: "secure",
    name: "mTLS at saturation",
    async measure(row, settings) {
      const { perSecond: securedThroughput, proxies } = await measureSaturation(row, settings);
      if (proxies === undefined) return { securedThroughput };
      const { cpuUs: cpuSecured, userUs: userSecured, rssBytes: rssSecured } = proxies;
      return { securedThroughput, cpuSecured, userSecured, rssSecured };
    },
  },
  {
    step: "secure",
    arrangement: "secure",
    name: "mTLS at the fixed rate",
    async measure(row, settings) {
      const { p50: securedP50, p99: securedP99, within, proxies } = await measurePace(row, settings);
      return {
        securedP50,
        securedP99,
        ...withinFigures(within),
        ...(proxies && { cpuSecuredPaced: proxies.cpuUs }),
      };
    },
  },
  {
    step: "secure",
    arrangement: "secure",
    name: "mTLS and 1 MB responses",
    async measure(row, settings) {
      const { perSecond: securedBodyThroughput, cpuUs } = await measureBodies(row, settings);
      return { securedBodyThroughput, ...(cpuUs !== undefined && { securedBodyCpu: cpuUs }) };
    },
  },
];
