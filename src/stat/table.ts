import type { Duration__Output } from "../../generated/google/protobuf/Duration.js";
import type { StatRow__Output } from "../../generated/mesh/api/v1/StatRow.js";
import { type Colours, type Column, formatBytes, formatDuration, formatTable } from "../output/index.js";
import { secondsIn } from "../proto/index.js";

/** How the table is to look. */
export interface StatTableOptions {
  /** With the columns about protocols and TCP. */
  wide: boolean;
  /** With the namespace of each row. */
  namespaces: boolean;
  /** A table a type, with names as TYPE/NAME. */
  grouped: boolean;
  colours: Colours;
}

const NOTHING = "-";

/** The table of `mesh stat`; the headings alone when there are no rows. */
export function formatStatTable(rows: readonly StatRow__Output[], options: StatTableOptions): string {
  const types = [...new Set(rows.map((row) => row.resource?.type ?? ""))];
  if (options.grouped && types.length > 1) {
    const tables = types.map((type) => rows.filter((row) => row.resource?.type === type));
    return tables.map((table) => formatTable(columns(options, true), table)).join("\n\n");
  }
  return formatTable(columns(options, types.length > 1 || options.grouped), rows);
}

function columns({ wide, namespaces, colours }: StatTableOptions, typed: boolean): Column<StatRow__Output>[] {
  const namespace: Column<StatRow__Output> = {
    heading: "NAMESPACE",
    value: ({ resource }) => resource?.namespace || NOTHING,
  };
  return [
    ...(namespaces ? [namespace] : []),
    {
      heading: "NAME",
      value: ({ resource }) => (typed ? `${resource?.type ?? ""}/` : "") + (resource?.name ?? ""),
    },
    { heading: "MESHED", value: ({ resource }) => `${resource?.meshedPods ?? 0}/${resource?.pods ?? 0}` },
    {
      heading: "SUCCESS",
      value: ({ http }) => (http ? formatShare(http.successRate) : NOTHING),
      paint: (text, { http }) => paintShare(text, http?.successRate, colours),
    },
    { heading: "SECURED", value: ({ secured }) => (secured === undefined ? NOTHING : formatShare(secured)) },
    { heading: "RPS", value: ({ http }) => (http ? formatRate(http.requestsPerSecond) : NOTHING) },
    { heading: "LATENCY_P50", value: ({ http }) => formatLatency(http?.latencyP50) },
    { heading: "LATENCY_P95", value: ({ http }) => formatLatency(http?.latencyP95) },
    { heading: "LATENCY_P99", value: ({ http }) => formatLatency(http?.latencyP99) },
    ...(wide ? [PROTOCOL_COLUMN, ...TCP_COLUMNS] : []),
  ];
}

const PROTOCOL_COLUMN: Column<StatRow__Output> = {
  heading: "PROTOCOL",
  value: ({ http }) => protocolsOf(http?.requestsPerSecondByProtocol) || NOTHING,
};

const TCP_COLUMNS: Column<StatRow__Output>[] = [
  { heading: "TCP_CONN", value: ({ tcp }) => (tcp ? String(tcp.openConnections) : NOTHING) },
  {
    heading: "READ_BYTES/s",
    value: ({ tcp }) => (tcp ? `${formatBytes(tcp.readBytesPerSecond)}/s` : NOTHING),
  },
  {
    heading: "WRITE_BYTES/s",
    value: ({ tcp }) => (tcp ? `${formatBytes(tcp.writeBytesPerSecond)}/s` : NOTHING),
  },
];

/** What requests are spoken in, what most of them are in first: `grpc,http1`. */
function protocolsOf(rates: Readonly<Record<string, number>> = {}): string {
  return Object.keys(rates)
    .sort((a, b) => (rates[b] ?? 0) - (rates[a] ?? 0))
    .join(",");
}

/** Rounded down, so that 100.00% means that nothing failed. */
function formatShare(share: number): string {
  return `${(Math.floor(share * 10_000 + 1e-6) / 100).toFixed(2)}%`;
}

function paintShare(text: string, share: number | undefined, colours: Colours): string {
  if (share === undefined || share >= 0.99) return text;
  return share >= 0.95 ? colours.yellow(text) : colours.red(text);
}

function formatRate(perSecond: number): string {
  return perSecond.toFixed(perSecond < 1 ? 2 : 1);
}

function formatLatency(latency: Duration__Output | null | undefined): string {
  return latency ? formatDuration(secondsIn(latency)) : NOTHING;
}
