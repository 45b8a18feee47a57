import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { newServerCertificate } from "../../src/certificates/index.js";
import { PortForwarding } from "../port-forwarding.js";

/** What stands in for the node's kubelet: it takes port-forwards alone, and leads each to the same port of this machine. */
export class Kubelet {
  /** Where the API server finds it. */
  readonly port: number;
  readonly #server: Server;
  readonly #forwarding: PortForwarding;

  private constructor(server: Server, forwarding: PortForwarding) {
    this.#server = server;
    this.#forwarding = forwarding;
    this.port = (server.address() as AddressInfo).port;
  }

  /** @param to the port of loopback where connections go */
  static async start(to: number): Promise<Kubelet> {
    // The API server does not look at it.
    const { certificate, key } = await newServerCertificate({
      authority: "node-0",
      hosts: ["node-0"],
      days: 1,
    });
    const server = createServer({ cert: certificate, key });
    const forwarding = new PortForwarding();
    server.on("upgrade", (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      const asked = Number(new URL(request.url ?? "", "https://node-0").searchParams.get("port"));
      forwarding.take(request, socket, head, to, asked);
    });
    await once(server.listen(0, "127.0.0.1"), "listening");
    return new Kubelet(server, forwarding);
  }

  stop(): void {
    this.#forwarding.stop();
    this.#server.close();
    this.#server.closeAllConnections();
  }
}
