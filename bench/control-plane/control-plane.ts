import { fileURLToPath } from "node:url";
import { type Usage, usageOf } from "../../src/bench/index.js";
import { Failure } from "../../src/output/index.js";
import { SupervisedProcess } from "../../src/process/index.js";
import { freePort } from "../ports.js";

const MESH = fileURLToPath(new URL("../../../bin/mesh.js", import.meta.url));
const KEPT_LINES = 20;

/** A process of the control plane with some of its roles. */
export class ControlPlane {
  readonly #process: SupervisedProcess;
  readonly #log: string[] = [];

  private constructor(args: readonly string[], onLine: (line: string) => void) {
    this.#process = new SupervisedProcess({
      command: process.execPath,
      args: [MESH, "control-plane", "run", "--registry", "kubernetes", "--stop-with-stdin", ...args],
      env: process.env,
      onLine: (line) => {
        this.#log.push(line);
        if (this.#log.length > KEPT_LINES) this.#log.shift();
        onLine(line);
      },
    });
  }

  /**
   * Discovery and the trust root, as `mesh install` has them in one process; `address` is where proxies connect.
   * @param api where commands do
   */
  static async startDiscovery(
    kubeconfig: string,
    api: string,
  ): Promise<{ controlPlane: ControlPlane; address: string }> {
    const address = `127.0.0.1:${await freePort()}`;
    const args = [
      ...["--kubeconfig", kubeconfig, "--role", "discovery", "--role", "identity"],
      ...["--listen", address, "--api-listen", api, "--admin-listen", "127.0.0.1:0"],
    ];
    return { controlPlane: await ControlPlane.#start(args, "listening for proxies"), address };
  }

  /** The webhook, at an address. */
  static startWebhook(kubeconfig: string, address: string, values: string): Promise<ControlPlane> {
    const args = [
      ...["--kubeconfig", kubeconfig, "--role", "webhook", "--webhook-listen", address],
      ...["--values", values, "--admin-listen", "127.0.0.1:0"],
    ];
    return ControlPlane.#start(args, "listening for the API server");
  }

  static async #start(args: readonly string[], sign: string): Promise<ControlPlane> {
    let onReady: () => void = () => undefined;
    const ready = new Promise<void>((resolve) => (onReady = resolve));
    const controlPlane = new ControlPlane(args, (line) => {
      if (line.includes(sign)) onReady();
    });
    const ended = controlPlane.#process.ended.then((): never => {
      throw new Failure(`the control plane ended:\n${controlPlane.#log.join("\n")}`);
    });
    await Promise.race([ready, ended]);
    ended.catch(() => undefined);
    return controlPlane;
  }

  usage(): Usage {
    const usage = usageOf(this.#process.pid ?? 0);
    if (usage) return usage;
    throw new Failure(`the control plane is gone:\n${this.#log.join("\n")}`);
  }

  async stop(): Promise<void> {
    await this.#process.stop();
  }
}
