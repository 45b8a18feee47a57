import {
  formatBytes,
  formatDuration,
  formatMarkdownTable,
  formatTable,
  type Column,
} from "../output/index.js";
import { describeMachine } from "./machine.js";
import { connectionsFor, isHttp2, type Protocol } from "./protocol.js";
import type { BenchReport, LoadSettings, TargetReport } from "./report.js";
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
  const { machine } = report;
  const tables = tablesOf(report).map(
    ({ title, columns }) => `**${title}**\n\n${formatMarkdownTable(columns, report.targets)}`,
  );
  return [
    `\`${command}\` on ${describeMachine(machine)}, Node.js ${machine.node}`,
    settingsLine(report),
    ...tables,
    remarks(report)
      .map((remark) => `- ${remark}`)
      .join("\n"),
  ]
    .filter((part) => part !== "")
    .join("\n\n");
}

function settingsLine({ settings }: BenchReport): string {
  const { rounds, durationMs } = settings;
  const duration = formatDuration(durationMs / 1000);
  return `${rounds} ${rounds === 1 ? "round" : "rounds"} of ${duration} a measurement, ${loadOf(settings)}; medians (min to max over the rounds)`;
}

/** What is sent, as far as it is not HTTP/1 in plain text, and over how many connections. */
function loadOf({ protocol, tls, connections }: LoadSettings): string {
  const count = connectionsFor(protocol, connections);
  return [
    PROTOCOL_NAMES[protocol],
    `${isHttp2(protocol) ? `${connections} streams on ` : ""}${count} ${count === 1 ? "connection" : "connections"}`,
    tls ? "mTLS between two sidecars" : "",
  ]
    .filter((part) => part !== "")
    .join(", ");
}

const PROTOCOL_NAMES: Readonly<Record<Protocol, string>> = {
  http1: "",
  http2: "HTTP/2",
  grpc: "gRPC",
  tcp: "TCP",
};

function tablesOf({ settings: { rate } }: BenchReport): readonly Table[] {
  return [
    {
      title: "Throughput at saturation",
      columns: [
        TARGET,
        right("REQUESTS/S", ({ throughput }) => withSpread(throughput, COUNT)),
        right("CPU/REQUEST", ({ cpuUsPerRequest }) =>
          withSpread(cpuUsPerRequest.saturated, TENTHS_OF_MICROS),
        ),
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
        right("ADDED P50", ({ addedUs }) => withSpread(addedUs?.p50 ?? null, MICROS)),
        right("ADDED P99", ({ addedUs }) => withSpread(addedUs?.p99 ?? null, MICROS)),
        right("CPU/REQUEST", ({ cpuUsPerRequest }) => withSpread(cpuUsPerRequest.paced, TENTHS_OF_MICROS)),
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

/** How a figure is written: its digits, and the unit behind them. */
interface Notation {
  readonly digits: (value: number) => string;
  readonly unit: string;
}

const MICROS: Notation = { digits: (us) => String(Math.round(us)), unit: "µs" };
const TENTHS_OF_MICROS: Notation = { digits: (us) => us.toFixed(1), unit: "µs" };
const COUNT: Notation = { digits: (count) => String(Math.round(count)), unit: "" };

function median(spread: Spread | null): string {
  return spread === null ? NOTHING : MICROS.digits(spread.median) + MICROS.unit;
}

function withSpread(spread: Spread | null, { digits, unit }: Notation): string {
  if (spread === null) return NOTHING;
  const middle = digits(spread.median) + unit;
  return spread.min === spread.max ? middle : `${middle} (${digits(spread.min)} to ${digits(spread.max)})`;
}
