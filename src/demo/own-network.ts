import { existsSync } from "node:fs";
import { constants } from "node:os";
import { join } from "node:path";
import { Failure } from "../output/index.js";
import { SupervisedProcess, takeSignals } from "../process/index.js";
import { invocation } from "./invocation.js";

/** Set for a process that was started in a network namespace of its own. */
const MARK = "MESH_DEMO_IN_OWN_NETWORK";
/** Where a PATH without them would miss the programs of administrators. */
const ADMINISTRATORS_PATH = "/usr/sbin:/sbin";
/** What the demo needs, and the package of Debian that has it. */
const PROGRAMS = {
  ip: "iproute2",
  iptables: "iptables",
  mount: "mount",
  nsenter: "util-linux",
  setpriv: "util-linux",
  unshare: "util-linux",
} as const;

/** Whether this process is in a network namespace that `runInOwnNetwork` made. */
export const isInOwnNetwork = (): boolean => process.env[MARK] === "true";

/**
 * Runs this very command again in a new network namespace, so that nothing of what it makes there is left when it has ended,
 * however it ends. Resolves with its exit status.
 * @throws Failure when this user or this machine cannot do that
 */
export async function runInOwnNetwork(): Promise<number> {
  const path = `${process.env["PATH"] ?? ""}:${ADMINISTRATORS_PATH}`;
  checkThatItIsPossible(path);
  const release = takeSignals((signal) => {
    again.signal(signal);
  });
  const again = new SupervisedProcess({
    command: "unshare",
    args: ["--net", "--", process.execPath, ...process.argv.slice(1)],
    env: { ...process.env, PATH: path, [MARK]: "true" },
  });
  const { status, signal } = await again.ended;
  release();
  return status ?? 128 + (signal ? constants.signals[signal] : 0);
}

/** Calls `end` when the process that ran us here has ended. */
export function followStarter(end: () => void): void {
  process.stdin.on("end", end).on("error", end).resume();
  // It shall not keep us alive.
  if ("unref" in process.stdin) process.stdin.unref();
}

function checkThatItIsPossible(path: string): void {
  if (process.platform !== "linux" || process.getuid?.() !== 0) {
    throw new Failure(
      "--transparent makes network namespaces and writes iptables rules there, as root on Linux",
      {
        hint: `sudo ${invocation()} demo --transparent, or ${invocation()} demo, which needs neither`,
      },
    );
  }
  const folders = path.split(":");
  for (const [program, debianPackage] of Object.entries(PROGRAMS)) {
    if (folders.some((folder) => existsSync(join(folder, program)))) continue;
    throw new Failure(`--transparent needs the program ${program}, which is not there`, {
      hint: `apt-get install ${debianPackage}`,
    });
  }
}
