import { fileURLToPath } from "node:url";
import { Failure } from "../../src/output/index.js";
import { SupervisedProcess } from "../../src/process/index.js";
import { freePort } from "../ports.js";
import type { Logs } from "./logs.js";

const MESH = fileURLToPath(new URL("../../../bin/mesh.js", import.meta.url));

/** The control plane, a process of its own that comes back at the same addresses. */
export class ControlPlane {
  readonly discoveryAddress: string;
  readonly #apiAddress: string;
  #process: SupervisedProcess | undefined;

  static async start(directory: string, logs: Logs): Promise<ControlPlane> {
    const controlPlane = new ControlPlane(directory, logs, await freePort(), await freePort());
    await controlPlane.restart();
    return controlPlane;
  }

  private constructor(
    private readonly directory: string,
    private readonly logs: Logs,
    discoveryPort: number,
    apiPort: number,
  ) {
    this.discoveryAddress = `127.0.0.1:${discoveryPort}`;
    this.#apiAddress = `127.0.0.1:${apiPort}`;
  }

  /** Resolves when it listens. */
  async restart(): Promise<void> {
    let onListening: () => void = () => undefined;
    const listening = new Promise<void>((resolve) => (onListening = resolve));
    const child = new SupervisedProcess({
      command: process.execPath,
      args: [
        ...[MESH, "control-plane", "run", "--directory", this.directory, "--log-format", "json"],
        ...["--listen", this.discoveryAddress, "--api-listen", this.#apiAddress, "--stop-with-stdin"],
      ],
      env: process.env,
      onLine: (line) => {
        this.logs.read("control-plane", line);
        if (line.includes(this.discoveryAddress)) onListening();
      },
    });
    this.#process = child;
    const ended = child.ended.then((): never => {
      throw new Failure("the control plane ended");
    });
    await Promise.race([listening, ended]);
  }

  /** kill -9. */
  async kill(): Promise<void> {
    this.#process?.signal("SIGKILL");
    await this.#process?.ended;
  }

  async stop(): Promise<void> {
    await this.#process?.stop();
  }
}
