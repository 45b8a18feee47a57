// The images' contents, run as a pod would run them: as their user, on a read-only file system, with nothing else in it.
import { type ChildProcess, type ChildProcessByStdio, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { afterAll, expect, test } from "vitest";
import type { ImageContents } from "../images/contents.js";
import { controlPlaneContents } from "../images/control-plane/image.js";
import { initContents } from "../images/init/image.js";
import { proxyContents } from "../images/proxy/image.js";
import { tarOf } from "../images/root-filesystem.js";
import { descendants } from "./processes.js";

const clone = fileURLToPath(new URL("..", import.meta.url));
const built = (name: string) => join(clone, "target", "release", name);

/** What a container runtime does, as a script: the root is $1, and what follows is run. Places to mount on are made before. */
const START = `
set -e
mount --bind "$1" "$1"
mount -o remount,bind,ro "$1"
mount -t proc proc "$1/proc"
mount -t tmpfs tmpfs "$1/dev/shm"
shift
exec "$@"
`;

const folder = mkdtempSync(join(tmpdir(), "mesh-images-"));
const running: ChildProcess[] = [];
afterAll(async () => {
  await Promise.all(
    running.map(async (child) => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      // unshare's --kill-child is forgotten when the program changes its user. With the first process of a PID namespace all others end.
      const [first] = descendants(child.pid ?? 0);
      if (first !== undefined) process.kill(first, "SIGKILL");
      child.kill("SIGKILL");
      await once(child, "exit");
    }),
  );
  rmSync(folder, { recursive: true });
});

test("a proxy finds its control plane and is ready, each in its own image as its own user", async () => {
  const controlPlane = await unpack("control-plane", controlPlaneContents(clone, process.execPath));
  const words = ["--directory", "/mesh/proto", "--listen", "127.0.0.1:0", "--api-listen", "127.0.0.1:0"];
  const serving = start(controlPlane, ["control-plane", "run", ...words]);
  const discovery = await logged(serving, /listening for proxies +address=(\S+)/);

  const proxy = await unpack("proxy", proxyContents(built("mesh-proxy")));
  const sidecar = start(proxy, [], {
    MESH_PROXY_CONTROL_PLANE: discovery,
    MESH_PROXY_OUTBOUND: "127.0.0.1:0",
    MESH_PROXY_ADMIN: "127.0.0.1:0",
    MESH_PROXY_TAP: "127.0.0.1:0",
  });
  const admin = await logged(sidecar, /admin=(\S+)/);
  await expect.poll(async () => (await fetch(`http://${admin}/ready`)).status, { timeout: 60_000 }).toBe(200);
  expect(usersOf(sidecar)).toEqual(["2102"]);
  expect(usersOf(serving)).toEqual(["2103"]);
});

test.each(["nft", "legacy"])(
  "mesh-init writes rules that redirect, and takes them away again (%s)",
  async (backEnd) => {
    const image = await unpack(`init-${backEnd}`, initContents(built("mesh-init")));
    const network = await ownNetwork();
    const preview = await output(start(image, ["--dry-run", "--backend", backEnd], {}, network));
    expect(preview).toContain("-A MESH_OUTBOUND");
    const said = await output(start(image, ["--backend", backEnd], {}, network));
    expect(said).toContain(`IPv4 redirected by iptables (${backEnd})`);
    const verified = await output(start(image, ["verify"], {}, network));
    expect(verified).toContain("with its original destination");
    expect(verified).toContain(`(${backEnd})`);
    await output(start(image, ["--undo"], {}, network));
    const save = { ...image, entrypoint: [`/usr/sbin/iptables-${backEnd}-save`] };
    expect(await output(start(save, ["-t", "nat"], {}, network))).not.toContain("MESH");
  },
);

interface Container {
  readonly root: string;
  readonly user: string;
  readonly entrypoint: readonly string[];
  readonly environment: readonly string[];
}

async function unpack(name: string, { layers, ...image }: ImageContents): Promise<Container> {
  const root = join(folder, name);
  for (const place of ["proc", "dev/shm"]) mkdirSync(join(root, place), { recursive: true });
  for (const layer of layers) execFileSync("tar", ["-xf", "-", "-C", root], { input: await tarOf(layer) });
  return { root, ...image };
}

/** Starts the container's program; `prefix` is a command that runs another. */
function start(
  { root, user, entrypoint, environment }: Container,
  words: readonly string[],
  environmentOfPod: Readonly<Record<string, string>> = {},
  prefix: readonly string[] = [],
): ChildProcessByStdio<null, Readable, Readable> {
  const variables = [
    ...environment,
    ...Object.entries(environmentOfPod).map(([name, value]) => `${name}=${value}`),
  ];
  const chroot = ["env", "-i", ...variables, "/usr/sbin/chroot", `--userspec=${user}`, root];
  const isolated = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", START, "sh", root];
  const [command = "", ...rest] = [...prefix, ...isolated, ...chroot, ...entrypoint, ...words];
  const child = spawn(command, rest, { stdio: ["ignore", "pipe", "pipe"] });
  running.push(child);
  return child;
}

const NETWORK = "ip link set lo up && ip address add 10.1.0.2/32 dev lo && echo up && exec sleep 60";

/** A network of its own, as a pod has: the command that runs another in it. */
async function ownNetwork(): Promise<string[]> {
  const holder = spawn("unshare", ["--net", "sh", "-c", NETWORK]);
  running.push(holder);
  await once(holder.stdout, "data");
  return ["nsenter", `--net=/proc/${holder.pid ?? ""}/ns/net`];
}

/** Waits for something in what a program logs. */
function logged(child: ChildProcessByStdio<null, Readable, Readable>, wanted: RegExp): Promise<string> {
  let log = "";
  return new Promise((resolve, reject) => {
    child.stderr.setEncoding("utf8").on("data", (chunk: string) => {
      log += chunk;
      const found = wanted.exec(log)?.[1];
      if (found !== undefined) resolve(found);
    });
    child.once("close", () => reject(new Error(`the program ended without it: ${log}`)));
  });
}

/** What a program prints until it ends, which it must do well. */
async function output(child: ChildProcessByStdio<null, Readable, Readable>): Promise<string> {
  const exit = once(child, "exit") as Promise<[number | null]>;
  const [stdout, stderr, [status]] = await Promise.all([text(child.stdout), text(child.stderr), exit]);
  expect(status, stderr).toBe(0);
  return stdout + stderr;
}

/** The users of the processes that run the image's program. */
function usersOf(child: ChildProcess): string[] {
  return descendants(child.pid ?? 0).flatMap(
    (pid) => /^Uid:\t(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? [],
  );
}
