import { Http1Channel } from "./http1-channel.js";
import { http2Channels } from "./http2-channel.js";
import type { Outcome } from "./outcome.js";
import type { Target } from "./target.js";
import { TcpChannel } from "./tcp-channel.js";

/** Carries one request after the other to a target. It opens its connection again when that has ended, as clients do. */
export interface Channel {
  /** When the request under way was released, on the clock of `performance.now()`; null while there is none. */
  readonly released: number | null;
  /** Sends a request. There must be none under way. */
  send(released: number): void;
  /** Gives up the request under way, if there is one. */
  abandon(reason: string): void;
  /** Closes without a word to the owner. */
  close(): void;
}

/** What a channel tells its owner. */
export interface ChannelEvents {
  /** A request ended. `released` is what `send` was given. The channel can take the next one at once. */
  finished(channel: Channel, released: number, outcome: Outcome): void;
}

/** So many channels to a target, in its protocol. */
export function channelsTo(target: Target, count: number, events: ChannelEvents): readonly Channel[] {
  const protocol = target.protocol ?? "http1";
  const make = (channel: () => Channel) => Array.from({ length: count }, channel);
  switch (protocol) {
    case "http1":
      return make(() => new Http1Channel(target, events));
    case "http2":
    case "grpc":
      return http2Channels(target, protocol, count, events);
    case "tcp":
      return make(() => new TcpChannel(target, events));
  }
}
