import { performance } from "node:perf_hooks";
import { Connection, failureOf, type Outcome } from "./connection.js";
import { addressOf, requestTo, type Target } from "./target.js";

/** Sends a target one request. Undefined when it answered with 2xx; otherwise what it did instead. */
export async function probe(target: Target, timeoutMs: number): Promise<string | undefined> {
  const outcome = await new Promise<Outcome>((resolve) => {
    const connection = new Connection(addressOf(target), requestTo(target), {
      finished: (_connection, _released, ended) => {
        clearTimeout(timer);
        connection.close();
        resolve(ended);
      },
    });
    const timer = setTimeout(() => connection.abandon("timeout"), timeoutMs);
    connection.send(performance.now());
  });
  return failureOf(outcome);
}
