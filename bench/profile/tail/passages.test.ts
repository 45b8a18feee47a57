import { describe, expect, it } from "vitest";
import type { Segment } from "./happenings.js";
import { followRequests } from "./passages.js";

const [CLIENT_PROXY, SERVER_PROXY, BACKEND] = [100, 200, 300];
/** The load generator's clock shows so much more. */
const CLOCK = 1_000_000;

/** Bytes on a connection that was opened from one port to another. */
const request = (at: number, connection: number, port: number): Segment => ({
  at,
  by: 1,
  fromPort: connection,
  toPort: port,
});
const answer = (at: number, connection: number, port: number): Segment => ({
  at,
  by: 1,
  fromPort: port,
  toPort: connection,
});
const byTime = (segments: readonly Segment[]) => [...segments].sort((one, other) => one.at - other.at);

describe("the way of a request", () => {
  it("is there and back, by the load generator's clock at both ends", () => {
    const segments = byTime([
      request(10, 1, BACKEND),
      answer(50, 1, BACKEND),
      // The answer's second half.
      answer(60, 1, BACKEND),
      request(110, 1, BACKEND),
      answer(130, 1, BACKEND),
    ]);
    const requests = [
      { began: CLOCK + 105, took: 30 },
      { began: CLOCK + 10, took: 55 },
    ];
    expect(followRequests(requests, [BACKEND], segments)).toEqual([
      { took: 55, moments: [10, 10, 60, 65] },
      { took: 30, moments: [105, 110, 130, 135] },
    ]);
  });

  it("is found over connections that several share one after the other", () => {
    const segments = byTime([
      // The first is held up before the server's proxy, the second overtakes it.
      ...[request(10, 1, CLIENT_PROXY), answer(90, 1, CLIENT_PROXY)],
      ...[request(20, 2, CLIENT_PROXY), answer(60, 2, CLIENT_PROXY)],
      ...[request(25, 11, SERVER_PROXY), answer(55, 11, SERVER_PROXY)],
      ...[request(65, 12, SERVER_PROXY), answer(85, 12, SERVER_PROXY)],
      ...[request(30, 21, BACKEND), answer(50, 21, BACKEND)],
      ...[request(70, 22, BACKEND), answer(80, 22, BACKEND)],
    ]);
    const requests = [
      { began: CLOCK + 10, took: 80 },
      { began: CLOCK + 20, took: 40 },
    ];
    const ways = followRequests(requests, [CLIENT_PROXY, SERVER_PROXY, BACKEND], segments);
    expect(ways.map(({ moments }) => moments)).toEqual([
      [10, 10, 65, 70, 80, 85, 90, 90],
      [20, 20, 25, 30, 50, 55, 60, 60],
    ]);
  });

  it("is found where requests share the connection between two proxies at the same time", () => {
    const segments = byTime([
      ...[request(10, 1, CLIENT_PROXY), answer(60, 1, CLIENT_PROXY)],
      ...[request(11, 2, CLIENT_PROXY), answer(90, 2, CLIENT_PROXY)],
      ...[request(20, 11, SERVER_PROXY), request(21, 11, SERVER_PROXY)],
      ...[answer(50, 11, SERVER_PROXY), answer(85, 11, SERVER_PROXY)],
      ...[request(30, 21, BACKEND), answer(40, 21, BACKEND)],
      ...[request(31, 22, BACKEND), answer(80, 22, BACKEND)],
    ]);
    const requests = [
      { began: CLOCK + 10, took: 50 },
      { began: CLOCK + 11, took: 79 },
    ];
    const ways = followRequests(requests, [CLIENT_PROXY, SERVER_PROXY, BACKEND], segments);
    // Which of the two messages had which request cannot be known: it is taken to be the later one.
    expect(ways.map(({ moments }) => moments)).toEqual([
      [10, 10, 21, 30, 40, 50, 60, 60],
      [11, 11, 20, 31, 80, 85, 90, 90],
    ]);
  });

  it("cannot be told when the kernel saw other requests than the load generator sent", () => {
    expect(() => followRequests([{ began: CLOCK, took: 10 }], [BACKEND], [])).toThrow("saw 0");
  });
});
