import { describeMachine, type Spread } from "../../src/bench/index.js";
import { formatMarkdownTable, formatTable, type Column } from "../../src/output/index.js";
import { type Bar, verdictsOn, type Verdict } from "./bars.js";
import { DISTURBED_CORES } from "./disturbance.js";
import { type FigureName, withinFigure } from "./figures.js";
import {
  BODY_CONNECTIONS,
  HTTP2_CONNECTIONS,
  HTTP2_STREAMS,
  LATENCY_BOUNDS,
  OPAQUE_CONNECTIONS,
  PACED_CONNECTIONS,
  RATE,
  SATURATING_CONNECTIONS,
} from "./load.js";
import { ratioOfFigure, spreadOfFigure, type Report } from "./report.js";
import { CHANGES } from "./permission-measurements.js";
import { HELD_CONNECTIONS } from "./plain-measurements.js";

const NOTHING = "-";

/** A report for a terminal. */
export function renderText(report: Report, bars: readonly Bar[]): string {
  const tables = tablesOf(report).map(
    ({ title, columns, rows }) => `${title}\n${formatTable(columns, rows)}`,
  );
  return [
    ...circumstancesOf(report),
    ...tables,
    `Bars\n${formatTable(BAR_COLUMNS, verdictsOn(report, bars))}`,
  ].join("\n\n");
}

/** A report to put where Markdown is read. */
export function renderMarkdown(report: Report, bars: readonly Bar[]): string {
  const tables = tablesOf(report).map(
    ({ title, columns, rows }) => `**${title}**\n\n${formatMarkdownTable(columns, rows)}`,
  );
  return [
    `\`${report.command}\``,
    ...circumstancesOf(report),
    ...tables,
    `**Bars**\n\n${formatMarkdownTable(BAR_COLUMNS, verdictsOn(report, bars))}`,
  ].join("\n\n");
}

/** Machine and versions; how it was measured; whether to believe it. */
function circumstancesOf(report: Report): readonly string[] {
  const { machine, rounds, seconds, titles, tools, began, disturbance } = report;
  const { node, load } = machine;
  const { measurements, disturbed, others, stolen } = disturbance;
  const versions = Object.values(titles).filter((title) => /\d+\.\d+/.test(title));
  return [
    `${began}, ${describeMachine(machine)}, Node.js ${node}; ${[...versions, tools].join(", ")}.`,
    `${rounds} ${rounds === 1 ? "round" : "rounds"} of ${seconds} s a measurement; medians (smallest to largest round). ` +
      `Ratios are to ${report.reference} in the same round. Backend and load on one core, the proxies on another.`,
    `Load average before the start: ${load.toFixed(1)}. ${disturbed} of ${measurements} measurements were disturbed ` +
      `(more than ${percent(DISTURBED_CORES)} of a core lost to other work): ` +
      `other programs took ${shareOf(others)} of a core, the machine's host ${shareOf(stolen)}.`,
  ];
}

interface TableOf {
  readonly title: string;
  readonly columns: readonly Column<string>[];
  /** Names of the report's rows. */
  readonly rows: readonly string[];
}

const CPU = "CPU µs/REQUEST";
const CPU_OF_BOTH = "CPU µs/REQUEST, BOTH";

/** Figures of as many requests as there can be; `heading` is that of their CPU. */
interface Saturated {
  readonly heading: string;
  readonly cpu: FigureName;
  readonly user: FigureName;
  readonly throughput: FigureName;
}

/** Figures of so many requests a second; `heading` is that of their CPU. */
interface Paced {
  readonly heading: string;
  readonly cpu: FigureName;
  readonly p50: FigureName;
  readonly p99: FigureName;
  readonly addedP50: FigureName;
  readonly addedP99: FigureName;
}

function tablesOf(report: Report): readonly TableOf[] {
  const all = Object.keys(report.titles);
  const proxies = all.filter((name) => name !== "direct");
  const spread = (heading: string, figure: FigureName, notation: Notation) =>
    right(heading, (row) => withSpread(spreadOfFigure(report, row, figure), notation));
  const median = (heading: string, figure: FigureName, notation: Notation) =>
    right(heading, (row) => medianOf(spreadOfFigure(report, row, figure), notation));
  const largest = (heading: string, figure: FigureName, notation: Notation) =>
    right(heading, (row) => largestOf(spreadOfFigure(report, row, figure), notation));
  const ratio = (figure: FigureName) =>
    right(`× ${report.reference.toUpperCase()}`, (row) =>
      withSpread(ratioOfFigure(report, row, figure), HUNDREDTHS),
    );
  const saturated = (title: string, of: Saturated, ...more: Column<string>[]): TableOf => ({
    title,
    rows: all,
    columns: [
      NAME,
      spread(of.heading, of.cpu, TENTHS),
      ratio(of.cpu),
      median("IN USER SPACE", of.user, TENTHS),
      spread("REQUESTS/S", of.throughput, WHOLE),
      ...more,
    ],
  });
  const paced = (title: string, of: Paced): TableOf => ({
    title,
    rows: all,
    columns: [
      NAME,
      spread(of.heading, of.cpu, TENTHS),
      ratio(of.cpu),
      median("P50 µs", of.p50, WHOLE),
      median("P99 µs", of.p99, WHOLE),
      spread("ADDED P50 µs", of.addedP50, WHOLE),
      spread("ADDED P99 µs", of.addedP99, WHOLE),
    ],
  });
  const carried = (title: string, cpu: FigureName, throughput: FigureName): TableOf => ({
    title,
    rows: all,
    columns: [
      NAME,
      spread("CPU µs/MB", cpu, WHOLE),
      ratio(cpu),
      spread("MB/S", throughput, WHOLE),
      ratio(throughput),
    ],
  });
  const tables: readonly TableOf[] = [
    saturated(`As many requests as it takes, ${SATURATING_CONNECTIONS} connections (wrk)`, {
      heading: CPU,
      cpu: "cpuSaturated",
      user: "userSaturated",
      throughput: "throughput",
    }),
    paced(`${RATE} requests a second, ${PACED_CONNECTIONS} connections (h2load)`, {
      heading: CPU,
      cpu: "cpuPaced",
      p50: "p50",
      p99: "p99",
      addedP50: "addedP50",
      addedP99: "addedP99",
    }),
    {
      title: "RSS in MB, and wake-ups a second when idle",
      rows: proxies,
      columns: [
        NAME,
        median("IDLE", "rssIdle", MEGABYTES),
        median("AT SATURATION", "rssLoaded", MEGABYTES),
        median(`${HELD_CONNECTIONS} IDLE CONNECTIONS`, "rssHeld", MEGABYTES),
        median("KEPT AFTERWARDS", "rssKept", MEGABYTES),
        spread("WAKE-UPS/S", "wakeUps", TENTHS),
      ],
    },
    carried(`Responses of 1 MB, ${BODY_CONNECTIONS} connections (wrk)`, "bodyCpu", "bodyThroughput"),
    carried(`Opaque TCP, ${OPAQUE_CONNECTIONS} connections (iperf3)`, "opaqueCpu", "opaqueThroughput"),
    saturated(
      `Two proxies with mTLS between them, as many requests as they take, ${SATURATING_CONNECTIONS} connections (wrk)`,
      { heading: CPU_OF_BOTH, cpu: "cpuSecured", user: "userSecured", throughput: "securedThroughput" },
      median("RSS IN MB, THE LARGER", "rssSecured", MEGABYTES),
    ),
    paced(
      `Two proxies with mTLS between them, ${RATE} requests a second, ${PACED_CONNECTIONS} connections (h2load)`,
      {
        heading: CPU_OF_BOTH,
        cpu: "cpuSecuredPaced",
        p50: "securedP50",
        p99: "securedP99",
        addedP50: "securedAddedP50",
        addedP99: "securedAddedP99",
      },
    ),
    {
      title: "The same: which share of the requests took no longer than so many µs",
      rows: all,
      columns: [NAME, ...LATENCY_BOUNDS.map((bound) => median(`${bound} µs`, withinFigure(bound), PERCENT))],
    },
    carried(
      `Two proxies with mTLS between them, responses of 1 MB, ${BODY_CONNECTIONS} connections (wrk)`,
      "securedBodyCpu",
      "securedBodyThroughput",
    ),
    saturated(
      `HTTP/2 on clear text, calls as of gRPC, ${HTTP2_STREAMS} streams on ${HTTP2_CONNECTIONS} connections (h2load)`,
      { heading: CPU, cpu: "cpuHttp2", user: "userHttp2", throughput: "http2Throughput" },
      spread("FAILED", "http2Failed", WHOLE),
    ),
    {
      title: "A new mTLS connection with one request on it, CPU in µs",
      rows: proxies,
      columns: [
        NAME,
        spread("FULL, ACCEPTED", "cpuAcceptedFull", WHOLE),
        spread("FULL, MADE", "cpuMadeFull", WHOLE),
        spread("BOTH", "cpuBothFull", WHOLE),
        spread("RESUMED, ACCEPTED", "cpuAcceptedResumed", WHOLE),
        spread("RESUMED, MADE", "cpuMadeResumed", WHOLE),
        spread("BOTH", "cpuBothResumed", WHOLE),
      ],
    },
    {
      title: `${HELD_CONNECTIONS} idle mTLS connections that were accepted, RSS in MB`,
      rows: proxies,
      columns: [NAME, spread("RSS", "rssSecuredHeld", MEGABYTES)],
    },
    {
      title: `How soon a permission is in force: ms from the end of its writing, or its removal, ${CHANGES} of each a round`,
      rows: proxies,
      columns: [
        NAME,
        spread("REFUSED, P50", "refusedP50", MILLIS),
        largest("LONGEST", "refusedLargest", MILLIS),
        spread("ANSWER CUT, P50", "cutP50", MILLIS),
        largest("LONGEST", "cutLargest", MILLIS),
        spread("ALLOWED AGAIN, P50", "allowedP50", MILLIS),
        largest("LONGEST", "allowedLargest", MILLIS),
      ],
    },
  ];
  return tables.map(onlyMeasured).filter(({ columns }) => columns.length > 1);
}

/** A table without the rows and columns for which nothing was measured. */
function onlyMeasured({ columns: [name, ...columns], rows: all, ...table }: TableOf): TableOf {
  const rows = all.filter((row) => columns.some((column) => column.value(row) !== NOTHING));
  const measured = columns.filter((column) => rows.some((row) => column.value(row) !== NOTHING));
  return { ...table, rows, columns: name === undefined ? measured : [name, ...measured] };
}

const NAME: Column<string> = { heading: "PROXY", value: (name) => name };

const BAR_COLUMNS: readonly Column<Verdict>[] = [
  { heading: "BAR", value: ({ bar }) => bar },
  { heading: "LIMIT", value: ({ limit }) => limit },
  { heading: "MEASURED", value: ({ measured }) => measured },
  { heading: "VERDICT", value: ({ met }) => (met === null ? NOTHING : met ? "met" : "missed") },
];

function right(heading: string, value: (row: string) => string): Column<string> {
  return { heading, value, align: "right" };
}

type Notation = (value: number) => string;

const WHOLE: Notation = (value) => String(Math.round(value));
const TENTHS: Notation = (value) => value.toFixed(1);
const HUNDREDTHS: Notation = (value) => value.toFixed(2);
const PERCENT: Notation = (share) => `${(share * 100).toFixed(1)}%`;
const MEGABYTES: Notation = (bytes) => (bytes / 1e6).toFixed(1);
const MILLIS: Notation = (us) => (us / 1000).toFixed(0);

function medianOf(spread: Spread | null, notation: Notation): string {
  return spread === null ? NOTHING : notation(spread.median);
}

function largestOf(spread: Spread | null, notation: Notation): string {
  return spread === null ? NOTHING : notation(spread.max);
}

function withSpread(spread: Spread | null, notation: Notation): string {
  if (spread === null) return NOTHING;
  if (spread.min === spread.max) return notation(spread.median);
  return `${notation(spread.median)} (${notation(spread.min)} to ${notation(spread.max)})`;
}

function shareOf(spread: Spread | null): string {
  return spread === null ? NOTHING : `${percent(spread.median)} (at worst ${percent(spread.max)})`;
}

function percent(share: number): string {
  return `${(share * 100).toFixed(0)}%`;
}
