// A new root for the mesh, step by step, so that nobody is cut off.
import { setTimeout as delay } from "node:timers/promises";
import { apiAddress, type ControlPlaneNaming, controlPlanePlace } from "../api-address/index.js";
import { nextRotationStage, type RotationStage, rotationStage } from "../identity/index.js";
import { Failure, type Printer, someOf, StatusLine } from "../output/index.js";
import { obstacles, staleFiles } from "./obstacles.js";
import { type AuthorityStore, clusterStore, directoryStore } from "./stores.js";

/** How often it is asked how far proxies are. */
const ASK_AGAIN_MS = 1_000;

/** Proxies whose file of roots has changed have told of it within this time. */
const READ_AGAIN_SECONDS = 10;

/** What `mesh ca rotate` was asked. */
export interface RotationQuestion extends ControlPlaneNaming {
  /** Of a control plane on plain hosts. */
  readonly directory: string | undefined;
  /** For how long each step may wait for what stands in its way. */
  readonly waitSeconds: number;
  /** Only tells where it stands. */
  readonly statusOnly: boolean;
  /** Goes one step on, whoever is cut off. */
  readonly force: boolean;
}

const STAGES: Readonly<Record<RotationStage, string>> = {
  trusting: "1/3 a new root is trusted beside the present one; it signs nothing yet",
  signing: "2/3 the new root signs; the former one is trusted still",
  settled: "3/3 one root is trusted, and signs",
};

/**
 * Goes from the present root to a new one, as far as nobody is cut off, and says what it waits for.
 * @throws Failure when it has not come to the end
 */
export async function rotate(question: RotationQuestion, printer: Printer): Promise<void> {
  const store = await openStore(question);
  try {
    if (question.statusOnly) await tell(store, printer);
    else if (question.force) await stepOn(store, printer);
    else await goOn(store, question.waitSeconds, printer);
  } finally {
    store.close();
  }
}

async function openStore({ directory, ...naming }: RotationQuestion): Promise<AuthorityStore> {
  if (directory !== undefined) return directoryStore(directory, apiAddress(naming.api));
  const place = controlPlanePlace(naming);
  if ("cluster" in place) return clusterStore(place.cluster);
  throw new Failure("whose root is to be changed was not said", {
    hint: "--directory DIR on the control plane's host, or --kubeconfig FILE for a cluster",
    exitStatus: 2,
  });
}

async function goOn(store: AuthorityStore, waitSeconds: number, printer: Printer): Promise<void> {
  let stage: RotationStage;
  do {
    await untilNobodyIsCutOff(store, waitSeconds);
    stage = await stepOn(store, printer);
  } while (stage !== "settled");
  await untilNobodyIsCutOff(store, waitSeconds);
  await tellStaleFiles(store, printer, Math.min(waitSeconds, READ_AGAIN_SECONDS));
}

async function untilNobodyIsCutOff(store: AuthorityStore, waitSeconds: number): Promise<void> {
  const until = performance.now() + waitSeconds * 1000;
  const status = new StatusLine();
  try {
    for (;;) {
      const { stage, waitingFor } = await look(store);
      if (waitingFor.length === 0) return;
      if (performance.now() > until) throw stillWaiting(store, stage, waitingFor);
      status.show(`waiting: ${waitingFor.join("; ")}`);
      await delay(ASK_AGAIN_MS);
    }
  } finally {
    status.clear();
  }
}

function stillWaiting({ delivery }: AuthorityStore, stage: RotationStage, waitingFor: string[]): Failure {
  const first = stage === "trusting" ? `${delivery}; then ` : "";
  return new Failure(`the next step would cut proxies off: ${waitingFor.join("; ")}`, {
    hint: `${first}the same command again (--wait 10m waits longer), or --force, which cuts these off`,
  });
}

async function look(store: AuthorityStore) {
  const { files } = await store.read();
  const stage = stageOf(rotationStage(files));
  return { stage, waitingFor: obstacles(stage, files, await store.ask()) };
}

/** Goes to the next stage, and tells which that is. */
async function stepOn(store: AuthorityStore, printer: Printer): Promise<RotationStage> {
  const { files, trustDomain } = await store.read();
  const next = await nextRotationStage(files, trustDomain);
  if (!next.ok) throw next.error;
  await store.write(next.value);
  const stage = stageOf(rotationStage(next.value));
  printer.print(STAGES[stage]);
  if (stage === "trusting") printer.note(store.delivery);
  return stage;
}

async function tell(store: AuthorityStore, printer: Printer): Promise<void> {
  const { stage, waitingFor } = await look(store);
  printer.print(stage === "settled" ? "no change of the root is under way" : STAGES[stage]);
  for (const one of waitingFor) printer.print(`waits: ${one}`);
  if (stage === "settled") await tellStaleFiles(store, printer);
}

async function tellStaleFiles(store: AuthorityStore, printer: Printer, waitSeconds = 0): Promise<void> {
  const until = performance.now() + waitSeconds * 1000;
  const look = async () => staleFiles((await store.read()).files, await store.ask());
  let stale = await look();
  while (stale.length > 0 && performance.now() < until) {
    await delay(ASK_AGAIN_MS);
    stale = await look();
  }
  if (stale.length === 0) return;
  printer.note(
    `${someOf(stale)} still trust a former root, which is in the file that they were given: ${store.delivery}`,
  );
}

function stageOf(read: ReturnType<typeof rotationStage>): RotationStage {
  if (!read.ok) throw new Failure(read.error, { hint: "the files as they were" });
  return read.value;
}
