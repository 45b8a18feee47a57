import { describe, expect, it } from "vitest";
import { verdictsOn } from "./bars.js";
import { PEER_BARS } from "./peer-bars.js";
import type { RowFigures } from "./figures.js";
import { renderMarkdown, renderText } from "./render.js";
import { differenceOfFigure, ratioOfFigure, reportOf, spreadOfFigure } from "./report.js";

const CIRCUMSTANCES = {
  began: "2026-01-01T00:00:00.000Z",
  command: "npm run bench:proxies",
  reference: "HAProxy",
  machine: { cpu: "a CPU", cores: 2, memory: 4e9, kernel: "Linux", node: "v20", load: 0.1 },
  rounds: 3,
  seconds: 5,
  titles: { direct: "direct", HAProxy: "HAProxy 1.2.3", mesh: "mesh" },
  tools: "mesh at commit abc; load by hand",
};

const QUIET = { others: 0.01, stolen: 0 };

function round(figures: Record<string, RowFigures>, disturbances = [QUIET]) {
  return { figures, disturbances };
}

/** The machine was twice as slow in the last round. */
const report = reportOf(CIRCUMSTANCES, [
  round({
    direct: { p50: 70, p99: 150 },
    HAProxy: { cpuSaturated: 16, p50: 170, p99: 350 },
    mesh: { cpuSaturated: 12, p50: 160, p99: 340, rssIdle: 5e6, rssHeld: 12e6 },
  }),
  round({
    direct: { p50: 80, p99: 160 },
    HAProxy: { cpuSaturated: 16, p50: 180, p99: 350 },
    mesh: { cpuSaturated: 13, p50: 170, p99: 360, rssIdle: 5e6, rssHeld: 12e6 },
  }),
  round(
    {
      direct: { p50: 140, p99: 300 },
      HAProxy: { cpuSaturated: 32, p50: 340, p99: 700 },
      mesh: { cpuSaturated: 24, p50: 320, p99: 640, rssIdle: 5e6, rssHeld: 12e6 },
    },
    [QUIET, { others: 0.5, stolen: 0.1 }],
  ),
]);

const verdictOn = (bar: string) => verdictsOn(report, PEER_BARS).find((verdict) => verdict.bar === bar);

describe("a report", () => {
  it("has medians with the smallest and the largest round", () => {
    expect(spreadOfFigure(report, "mesh", "cpuSaturated")).toEqual({ median: 13, min: 12, max: 24 });
    expect(spreadOfFigure(report, "direct", "cpuSaturated")).toBeNull();
  });

  it("compares within a round, whatever the machine does between them", () => {
    expect(ratioOfFigure(report, "mesh", "cpuSaturated")).toEqual({
      median: 0.75,
      min: 0.75,
      max: 13 / 16,
    });
    expect(differenceOfFigure(report, "mesh", "p99")).toEqual({ median: -10, min: -60, max: 10 });
    expect(spreadOfFigure(report, "mesh", "addedP50")).toEqual({ median: 90, min: 90, max: 180 });
  });

  it("has sums and differences only of what was measured", () => {
    const { figures } = reportOf(CIRCUMSTANCES, [
      round({ direct: { securedP50: 70, securedP99: 90 }, mesh: { securedP50: 100, cpuAcceptedFull: 300 } }),
      round({ mesh: { cpuAcceptedFull: 300, cpuMadeFull: 400 } }),
    ]);
    expect(figures[0]?.["mesh"]).toEqual({ securedP50: 100, securedAddedP50: 30, cpuAcceptedFull: 300 });
    expect(figures[1]?.["mesh"]).toMatchObject({ cpuBothFull: 700 });
  });

  it("counts disturbed measurements", () => {
    expect(report.disturbance).toMatchObject({ measurements: 4, disturbed: 1, others: { max: 0.5 } });
  });

  it("holds our own proxy against its bars", () => {
    expect(verdictOn("CPU a request at saturation")).toEqual({
      bar: "CPU a request at saturation",
      limit: "at most 1.00 × HAProxy",
      measured: "0.75 (0.75 to 0.81) × HAProxy",
      met: true,
    });
    expect(verdictOn("RSS with 1,000 idle connections")?.met).toBe(false);
    expect(verdictOn("CPU a request at the fixed rate")?.met).toBeNull();
  });

  it("holds the longest of all rounds against a bar that says so", () => {
    const late = reportOf(
      CIRCUMSTANCES,
      [120e3, 1100e3, 130e3].map((refusedLargest) => round({ mesh: { refusedLargest } })),
    );
    const refuses = "permissions: a DENY refuses on open connections, longest";
    expect(verdictsOn(late, PEER_BARS).find(({ bar }) => bar === refuses)).toEqual({
      bar: refuses,
      limit: "at most 1000 ms",
      measured: "1100 (120 to 1100) ms",
      met: false,
    });
  });

  it("has no rows and columns in which nothing was measured", () => {
    expect(renderMarkdown(report, PEER_BARS)).not.toContain("| direct | - |");
    expect(renderMarkdown(report, PEER_BARS)).not.toContain("mTLS connection");
  });

  it("is written with machine, versions, disturbance, and a line for each proxy", () => {
    for (const text of [renderText(report, PEER_BARS), renderMarkdown(report, PEER_BARS)]) {
      expect(text).toContain("a CPU, 2 cores, 4GB of memory, Linux");
      expect(text).toContain("HAProxy 1.2.3, mesh at commit abc");
      expect(text).toContain("1 of 4 measurements were disturbed");
      expect(text).toMatch(/RSS with 1,000 idle connections.*at most 10\.0 MB.*12\.0.*missed/);
    }
    expect(renderMarkdown(report, PEER_BARS)).toContain(
      "| mesh | 13.0 (12.0 to 24.0) | 0.75 (0.75 to 0.81) |",
    );
  });
});
