import type { Duration__Output } from "../../generated/google/protobuf/Duration.js";
import type { StatResponse__Output } from "../../generated/mesh/api/v1/StatResponse.js";
import type { StatRow__Output } from "../../generated/mesh/api/v1/StatRow.js";
import type { JsonObject } from "../manifest/index.js";
import { secondsIn } from "../proto/index.js";
import { resourceAsJson } from "../resource-type/index.js";

/** What `mesh stat -o json` and `-o yaml` print; the fields are described in docs/stat-and-tap.md. */
export function statAsJson({ rows, notes, keeper }: StatResponse__Output, windowSeconds: number): JsonObject {
  return { window_seconds: windowSeconds, keeper, notes, rows: rows.map(rowAsJson) };
}

function rowAsJson({ resource, http, tcp, secured }: StatRow__Output): JsonObject {
  return {
    ...resourceAsJson(resource),
    secured: secured ?? null,
    http: http && {
      success_rate: http.successRate,
      requests_per_second: http.requestsPerSecond,
      requests_per_second_by_protocol: http.requestsPerSecondByProtocol,
      latency_p50_seconds: secondsOf(http.latencyP50),
      latency_p95_seconds: secondsOf(http.latencyP95),
      latency_p99_seconds: secondsOf(http.latencyP99),
    },
    tcp: tcp && {
      open_connections: tcp.openConnections,
      read_bytes_per_second: tcp.readBytesPerSecond,
      write_bytes_per_second: tcp.writeBytesPerSecond,
    },
  };
}

const secondsOf = (duration: Duration__Output | null): number | null => duration && secondsIn(duration);
