import { Agent } from "node:http";
import type { AppProtocol } from "./app-process.js";
import type { Content } from "./content.js";
import { runExchange } from "./exchange.js";
import type { FaultLog } from "./fault.js";
import { runKeepAlive } from "./keep-alive.js";
import type { SoakedMesh } from "./mesh.js";
import { type Ended, type Outcome } from "./outcome.js";
import { runPipeline } from "./pipeline.js";
import { type Bounds, taskOf } from "./plan.js";
import type { Tally } from "./tally.js";
import { describe, type Exchange, isIdempotent, type Task, type Tunnel } from "./task.js";
import { runTunnel } from "./tunnel.js";
import { judge, type Subject } from "./verdict.js";
import { Watch } from "./watch.js";

/** Clients that work at the same time. */
const CLIENTS = 24;

/** Idle connections are closed by their client, before the proxy would. */
const IDLE_MS = 1_500;

const LOOK_MS = 1_000;

const STUCK: Outcome = { kind: "wrong", detail: "nothing moved any more" };

/** Those who send: each takes the next task of the plan when it has done one. */
export class Clients {
  readonly #agent = new Agent({ keepAlive: true, timeout: IDLE_MS });
  /**
   * For slow readers: when they are through with an answer that the proxy wrote long ago, it may have given the idle
   * connection up, and the next request would meet that.
   */
  readonly #closing = new Agent({ keepAlive: false });
  readonly #watches = new Set<Watch>();
  #nextTask = 0;

  constructor(
    private readonly mesh: SoakedMesh,
    private readonly bounds: Bounds,
    private readonly content: Content,
    private readonly faults: FaultLog,
    private readonly tally: Tally,
  ) {}

  /** Works until `over`; what was begun by then is finished, unless `interrupted`. */
  async run(over: AbortSignal, interrupted: AbortSignal): Promise<void> {
    const giveUp = () => this.#watches.forEach((watch) => watch.giveUp());
    interrupted.addEventListener("abort", giveUp);
    const timer = setInterval(() => this.#giveUpStuck(), LOOK_MS);
    const client = async () => {
      while (!over.aborted) await this.#runTask(taskOf(this.bounds, this.#nextTask++));
    };
    try {
      await Promise.all(Array.from({ length: CLIENTS }, client));
    } finally {
      clearInterval(timer);
      interrupted.removeEventListener("abort", giveUp);
      this.#agent.destroy();
    }
  }

  #giveUpStuck(): void {
    for (const watch of this.#watches) if (watch.isStuck) watch.giveUp();
  }

  async #runTask(task: Task): Promise<void> {
    const watch = new Watch();
    this.#watches.add(watch);
    try {
      await this.#follow(task, watch);
    } catch (error) {
      // Where there is no request yet that could have failed: the connection to the proxy.
      if (!watch.signal.aborted) this.tally.violation(`${task.kind}: ${String(error)}`);
    }
    this.#watches.delete(watch);
    this.tally.task(task.kind, watch.up, watch.down);
  }

  async #follow(task: Task, watch: Watch): Promise<void> {
    const { mesh, content } = this;
    const judgeExchange = (exchange: Exchange, ended: Ended) => {
      this.#judge(task, ofExchange(exchange), watch, ended);
      if (exchange.closesSilently) this.#closedSilently(ended);
    };
    switch (task.kind) {
      case "exchange": {
        const { exchange } = task;
        const agent = exchange.response.reader === null ? this.#agent : this.#closing;
        const ended = await runExchange(exchange, mesh.way("web"), agent, content, watch);
        judgeExchange(exchange, ended);
        return;
      }
      case "keep-alive":
        return runKeepAlive(task, mesh.way("web"), content, watch, judgeExchange);
      case "pipeline":
        return runPipeline(task, mesh.way("web"), content, watch, judgeExchange);
      case "upgrade":
      case "connect": {
        const service = task.kind === "upgrade" ? "web" : "stream";
        const ended = await runTunnel(task.tunnel, task.kind, mesh.way(service), content, watch);
        this.#judge(task, ofTunnel(task.tunnel, service), watch, ended);
        return;
      }
      case "opaque": {
        const endpoint = mesh.services.stream[task.endpoint];
        const way = { host: "127.0.0.1", port: endpoint?.port ?? 0, authority: "" };
        const ended = await runTunnel(task.tunnel, "opaque", way, content, watch);
        const known = { ...ended, endpoint: endpoint?.name };
        this.#judge(task, ofTunnel(task.tunnel, "stream"), watch, known);
        return;
      }
    }
  }

  #judge({ kind }: Task, subject: Subject, watch: Watch, ended: Ended): void {
    // An interruption is not for the proxies to answer for.
    if (watch.signal.aborted && !watch.isStuck) return;
    const outcome = watch.signal.aborted ? STUCK : ended.outcome;
    const judged = { ...ended, outcome };
    this.tally.ended(kind, subject, judged, judge(subject, judged, this.faults));
  }

  #closedSilently({ endpoint }: Ended): void {
    const fault = this.faults.begin("connection closed without a word", "web", endpoint ?? null);
    fault.brokenBy = fault.until = performance.now();
  }
}

function ofExchange(exchange: Exchange): Subject {
  const { id, request, abort } = exchange;
  return {
    ...{ id, abort, what: describe(exchange), service: "web", isTunnel: false },
    endsWithConnection: exchange.response.framing === "until-close",
    repeatable: isIdempotent(exchange) && request === null,
  };
}

function ofTunnel({ id, up, down, abort }: Tunnel, service: AppProtocol): Subject {
  const what = `tunnel with ${up.bytes} bytes up and ${down.bytes} down`;
  return { id, what, service, abort, repeatable: false, isTunnel: true, endsWithConnection: true };
}
