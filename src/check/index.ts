// Whether the mesh works, or can be installed: checks in words for people, each with a hint.
import { apiAddress } from "../api-address/index.js";
import { Cluster, type ClusterSelection, namesCluster } from "../kubernetes/index.js";
import type { Printer } from "../output/index.js";
import { BEFORE_INSTALL, INSTALLED } from "./cluster/index.js";
import { ClusterContext } from "./cluster/context.js";
import { HOST } from "./host/index.js";
import { type CheckOptions, showChecks } from "./show.js";

/** What `mesh check` was asked. */
export interface CheckQuestion extends CheckOptions {
  readonly cluster: ClusterSelection;
  /** The address of a control plane's API: that is checked, and no cluster. */
  readonly api: string | undefined;
  /** Whether the mesh can be installed, instead of whether it works. */
  readonly beforeInstall: boolean;
  /** The version of this command. */
  readonly version: string;
}

/**
 * Checks the cluster that a kubeconfig names; where there is none, or an API's address was given, the control plane there.
 * @throws Failure when a check failed, or nothing could be checked
 */
export async function check(question: CheckQuestion, printer: Printer): Promise<void> {
  if (question.beforeInstall || (question.api === undefined && namesCluster(question.cluster))) {
    await checkCluster(question, printer);
  } else {
    await checkHost(question, printer);
  }
}

async function checkCluster(question: CheckQuestion, printer: Printer): Promise<void> {
  const opened = await Cluster.open(question.cluster);
  if (!opened.ok) throw opened.error;
  const context = new ClusterContext(opened.value, question.version);
  const checks = question.beforeInstall ? BEFORE_INSTALL : INSTALLED;
  try {
    await showChecks(checks, context, () => context.forget(), question, printer);
  } finally {
    opened.value.close();
  }
}

async function checkHost({ api, version, ...options }: CheckQuestion, printer: Printer): Promise<void> {
  // Only here, because loading gRPC takes as long as all the rest.
  const { ControlPlaneClient } = await import("../client/index.js");
  const address = apiAddress(api);
  if (api === undefined)
    printer.note(`no kubeconfig names a cluster: this is about the control plane at ${address}`);
  const client = new ControlPlaneClient(address);
  try {
    await showChecks(HOST, { client, api: address, version }, () => undefined, options, printer);
  } finally {
    client.close();
  }
}
