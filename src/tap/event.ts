import type { Peer__Output } from "../../generated/mesh/proxy/v1/Peer.js";
import type { TapEvent__Output } from "../../generated/mesh/proxy/v1/TapEvent.js";

/** What an event is about: the request's head, the response's head, or the end of the exchange. */
export function eventTypeOf(event: TapEvent__Output): "request" | "response" | "end" {
  return event.event ?? "end";
}

/** When it happened: RFC 3339 in UTC, with microseconds. */
export function timeOf({ time }: TapEvent__Output): string {
  const { seconds, nanos } = time ?? { seconds: 0, nanos: 0 };
  const micros = String(Math.floor(nanos / 1000)).padStart(6, "0");
  return `${new Date(seconds * 1000).toISOString().slice(0, 19)}.${micros}Z`;
}

/** ip:port, an IPv6 address in brackets; empty when it is not known. */
export function addressOf({ address }: Peer__Output): string {
  if (address === null) return "";
  return `${address.ip.includes(":") ? `[${address.ip}]` : address.ip}:${address.port}`;
}
