// The installation's Prometheus, as docs/install.md says that one reaches it: through a forwarded port.
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { kubectl } from "./administrator.js";

/** What Prometheus scrapes. */
export interface Target {
  readonly scrapeUrl: string;
  readonly health: string;
  readonly lastError: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** A rule that Prometheus evaluates. */
export interface Rule {
  readonly name: string;
  readonly health: string;
  readonly lastError?: string;
}

/** A way to the installation's Prometheus, open until it is closed. */
export class PrometheusAccess {
  readonly #address: string;
  readonly close: () => void;

  private constructor(address: string, close: () => void) {
    this.#address = address;
    this.close = close;
  }

  static async open(): Promise<PrometheusAccess> {
    const [program = "", ...words] = kubectl.words([
      "port-forward",
      "-n",
      "mesh-system",
      "svc/mesh-prometheus",
      ":9090",
    ]);
    const forward = spawn(program, words, { stdio: ["ignore", "pipe", "inherit"] });
    const address = await new Promise<string>((resolve, reject) => {
      forward.on("error", reject);
      forward.on("exit", () => reject(new Error("kubectl port-forward ended")));
      createInterface({ input: forward.stdout }).on("line", (line) => {
        const [, found] = /^Forwarding from (127\.0\.0\.1:\d+)/.exec(line) ?? [];
        if (found !== undefined) resolve(found);
      });
    });
    return new PrometheusAccess(address, () => void forward.kill());
  }

  async targets(): Promise<readonly Target[]> {
    const { activeTargets } = await this.#get<{ activeTargets: Target[] }>("targets?state=active");
    return activeTargets;
  }

  async rules(): Promise<readonly Rule[]> {
    const { groups } = await this.#get<{ groups: { rules: Rule[] }[] }>("rules");
    return groups.flatMap(({ rules }) => rules);
  }

  /** How many series answer a question in PromQL now. */
  async countOf(expression: string): Promise<number> {
    const { result } = await this.#get<{ result: unknown[] }>(
      `query?query=${encodeURIComponent(expression)}`,
    );
    return result.length;
  }

  async #get<T>(path: string): Promise<T> {
    const response = await fetch(`http://${this.#address}/api/v1/${path}`);
    const { data, error } = (await response.json()) as { data?: T; error?: string };
    if (data === undefined) throw new Error(`${path}: ${error ?? response.status}`);
    return data;
  }
}
