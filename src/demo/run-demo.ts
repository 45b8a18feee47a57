import { ControlPlaneClient, routeTo } from "../client/index.js";
import { Failure, type Printer, StatusLine } from "../output/index.js";
import { startDemoMesh } from "./demo-mesh.js";
import { Guide } from "./guide.js";
import { type Stage, takeTour } from "./tour.js";
import { Traffic } from "./traffic.js";

/** What a demo is asked for. */
export interface DemoOptions {
  version: string;
  /** Each service in a network namespace of its own, without knowledge of its sidecar. */
  transparent: boolean;
  /** Whether it stays, with a little traffic, until `signal` is aborted. */
  stays: boolean;
  printer: Printer;
  signal: AbortSignal;
}

const LIGHT_REQUESTS_PER_SECOND = 5;

/**
 * Starts a mesh on this machine, shows it at work, and ends all of it again.
 * @throws Failure when the traffic did not go through the sidecars, or the demo was interrupted before that was known
 */
export async function runDemo({ version, transparent, stays, printer, signal }: DemoOptions): Promise<void> {
  const status = new StatusLine();
  status.show("starting a control plane, two services and their sidecars …");
  const mesh = await startDemoMesh(version, transparent, signal);
  const end = new AbortController();
  const stage: Stage = {
    mesh,
    client: new ControlPlaneClient(routeTo(mesh.apiAddress)),
    traffic: new Traffic(mesh.hello.address),
    guide: new Guide(printer, mesh, transparent),
    printer,
    status,
    signal: AbortSignal.any([signal, end.signal]),
  };
  const shown = show(stage, version, stays);
  try {
    await Promise.race([shown, mesh.broken]);
  } catch (error) {
    throw signal.aborted ? new Failure("interrupted before the end") : error;
  } finally {
    end.abort();
    await shown.catch(() => undefined);
    status.clear();
    stage.traffic.stop();
    stage.client.close();
    await mesh.stop();
  }
}

async function show(stage: Stage, version: string, stays: boolean): Promise<void> {
  await takeTour(stage, version);
  stage.guide.tellNext(stays);
  if (!stays) return;
  stage.traffic.flow(LIGHT_REQUESTS_PER_SECOND);
  await aborted(stage.signal);
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
