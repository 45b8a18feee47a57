import type { Socket } from "node:net";
import { createServer, type Server, type TLSSocket } from "node:tls";
import type { ServerCredentials, TrustRoot } from "../identity/index.js";
import { ok, type Result } from "../result/index.js";
import { keepUp, type Upkeep } from "../upkeep/index.js";
import { OwnCertificate } from "./own-certificate.js";

/** How often it is looked whether the certificate is still the one to show. */
const LOOK_AFTER_MS = 1_000;
/** A proxy that has not finished its handshake by then never will. */
const HANDSHAKE_MS = 10_000;

/** TLS 1.3 with the control plane's own certificate, which is renewed in time; connections that are open stay. */
export class SecureChannel {
  readonly #server: Server;
  readonly #own: OwnCertificate;
  #upkeep: Upkeep | undefined;
  #shown: ServerCredentials | undefined;

  /** @param accept takes each connection once its handshake is done */
  constructor(root: Pick<TrustRoot, "issuer">, accept: (socket: TLSSocket) => void) {
    this.#own = new OwnCertificate(root);
    this.#server = createServer({
      ALPNProtocols: ["h2"],
      handshakeTimeout: HANDSHAKE_MS,
    });
    this.#server
      .on("secureConnection", accept)
      // The other end is told by an alert, and its log is where that belongs.
      .on("tlsClientError", (_error, socket) => socket.destroy());
  }

  /** Makes the certificate, as soon as there is what signs it, and keeps it valid. @param failed told of what stands in the way */
  async start(failed: (message: string) => void): Promise<void> {
    await this.#lookAfter();
    this.#upkeep = keepUp({ everyMs: LOOK_AFTER_MS, failed, lookAfter: () => this.#lookAfter() });
  }

  /** Shakes hands on a connection of which nothing was read, or what was read was put back. */
  take(socket: Socket): void {
    if (this.#shown) this.#server.emit("connection", socket);
    else socket.destroy();
  }

  stop(): Promise<void> {
    return this.#upkeep?.stop() ?? Promise.resolve();
  }

  async #lookAfter(): Promise<Result<undefined>> {
    const own = await this.#own.current();
    if (!own.ok) return own;
    if (!own.value || own.value === this.#shown) return ok(undefined);
    const { certificate, key } = own.value;
    this.#server.setSecureContext({ cert: certificate, key, minVersion: "TLSv1.3" });
    this.#shown = own.value;
    return ok(undefined);
  }
}
