import type { ControlPlaneClient } from "../../client/index.js";

/** What these checks look at. */
export interface HostContext {
  readonly client: ControlPlaneClient;
  /** The API's address. */
  readonly api: string;
  /** The version of this command. */
  readonly version: string;
}
