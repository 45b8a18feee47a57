import type { Bar, Notation } from "./bars.js";
import { MESH } from "./mesh.js";
import { REFERENCE } from "./peers.js";
import { type FigureName } from "./figures.js";
import { differenceOfFigure, ratioOfFigure, spreadOfFigure } from "./report.js";

const TIMES: Notation = { digits: (value) => value.toFixed(2), unit: ` × ${REFERENCE}` };
const MEGABYTES: Notation = { digits: (bytes) => (bytes / 1e6).toFixed(1), unit: " MB" };
const PER_SECOND: Notation = { digits: (value) => value.toFixed(1), unit: " a second" };
const MILLIS: Notation = { digits: (us) => (us / 1000).toFixed(0), unit: " ms" };
const MICROS: Notation = { digits: (us) => String(Math.round(us)), unit: " µs" };

/** What our own proxy is held to among those of others. */
export const PEER_BARS: readonly Bar[] = [
  {
    bar: "CPU a request at saturation",
    limit: { most: 1 },
    notation: TIMES,
    measure: (report) => ratioOfFigure(report, MESH, "cpuSaturated"),
  },
  {
    bar: "CPU a request at the fixed rate",
    limit: { most: 1 },
    notation: TIMES,
    measure: (report) => ratioOfFigure(report, MESH, "cpuPaced"),
  },
  {
    bar: "wake-ups when idle",
    limit: { most: 5 },
    notation: PER_SECOND,
    measure: (report) => spreadOfFigure(report, MESH, "wakeUps"),
  },
  {
    bar: "RSS idle",
    limit: { most: 6e6 },
    notation: MEGABYTES,
    measure: (report) => spreadOfFigure(report, MESH, "rssIdle"),
  },
  {
    bar: "RSS at saturation",
    limit: { most: 8e6 },
    notation: MEGABYTES,
    measure: (report) => spreadOfFigure(report, MESH, "rssLoaded"),
  },
  {
    bar: "RSS with 1,000 idle connections",
    limit: { most: 10e6 },
    notation: MEGABYTES,
    measure: (report) => spreadOfFigure(report, MESH, "rssHeld"),
  },
  {
    bar: "RSS kept when they are gone",
    limit: { most: 2e6 },
    notation: MEGABYTES,
    measure: (report) => spreadOfFigure(report, MESH, "rssKept"),
  },
  {
    bar: `p99 at the fixed rate, less ${REFERENCE}'s`,
    limit: { most: 0 },
    notation: MICROS,
    measure: (report) => differenceOfFigure(report, MESH, "p99"),
  },
  {
    bar: "CPU a MB in responses of 1 MB",
    limit: { most: 1 },
    notation: TIMES,
    measure: (report) => ratioOfFigure(report, MESH, "bodyCpu"),
  },
  {
    bar: "MB a second in responses of 1 MB",
    limit: { least: 1 },
    notation: TIMES,
    measure: (report) => ratioOfFigure(report, MESH, "bodyThroughput"),
  },
  {
    bar: "CPU a MB of opaque TCP",
    limit: { most: 1 },
    notation: TIMES,
    measure: (report) => ratioOfFigure(report, MESH, "opaqueCpu"),
  },
  {
    bar: "MB a second of opaque TCP",
    limit: { least: 1 },
    notation: TIMES,
    measure: (report) => ratioOfFigure(report, MESH, "opaqueThroughput"),
  },
  {
    bar: "mTLS, two proxies: CPU a request at saturation",
    limit: { most: 0.9 },
    notation: TIMES,
    measure: (report) => ratioOfFigure(report, MESH, "cpuSecured"),
  },
  {
    bar: "mTLS, two proxies: RSS of each at saturation",
    limit: { most: 10e6 },
    notation: MEGABYTES,
    measure: (report) => spreadOfFigure(report, MESH, "rssSecured"),
  },
  {
    bar: `mTLS, two proxies: p50 at the fixed rate, less ${REFERENCE}'s`,
    limit: { most: 0 },
    notation: MICROS,
    measure: (report) => differenceOfFigure(report, MESH, "securedP50"),
  },
  {
    bar: "mTLS, two proxies: p99 added at the fixed rate",
    limit: { most: 1000 },
    notation: MICROS,
    measure: (report) => spreadOfFigure(report, MESH, "securedAddedP99"),
  },
  {
    bar: "mTLS: RSS with 1,000 idle connections",
    limit: { most: 30e6 },
    notation: MEGABYTES,
    measure: (report) => spreadOfFigure(report, MESH, "rssSecuredHeld"),
  },
  {
    bar: "HTTP/2: CPU a request",
    limit: { most: 1 },
    notation: TIMES,
    measure: (report) => ratioOfFigure(report, MESH, "cpuHttp2"),
  },
  {
    bar: "HTTP/2: requests that failed",
    limit: { most: 0 },
    notation: { digits: String, unit: "" },
    measure: (report) => spreadOfFigure(report, MESH, "http2Failed"),
  },
  permissionBar("a DENY refuses on open connections", "refusedLargest"),
  permissionBar("a DENY cuts what is under way", "cutLargest"),
  permissionBar("without it requests are answered", "allowedLargest"),
];

/** However busy the machine was: the longest of all rounds decides. */
function permissionBar(what: string, figure: FigureName): Bar {
  return {
    bar: `permissions: ${what}, longest`,
    limit: { most: 1_000_000 },
    notation: MILLIS,
    by: "largest",
    measure: (report) => spreadOfFigure(report, MESH, figure),
  };
}
