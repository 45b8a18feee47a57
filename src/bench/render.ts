import { formatBytes, formatDuration, formatTable, type Column } from "../output/index.js";
import type { BenchReport, TargetReport } from "./report.js";
import type { Spread } from "./spread.js";

/** A table of a report, before it is laid out for a terminal or for a page. */
interface Table {
  readonly title: string;
  readonly columns: readonly Column<TargetReport>[];
}

const NOTHING = "-";

/** A report for a terminal: how it was measured, a table for throughput and one for latency, errors and notes. */
export function renderTable(report: BenchReport): string {
  const tables = tablesOf(report).map(
    ({ title, columns }) => `${title}\n${formatTable(columns, report.targets)}`,
  );
  return [settingsLine(report), ...tables, remarks(report).join("\n")]
    .filter((part) => part !== "")
    .join("\n\n");
}

/** A report to paste where Markdown is read: the machine, the command that was run, the tables, errors and notes. */
export function renderMarkdown(report: BenchReport, command: string): string {
  const { cpu, cores, kernel, node } = report.machine;
  const tables = tablesOf(report).map(
    ({ title, columns }) => `**${title}**\n\n${markdownTable(columns, report.targets)}`,
  );
  return [
    `\`${command}\` on ${cpu}, ${cores} cores, ${kernel}, Node.js ${node}`,
    settingsLine(report),
    ...tables,
    remarks(report)
      .map((remark) => `- ${remark}`)
      .join("\n"),
  ]
    .filter((part) => part !== "")
    .join("\n\n");
}

function settingsLine({ settings: { rounds, durationMs, connections } }: BenchReport): string {
  return `${rounds} ${rounds === 1 ? "round" : "rounds"} of ${formatDuration(durationMs / 1000)} a measurement, ${connections} connections; medians (min to max over the rounds)`;
}

function tablesOf({ settings: { rate } }: BenchReport): readonly Table[] {
  return [
    {
      title: "Throughput at saturation",
      columns: [
        TARGET,
        right("REQUESTS/S", ({ throughput }) => withSpread(throughput, whole)),
        right("CPU/REQUEST", ({ cpuUsPerRequest }) => withSpread(cpuUsPerRequest.saturated, tenths)),
        right("RSS", ({ rssBytes }) => (rssBytes === null ? NOTHING : formatBytes(rssBytes.max))),
        ERRORS,
      ],
    },
    {
      title: `Latency at ${rate} requests a second`,
      columns: [
        TARGET,
        right("P50", ({ latencyUs }) => median(latencyUs.p50)),
        right("P90", ({ latencyUs }) => median(latencyUs.p90)),
        right("P99", ({ latencyUs }) => median(latencyUs.p99)),
        right("P99.9", ({ latencyUs }) => median(latencyUs.p999)),
        right("ADDED P50", ({ addedUs }) => withSpread(addedUs?.p50 ?? null, micros)),
        right("ADDED P99", ({ addedUs }) => withSpread(addedUs?.p99 ?? null, micros)),
        right("CPU/REQUEST", ({ cpuUsPerRequest }) => withSpread(cpuUsPerRequest.paced, tenths)),
      ],
    },
  ];
}

const TARGET: Column<TargetReport> = { heading: "TARGET", value: ({ name }) => name };
const ERRORS: Column<TargetReport> = {
  heading: "ERRORS",
  align: "right",
  value: ({ failed }) => String(failed),
};

function right(heading: string, value: (target: TargetReport) => string): Column<TargetReport> {
  return { heading, value, align: "right" };
}

/** Which errors there were, then the notes. */
function remarks({ targets, notes }: BenchReport): readonly string[] {
  const errors = targets.flatMap(({ name, failures }) =>
    Object.entries(failures).map(([reason, count]) => `${name}: ${count} × ${reason}`),
  );
  return [...errors.map((error) => `error: ${error}`), ...notes.map((note) => `note: ${note}`)];
}

function markdownTable(columns: readonly Column<TargetReport>[], rows: readonly TargetReport[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [
    line(columns.map(({ heading }) => heading)),
    line(columns.map(({ align }) => (align === "right" ? "---:" : "---"))),
    ...rows.map((row) => line(columns.map(({ value }) => value(row)))),
  ].join("\n");
}

function median(spread: Spread | null): string {
  return spread === null ? NOTHING : micros(spread.median);
}

function withSpread(spread: Spread | null, format: (value: number) => string): string {
  if (spread === null) return NOTHING;
  if (spread.min === spread.max) return format(spread.median);
  return `${format(spread.median)} (${format(spread.min)} to ${format(spread.max)})`;
}

function micros(us: number): string {
  return `${Math.round(us)}µs`;
}

function tenths(us: number): string {
  return `${us.toFixed(1)}µs`;
}

function whole(count: number): string {
  return String(Math.round(count));
}
