import type { Duration__Output } from "../../generated/google/protobuf/Duration.js";
import type { Peer__Output } from "../../generated/mesh/proxy/v1/Peer.js";
import type { TapEvent__Output } from "../../generated/mesh/proxy/v1/TapEvent.js";
import type { JsonObject } from "../manifest/index.js";
import { addressOf, eventTypeOf, timeOf } from "./event.js";

/** What `mesh tap -o json` and `-o yaml` print of an event; the fields are described in docs/stat-and-tap.md. */
export function eventAsJson(event: TapEvent__Output, proxy: string): JsonObject {
  return {
    type: eventTypeOf(event),
    request_id: event.requestId,
    proxy,
    time: timeOf(event),
    direction: event.direction === "INBOUND" ? "inbound" : "outbound",
    source: peerAsJson(event.source),
    destination: peerAsJson(event.destination),
    ...detailsAsJson(event),
    dropped: event.dropped,
  };
}

function detailsAsJson({ request, response, end }: TapEvent__Output): JsonObject {
  if (request) return { ...request };
  if (response) {
    const { status, proxyError, retries, permission } = response;
    const latency_us = microsecondsOf(response.latency);
    return { status, latency_us, proxy_error: proxyError, permission, retries };
  }
  return {
    duration_us: microsecondsOf(end?.duration),
    request_bytes: end?.requestBytes ?? 0,
    response_bytes: end?.responseBytes ?? 0,
    grpc_status: end?.grpcStatus ?? null,
    error: end?.error ?? "",
    permission: end?.permission ?? "",
  };
}

function peerAsJson(peer: Peer__Output | null): JsonObject | null {
  return (
    peer && {
      address: addressOf(peer),
      namespace: peer.namespace,
      workload_kind: peer.workload?.kind ?? "",
      workload: peer.workload?.name ?? "",
      pod: peer.pod,
      service: peer.service,
      tls: peer.tls,
      identity: peer.identity,
    }
  );
}

function microsecondsOf(duration: Duration__Output | null | undefined): number | null {
  return duration ? duration.seconds * 1e6 + duration.nanos / 1e3 : null;
}
