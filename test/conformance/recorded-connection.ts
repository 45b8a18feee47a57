import type { Socket } from "node:net";
import { writeInSteps } from "./steps.js";
import { readRequest } from "./strict-reader.js";

/** What a backend sends to a request. */
export interface Reply {
  /** Sent as soon as the head of the request is there. */
  early?: string;
  /** Sent when the whole request is there. */
  bytes: string;
  /** Bytes that are written at once; all of them when it is absent. */
  step?: number;
  /** What becomes of the connection then; it is kept when this is absent. A tunnel sends back whatever comes. */
  then?: "finish" | "reset" | "tunnel";
}

/** What a backend answers to what is no request; not a word of HTTP. */
export const NOT_UNDERSTOOD = "not understood";

/** One connection that a backend accepted, read by the letter of the RFC and kept byte by byte. */
export class RecordedConnection {
  /** Everything that came. */
  received = "";
  /** What came after the last whole request. */
  rest = "";
  /** Why what came is no request. From there on nothing more is read as one. */
  fault: string | undefined;
  /** The peer has finished or broken it. */
  ended = false;
  #isTunnel = false;
  /** Nothing more is read as a request, as by a server that has closed its connection. */
  #isOver = false;
  #wasGreeted = false;
  #sent = Promise.resolve();

  /**
   * @param replyTo what is sent to a request that begins with such a head
   * @param onRequest takes a whole request
   */
  constructor(
    readonly socket: Socket,
    private readonly replyTo: (request: string) => Reply,
    private readonly onRequest: (request: string) => void,
  ) {
    // A proxy that refuses the rest of a request breaks its connection here.
    socket.on("error", () => (this.ended = true));
    socket.on("end", () => {
      this.ended = true;
      this.#send(() => socket.end());
    });
    socket.setEncoding("latin1").on("data", (text: string) => {
      this.received += text;
      this.rest += text;
      this.#read();
    });
  }

  #read(): void {
    while (this.rest && !this.fault && !this.#isTunnel && !this.#isOver) {
      const reading = readRequest(this.rest);
      if (reading.kind === "partial") {
        this.#greet();
        return;
      }
      if (reading.kind === "fault") {
        this.fault = reading.fault;
        this.#send(() => this.socket.end(NOT_UNDERSTOOD));
        return;
      }
      this.#greet();
      this.#answer(this.rest.slice(0, reading.length));
    }
    if (this.#isTunnel) {
      const bytes = this.rest;
      this.rest = "";
      this.#send(() => this.socket.write(bytes, "latin1"));
    }
  }

  /** Sends what is to be sent before the request is whole. */
  #greet(): void {
    if (this.#wasGreeted || !this.rest.includes("\r\n\r\n")) return;
    this.#wasGreeted = true;
    const { early } = this.replyTo(this.rest);
    if (early) this.#send(() => this.socket.write(early, "latin1"));
  }

  #answer(request: string): void {
    this.rest = this.rest.slice(request.length);
    this.#wasGreeted = false;
    this.onRequest(request);
    const { bytes, step = bytes.length, then } = this.replyTo(request);
    this.#isTunnel = then === "tunnel";
    this.#isOver = then === "finish" || then === "reset";
    this.#send(async () => {
      await writeInSteps(this.socket, bytes, step);
      if (then === "finish") this.socket.end();
      if (then === "reset") this.socket.resetAndDestroy();
    });
  }

  /** After everything that was to be sent before. */
  #send(action: () => unknown): void {
    this.#sent = this.#sent.then(action).then(() => undefined);
  }
}
