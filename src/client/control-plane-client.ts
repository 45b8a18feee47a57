import { type ClientReadableStream, credentials, type requestCallback, status } from "@grpc/grpc-js";
import type { AuthRequest } from "../../generated/mesh/api/v1/AuthRequest.js";
import type { AuthResponse__Output } from "../../generated/mesh/api/v1/AuthResponse.js";
import type { CheckResponse__Output } from "../../generated/mesh/api/v1/CheckResponse.js";
import type { IdentityResponse__Output } from "../../generated/mesh/api/v1/IdentityResponse.js";
import type { StatRequest } from "../../generated/mesh/api/v1/StatRequest.js";
import type { StatResponse__Output } from "../../generated/mesh/api/v1/StatResponse.js";
import type { TapRequest } from "../../generated/mesh/api/v1/TapRequest.js";
import type { TapResponse__Output } from "../../generated/mesh/api/v1/TapResponse.js";
import { loadApi } from "../proto/index.js";
import { ApiFailure, isServiceError } from "./failure.js";
import type { Route } from "./route.js";

const ANSWER_WITHIN_MS = 10_000;

const CHANNEL_OPTIONS = {
  // The application's http_proxy is often the mesh's own sidecar; the control plane is never behind it.
  "grpc.enable_http_proxy": 0,
  "grpc.max_receive_message_length": 64 * 1024 * 1024,
  "grpc.initial_reconnect_backoff_ms": 200,
  "grpc.max_reconnect_backoff_ms": 2_000,
  // Finds an other end that went away without a word, and keeps what is on the way from ending a connection that is silent.
  "grpc.keepalive_time_ms": 10_000,
  "grpc.keepalive_timeout_ms": 5_000,
};

/** How a call that was accepted ends when its other end goes away. */
const LOST: ReadonlySet<status> = new Set([
  status.UNAVAILABLE,
  status.CANCELLED,
  status.INTERNAL,
  status.UNKNOWN,
]);

/** The control plane as commands see it. Every call that fails throws an ApiFailure. */
export class ControlPlaneClient {
  readonly #route: Route;
  readonly #health;
  readonly #identity;
  readonly #stat;
  readonly #auth;
  readonly #tap;

  /** @param route the connection is made with the first call, and again when it broke */
  constructor(route: Route) {
    const api = loadApi().mesh.api.v1;
    this.#route = route;
    this.#health = new api.Health(route.target, credentials.createInsecure(), CHANNEL_OPTIONS);
    this.#identity = new api.Identity(route.target, credentials.createInsecure(), CHANNEL_OPTIONS);
    this.#stat = new api.Stat(route.target, credentials.createInsecure(), CHANNEL_OPTIONS);
    this.#auth = new api.Auth(route.target, credentials.createInsecure(), CHANNEL_OPTIONS);
    this.#tap = new api.Tap(route.target, credentials.createInsecure(), CHANNEL_OPTIONS);
  }

  /** Where the control plane is, in words: "at 127.0.0.1:8085". */
  get place(): string {
    return this.#route.place;
  }

  /** Where resources are that nobody says the namespace of. */
  get namespace(): string {
    return this.#route.namespace;
  }

  /** How the control plane is, asked for at most `withinMs` milliseconds. */
  health(withinMs = ANSWER_WITHIN_MS): Promise<CheckResponse__Output> {
    return this.#answer((callback) => this.#health.check({}, deadlineIn(withinMs), callback));
  }

  /** Who signs for the mesh's proxies, and which of these are certified by whom. */
  identity(): Promise<IdentityResponse__Output> {
    return this.#answer((callback) => this.#identity.get({}, deadlineIn(ANSWER_WITHIN_MS), callback));
  }

  /** The figures of a window of time. */
  stat(request: StatRequest): Promise<StatResponse__Output> {
    return this.#answer((callback) => this.#stat.get(request, deadlineIn(ANSWER_WITHIN_MS), callback));
  }

  /** Who may call, and who did. */
  auth(request: AuthRequest): Promise<AuthResponse__Output> {
    return this.#answer((callback) => this.#auth.get(request, deadlineIn(ANSWER_WITHIN_MS), callback));
  }

  /**
   * Events as they happen, until the signal is aborted.
   * @param onAccepted called when the control plane has taken the request
   * @throws ApiFailure when the control plane refuses, is not there or goes away
   */
  async *tap(
    request: TapRequest,
    signal: AbortSignal,
    onAccepted: () => void = () => undefined,
  ): AsyncGenerator<TapResponse__Output, void> {
    if (signal.aborted) return;
    const call = this.#tap.tap(request);
    const cancel = () => call.cancel();
    signal.addEventListener("abort", cancel, { once: true });
    const accepted = new AbortController();
    call.once("metadata", () => {
      accepted.abort();
      onAccepted();
    });
    try {
      yield* call as ClientReadableStream<TapResponse__Output> & AsyncIterable<TapResponse__Output>;
      if (!isAborted(signal)) throw ApiFailure.wentAway(this.#route);
    } catch (error) {
      if (isAborted(signal)) return;
      if (!isServiceError(error)) throw error;
      throw accepted.signal.aborted && LOST.has(error.code)
        ? ApiFailure.wentAway(this.#route)
        : ApiFailure.of(this.#route, error);
    } finally {
      signal.removeEventListener("abort", cancel);
      call.cancel();
    }
  }

  /** Ends the connection, and with it every call. */
  close(): void {
    this.#health.close();
    this.#identity.close();
    this.#stat.close();
    this.#auth.close();
    this.#tap.close();
    this.#route.close();
  }

  #answer<Answer>(call: (callback: requestCallback<Answer>) => unknown): Promise<Answer> {
    return new Promise((resolve, reject) => {
      call((error, answer) => {
        if (error !== null) reject(ApiFailure.of(this.#route, error));
        else if (answer !== undefined) resolve(answer);
      });
    });
  }
}

const deadlineIn = (milliseconds: number) => ({ deadline: Date.now() + milliseconds });

/** Asked again after time has passed, which the compiler does not see. */
function isAborted(signal: AbortSignal): boolean {
  return signal.aborted;
}
