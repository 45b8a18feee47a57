import { BODY_BYTES, BODY_PATH } from "./backend.js";
import { BODY_CONNECTIONS, pace, type Paced, saturate, SATURATING_CONNECTIONS } from "./load.js";
import type { MeasurementSettings } from "./measurement.js";
import type { RunningRow } from "./row.js";
import { watchMemory, watchUsage } from "./watched.js";

export const BYTES_PER_MB = 1e6;

/** Long enough to have a connection to most of ten thousand endpoints. */
const WARM_UP_SECONDS = 3;

/** What the proxies of a row took for each request, all together, in µs of CPU. */
interface PerRequest {
  readonly cpuUs: number;
  readonly userUs: number;
}

/** What wrk found of a row with `SATURATING_CONNECTIONS` that are always busy; without `proxies` for the direct call. */
export interface AtSaturation {
  readonly perSecond: number;
  /** With the memory of the largest of them at its highest, in bytes. */
  readonly proxies?: PerRequest & { readonly rssBytes: number };
}

/** Loads a row with as many requests as it takes. */
export async function measureSaturation(
  row: RunningRow,
  { seconds, signal }: MeasurementSettings,
): Promise<AtSaturation> {
  const load = { port: row.port, path: "/", connections: SATURATING_CONNECTIONS };
  await saturate({ ...load, seconds: WARM_UP_SECONDS }, signal);
  const [used, highest] = [watchUsage(row), watchMemory(row)];
  const { requests, perSecond } = await saturate({ ...load, seconds }, signal);
  const { cpuUs, userUs } = used();
  const rssBytes = highest();
  if (row.pids.length === 0) return { perSecond };
  return { perSecond, proxies: { cpuUs: cpuUs / requests, userUs: userUs / requests, rssBytes } };
}

/** Loads a row at the fixed rate. */
export async function measurePace(
  row: RunningRow,
  { seconds, directory, signal }: MeasurementSettings,
): Promise<Paced & { proxies?: Pick<PerRequest, "cpuUs"> }> {
  const used = watchUsage(row);
  const paced = await pace({ port: row.port, seconds, directory }, signal);
  return { ...paced, ...(row.pids.length > 0 && { proxies: { cpuUs: used().cpuUs / paced.requests } }) };
}

/** Megabytes a second of large responses, and what the proxies of a row took for each, all together, in µs of CPU. */
interface Bodies {
  readonly perSecond: number;
  readonly cpuUs?: number;
}

/** Loads a row with as many large responses as it takes. */
export async function measureBodies(
  row: RunningRow,
  { seconds, signal }: MeasurementSettings,
): Promise<Bodies> {
  const used = watchUsage(row);
  const load = { port: row.port, path: BODY_PATH, connections: BODY_CONNECTIONS, seconds };
  const { requests, perSecond: responses } = await saturate(load, signal);
  const { cpuUs } = used();
  const megabytes = (count: number) => (count * BODY_BYTES) / BYTES_PER_MB;
  const perSecond = megabytes(responses);
  return { perSecond, ...(row.pids.length > 0 && { cpuUs: cpuUs / megabytes(requests) }) };
}
