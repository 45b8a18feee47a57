// The cluster that the tests of this folder use: the one of KUBECONFIG, or one that is started for them and forgotten afterwards.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { TestProject } from "vitest/node";
import { KubernetesControlPlane } from "./machine/control-plane.js";

declare module "vitest" {
  interface ProvidedContext {
    /** The path of an administrator's kubeconfig. */
    kubeconfig: string;
    /** The command that is kubectl. */
    kubectl: string[];
  }
}

const KUBE = fileURLToPath(new URL("../../.cache/cluster/kube", import.meta.url));

/** Gives the tests a cluster. What it returns takes the cluster away again. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const given = process.env["KUBECONFIG"];
  if (given !== undefined && given !== "") {
    project.provide("kubeconfig", given);
    project.provide("kubectl", ["kubectl"]);
    return () => Promise.resolve();
  }
  const folder = mkdtempSync(join(tmpdir(), "mesh-cluster-"));
  const cluster = await KubernetesControlPlane.start(KUBE, folder);
  project.provide("kubeconfig", cluster.kubeconfig);
  project.provide("kubectl", [KUBE, "kubectl"]);
  return async () => {
    await cluster.stop();
    rmSync(folder, { recursive: true });
  };
}
