import type { Channel, ChannelEvents } from "./channel.js";
import type { Outcome } from "./outcome.js";

/** A channel's one request under way, from its release to its end; the protocols say how it is sent, and how it is let go. */
export abstract class SingleRequestChannel implements Channel {
  readonly #events: ChannelEvents;
  #released: number | null = null;

  constructor(events: ChannelEvents) {
    this.#events = events;
  }

  get released(): number | null {
    return this.#released;
  }

  send(released: number): void {
    this.#released = released;
    this.start();
  }

  abandon(reason: string): void {
    this.letGo();
    this.finish({ kind: "failed", reason });
  }

  close(): void {
    this.#released = null;
    this.letGo();
  }

  /** Sends a request. */
  protected abstract start(): void;

  /** Ends what the request under way is sent over; nothing is heard of it from then on. */
  protected abstract letGo(): void;

  /** Tells the owner how the request under way ended, if there is one. */
  protected finish(outcome: Outcome): void {
    const released = this.#released;
    if (released === null) return;
    this.#released = null;
    this.#events.finished(this, released, outcome);
  }
}
