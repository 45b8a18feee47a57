// Whether the mesh works, or can be installed: checks in words for people, each with a hint.
import { type ControlPlaneNaming, controlPlanePlace } from "../api-address/index.js";
import { Cluster, type ClusterSelection } from "../kubernetes/index.js";
import type { Printer } from "../output/index.js";
import { BEFORE_INSTALL, INSTALLED } from "./cluster/index.js";
import { ClusterContext } from "./cluster/context.js";
import { HOST } from "./host/index.js";
import { type CheckOptions, showChecks } from "./show.js";

/** What `mesh check` was asked. */
export interface CheckQuestion extends CheckOptions, ControlPlaneNaming {
  /** Whether the mesh can be installed, instead of whether it works. */
  readonly beforeInstall: boolean;
  /** The version of this command. */
  readonly version: string;
}

/**
 * Checks the cluster that is named; where none is, or an API's address was given, the control plane there.
 * @throws Failure when a check failed, or nothing could be checked
 */
export async function check(question: CheckQuestion, printer: Printer): Promise<void> {
  const place = question.beforeInstall ? question : controlPlanePlace(question);
  if ("cluster" in place) await checkCluster(place.cluster, question, printer);
  else await checkHost(place.address, question, printer);
}

async function checkCluster(
  selection: ClusterSelection,
  question: CheckQuestion,
  printer: Printer,
): Promise<void> {
  const opened = await Cluster.open(selection);
  if (!opened.ok) throw opened.error;
  const context = new ClusterContext(opened.value, question.version, async () => {
    // Only here, because loading gRPC takes as long as all the rest.
    const { openControlPlaneIn } = await import("../client/index.js");
    return openControlPlaneIn(selection);
  });
  const checks = question.beforeInstall ? BEFORE_INSTALL : INSTALLED;
  try {
    await showChecks(checks, context, () => context.forget(), question, printer);
  } finally {
    context.forget();
    opened.value.close();
  }
}

async function checkHost(address: string, question: CheckQuestion, printer: Printer): Promise<void> {
  const { ControlPlaneClient, routeTo } = await import("../client/index.js");
  if (question.api === undefined)
    printer.note(`this is about the control plane at ${address}, not about a cluster`);
  const client = new ControlPlaneClient(routeTo(address));
  const context = { client, api: address, version: question.version };
  try {
    await showChecks(HOST, context, () => undefined, question, printer);
  } finally {
    client.close();
  }
}
