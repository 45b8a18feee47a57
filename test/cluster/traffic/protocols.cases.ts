// What is no plain HTTP/1: a server that speaks first, WebSocket, HTTP/2, gRPC.
import { describe, expect, test } from "vitest";
import { runProgram } from "./shop.js";

describe("a database that speaks first is heard without delay", () => {
  test.each([
    ["a port that is marked as opaque", "3306"],
    ["a port that nobody marked", "3307"],
  ])("at %s", async (_, port) => {
    const printed = await runProgram("mysql-client.mjs", "database", port);
    const { greetedMs, ...outcome } = JSON.parse(printed) as Record<string, unknown>;
    expect(outcome).toEqual({ version: "8.0.0-test", pings: 50 });
    // Detection waits for tens of milliseconds at either end; every other wait of a proxy is half a second at least.
    expect(greetedMs).toBeLessThan(500);
  });
});

test("a WebSocket carries text and bytes both ways, and is closed as it was", async () => {
  expect(await runProgram("web-socket-client.mjs", "ws://web")).toBe(
    "one\ntwo\n100000 bytes\nthree\nclosed with 1000\n",
  );
});

test("streams of an HTTP/2 connection are answered, with their trailers", async () => {
  const printed = await runProgram("http2-client.mjs", "http://multiplexed");
  expect(JSON.parse(printed)).toEqual({ "200, whole": 10 });
});

test("gRPC is answered: messages, streams, and errors with their status and text", async () => {
  const printed = await runProgram("grpc-client.mjs", "multiplexed:50051");
  expect(JSON.parse(printed)).toEqual({
    said: "hello",
    refused: "9 not today",
    unknown: "12",
    talked: "one two three",
  });
});
