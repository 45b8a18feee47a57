import { describeMachine, type Machine } from "../../src/bench/index.js";
import { formatBytes, formatMarkdownTable, type Column } from "../../src/output/index.js";
import type { ChangeTimes, Figures } from "./measure.js";
import { STAT_WITHIN_MS } from "./stat.js";
import { PODS_A_SECOND, type WebhookFigures } from "./webhook.js";

/** All that was measured, and where. */
export interface Report {
  readonly command: string;
  readonly machine: Machine;
  readonly figures: Figures;
  readonly webhook: WebhookFigures;
}

/** The report in Markdown. */
export function renderReport({ command, machine, figures, webhook }: Report): string {
  const { node, load } = machine;
  return [
    `\`${command}\` on ${describeMachine(machine)}, Node.js ${node}; load average before the start: ${load.toFixed(1)}`,
    formatMarkdownTable(SIZE_COLUMNS, [figures]),
    formatMarkdownTable(STAT_COLUMNS, statRows(figures)),
    formatMarkdownTable(CHANGE_COLUMNS, figures.changes),
    formatMarkdownTable(WEBHOOK_COLUMNS, [webhook]),
  ].join("\n\n");
}

/** The value below which this share of the values is. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)] ?? 0;
}

const milliseconds = (value: number) => `${value.toFixed(value < 10 ? 1 : 0)} ms`;
const seconds = (ms: number) => `${(ms / 1_000).toFixed(1)} s`;
const percent = (share: number) => `${(share * 100).toFixed(1)} %`;

const right = { align: "right" } as const;

const SIZE_COLUMNS: readonly Column<Figures>[] = [
  { heading: "PODS", value: ({ pods }) => String(pods), ...right },
  { heading: "READ IN", value: ({ readMs }) => seconds(readMs), ...right },
  { heading: "RSS WITHOUT PROXIES", value: ({ aloneRssBytes }) => formatBytes(aloneRssBytes), ...right },
  { heading: "ALL PROXIES TOLD IN", value: ({ toldMs }) => seconds(toldMs), ...right },
  { heading: "RSS", value: ({ rssBytes }) => formatBytes(rssBytes), ...right },
  { heading: "CPU AT REST", value: ({ cpuAtRest }) => `${percent(cpuAtRest)} of a core`, ...right },
];

/** The times of a command, and how long it may take at most, where there is a bar. */
interface StatRow {
  readonly command: string;
  readonly milliseconds: readonly number[];
  readonly withinMs?: number;
}

const statRows = ({ stat }: Figures): readonly StatRow[] => [
  { command: "mesh stat deploy -A", milliseconds: stat.byKubeconfig, withinMs: STAT_WITHIN_MS },
  { command: "mesh stat deploy -A --api HOST:PORT", milliseconds: stat.byAddress },
  { command: "mesh --version", milliseconds: stat.start },
];

const STAT_COLUMNS: readonly Column<StatRow>[] = [
  { heading: "COMMAND", value: ({ command }) => `\`${command}\`` },
  { heading: "TIMES", value: (row) => String(row.milliseconds.length), ...right },
  { heading: "MEDIAN", value: (row) => milliseconds(quantile(row.milliseconds, 0.5)), ...right },
  { heading: "LONGEST", value: (row) => milliseconds(quantile(row.milliseconds, 1)), ...right },
  {
    heading: "BAR",
    value: ({ milliseconds: times, withinMs }) =>
      withinMs === undefined
        ? "-"
        : `at most ${milliseconds(withinMs)}: ${quantile(times, 1) <= withinMs ? "met" : "missed"}`,
  },
];

const CHANGE_COLUMNS: readonly Column<ChangeTimes>[] = [
  { heading: "PROXIES THAT FOLLOW THE SERVICE", value: ({ followers }) => String(followers), ...right },
  { heading: "CHANGES", value: (row) => String(row.milliseconds.length), ...right },
  { heading: "P50 TO THE LAST", value: (row) => milliseconds(quantile(row.milliseconds, 0.5)), ...right },
  { heading: "P99", value: (row) => milliseconds(quantile(row.milliseconds, 0.99)), ...right },
  { heading: "CPU A CHANGE", value: ({ cpuMs }) => milliseconds(cpuMs), ...right },
];

const WEBHOOK_COLUMNS: readonly Column<WebhookFigures>[] = [
  { heading: "WEBHOOK, PODS A SECOND", value: () => String(PODS_A_SECOND), ...right },
  { heading: "PODS", value: (row) => String(row.milliseconds.length), ...right },
  { heading: "P50", value: (row) => milliseconds(quantile(row.milliseconds, 0.5)), ...right },
  { heading: "P99", value: (row) => milliseconds(quantile(row.milliseconds, 0.99)), ...right },
  { heading: "LONGEST", value: (row) => milliseconds(quantile(row.milliseconds, 1)), ...right },
  { heading: "CPU A POD", value: ({ cpuMs }) => milliseconds(cpuMs), ...right },
  { heading: "RSS", value: ({ rssBytes }) => formatBytes(rssBytes), ...right },
];
