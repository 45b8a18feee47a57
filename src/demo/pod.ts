import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { Failure } from "../output/index.js";
import { type Ending, SupervisedProcess } from "../process/index.js";
import { findInitBinary } from "../sidecar/index.js";

/** The group whose connections the rules leave alone. The user stays ours: another one might not be allowed to read the proxy. */
export const PROXY_GID = 2102;
/** Our own address on the bridge between the pods. */
export const BRIDGE_IP = "10.97.0.1";
const PREFIX_LENGTH = 24;
const BRIDGE = "mesh-demo";

/**
 * A network namespace with a hosts file of its own. It lives as long as its processes do, and all of them end with us; with
 * the namespace its links and its rules are gone.
 */
export interface Pod {
  pid: number;
  /** What a command begins with to run inside. */
  enter: readonly string[];
  stop(): Promise<Ending>;
}

/** Makes a pod that finds names in the file `hosts`. */
export async function startPod(hosts: string): Promise<Pod> {
  let onReady: () => void = () => undefined;
  const ready = new Promise<void>((resolve) => (onReady = resolve));
  const said: string[] = [];
  // It holds the namespaces open until its standard input ends, as it does when we are gone.
  const script = 'mount --bind "$0" /etc/hosts && echo ready && exec cat';
  const holder = new SupervisedProcess({
    command: "unshare",
    args: ["--net", "--mount", "--", "sh", "-c", script, hosts],
    env: process.env,
    onLine: (line) => {
      said.push(line);
      if (line === "ready") onReady();
    },
  });
  const endedEarly = holder.ended.then((): never => {
    throw new Failure(`cannot make a network namespace: ${said.join(" ")}`);
  });
  await Promise.race([ready, endedEarly]);
  const pid = holder.pid ?? 0;
  const enter = ["nsenter", "-t", String(pid), "-n", "-m"];
  return { pid, enter, stop: () => holder.stop() };
}

/** Makes the bridge, in our own network namespace. */
export async function makeBridge(): Promise<void> {
  await run("ip", "link", "set", "lo", "up");
  await run("ip", "link", "add", BRIDGE, "type", "bridge");
  await run("ip", "address", "add", `${BRIDGE_IP}/${PREFIX_LENGTH}`, "dev", BRIDGE);
  await run("ip", "link", "set", BRIDGE, "up");
}

/** Links a pod to the bridge, by a link that is called `link` at our end. */
export async function joinByBridge(pod: Pod, link: string, ip: string): Promise<void> {
  await run("ip", "link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", String(pod.pid));
  await run("ip", "link", "set", link, "master", BRIDGE);
  await run("ip", "link", "set", link, "up");
  const inside = (...command: string[]) => run(...pod.enter, "ip", ...command);
  await inside("link", "set", "lo", "up");
  await inside("address", "add", `${ip}/${PREFIX_LENGTH}`, "dev", "eth0");
  await inside("link", "set", "eth0", "up");
  await inside("route", "add", "default", "via", BRIDGE_IP);
}

/** Writes the rules that turn the connections of a pod over to its proxy. */
export async function redirectToProxy(pod: Pod): Promise<void> {
  await run(...pod.enter, findInitBinary(), "--proxy-gid", String(PROXY_GID));
}

/** @throws Failure with what the program said when it fails */
async function run(...words: readonly string[]): Promise<void> {
  const [program = "", ...args] = words;
  try {
    await promisify(execFile)(program, args);
  } catch (error) {
    const said = error instanceof Error && "stderr" in error ? String(error.stderr).trim() : "";
    throw new Failure(`${words.join(" ")} failed: ${said || String(error)}`);
  }
}
