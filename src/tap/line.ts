import { status as grpcStatus } from "@grpc/grpc-js";
import type { Duration__Output } from "../../generated/google/protobuf/Duration.js";
import type { Peer__Output } from "../../generated/mesh/proxy/v1/Peer.js";
import type { TapEvent__Output } from "../../generated/mesh/proxy/v1/TapEvent.js";
import { escapeControls, formatBytes, formatDuration } from "../output/index.js";
import { secondsIn } from "../proto/index.js";
import { addressOf, eventTypeOf, timeOf } from "./event.js";

const SHORT_TYPES = { request: "req", response: "rsp", end: "end" } as const;

/**
 * An event as one line of `key=value` after its type. Wide: with the time, and with all that is known of both ends.
 * @param proxy namespace/name of the one that saw the event
 */
export function formatTapLine(event: TapEvent__Output, proxy: string, { wide }: { wide: boolean }): string {
  const fields: [name: string, value: string][] = [
    ["id", `${proxy.slice(proxy.indexOf("/") + 1)}:${event.requestId}`],
    ["dir", event.direction === "INBOUND" ? "in" : "out"],
    ["src", peerName(event.source)],
    ["dst", peerName(event.destination)],
    ["tls", event.source?.tls || event.destination?.tls ? "yes" : "no"],
    ...fieldsOf(event),
    ...(wide ? [["proxy", proxy] as [string, string], ...wideFields(event)] : []),
  ];
  const shown = fields.filter(([, value]) => value !== "").map(([name, value]) => `${name}=${quoted(value)}`);
  const type = SHORT_TYPES[eventTypeOf(event)];
  return [...(wide ? [timeOf(event)] : []), type, ...shown].join(" ");
}

function fieldsOf({ request, response, end }: TapEvent__Output): [string, string][] {
  if (request) {
    return [
      ["protocol", request.protocol],
      ["method", request.method],
      ["authority", request.authority],
      ["path", request.path],
    ];
  }
  if (response) {
    return [
      ["status", String(response.status)],
      ["latency", latency(response.latency)],
      ["proxy-error", response.proxyError],
      ["permission", response.permission],
      ["retries", response.retries === 0 ? "" : String(response.retries)],
    ];
  }
  return [
    ["duration", latency(end?.duration)],
    ["request", formatBytes(end?.requestBytes ?? 0)],
    ["response", formatBytes(end?.responseBytes ?? 0)],
    ["grpc-status", grpcStatusName(end?.grpcStatus)],
    ["error", end?.error ?? ""],
    ["permission", end?.permission ?? ""],
  ];
}

/** `NOT_FOUND` for 5; the number itself where it has no name. */
function grpcStatusName(code: number | undefined): string {
  return code === undefined ? "" : (grpcStatus[code] ?? String(code));
}

function wideFields({ source, destination, request }: TapEvent__Output): [string, string][] {
  return [
    ["scheme", request?.scheme ?? ""],
    ["version", request?.version ?? ""],
    ...peerFields("src", source),
    ...peerFields("dst", destination),
  ];
}

function peerFields(end: "src" | "dst", peer: Peer__Output | null): [string, string][] {
  if (peer === null) return [];
  const workload = peer.workload ? `${peer.workload.kind}/${peer.workload.name}` : "";
  return [
    [`${end}_address`, addressOf(peer)],
    [`${end}_namespace`, peer.namespace],
    [`${end}_workload`, workload],
    [`${end}_service`, peer.service],
    [`${end}_identity`, peer.identity],
  ];
}

/** The most telling name there is. */
function peerName(peer: Peer__Output | null): string {
  if (peer === null) return "";
  return peer.pod || peer.workload?.name || addressOf(peer) || peer.service || "-";
}

function latency(duration: Duration__Output | null | undefined): string {
  return duration ? formatDuration(secondsIn(duration)) : "";
}

/** What comes from outside stays one word, and is harmless for a terminal. */
function quoted(value: string): string {
  const text = escapeControls(value);
  return /[\s"]/.test(text) ? `"${text.replaceAll('"', '\\"')}"` : text;
}
