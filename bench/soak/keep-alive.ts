import { Agent } from "node:http";
import type { Socket } from "node:net";
import type { Content } from "./content.js";
import { runExchange, type Way } from "./exchange.js";
import type { Ended } from "./outcome.js";
import type { Exchange, Task } from "./task.js";
import type { Watch } from "./watch.js";

/** Runs requests over one connection that is idle in between, and sees that it is kept. */
export async function runKeepAlive(
  { exchanges, idleMs }: Extract<Task, { kind: "keep-alive" }>,
  way: Way,
  content: Content,
  watch: Watch,
  onEnded: (exchange: Exchange, ended: Ended) => void,
): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  let kept: Socket | undefined;
  try {
    for (const [index, exchange] of exchanges.entries()) {
      const ended = await runExchange(exchange, way, agent, content, watch);
      const isComplete = ended.outcome.kind === "complete";
      const isAnother = kept !== undefined && kept !== ended.connection;
      onEnded(exchange, isComplete && isAnother ? notKept(ended) : ended);
      kept = isComplete && mayBeKept(exchange) ? ended.connection : undefined;
      await watch.pause(idleMs[index] ?? 0);
    }
  } finally {
    agent.destroy();
  }
}

/**
 * Whether the connection is there for another request: not after a body that ended with it, not after one that the client
 * may have withheld, and not after an answer to HEAD in which Node's client misses a length.
 */
function mayBeKept({ method, response, duplex, expects }: Exchange): boolean {
  const mayBeWithheld = expects === "refusal" || (expects === "continue" && duplex);
  return (
    !mayBeWithheld && (response.framing === "length" || (response.framing === "chunked" && method !== "HEAD"))
  );
}

function notKept(ended: Ended): Ended {
  return { ...ended, outcome: { kind: "wrong", detail: "an idle connection was not kept" } };
}
