import { describeMachine, type Machine } from "../../src/bench/index.js";
import { type Column, formatBytes, formatDuration, formatMarkdownTable } from "../../src/output/index.js";
import { byName } from "./life.js";
import { KEPT_LIMIT, LOAD_LIMIT, type Memory, RISE_LIMIT } from "./memory.js";
import type { ProcessorTime, SoakResult } from "./soak.js";
import type { KindTally } from "./tally.js";

/** How a soak was started, and where. */
export interface Circumstances {
  readonly command: string;
  readonly machine: Machine;
}

/** A soak's findings as Markdown, without a heading of its own. */
export function renderReport({ command, machine }: Circumstances, result: SoakResult): string {
  const { tally, faults, warnings } = result;
  const seconds = result.trafficMs / 1_000;
  const moved = tally.sum("up") + tally.sum("down");
  return [
    `\`${command}\` on ${describeMachine(machine)}, Node.js ${machine.node}`,
    `${formatDuration(seconds)} of traffic: ${tally.sum("begun")} requests and tunnels, ${formatBytes(moved)} of bodies, ` +
      `every byte compared; ${formatBytes(moved / seconds)} a second. **${verdict(result)}**`,
    ...(tally.violations.length === 0 ? [] : [tally.violations.map((what) => `- ${what}`).join("\n")]),
    "**Traffic**",
    formatMarkdownTable(
      KIND_COLUMNS,
      [...tally.kinds].map(([kind, counts]) => ({ kind, ...counts })),
    ),
    "**Connections that a client or a server was to break, by plan**",
    countTable("WHO AND WHEN", tally.aborts),
    "**Faults**",
    countTable("FAULT", faults),
    "**Failures that are explained, by what and as the client saw them**",
    countTable("BY: SEEN AS", tally.excused),
    "**Warnings in logs that were expected**",
    countTable("WARNING", warnings),
    `**Memory of the proxies that were there at the end** (a rise of at most ${formatBytes(RISE_LIMIT)} over the second half; ` +
      `at most ${formatBytes(KEPT_LIMIT)} more at the end than at the start)`,
    formatMarkdownTable(MEMORY_COLUMNS, result.proxies),
    `**Memory of the load and the applications** (at most ${formatBytes(LOAD_LIMIT)} each)`,
    formatMarkdownTable(MOST_COLUMNS, mostByName(result.others)),
    "**Descriptors and connections of the proxies at rest**",
    formatMarkdownTable(REST_COLUMNS, restRows(result)),
    "**Processor time**",
    formatMarkdownTable(CPU_COLUMNS, result.cpu),
  ].join("\n\n");
}

function verdict({ tally: { violationCount } }: SoakResult): string {
  return violationCount === 0 ? "Nothing was wrong." : `${violationCount} things were wrong:`;
}

const right = "right" as const;
const MB = (bytes: number) => (bytes / 1e6).toFixed(1);

type KindRow = KindTally & { readonly kind: string };
const KIND_COLUMNS: readonly Column<KindRow>[] = [
  { heading: "KIND", value: ({ kind }) => kind },
  { heading: "TASKS", value: ({ tasks }) => String(tasks), align: right },
  { heading: "REQUESTS", value: ({ begun }) => String(begun), align: right },
  { heading: "COMPLETE", value: ({ complete }) => String(complete), align: right },
  { heading: "BROKEN OFF BY CLIENT", value: ({ brokenOff }) => String(brokenOff), align: right },
  { heading: "FAILED, EXPLAINED", value: ({ excused }) => String(excused), align: right },
  { heading: "BEHIND A FAILURE", value: ({ skipped }) => String(skipped), align: right },
  { heading: "SENT", value: ({ up }) => formatBytes(up), align: right },
  { heading: "RECEIVED", value: ({ down }) => formatBytes(down), align: right },
];

const MEMORY_COLUMNS: readonly Column<Memory>[] = [
  { heading: "PROXY", value: ({ name }) => name },
  { heading: "START MB", value: ({ atStart }) => MB(atStart), align: right },
  { heading: "MOST MB", value: ({ most }) => MB(most), align: right },
  { heading: "END MB", value: ({ atEnd }) => MB(atEnd), align: right },
  { heading: "RISE MB", value: ({ rise }) => (rise === null ? "-" : MB(rise)), align: right },
  { heading: "COURSE, IN TENTHS OF ITS TIME, MB", value: ({ course }) => tenths(course).map(MB).join(" ") },
];

const MOST_COLUMNS: readonly Column<Pick<Memory, "name" | "most">>[] = [
  { heading: "PROGRAM", value: ({ name }) => name },
  { heading: "MOST MB", value: ({ most }) => MB(most), align: right },
];

/** The first value, the last, and nine between them. */
function tenths(values: readonly number[]): number[] {
  return Array.from(
    { length: 11 },
    (_, tenth) => values[Math.round((tenth * (values.length - 1)) / 10)] ?? 0,
  );
}

const CPU_COLUMNS: readonly Column<ProcessorTime>[] = [
  { heading: "PROGRAM", value: ({ name }) => name },
  { heading: "PROCESSES", value: ({ processes }) => String(processes), align: right },
  { heading: "CPU SECONDS", value: ({ cpuUs }) => (cpuUs / 1e6).toFixed(1), align: right },
];

interface RestRow {
  readonly name: string;
  readonly descriptors: string;
  readonly connections: string;
}
const REST_COLUMNS: readonly Column<RestRow>[] = [
  { heading: "PROXY", value: ({ name }) => name },
  { heading: "DESCRIPTORS, START → END", value: ({ descriptors }) => descriptors, align: right },
  { heading: "OPEN CONNECTIONS, START → END", value: ({ connections }) => connections, align: right },
];

function restRows({ atStart, atEnd }: SoakResult): RestRow[] {
  return atEnd.map(({ name, descriptors, connections }, index) => ({
    name,
    descriptors: `${atStart[index]?.descriptors ?? 0} → ${descriptors}`,
    connections: `${atStart[index]?.connections ?? 0} → ${connections}`,
  }));
}

function mostByName(memories: readonly Memory[]): Pick<Memory, "name" | "most">[] {
  return [...byName(memories)].map(([name, all]) => ({
    name,
    most: Math.max(...all.map(({ most }) => most)),
  }));
}

function countTable(heading: string, counts: ReadonlyMap<string, number>): string {
  const rows = [...counts].sort(([one], [other]) => one.localeCompare(other, "en"));
  if (rows.length === 0) return "None.";
  return formatMarkdownTable<readonly [string, number]>(
    [
      { heading, value: ([name]) => name },
      { heading: "COUNT", value: ([, count]) => String(count), align: right },
    ],
    rows,
  );
}
