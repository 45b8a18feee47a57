import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { SERVER } from "./credentials.js";
import { CLIENT } from "./secure-mesh.js";

const PERMISSION = `apiVersion: mesh.dev/v1alpha1
kind: TrafficPermission
metadata: { name: shut-out }
spec:
  targetRefs: [{ group: mesh.dev, kind: Workload, name: ${SERVER} }]
  from: [{ workloads: [{ kind: Workload, name: ${CLIENT} }] }]
  action: DENY
`;

/** A permission in the control plane's directory that shuts out the one sidecar's workload from the other's. */
export class Denial {
  readonly #file: string;

  constructor(home: string) {
    this.#file = join(home, "shut-out.yaml");
  }

  /** Resolves at the end of the writing. */
  async write(): Promise<void> {
    await writeFile(this.#file, PERMISSION);
  }

  /** Resolves when there is none, be it that there was none. */
  async remove(): Promise<void> {
    await rm(this.#file, { force: true });
  }
}
