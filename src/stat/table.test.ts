import { expect, test } from "vitest";
import type { StatRow__Output } from "../../generated/mesh/api/v1/StatRow.js";
import { coloursFor } from "../output/index.js";
import { formatStatTable, type StatTableOptions } from "./table.js";

const options: StatTableOptions = {
  wide: false,
  namespaces: false,
  grouped: false,
  colours: coloursFor({ isTTY: false }),
};

function row(type: string, name: string, successRate?: number): StatRow__Output {
  const http = {
    requestsPerSecond: 12.34,
    requestsPerSecondByProtocol: { http1: 2.34, grpc: 10 },
    latencyP50: { seconds: 0, nanos: 950_000 },
    latencyP95: { seconds: 0, nanos: 1_200_000 },
    latencyP99: { seconds: 3, nanos: 400_000_000 },
  };
  return {
    resource: { type, namespace: "default", name, pods: 2, meshedPods: 1 },
    http: successRate === undefined ? null : { ...http, successRate },
    ...(successRate !== undefined && { secured: 0.5 }),
    tcp: { openConnections: 3, readBytesPerSecond: 1_500, writeBytesPerSecond: 0 },
  };
}

test("figures have their units; what did not happen is a dash", () => {
  expect(
    formatStatTable([row("workload", "hello"), row("workload", "world", 0.99996)], options).split("\n"),
  ).toEqual([
    "NAME    MESHED   SUCCESS   SECURED   RPS    LATENCY_P50   LATENCY_P95   LATENCY_P99",
    "hello   1/2      -         -         -      -             -             -",
    "world   1/2      99.99%    50.00%    12.3   950µs         1.2ms         3.4s",
  ]);
});

test("wide adds protocols, the most used first, and TCP; all namespaces put theirs first", () => {
  const table = formatStatTable([row("workload", "hello"), row("workload", "world", 1)], {
    ...options,
    wide: true,
    namespaces: true,
  });
  expect(table.split("\n")).toEqual([
    "NAMESPACE   NAME    MESHED   SUCCESS   SECURED   RPS    LATENCY_P50   LATENCY_P95   LATENCY_P99   PROTOCOL     TCP_CONN   READ_BYTES/s   WRITE_BYTES/s",
    "default     hello   1/2      -         -         -      -             -             -             -            3          1.5KB/s        0B/s",
    "default     world   1/2      100.00%   50.00%    12.3   950µs         1.2ms         3.4s          grpc,http1   3          1.5KB/s        0B/s",
  ]);
});

test("several types are several tables when all are asked for, else their names tell", () => {
  const rows = [row("deployment", "hello"), row("statefulset", "db")];
  const groups = formatStatTable(rows, { ...options, grouped: true }).split("\n\n");
  expect(groups).toEqual([
    expect.stringMatching(/^NAME .*\ndeployment\/hello /),
    expect.stringMatching(/^NAME .*\nstatefulset\/db /),
  ]);
  expect(formatStatTable(rows, options)).toMatch(/\ndeployment\/hello .*\nstatefulset\/db /);
});

test("a low success rate stands out on a terminal", () => {
  const colours = coloursFor({ isTTY: true }, {});
  const table = formatStatTable(
    [row("workload", "a", 0.5), row("workload", "b", 0.96), row("workload", "c", 1)],
    {
      ...options,
      colours,
    },
  );
  expect(table).toContain(colours.red("50.00%"));
  expect(table).toContain(colours.yellow("96.00%"));
  expect(table).toMatch(/c +1\/2 +100\.00%/);
});
