import { describeMachine, type Machine, type Spread, spreadOf } from "../../../src/bench/index.js";
import { type Column, formatMarkdownTable } from "../../../src/output/index.js";
import { LATENCY_BOUNDS, PACED_CONNECTIONS, RATE, summarize } from "../../proxies/load.js";
import { MESH } from "../../proxies/mesh.js";
import type { RoundOfRow } from "./measure.js";
import { type FollowedRequest, type Leg, slowestOf, type ThreadTimes } from "./observation.js";
import { occasionsOf } from "./occasions.js";
import { percentile } from "./percentile.js";
import type { State } from "./scheduling.js";

const DIRECT = "direct";
const STATES: readonly State[] = ["waiting", "running", "asleep"];
/** Of who had the core instead. */
const MOST_NAMES = 8;

/** All rounds of a row. */
interface Row {
  readonly name: string;
  readonly rounds: readonly RoundOfRow[];
}

/** What was found, as Markdown. */
export function renderTails(found: readonly RoundOfRow[], machine: Machine, command: string): string {
  const names = [...new Set(found.map(({ row }) => row))];
  const rows = names.map((name): Row => ({ name, rounds: found.filter(({ row }) => row === name) }));
  const mesh = rows.find(({ name }) => name === MESH);
  return [
    `\`${command}\``,
    ...circumstances(found, machine),
    `**${RATE} requests a second, ${PACED_CONNECTIONS} connections (h2load)**\n\n${latencies(rows)}`,
    `**What is added at each percentile, in µs: that of the row less that of the direct call in the same round**\n\n${added(rows)}`,
    `**Which share of the requests took no longer than so many µs**\n\n${within(rows)}`,
    `**The slowest percent: µs of each request, on average, and in parentheses those of all requests**\n\n${wholes(rows)}`,
    ...(mesh === undefined ? [] : sectionsOf(mesh)),
  ].join("\n\n");
}

function circumstances(found: readonly RoundOfRow[], machine: Machine): readonly string[] {
  const atWorst = (values: readonly number[]) => {
    const spread = spreadOf(values);
    return spread === null ? "-" : `${percent(spread.median)} (at worst ${percent(spread.max)})`;
  };
  const disturbances = found.map(({ disturbance }) => disturbance);
  const requests = found.reduce((sum, round) => sum + round.requests.length, 0);
  const lost = requests - found.reduce((sum, round) => sum + round.followed.length, 0);
  return [
    `${describeMachine(machine)}. Load average before the start: ${machine.load.toFixed(1)}. Other programs took ` +
      `${atWorst(disturbances.map(({ others }) => others))} of a core meanwhile, the machine's host ` +
      `${atWorst(disturbances.map(({ stolen }) => stolen))}.`,
    `The way of ${lost} of ${requests} requests was not found. The kernel did not tell of ` +
      `${atWorst(found.map(({ untold }) => untold))} of the switches between threads.`,
  ];
}

function latencies(rows: readonly Row[]): string {
  const over = (figure: (round: RoundOfRow) => number) => (row: Row) =>
    withSpread(spreadOf(row.rounds.map(figure)));
  const at = (share: number) => over(({ requests }) => percentile(tookOf(requests), share));
  const taken = (by: "others" | "stolen") => over(({ disturbance }) => disturbance[by] * 100);
  return formatMarkdownTable(
    [
      { heading: "ROW", value: ({ name }) => name },
      right("P50 µs", at(0.5)),
      right("P90 µs", at(0.9)),
      right("P99 µs", at(0.99)),
      right("P99.9 µs", at(0.999)),
      right("LONGEST µs", at(1)),
      right("% OF A CORE FOR OTHER PROGRAMS", taken("others")),
      right("FOR THE HOST", taken("stolen")),
      right(
        "OCCASIONS OF THE SLOWEST PERCENT",
        over((round) => occasionsOf(slowestOf(round.followed))),
      ),
    ],
    rows,
  );
}

function added(rows: readonly Row[]): string {
  const direct = rows.find(({ name }) => name === DIRECT);
  const at = (share: number) => (row: Row) => {
    const differences = row.rounds.map((round, index) => {
      const without = direct?.rounds[index];
      if (without === undefined) return null;
      return percentile(tookOf(round.requests), share) - percentile(tookOf(without.requests), share);
    });
    return withSpread(spreadOf(differences));
  };
  const shares = [0.25, 0.5, 0.75, 0.9, 0.95, 0.98, 0.99, 0.995];
  return formatMarkdownTable(
    [
      { heading: "ROW", value: ({ name }) => name },
      ...shares.map((share) => right(`P${Number((share * 100).toFixed(1))}`, at(share))),
    ],
    rows.filter(({ name }) => name !== DIRECT),
  );
}

function within(rows: readonly Row[]): string {
  const pooled = rows.map(({ name, rounds }) => ({
    name,
    within: summarize(rounds.flatMap(({ requests }) => requests)).within,
  }));
  return formatMarkdownTable(
    [
      { heading: "ROW", value: ({ name }) => name },
      ...LATENCY_BOUNDS.map((bound, index) =>
        right<(typeof pooled)[number]>(`${bound}`, (row) => percent(row.within[index] ?? 0, 1)),
      ),
    ],
    pooled,
  );
}

/** Each state, over all legs of a row. */
function wholes(rows: readonly Row[]): string {
  const state = (of: State, isRelay: boolean) => (row: Row) => {
    const legs = row.rounds[0]?.legs ?? [];
    const wanted = legs.flatMap(({ place }, leg) => (place.endsWith("proxy") === isRelay ? [leg] : []));
    const mean = (requests: readonly FollowedRequest[]) =>
      wanted.reduce((sum, leg) => sum + meanOf(requests, (request) => request.legs[leg]?.[of] ?? 0), 0);
    return wanted.length === 0
      ? "-"
      : `${Math.round(mean(slowest(row)))} (${Math.round(mean(followed(row)))})`;
  };
  return formatMarkdownTable(
    [
      { heading: "ROW", value: ({ name }) => name },
      right("PROXIES WAIT FOR A CORE", state("waiting", true)),
      right("RUN", state("running", true)),
      right("SLEEP", state("asleep", true)),
      right("LOAD AND BACKEND WAIT FOR A CORE", state("waiting", false)),
      right("RUN", state("running", false)),
      right("SLEEP", state("asleep", false)),
    ],
    rows,
  );
}

function sectionsOf(row: Row): readonly string[] {
  return [
    `**${row.name}: where a request was, and what the thread did that serves there, in µs on average**\n\n${legTable(row)}`,
    `**${row.name}: who had the core while the slowest percent waited for it**\n\n${insteadTable(row)}`,
    `**${row.name}: how long threads ran and waited at a time, in µs**\n\n${threadTable(row)}`,
  ];
}

function legTable(row: Row): string {
  const legs = row.rounds[0]?.legs ?? [];
  const [all, slow] = [followed(row), slowest(row)];
  const total = meanOf(slow, ({ took }) => took);
  const mean = (requests: readonly FollowedRequest[], leg: number, state: State) =>
    meanOf(requests, (request) => request.legs[leg]?.[state] ?? 0);
  const cell = (requests: readonly FollowedRequest[], state: State) => (_: Leg, leg: number) =>
    String(Math.round(mean(requests, leg, state)));
  const share = (_: Leg, leg: number) =>
    percent(STATES.reduce((sum, state) => sum + mean(slow, leg, state), 0) / total);
  const indexed = legs.map((leg, index) => ({ leg, index }));
  const column = (heading: string, value: (leg: Leg, index: number) => string) =>
    right<(typeof indexed)[number]>(heading, ({ leg, index }) => value(leg, index));
  return formatMarkdownTable(
    [
      { heading: "PLACE", value: ({ leg: { place, direction } }) => nameOfLeg(place, direction) },
      column("ALL: WAITS FOR A CORE", cell(all, "waiting")),
      column("RUNS", cell(all, "running")),
      column("SLEEPS", cell(all, "asleep")),
      column("SLOWEST: WAITS FOR A CORE", cell(slow, "waiting")),
      column("RUNS", cell(slow, "running")),
      column("SLEEPS", cell(slow, "asleep")),
      column("SHARE OF THE SLOWEST", share),
    ],
    indexed,
  );
}

function nameOfLeg(place: string, direction: Leg["direction"]): string {
  return direction === "both" ? place : `${place}, ${direction}`;
}

function insteadTable(row: Row): string {
  const sums = new Map<string, number>();
  for (const { instead } of row.rounds) {
    for (const [name, time] of instead) sums.set(name, (sums.get(name) ?? 0) + time);
  }
  const all = [...sums].sort(([, one], [, other]) => other - one);
  const total = all.reduce((sum, [, time]) => sum + time, 0);
  const rest = all.slice(MOST_NAMES).reduce((sum, [, time]) => sum + time, 0);
  const shown: readonly [string, number][] = [
    ...all.slice(0, MOST_NAMES),
    ...(rest > 0 ? [["others", rest] as [string, number]] : []),
  ];
  return formatMarkdownTable(
    [
      { heading: "WHO", value: ([name]) => name },
      right<readonly [string, number]>("SHARE OF THE TIME", ([, time]) => percent(time / total)),
    ],
    shown,
  );
}

/** A place's thread in all rounds. */
type Times = Omit<ThreadTimes, "place"> & { readonly name: string; readonly requests: number };

function threadTable(row: Row): string {
  const places = row.rounds[0]?.threads.map(({ place }) => place) ?? [];
  const requests = row.rounds.reduce((sum, round) => sum + round.requests.length, 0);
  const threads = places.map((name, index): Times => {
    const all = row.rounds.flatMap(({ threads: ofRound }) => ofRound[index] ?? []);
    return {
      name,
      requests,
      runs: all.flatMap(({ runs }) => runs),
      waits: all.flatMap(({ waits }) => waits),
      moves: all.reduce((sum, { moves }) => sum + moves, 0),
      otherRuns: all.flatMap(({ otherRuns }) => otherRuns),
    };
  });
  const at = (of: "runs" | "waits" | "otherRuns", share: number) => (times: Times) =>
    times[of].length === 0 ? "-" : String(Math.round(percentile(times[of], share)));
  return formatMarkdownTable(
    [
      { heading: "THREAD", value: ({ name }) => name },
      right<Times>("RUNS A REQUEST", (times) => (times.runs.length / times.requests).toFixed(2)),
      right<Times>("CHANGES OF CORE", ({ moves }) => String(moves)),
      right("RAN P50", at("runs", 0.5)),
      right("P99", at("runs", 0.99)),
      right("LONGEST", at("runs", 1)),
      right("WAITED FOR A CORE P50", at("waits", 0.5)),
      right("P99", at("waits", 0.99)),
      right("LONGEST", at("waits", 1)),
      right("OTHER THREADS OF IT RAN, LONGEST", at("otherRuns", 1)),
    ],
    threads,
  );
}

function followed({ rounds }: Row): readonly FollowedRequest[] {
  return rounds.flatMap((round) => round.followed);
}

/** The slowest of each round, so that all rounds count alike. */
function slowest({ rounds }: Row): readonly FollowedRequest[] {
  return rounds.flatMap((round) => slowestOf(round.followed));
}

function tookOf(requests: readonly { readonly took: number }[]): readonly number[] {
  return requests.map(({ took }) => took);
}

function meanOf<Item>(items: readonly Item[], value: (item: Item) => number): number {
  return items.length === 0 ? 0 : items.reduce((sum, item) => sum + value(item), 0) / items.length;
}

function right<Of>(heading: string, value: (of: Of) => string): Column<Of> {
  return { heading, value, align: "right" };
}

function withSpread(spread: Spread | null): string {
  if (spread === null) return "-";
  const [median, min, max] = [spread.median, spread.min, spread.max].map((value) =>
    String(Math.round(value)),
  );
  return min === max ? `${median}` : `${median} (${min} to ${max})`;
}

function percent(share: number, digits = 0): string {
  return `${(share * 100).toFixed(digits)}%`;
}
