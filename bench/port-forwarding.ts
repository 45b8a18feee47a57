// The end of a port-forward at which a pod is: what a kubelet does with a WebSocket of the protocol v4.channel.k8s.io.
import type { IncomingMessage } from "node:http";
import { connect } from "node:net";
import type { Duplex } from "node:stream";
import { type WebSocket, WebSocketServer } from "ws";

const PROTOCOL = "v4.channel.k8s.io";
const DATA = 0;
const ERROR = 1;

/** Takes port-forwards, each to a port of this machine's loopback. */
export class PortForwarding {
  readonly #server = new WebSocketServer({
    noServer: true,
    handleProtocols: (protocols) => protocols.has(PROTOCOL) && PROTOCOL,
  });

  /**
   * @param port what is connected to
   * @param asked the pod's port, by which the client asked for it
   */
  take(request: IncomingMessage, socket: Duplex, head: Buffer, port: number, asked: number): void {
    this.#server.handleUpgrade(request, socket, head, (client) => forward(client, port, asked));
  }

  /** Breaks every connection. */
  stop(): void {
    for (const client of this.#server.clients) client.terminate();
    this.#server.close();
  }
}

function forward(client: WebSocket, port: number, asked: number): void {
  const say = (channel: number, payload: Buffer) => client.send(Buffer.concat([Buffer.of(channel), payload]));
  const portBytes = Buffer.alloc(2);
  portBytes.writeUInt16LE(asked);
  say(DATA, portBytes);
  say(ERROR, portBytes);
  const pod = connect(port, "127.0.0.1");
  pod.on("data", (data) => say(DATA, data));
  pod.on("error", ({ message }) =>
    say(ERROR, Buffer.from(`error forwarding port ${asked} to pod, uid : ${message}`)),
  );
  pod.on("close", () => client.close());
  client.on("message", (message: Buffer) => {
    if (message[0] === DATA) pod.write(message.subarray(1));
  });
  client.on("close", () => pod.destroy());
}
