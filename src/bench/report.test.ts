import { describe, expect, it } from "vitest";
import { formatJson } from "../output/index.js";
import type { LoadResult } from "./load.js";
import type { Machine } from "./machine.js";
import { renderMarkdown, renderTable } from "./render.js";
import { reportOn, type LoadSettings, type Round } from "./report.js";
import type { Target } from "./target.js";
import { verdictOn } from "./verdict.js";

const MACHINE: Machine = {
  cpu: "Test CPU",
  cores: 4,
  memory: 8e9,
  kernel: "Linux 6.1",
  node: "v20.19.0",
  load: 0.1,
};
const SETTINGS: LoadSettings = {
  protocol: "http1",
  tls: false,
  connections: 32,
  rate: 1000,
  durationMs: 5000,
  rounds: 3,
};
const DIRECT: Target = { name: "direct", url: "http://127.0.0.1:1/", proxy: null, processes: [] };
const PROXY = { host: "127.0.0.1", port: 4140 };
const ONE: Target = { name: "one sidecar", url: "http://b/", proxy: PROXY, processes: [7] };
const TWO: Target = { name: "two sidecars", url: "http://c/", proxy: PROXY, processes: [7, 8] };

function result(changes: Partial<LoadResult>): LoadResult {
  return {
    answered: 5000,
    seconds: 5,
    latencyUs: null,
    failures: {},
    usage: [],
    generator: { cpu: 0.2, lateUs: 900 },
    ...changes,
  };
}

/** A round with this throughput and these percentiles at the rate; each process used 10 µs a request, and 4 MB. */
function round(
  requests: number,
  p50: number,
  p99: number,
  processes = 0,
  changes: Partial<LoadResult> = {},
): Round {
  const usage = (answered: number) =>
    Array.from({ length: processes }, (_, index) => ({ cpuUs: answered * 10, rssBytes: 4e6 + index * 1e6 }));
  return {
    saturated: result({ answered: requests * 5, usage: usage(requests * 5), ...changes }),
    paced: result({ latencyUs: { p50, p90: p50 + 1, p99, p999: p99 + 1, max: p99 + 2 }, usage: usage(5000) }),
  };
}

const MEASURED = [
  { target: DIRECT, rounds: [round(50_000, 100, 200), round(40_000, 110, 900), round(60_000, 90, 300)] },
  {
    target: ONE,
    rounds: [round(30_000, 170, 400, 1), round(20_000, 150, 700, 1), round(25_000, 180, 500, 1)],
  },
  {
    target: TWO,
    rounds: [round(10_000, 270, 600, 2), round(11_000, 250, 900, 2), round(12_000, 280, 700, 2)],
  },
] as const;

const report = reportOn(MACHINE, SETTINGS, MEASURED);
const [direct, one, two] = report.targets;

describe("a report", () => {
  it("gives medians, and the least and the most of all rounds", () => {
    expect(direct?.throughput).toEqual({ median: 50_000, min: 40_000, max: 60_000 });
    expect(direct?.latencyUs.p99).toEqual({ median: 300, min: 200, max: 900 });
    expect(one?.latencyUs.p50).toEqual({ median: 170, min: 150, max: 180 });
  });

  it("says what sidecars add: the difference of the medians, and of each round", () => {
    expect(direct?.addedUs).toBeNull();
    expect(one?.addedUs?.p50).toEqual({ median: 70, min: 40, max: 90 });
    expect(one?.addedUs?.p99).toEqual({ median: 200, min: -200, max: 200 });
  });

  it("adds up the CPU of all sidecars in the way, and takes the memory of the largest", () => {
    expect(one?.cpuUsPerRequest.saturated).toEqual({ median: 10, min: 10, max: 10 });
    expect(two?.cpuUsPerRequest.paced?.median).toBe(20);
    expect(two?.rssBytes?.max).toBe(5e6);
    expect(direct?.cpuUsPerRequest.saturated).toBeNull();
    expect(direct?.rssBytes).toBeNull();
  });

  it("keeps every round", () => {
    const json = JSON.parse(formatJson(report)) as typeof report;
    expect(json.targets.map(({ rounds }) => rounds.length)).toEqual([3, 3, 3]);
    expect(json.targets[1]?.rounds[1]).toEqual(MEASURED[1].rounds[1]);
  });

  it("needs no notes when there is nothing to know", () => {
    expect(report.notes).toEqual([]);
  });
});

describe("a report of poor quality says so", () => {
  const noteOn = (settings: Partial<LoadSettings>, machine: Partial<Machine>, rounds: readonly Round[]) =>
    reportOn({ ...MACHINE, ...machine }, { ...SETTINGS, ...settings }, [
      { target: DIRECT, rounds: [round(30_000, 1, 2)] },
      { target: ONE, rounds },
    ]).notes.join("\n");
  const good = round(30_000, 100, 200, 1);

  it.each([
    ["the machine was busy", noteOn({}, { load: 3 }, [good])],
    ["are made of Node.js's HTTP/2", noteOn({ protocol: "grpc" }, {}, [good])],
    ["p99.9 stands on 100 requests", noteOn({ rate: 100, durationMs: 1000 }, {}, [good])],
    [
      "used 97% of a core at saturation",
      noteOn({}, {}, [round(30_000, 1, 2, 1, { generator: { cpu: 0.97, lateUs: 0 } })]),
    ],
    [
      "used 95% of a core at 1000 requests a second",
      noteOn({}, {}, [{ ...good, paced: { ...good.paced, generator: { cpu: 0.95, lateUs: 900 } } }]),
    ],
    [
      "1% came more than 20ms late",
      noteOn({}, {}, [{ ...good, paced: { ...good.paced, generator: { cpu: 0.5, lateUs: 20_000 } } }]),
    ],
    ["800 of the 1000", noteOn({}, {}, [{ ...good, paced: { ...good.paced, answered: 4000 } }])],
    ["more than half", noteOn({}, {}, [round(1500, 1, 2, 1)])],
    ["could not be read", noteOn({}, {}, [round(30_000, 1, 2, 1, { usage: [null] })].map(withoutUsage))],
  ])("%s", (words, note) => {
    expect(note).toContain(words);
    expect(note.split("\n")).toHaveLength(1);
  });

  function withoutUsage({ saturated, paced }: Round): Round {
    return { saturated: { ...saturated, usage: [null] }, paced: { ...paced, usage: [null] } };
  }
});

describe("the verdict", () => {
  it("is good when no request failed and no limit was exceeded", () => {
    expect(verdictOn(report, {})).toBeUndefined();
    expect(verdictOn(report, { addedP99Us: 400, rssBytes: 5e6 })).toBeUndefined();
  });

  it("names each target that exceeds a limit, and by how much", () => {
    expect(verdictOn(report, { addedP99Us: 300, rssBytes: 4.5e6 })).toMatchObject({
      message:
        "two sidecars: adds 400µs at p99, 100µs more than --max-added-p99 allows; " +
        "two sidecars: a proxy takes 5MB, 500KB more than --max-rss allows",
      exitStatus: 1,
    });
  });

  it("does not pass what was not measured", () => {
    const blind = reportOn(MACHINE, SETTINGS, [
      { target: DIRECT, rounds: [round(1, 1, 1)] },
      { target: ONE, rounds: [{ saturated: result({ usage: [null] }), paced: result({ usage: [null] }) }] },
    ]);
    const message = verdictOn(blind, { addedP99Us: 1000, rssBytes: 1e9 })?.message;
    expect(message).toContain("--max-added-p99 could not be checked");
    expect(message).toContain("--max-rss could not be checked");
  });

  it("counts failed requests of every target, the direct one included", () => {
    const failing = reportOn(MACHINE, SETTINGS, [
      {
        target: DIRECT,
        rounds: [round(1, 1, 1, 0, { answered: 7, failures: { timeout: 1, "status 503": 2 } })],
      },
    ]);
    expect(failing.targets[0]?.failures).toEqual({ timeout: 1, "status 503": 2 });
    expect(verdictOn(failing, {})?.message).toBe("direct: 3 of 5010 requests failed");
    expect(renderTable(failing)).toContain("error: direct: 2 × status 503");
  });
});

describe("printed", () => {
  it("has a line a target, with the spread over the rounds", () => {
    expect(renderTable(report).split("\n")).toEqual([
      "3 rounds of 5s a measurement, 32 connections; medians (min to max over the rounds)",
      "",
      "Throughput at saturation",
      "TARGET                     REQUESTS/S   CPU/REQUEST   RSS   ERRORS",
      "direct         50000 (40000 to 60000)             -     -        0",
      "one sidecar    25000 (20000 to 30000)        10.0µs   4MB        0",
      "two sidecars   11000 (10000 to 12000)        20.0µs   5MB        0",
      "",
      "Latency at 1000 requests a second",
      "TARGET           P50     P90     P99   P99.9            ADDED P50             ADDED P99   CPU/REQUEST",
      "direct         100µs   101µs   300µs   301µs                    -                     -             -",
      "one sidecar    170µs   171µs   500µs   501µs      70µs (40 to 90)   200µs (-200 to 200)        10.0µs",
      "two sidecars   270µs   271µs   700µs   701µs   170µs (140 to 190)      400µs (0 to 400)        20.0µs",
    ]);
  });

  it.each([
    [{}, "32 connections; "],
    [{ tls: true }, "32 connections, mTLS between two sidecars; "],
    [{ protocol: "http2" }, "HTTP/2, 32 streams on 4 connections; "],
    [{ protocol: "grpc", connections: 3 }, "gRPC, 3 streams on 1 connection; "],
    [{ protocol: "tcp", tls: true }, "TCP, 32 connections, mTLS between two sidecars; "],
  ] as const)("says what was sent: %j", (settings, words) => {
    const [line] = renderTable(reportOn(MACHINE, { ...SETTINGS, ...settings }, MEASURED)).split("\n", 1);
    expect(line).toContain(`a measurement, ${words}medians`);
  });

  it("is ready for a page in Markdown, with the machine and the command", () => {
    const page = renderMarkdown(report, "mesh bench -o markdown");
    expect(page).toContain(
      "`mesh bench -o markdown` on Test CPU, 4 cores, 8GB of memory, Linux 6.1, Node.js v20.19.0",
    );
    expect(page).toContain(
      "| TARGET | REQUESTS/S | CPU/REQUEST | RSS | ERRORS |\n| --- | ---: | ---: | ---: | ---: |\n",
    );
    expect(page).toContain("| two sidecars | 11000 (10000 to 12000) | 20.0µs | 5MB | 0 |");
  });
});
