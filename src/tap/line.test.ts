import { describe, expect, test } from "vitest";
import type { TapEvent__Output } from "../../generated/mesh/proxy/v1/TapEvent.js";
import { eventAsJson } from "./json.js";
import { formatTapLine } from "./line.js";

const peer = { address: null, namespace: "", workload: null, pod: "", service: "", tls: false, identity: "" };
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
    identity: "spiffe://mesh.test/ns/default/sa/world",
  },
  event: "request",
  request: {
    method: "GET",
    scheme: "http",
    authority: "world",
    path: "/",
    version: "HTTP/1.1",
    protocol: "http1",
  },
  dropped: 0,
};

describe("a line", () => {
  test("has what there is to say of a request, its response and its end", () => {
    expect(formatTapLine(event, "default/hello-1", { wide: false })).toBe(
      "req id=hello-1:7 dir=out src=[::1]:5000 dst=world-1 tls=yes protocol=http1 method=GET authority=world path=/",
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

  test("tells the protocol, how a gRPC call ended, and who refused a request", () => {
    const world = "id=hello-1:7 dir=out src=[::1]:5000 dst=world-1 tls=yes";
    const lineOf = (change: Partial<TapEvent__Output>) =>
      formatTapLine(withEvent(change), "default/hello-1", { wide: false });
    const call = {
      ...{ method: "POST", scheme: "http", authority: "world", path: "/shop.Cart/Add" },
      ...{ version: "HTTP/2", protocol: "grpc" },
    };
    expect(lineOf({ request: call })).toBe(
      `req ${world} protocol=grpc method=POST authority=world path=/shop.Cart/Add`,
    );
    const end = { duration: { seconds: 0, nanos: 9e6 }, requestBytes: 5, responseBytes: 0, error: "" };
    const ends = (grpcStatus: number) =>
      lineOf({ event: "end", end: { ...end, grpcStatus, permission: "" } }).slice(`end ${world} `.length);
    expect(ends(0)).toBe("duration=9ms request=5B response=0B grpc-status=OK");
    expect(ends(13)).toBe("duration=9ms request=5B response=0B grpc-status=INTERNAL");
    expect(ends(99)).toBe("duration=9ms request=5B response=0B grpc-status=99");
    const response = { status: 403, latency: null, proxyError: "permission-denied", retries: 0 };
    expect(lineOf({ event: "response", response: { ...response, permission: "shop/cart" } })).toBe(
      `rsp ${world} status=403 proxy-error=permission-denied permission=shop/cart`,
    );
    const refused = { ...end, error: "permission-denied", permission: "shop/cart" };
    expect(lineOf({ event: "end", end: refused })).toBe(
      `end ${world} duration=9ms request=5B response=0B error=permission-denied permission=shop/cart`,
    );
  });

  test("wide tells the time and whose the ends are", () => {
    const line = formatTapLine(event, "default/hello-1", { wide: true });
    expect(line).toMatch(/^2023-11-14T22:13:20\.123456Z req /);
    expect(line).toContain(
      "dst_address=10.0.0.1:80 dst_namespace=default dst_workload=deployment/world dst_service=world dst_identity=spiffe://mesh.test/ns/default/sa/world",
    );
  });

  test("is one harmless line whatever a client sent", () => {
    const path = '/\x1b[2J\x07\r\nend id=hello-1:7 "\u202e\x9b';
    const evil = withEvent({
      request: { method: "G\x1bT", scheme: "http", authority: "a\nb", path, version: "", protocol: "" },
    });
    const line = formatTapLine(evil, "default/hello-1", { wide: true });
    expect(line).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u202e]/);
    expect(line).toContain(String.raw`path="/\x1b[2J\x07\x0d\x0aend id=hello-1:7 \"\u202e\x9b"`);
  });
});

const EVENT_AS_JSON = {
  type: "request",
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
    identity: "",
  },
  destination: {
    address: "10.0.0.1:80",
    namespace: "default",
    workload_kind: "deployment",
    workload: "world",
    pod: "world-1",
    service: "world",
    tls: true,
    identity: "spiffe://mesh.test/ns/default/sa/world",
  },
  dropped: 0,
};

test("JSON has times in microseconds, addresses as text, and statuses as numbers", () => {
  const jsonOf = (change: Partial<TapEvent__Output>) => eventAsJson(withEvent(change), "default/hello-1");
  const request = {
    ...{ method: "GET", scheme: "http", authority: "world", path: "/" },
    ...{ version: "HTTP/2", protocol: "grpc" },
  };
  expect(jsonOf({ request })).toEqual({ ...EVENT_AS_JSON, ...request });
  const latency = { seconds: 1, nanos: 1_500 };
  const response = { status: 200, latency, proxyError: "", retries: 0, permission: "" };
  expect(jsonOf({ event: "response", response })).toEqual({
    ...EVENT_AS_JSON,
    ...{
      type: "response",
      status: 200,
      latency_us: 1_000_001.5,
      proxy_error: "",
      permission: "",
      retries: 0,
    },
  });
  const end = { duration: latency, requestBytes: 1, responseBytes: 2, error: "", permission: "" };
  const endAsJson = {
    ...EVENT_AS_JSON,
    ...{
      type: "end",
      duration_us: 1_000_001.5,
      request_bytes: 1,
      response_bytes: 2,
      error: "",
      permission: "",
    },
  };
  expect(jsonOf({ event: "end", end })).toEqual({ ...endAsJson, grpc_status: null });
  expect(jsonOf({ event: "end", end: { ...end, grpcStatus: 5 } })).toEqual({ ...endAsJson, grpc_status: 5 });
});

function withEvent(change: Partial<TapEvent__Output>): TapEvent__Output {
  const { requestId, time, direction, source, destination, dropped } = event;
  return { requestId, time, direction, source, destination, dropped, event: "request", ...change };
}
