import { expect, test } from "vitest";
import { readBenchSettings, type BenchSettings } from "./settings.js";

test("nothing given is a bench of its own service, without limits", () => {
  expect(readBenchSettings({})).toEqual({
    ok: true,
    value: {
      options: {
        protocol: "http1",
        tls: false,
        rate: 1000,
        connections: 32,
        rounds: 3,
        durationMs: 5000,
        service: null,
      },
      limits: {},
    },
  });
});

test("a service of the user's own, with limits", () => {
  expect(
    readBenchSettings({
      url: "http://world:7778/path?q=1",
      proxy: "http://[::1]:4140",
      "proxy-pid": ["7", "8"],
      duration: "1m",
      rate: "250",
      "max-added-p99": "0.8ms",
      "max-rss": "10MB",
    }),
  ).toMatchObject({
    ok: true,
    value: {
      options: {
        rate: 250,
        durationMs: 60_000,
        service: {
          url: "http://world:7778/path?q=1",
          proxy: { host: "::1", port: 4140 },
          processes: [7, 8],
        },
      },
      limits: { addedP99Us: 800, rssBytes: 10_000_000 },
    },
  });
});

test.each(["http1", "http2", "grpc", "tcp"])("%s is a protocol, in plain text or secured", (protocol) => {
  for (const tls of [false, true]) {
    expect(readBenchSettings({ protocol, tls })).toMatchObject({
      ok: true,
      value: { options: { protocol, tls } },
    });
  }
});

const SERVICE = { url: "http://a/", proxy: "http://127.0.0.1:4140" };

test.each<[string, BenchSettings]>([
  ["--protocol", { protocol: "http3" }],
  ["--protocol", { protocol: "" }],
  ["--protocol", { ...SERVICE, protocol: "grpc" }],
  ["--tls", { ...SERVICE, tls: true }],
  ["--rate", { rate: "0" }],
  ["--rate", { rate: "fast" }],
  ["--rate", { rate: "1e3" }],
  ["--connections", { connections: "-1" }],
  ["--connections", { connections: "100000" }],
  ["--rounds", { rounds: "1.5" }],
  ["--rounds", { rounds: "" }],
  ["--duration", { duration: "5" }],
  ["--duration", { duration: "1ms" }],
  ["--duration", { duration: "2h" }],
  ["--max-added-p99", { "max-added-p99": "1" }],
  ["--max-rss", { "max-rss": "10" }],
  ["--max-rss", { ...SERVICE, "max-rss": "10MB" }],
  ["--url", { url: "http://a/" }],
  ["--url", { ...SERVICE, url: "https://a/" }],
  ["--url", { ...SERVICE, url: "a:80" }],
  ["--url", { ...SERVICE, url: "http://user:secret@a/" }],
  ["--proxy", { proxy: "http://127.0.0.1:4140" }],
  ["--proxy", { ...SERVICE, proxy: "127.0.0.1:4140" }],
  ["--proxy", { ...SERVICE, proxy: "http://127.0.0.1:4140/path" }],
  ["--proxy-pid", { "proxy-pid": ["7"] }],
  ["--proxy-pid", { ...SERVICE, "proxy-pid": ["self"] }],
])("a wrong value is wrong usage that names %s: %j", (flag, settings) => {
  const result = readBenchSettings(settings);
  expect(result).toMatchObject({ ok: false, error: { exitStatus: 2 } });
  if (!result.ok) expect(result.error.message).toMatch(new RegExp(`^${flag} `));
});
