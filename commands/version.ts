import { Command, Flags } from "@oclif/core";
import { type ControlPlaneNaming, controlPlanePlace, isListening } from "../src/api-address/index.js";
import { CONTROL_PLANE_FLAGS, controlPlaneNaming } from "../src/cli/index.js";
import { Failure } from "../src/output/index.js";

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
    ...CONTROL_PLANE_FLAGS,
    client: Flags.boolean({ description: "Ask no control plane." }),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(Version);
    this.log(`mesh           ${this.config.version}`);
    if (!flags.client) this.log(`control plane  ${await this.#controlPlane(controlPlaneNaming(flags))}`);
  }

  async #controlPlane(naming: ControlPlaneNaming): Promise<string> {
    const place = controlPlanePlace(naming);
    if ("address" in place && !(await isListening(place.address, WITHIN_MS)))
      return `none at ${place.address}`;
    // Only here, because loading gRPC takes as long as all the rest.
    const { openControlPlane } = await import("../src/client/index.js");
    try {
      const client = await openControlPlane(naming);
      const { version } = await client.health(WITHIN_MS).finally(() => client.close());
      return `${version} ${client.place}`;
    } catch (error) {
      if (error instanceof Failure) return `none (${error.message})`;
      throw error;
    }
  }
}
