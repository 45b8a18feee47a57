import type { ServiceError } from "@grpc/grpc-js";
import type { ObserveRequest } from "../../generated/mesh/proxy/v1/ObserveRequest.js";
import type { TapEvent__Output } from "../../generated/mesh/proxy/v1/TapEvent.js";
import type { Sidecar } from "../catalog/index.js";
import { loadProxyTap } from "../proto/index.js";
import type { TapCredentials } from "./tap-credentials.js";

const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 5_000;

const CHANNEL_OPTIONS = {
  "grpc.enable_http_proxy": 0,
  // A name for TLS, which takes no address; who the proxy must be is known otherwise.
  "grpc.ssl_target_name_override": "mesh-proxy",
  // Finds a proxy whose machine went away without a word.
  "grpc.keepalive_time_ms": 10_000,
  "grpc.keepalive_timeout_ms": 5_000,
};

/** Who is told of what happens at a proxy. */
export interface ObserverListener {
  event(event: TapEvent__Output): void;
  /** The proxy began to send events; `again` when it had done so before. */
  opened(again: boolean): void;
  /** The proxy stopped sending events; not told twice in a row. */
  lost(reason: string): void;
}

/** Watches the requests of one proxy until it is stopped, and connects again when the connection is lost. */
export class ProxyObserver {
  readonly #proxy: Sidecar;
  readonly #credentials: TapCredentials;
  readonly #request: ObserveRequest;
  readonly #listener: ObserverListener;
  #state: "new" | "open" | "lost" | "stopped" = "new";
  #pause = FIRST_PAUSE_MS;
  #timer: NodeJS.Timeout | undefined;

  constructor(
    proxy: Sidecar,
    credentials: TapCredentials,
    request: ObserveRequest,
    listener: ObserverListener,
  ) {
    this.#proxy = proxy;
    this.#credentials = credentials;
    this.#request = request;
    this.#listener = listener;
    void this.#observe();
  }

  get isOpen(): boolean {
    return this.#state === "open";
  }

  stop(): void {
    this.#state = "stopped";
    clearTimeout(this.#timer);
    this.#end();
  }

  /** Ends the call under way. */
  #end = (): void => undefined;

  async #observe(): Promise<void> {
    const credentials = await this.#credentials.of(this.#proxy);
    if (this.#state === "stopped") return;
    if (!credentials.ok) {
      this.#retry(credentials.error);
      return;
    }
    const { Tap } = loadProxyTap().mesh.proxy.v1;
    const client = new Tap(this.#proxy.tapAddress, credentials.value, CHANNEL_OPTIONS);
    const call = client.observe(this.#request);
    let over = false;
    this.#end = () => {
      over = true;
      call.cancel();
      client.close();
    };
    const end = (reason: string) => {
      if (over) return;
      this.#end();
      this.#retry(reason);
    };
    call.on("metadata", () => this.#opened());
    call.on("data", (event: TapEvent__Output) => {
      if (this.#state !== "stopped") this.#listener.event(event);
    });
    call.on("error", (error: ServiceError) => end(error.details));
    call.on("end", () => end("it ended the stream"));
  }

  #opened(): void {
    if (this.#state === "stopped") return;
    const again = this.#state === "lost";
    this.#state = "open";
    this.#pause = FIRST_PAUSE_MS;
    this.#listener.opened(again);
  }

  #retry(reason: string): void {
    if (this.#state === "stopped") return;
    const isNews = this.#state !== "lost";
    this.#state = "lost";
    this.#timer = setTimeout(() => void this.#observe(), this.#pause * (0.75 + Math.random() / 2));
    this.#pause = Math.min(this.#pause * 2, LONGEST_PAUSE_MS);
    if (isNews) this.#listener.lost(reason);
  }
}
