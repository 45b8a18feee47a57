// The installation's Prometheus, as docs/install.md says that one reaches it: through a forwarded port.
import { forwardPort, type PortForward } from "./port-forward.js";

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
  readonly #forward: PortForward;

  private constructor(forward: PortForward) {
    this.#forward = forward;
  }

  static async open(): Promise<PrometheusAccess> {
    return new PrometheusAccess(await forwardPort("mesh-system", "deployment/mesh-prometheus", 9090));
  }

  close(): void {
    this.#forward.close();
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
    const response = await fetch(`http://${this.#forward.address}/api/v1/${path}`);
    const { data, error } = (await response.json()) as { data?: T; error?: string };
    if (data === undefined) throw new Error(`${path}: ${error ?? response.status}`);
    return data;
  }
}
