// A cluster in memory that `mesh check` is asked about.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { check, type CheckQuestion } from "../../src/check/index.js";
import { type ControlPlane, startControlPlane } from "../../src/control-plane/index.js";
import { Printer } from "../../src/output/index.js";
import { type ApiServer, startApiServer } from "./api-server.js";
import { ClusterState, type StoredObject } from "./cluster-state.js";
import { plainPod } from "./installed-mesh.js";

/** The version of the command and, where tests want nothing else, of the mesh. */
export const VERSION = "1.2.3";

/** What a check found. */
export interface Outcome {
  readonly text: string;
  /** By check. */
  readonly states: Readonly<Record<string, string>>;
  readonly details: Readonly<Record<string, string>>;
  readonly error: string | undefined;
}

/** An API server, and what it has in one test. */
export class CheckedCluster {
  state = new ClusterState();

  private constructor(readonly server: ApiServer) {}

  static async start(): Promise<CheckedCluster> {
    return new CheckedCluster(await startApiServer(() => undefined));
  }

  /** Takes everything out of it. */
  empty(): void {
    this.state = new ClusterState();
    this.server.answering = this.state.answer;
  }

  /** Starts a control plane to which port-forwards to a pod lead, with files in its directory. */
  async runControlPlane(files: Readonly<Record<string, string>> = {}): Promise<ControlPlane> {
    const directory = mkdtempSync(join(tmpdir(), "mesh-check-"));
    for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), text);
    const started = await startControlPlane({
      source: { directory },
      listen: "127.0.0.1:0",
      apiListen: "127.0.0.1:0",
      version: VERSION,
      logFormat: "text",
      writeLog: () => undefined,
    });
    if (!started.ok) throw started.error;
    onTestFinished(async () => {
      await started.value.stop();
      rmSync(directory, { recursive: true });
    });
    const name = "mesh-control-plane-1";
    this.state.listening.set(
      `/api/v1/namespaces/mesh-system/pods/${name}`,
      Number(started.value.apiAddress.split(":")[1]),
    );
    this.state.put(controlPlanePod(name));
    return started.value;
  }

  /** Checks as `mesh check` does. */
  async run(question: Partial<CheckQuestion> = {}): Promise<Outcome> {
    let text = "";
    const stream = { write: (chunk: string) => ((text += chunk), true), on: () => undefined };
    const error = await check(
      {
        cluster: { kubeconfig: this.server.kubeconfig },
        api: undefined,
        beforeInstall: false,
        version: VERSION,
        output: "json",
        waitSeconds: 0,
        ...question,
      },
      new Printer(stream, stream, {}),
    ).then(
      () => undefined,
      (reason: unknown) => (reason instanceof Error ? reason.message : String(reason)),
    );
    if (question.output === "table") return { text, states: {}, details: {}, error };
    const { checks } = JSON.parse(text) as { checks: { id: string; state: string; detail?: string }[] };
    return {
      text,
      states: Object.fromEntries(checks.map(({ id, state: is }) => [id, is])),
      details: Object.fromEntries(checks.map(({ id, detail = "" }) => [id, detail])),
      error,
    };
  }
}

/** A pod of the control plane that is ready. */
export function controlPlanePod(name: string, version = VERSION): StoredObject {
  const labels = {
    "app.kubernetes.io/name": "mesh-control-plane",
    "app.kubernetes.io/instance": "mesh",
    "app.kubernetes.io/version": version,
  };
  return {
    ...plainPod("mesh-system", name, labels),
    status: { phase: "Running", conditions: [{ type: "Ready", status: "True" }] },
  };
}
