// Tells everybody who is connected what a good costs, one a second: WebSocket (RFC 6455), text from the server alone.
import { createHash } from "node:crypto";
import { createServer } from "node:http";
import type { Duplex } from "node:stream";
import { listen } from "../serve.js";
import { GOODS } from "./goods.js";
import { priceOf } from "./prices-client.js";

const watching = new Set<Duplex>();

const server = createServer((_request, response) => {
  response.statusCode = 426;
  response.end("this is a WebSocket\n");
});
server.on("upgrade", ({ headers }, socket: Duplex) => {
  // RFC 6455, 1.3: this shows that the server understood what it was asked for.
  const accept = createHash("sha1")
    .update(`${headers["sec-websocket-key"] ?? ""}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
    .digest("base64");
  const head = ["HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade"];
  socket.write([...head, `Sec-WebSocket-Accept: ${accept}`, "", ""].join("\r\n"));
  watching.add(socket);
  const leave = () => {
    watching.delete(socket);
    socket.destroy();
  };
  // All that a client says is that it goes.
  socket.on("data", leave).on("error", leave).on("close", leave);
});
listen(server);

/** A whole text message; it is shorter than 126 bytes. */
function frameOf(text: string): Buffer {
  return Buffer.concat([Buffer.from([0x81, Buffer.byteLength(text)]), Buffer.from(text)]);
}

let turn = 0;
setInterval(() => {
  const good = GOODS[turn++ % GOODS.length] ?? "";
  priceOf(good).then(
    (cents) => {
      const frame = frameOf(JSON.stringify({ good, cents }));
      for (const socket of watching) socket.write(frame);
    },
    (error: unknown) => console.error(String(error)),
  );
}, 1000);
