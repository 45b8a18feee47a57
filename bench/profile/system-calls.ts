import { type Column, formatMarkdownTable } from "../../src/output/index.js";
import { type Load, type LoadedProxy, LOADS } from "./loaded-proxy.js";
import { lookingOn } from "./observer.js";

/** How often a process made a system call, and how often that failed. */
export interface SystemCall {
  readonly name: string;
  readonly calls: number;
  readonly errors: number;
}

/** Counts the system calls of a proxy under both loads, and gives a table of each. */
export async function systemCalls(proxy: LoadedProxy, seconds: number): Promise<string> {
  const tables = [];
  for (const load of ["saturate", "pace"] as const) tables.push(await tableOf(proxy, load, seconds));
  return tables.join("\n\n");
}

async function tableOf(proxy: LoadedProxy, load: Load, seconds: number): Promise<string> {
  const strace = ["strace", "-c", "-f", "-p", String(proxy.pid)] as const;
  const { result: requests, said } = await lookingOn(strace, () => proxy[load](seconds));
  return renderTable(`${requests} requests, ${LOADS[load]}`, requests, readStrace(said));
}

/** Reads the summary that strace prints; the most frequent call first. */
export function readStrace(summary: string): readonly SystemCall[] {
  const line = /^\s*[\d.]+\s+[\d.]+\s+\d+\s+(?<calls>\d+)\s+(?:(?<errors>\d+)\s+)?(?<name>[a-z]\w*)$/gm;
  return [...summary.matchAll(line)]
    .map(({ groups = {} }) => ({
      name: groups["name"] ?? "",
      calls: Number(groups["calls"]),
      errors: Number(groups["errors"] ?? 0),
    }))
    .filter(({ name }) => name !== "total")
    .sort((one, other) => other.calls - one.calls);
}

function renderTable(title: string, requests: number, calls: readonly SystemCall[]): string {
  const total = calls.reduce((sum, one) => sum + one.calls, 0);
  const columns: readonly Column<SystemCall>[] = [
    { heading: "SYSTEM CALL", value: ({ name }) => name },
    { heading: "CALLS", align: "right", value: (one) => String(one.calls) },
    { heading: "A REQUEST", align: "right", value: (one) => (one.calls / requests).toFixed(3) },
    { heading: "FAILED", align: "right", value: ({ errors }) => String(errors) },
  ];
  const all = { name: "all", calls: total, errors: calls.reduce((sum, one) => sum + one.errors, 0) };
  return `**${title}**\n\n${formatMarkdownTable(columns, [...calls, all])}`;
}
