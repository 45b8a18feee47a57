import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { Failure } from "../../src/output/index.js";

const MESH = fileURLToPath(new URL("../../../bin/mesh.js", import.meta.url));

/** The bar, for 2,000 pods. */
export const STAT_WITHIN_MS = 1_000;

const TIMES = 9;

/** How long `mesh stat deploy -A` takes, from the start of its process to its end, in milliseconds. */
export interface StatFigures {
  /** By the kubeconfig: through a port-forward. */
  readonly byKubeconfig: readonly number[];
  /** At the address of the control plane's API. */
  readonly byAddress: readonly number[];
  /** Of that, what starting Node.js and the command line takes: `mesh --version`. */
  readonly start: readonly number[];
}

/**
 * Runs the command as its user does, in turn with what it is compared with.
 * @param rows how many it must show
 */
export async function measureStat(kubeconfig: string, api: string, rows: number): Promise<StatFigures> {
  const command = ["stat", "deploy", "-A"];
  const ways = [
    { words: [...command, "--kubeconfig", kubeconfig], lines: rows + 1, milliseconds: [] as number[] },
    { words: [...command, "--api", api], lines: rows + 1, milliseconds: [] as number[] },
    { words: ["--version"], lines: 1, milliseconds: [] as number[] },
  ] as const;
  for (let time = 0; time < TIMES; time++) {
    for (const { words, lines, milliseconds } of ways) milliseconds.push(await timeOf(words, lines));
  }
  const [byKubeconfig, byAddress, start] = ways.map(({ milliseconds }) => milliseconds) as [
    number[],
    number[],
    number[],
  ];
  return { byKubeconfig, byAddress, start };
}

async function timeOf(words: readonly string[], lines: number): Promise<number> {
  const began = performance.now();
  const { stdout } = await promisify(execFile)(process.execPath, [MESH, ...words], {
    maxBuffer: 64 * 1024 * 1024,
  });
  const milliseconds = performance.now() - began;
  const shown = stdout.trimEnd().split("\n").length;
  if (shown === lines) return milliseconds;
  throw new Failure(`mesh ${words.join(" ")} printed ${shown} lines, not ${lines}:\n${stdout.slice(0, 500)}`);
}
