import { type ClientReadableStream, credentials } from "@grpc/grpc-js";
import type { CheckResponse__Output } from "../../generated/mesh/api/v1/CheckResponse.js";
import type { StatRequest } from "../../generated/mesh/api/v1/StatRequest.js";
import type { StatResponse__Output } from "../../generated/mesh/api/v1/StatResponse.js";
import type { TapRequest } from "../../generated/mesh/api/v1/TapRequest.js";
import type { TapResponse__Output } from "../../generated/mesh/api/v1/TapResponse.js";
import { loadApi } from "../proto/index.js";
import { ApiFailure, isServiceError } from "./failure.js";

const ANSWER_WITHIN_MS = 10_000;

const CHANNEL_OPTIONS = {
  // The application's http_proxy is often the mesh's own sidecar; the control plane is never behind it.
  "grpc.enable_http_proxy": 0,
  "grpc.max_receive_message_length": 64 * 1024 * 1024,
  "grpc.initial_reconnect_backoff_ms": 200,
  "grpc.max_reconnect_backoff_ms": 2_000,
};

/** The control plane as commands see it. Every call that fails throws an ApiFailure. */
export class ControlPlaneClient {
  readonly #address: string;
  readonly #health;
  readonly #stat;
  readonly #tap;

  /** @param address host:port; the connection is made with the first call */
  constructor(address: string) {
    const api = loadApi().mesh.api.v1;
    this.#address = address;
    this.#health = new api.Health(address, credentials.createInsecure(), CHANNEL_OPTIONS);
    this.#stat = new api.Stat(address, credentials.createInsecure(), CHANNEL_OPTIONS);
    this.#tap = new api.Tap(address, credentials.createInsecure(), CHANNEL_OPTIONS);
  }

  /** How the control plane is, asked for at most `withinMs` milliseconds. */
  health(withinMs = ANSWER_WITHIN_MS): Promise<CheckResponse__Output> {
    return new Promise((resolve, reject) => {
      this.#health.check({}, { deadline: Date.now() + withinMs }, (error, response) => {
        if (error !== null) reject(new ApiFailure(this.#address, error));
        else if (response !== undefined) resolve(response);
      });
    });
  }

  /** The figures of a window of time. */
  stat(request: StatRequest): Promise<StatResponse__Output> {
    return new Promise((resolve, reject) => {
      this.#stat.get(request, { deadline: Date.now() + ANSWER_WITHIN_MS }, (error, response) => {
        if (error !== null) reject(new ApiFailure(this.#address, error));
        else if (response !== undefined) resolve(response);
      });
    });
  }

  /** Events as they happen, until the signal is aborted or the control plane ends the call. */
  async *tap(request: TapRequest, signal: AbortSignal): AsyncGenerator<TapResponse__Output, void> {
    const call = this.#tap.tap(request);
    const cancel = () => call.cancel();
    signal.addEventListener("abort", cancel, { once: true });
    try {
      if (signal.aborted) return;
      yield* call as ClientReadableStream<TapResponse__Output> & AsyncIterable<TapResponse__Output>;
    } catch (error) {
      if (signal.aborted) return;
      throw isServiceError(error) ? new ApiFailure(this.#address, error) : error;
    } finally {
      signal.removeEventListener("abort", cancel);
      call.cancel();
    }
  }

  /** Ends the connection, and with it every call. */
  close(): void {
    this.#health.close();
    this.#stat.close();
    this.#tap.close();
  }
}
