import { describe, expect, it } from "vitest";
import { readH2load, readH2loadSummary, readIperf, readWrk, summarize } from "./load.js";

const WRK = `Running 1s test @ http://127.0.0.1:9000/
  1 threads and 32 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     1.20ms  310.00us   9.10ms   88.10%
    Req/Sec    26.40k     1.10k   28.00k    80.00%
  26540 requests in 1.01s, 4.63MB read
`;

describe("what wrk prints", () => {
  it("has the requests and their rate", () => {
    expect(readWrk(`${WRK}Requests/sec:  26277.23\nTransfer/sec:      4.59MB\n`)).toEqual({
      requests: 26540,
      perSecond: 26277.23,
    });
  });

  it.each(["  Socket errors: connect 0, read 3, write 0, timeout 0\n", "  Non-2xx or 3xx responses: 7\n"])(
    "is a failure when requests failed: %s",
    (errors) => {
      expect(() => readWrk(`${WRK}${errors}Requests/sec:  26277.23\n`)).toThrow(errors.trim());
    },
  );

  it("is a failure when it is something else", () => {
    expect(() => readWrk("unable to connect to 127.0.0.1:1 Connection refused")).toThrow("unable to connect");
  });
});

describe("what h2load logs", () => {
  it("gives the percentiles in µs", () => {
    const log = Array.from(
      { length: 100 },
      (_, index) => `1700000000000000\t200\t${(index + 1) * 10}\n`,
    ).join("");
    const { requests, p50, p99, within } = summarize(readH2load(log));
    expect(requests).toBe(100);
    expect(p50).toBeCloseTo(500, -1);
    expect(p99).toBeCloseTo(990, -1);
    expect(within).toEqual([0.1, 0.2, 0.3, 0.5, 1, 1, 1]);
  });

  it("is a failure when a request failed", () => {
    expect(() => readH2load("1\t200\t90\n2\t503\t95\n")).toThrow("503");
    expect(() => readH2load("1\t200\t90\n2\t-1\t95\n")).toThrow("-1");
    expect(() => readH2load("")).toThrow();
  });
});

describe("what h2load prints", () => {
  const printed = (failed: number) =>
    "finished in 1.00s, 11887.00 req/s, 1.58MB/s\n" +
    `requests: 11887 total, 11919 started, 11887 done, ${11887 - failed} succeeded, ${failed} failed, 0 errored, 0 timeout\n`;

  it("has the requests that succeeded, those that failed, and their rate", () => {
    expect(readH2loadSummary(printed(0))).toEqual({ requests: 11887, failed: 0, perSecond: 11887 });
    expect(readH2loadSummary(printed(87))).toMatchObject({ requests: 11800, failed: 87 });
  });

  it("is a failure when nothing succeeded, or it is something else", () => {
    expect(() => readH2loadSummary(printed(11887))).toThrow("unexpected");
    expect(() => readH2loadSummary("Some requests were not processed")).toThrow("not processed");
  });
});

describe("what iperf3 reports", () => {
  it("has what was received, and how fast", () => {
    const report = { end: { sum_received: { bytes: 3_000_000, seconds: 1.5, bits_per_second: 16e6 } } };
    expect(readIperf(JSON.stringify(report))).toEqual({ bytes: 3_000_000, perSecond: 2_000_000 });
  });

  it("is a failure when there is an error, or nothing came", () => {
    expect(() => readIperf(JSON.stringify({ error: "the server is busy", end: {} }))).toThrow("busy");
    expect(() => readIperf(JSON.stringify({ end: { sum_received: { bytes: 0, seconds: 1 } } }))).toThrow();
  });
});
