import { setTimeout as sleep } from "node:timers/promises";
import { spreadOf } from "../../src/bench/index.js";
import { Failure } from "../../src/output/index.js";
import { AnswerUnderWay } from "./answer-under-way.js";
import type { Denial } from "./denial.js";
import { KeptConnection } from "./kept-connection.js";
import type { Measurement } from "./measurement.js";

/** How often a round writes the permission, and removes it. */
export const CHANGES = 10;

/** The control plane looks at its directory every two seconds, told or not: changes are to come at any time between. */
const LONGEST_PAUSE_MS = 1000;
const CUT_LIMIT_MS = 30_000;
const US_PER_MS = 1000;

/** How soon a permission is in force, on connections that are open and on what is under way there. */
export const PERMISSION_MEASUREMENTS: readonly Measurement[] = [
  {
    step: "permissions",
    arrangement: "permissions",
    name: "permissions",
    async measure({ port, denial }, { signal }) {
      if (denial === undefined) throw new Failure("nobody can be shut out here");
      const connection = new KeptConnection(port);
      const changes: Change[] = [];
      try {
        await connection.until(200, signal);
        for (let change = 0; change < CHANGES; change += 1) {
          await sleep(Math.random() * LONGEST_PAUSE_MS, undefined, { signal });
          changes.push(await measureChange({ port, denial, connection, signal }));
        }
      } finally {
        connection.close();
        await denial.remove();
      }
      const [refused, cut, allowed] = [
        summaryOf(changes.map((change) => change.refusedMs)),
        summaryOf(changes.map((change) => change.cutMs)),
        summaryOf(changes.map((change) => change.allowedMs)),
      ];
      return {
        ...{ refusedP50: refused.p50, refusedLargest: refused.largest },
        ...{ cutP50: cut.p50, cutLargest: cut.largest },
        ...{ allowedP50: allowed.p50, allowedLargest: allowed.largest },
      };
    },
  },
];

/** How long it took after one permission was written, and after it was removed. */
interface Change {
  readonly refusedMs: number;
  readonly cutMs: number;
  readonly allowedMs: number;
}

/** Where a change is made, and where it is seen. */
interface Place {
  readonly port: number;
  readonly denial: Denial;
  readonly connection: KeptConnection;
  readonly signal: AbortSignal;
}

async function measureChange({ port, denial, connection, signal }: Place): Promise<Change> {
  const answer = await AnswerUnderWay.begin(port);
  try {
    await denial.write();
    const written = performance.now();
    const [refused, cut] = await Promise.all([connection.until(403, signal), inTime(answer.cut, signal)]);
    await sleep(Math.random() * LONGEST_PAUSE_MS, undefined, { signal });
    await denial.remove();
    const removed = performance.now();
    const allowed = await connection.until(200, signal);
    return { refusedMs: refused - written, cutMs: cut - written, allowedMs: allowed - removed };
  } finally {
    answer.close();
  }
}

/** The time at which an answer was cut; a Failure when it goes on and on. */
async function inTime(cut: Promise<number>, signal: AbortSignal): Promise<number> {
  const end = new AbortController();
  const late = sleep(CUT_LIMIT_MS, undefined, { signal: AbortSignal.any([signal, end.signal]) }).then(() => {
    throw new Failure(`an answer under way was not cut within ${CUT_LIMIT_MS / 1000} s`);
  });
  try {
    return await Promise.race([cut, late]);
  } finally {
    end.abort();
    late.catch(() => undefined);
  }
}

/** In µs. */
function summaryOf(times: readonly number[]): { p50: number; largest: number } {
  const spread = spreadOf(times);
  return { p50: (spread?.median ?? 0) * US_PER_MS, largest: (spread?.max ?? 0) * US_PER_MS };
}
