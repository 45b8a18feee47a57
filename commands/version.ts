import { Command, Flags } from "@oclif/core";
import { apiAddress, isListening } from "../src/api-address/index.js";

/** For how long a control plane may think about the question. */
const WITHIN_MS = 1_000;

/** `mesh version` */
export default class Version extends Command {
  static override summary = "Print the version of mesh, and of the control plane.";
  static override description = "Ends with 0 also when no control plane answers.";
  static override examples = [
    "<%= config.bin %> <%= command.id %>",
    "<%= config.bin %> <%= command.id %> --client",
  ];
  static override flags = {
    api: Flags.string({
      helpValue: "HOST:PORT",
      description: "The control plane's API (default: MESH_API, then 127.0.0.1:8085).",
    }),
    client: Flags.boolean({ description: "Ask no control plane." }),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(Version);
    this.log(`mesh           ${this.config.version}`);
    if (!flags.client) this.log(`control plane  ${await this.#controlPlane(flags.api)}`);
  }

  async #controlPlane(api: string | undefined): Promise<string> {
    const address = apiAddress(api);
    if (!(await isListening(address, WITHIN_MS))) return `none at ${address}`;
    // Only here, because loading gRPC takes as long as all the rest.
    const { ApiFailure, ControlPlaneClient } = await import("../src/client/index.js");
    const client = new ControlPlaneClient(address);
    try {
      const { version } = await client.health(WITHIN_MS);
      return `${version} at ${address}`;
    } catch (error) {
      if (error instanceof ApiFailure) return `none (${error.message})`;
      throw error;
    } finally {
      client.close();
    }
  }
}
