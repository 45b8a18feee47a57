// What the tests of this folder do with their cluster: as its administrator, with kubectl and mesh.
import { isIPv6 } from "node:net";
import { inject, onTestFinished } from "vitest";
import { type Ended, ended, runMesh, startMesh } from "../mesh-command.js";
import { Kubectl } from "./machine/kubectl.js";

const { kubeconfig, kubectl: command } = inject("cluster");
const environment = { KUBECONFIG: kubeconfig };

export const kubectl = new Kubectl(command, kubeconfig);

/** Runs `mesh` on the cluster. */
export const mesh = (...words: string[]): Promise<Ended> => runMesh(words, environment);

/** Runs `mesh` on the cluster, with more variables. */
export const meshWith = (variables: Readonly<Record<string, string>>, ...words: string[]): Promise<Ended> =>
  runMesh(words, { ...environment, ...variables });

/** Passes manifests through a command that edits them. */
export function edited(command: "inject" | "uninject", manifests: string): Promise<Ended> {
  const child = startMesh([command, "-"], environment);
  child.stdin.end(manifests);
  return ended(child);
}

/** Starts `mesh` on the cluster, and ends it with the test. */
export function startedMesh(...words: string[]): ReturnType<typeof startMesh> {
  const child = startMesh(words, environment);
  onTestFinished(() => void child.kill());
  return child;
}

/** An IP address as the host of a URL. */
export const inUrl = (ip: string): string => (isIPv6(ip) ? `[${ip}]` : ip);

/** Flags of an install whose images are all the project's own. */
export const WITHOUT_DASHBOARDS = ["--no-prometheus", "--no-grafana"];

/** Applies what a `mesh` command prints; throws when either fails. */
export async function applyPrinted(...words: string[]): Promise<void> {
  const { status, stdout, stderr } = await mesh(...words);
  if (status !== 0) throw new Error(`mesh ${words.join(" ")}: ${stderr}`);
  await kubectl.run(["apply", "--server-side", "-f", "-"], stdout);
}

/** An image with a Node.js at /node that a cluster has in which the mesh is installed: the control plane's. */
export function applicationImage(): Promise<string> {
  const image = "jsonpath={.spec.template.spec.containers[0].image}";
  return kubectl.run(["get", "-n", "mesh-system", "deployment/mesh-control-plane", "-o", image]);
}

/** Waits until the newest pods of a deployment are ready, and no others are left. */
export async function rolledOut(namespace: string, name: string): Promise<void> {
  await kubectl.run(["-n", namespace, "rollout", "status", `deployment/${name}`, "--timeout=120s"]);
}

/**
 * Takes an installation away, and waits until it is gone.
 * @param namespaces that go at the same time: no namespace is gone in less than five seconds, whatever is in it
 */
export async function uninstall(...namespaces: string[]): Promise<void> {
  const { stdout } = await mesh("uninstall");
  const removed = (words: readonly string[], input?: string) =>
    kubectl.run(["delete", "--ignore-not-found", ...words], input);
  await Promise.all([
    ...(stdout === "" ? [] : [removed(["-f", "-"], stdout)]),
    ...(namespaces.length === 0 ? [] : [removed(["namespace", ...namespaces])]),
  ]);
}
