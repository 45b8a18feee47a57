import { describe, expect, test } from "vitest";
import type { TapEvent__Output } from "../../generated/mesh/proxy/v1/TapEvent.js";
import { eventAsJson } from "./json.js";
import { formatTapLine } from "./line.js";

const peer = { address: null, namespace: "", workload: null, pod: "", service: "", tls: false };
const event: TapEvent__Output = {
  requestId: 7,
  time: { seconds: 1_700_000_000, nanos: 123_456_789 },
  direction: "OUTBOUND",
  source: { ...peer, address: { ip: "::1", port: 5000 } },
  destination: {
    ...peer,
    address: { ip: "10.0.0.1", port: 80 },
    namespace: "default",
    workload: { kind: "deployment", name: "world" },
    pod: "world-1",
    service: "world",
    tls: true,
  },
  event: "request",
  request: { method: "GET", scheme: "http", authority: "world", path: "/", version: "HTTP/1.1" },
  dropped: 0,
};

describe("a line", () => {
  test("has what there is to say of a request, its response and its end", () => {
    expect(formatTapLine(event, "default/hello-1", { wide: false })).toBe(
      "req id=hello-1:7 dir=out src=[::1]:5000 dst=world-1 tls=yes method=GET authority=world path=/",
    );
    const response = {
      status: 503,
      latency: { seconds: 0, nanos: 1_200_000 },
      proxyError: "no-endpoints",
      retries: 2,
      permission: "",
    };
    expect(
      formatTapLine(withEvent({ event: "response", response }), "default/hello-1", { wide: false }),
    ).toMatch(/^rsp id=hello-1:7 .* status=503 latency=1\.2ms proxy-error=no-endpoints retries=2$/);
    const end = {
      duration: { seconds: 3, nanos: 4e8 },
      requestBytes: 0,
      responseBytes: 2_500,
      error: "client-closed",
      permission: "",
    };
    expect(formatTapLine(withEvent({ event: "end", end }), "default/hello-1", { wide: false })).toMatch(
      /^end id=hello-1:7 .* duration=3\.4s request=0B response=2\.5KB error=client-closed$/,
    );
  });

  test("wide tells the time and whose the ends are", () => {
    const line = formatTapLine(event, "default/hello-1", { wide: true });
    expect(line).toMatch(/^2023-11-14T22:13:20\.123456Z req /);
    expect(line).toContain(
      "dst_address=10.0.0.1:80 dst_namespace=default dst_workload=deployment/world dst_service=world",
    );
  });

  test("is one harmless line whatever a client sent", () => {
    const path = '/\x1b[2J\x07\r\nend id=hello-1:7 "\u202e\x9b';
    const evil = withEvent({
      request: { method: "G\x1bT", scheme: "http", authority: "a\nb", path, version: "" },
    });
    const line = formatTapLine(evil, "default/hello-1", { wide: true });
    expect(line).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u202e]/);
    expect(line).toContain(String.raw`path="/\x1b[2J\x07\x0d\x0aend id=hello-1:7 \"\u202e\x9b"`);
  });
});

test("JSON has times in microseconds and addresses as text", () => {
  const response = {
    status: 200,
    latency: { seconds: 1, nanos: 1_500 },
    proxyError: "",
    retries: 0,
    permission: "",
  };
  expect(eventAsJson(withEvent({ event: "response", response }), "default/hello-1")).toEqual({
    type: "response",
    request_id: 7,
    proxy: "default/hello-1",
    time: "2023-11-14T22:13:20.123456Z",
    direction: "outbound",
    source: {
      address: "[::1]:5000",
      namespace: "",
      workload_kind: "",
      workload: "",
      pod: "",
      service: "",
      tls: false,
    },
    destination: {
      address: "10.0.0.1:80",
      namespace: "default",
      workload_kind: "deployment",
      workload: "world",
      pod: "world-1",
      service: "world",
      tls: true,
    },
    status: 200,
    latency_us: 1_000_001.5,
    proxy_error: "",
    retries: 0,
    dropped: 0,
  });
});

function withEvent(change: Partial<TapEvent__Output>): TapEvent__Output {
  const { requestId, time, direction, source, destination, dropped } = event;
  return { requestId, time, direction, source, destination, dropped, event: "request", ...change };
}
