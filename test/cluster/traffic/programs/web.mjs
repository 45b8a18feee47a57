// Answers HTTP/1 with its host's name, and says over a WebSocket again what it hears. Ends at once when it is told to.
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { hostname } from "node:os";

const { WebSocketServer } = createRequire("/mesh/")("ws");

const server = createServer((_request, response) => response.end(hostname()));
const webSockets = new WebSocketServer({ server });
webSockets.on("connection", (socket) =>
  socket.on("message", (message, isBinary) => socket.send(message, { binary: isBinary })),
);
server.listen(8080, () => console.log("listening"));
process.on("SIGTERM", () => process.exit(0));
