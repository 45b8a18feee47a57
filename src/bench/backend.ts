import { createServer as createHttpServer } from "node:http";
import { createServer as createHttp2Server, type ServerHttp2Stream } from "node:http2";
import { createServer, type Server } from "node:net";
import type { Protocol } from "./protocol.js";

const BODY = Buffer.from("hello world, this is a small body\n");
/** The same as a message of gRPC, not compressed. */
const MESSAGE = Buffer.concat([Buffer.from([0, 0, 0, 0, BODY.length]), BODY]);

/**
 * The service that `mesh bench` measures against when it is given none: answers every request at once with a short text, and sends
 * everything back that comes by TCP.
 */
export function backend(protocol: Protocol = "http1"): Server {
  switch (protocol) {
    case "http1":
      return createHttpServer({ keepAliveTimeout: 0 }, (_request, response) => {
        response.writeHead(200, { "content-type": "text/plain", "content-length": BODY.length });
        response.end(BODY);
      });
    case "http2":
    case "grpc":
      return http2Backend(protocol === "grpc" ? answerCall : answerRequest);
    case "tcp":
      return createServer({ noDelay: true }, (socket) => {
        socket.on("error", () => socket.destroy());
        socket.pipe(socket);
      });
  }
}

function http2Backend(answer: (stream: ServerHttp2Stream) => void): Server {
  const server = createHttp2Server();
  server.on("stream", (stream) => {
    stream.on("error", () => undefined);
    stream.resume();
    answer(stream);
  });
  server.on("sessionError", () => undefined);
  return server;
}

function answerRequest(stream: ServerHttp2Stream): void {
  stream.respond({ ":status": 200, "content-type": "text/plain", "content-length": BODY.length });
  stream.end(BODY);
}

function answerCall(stream: ServerHttp2Stream): void {
  // Only when the call's message has come whole: otherwise the rest would be refused by a reset.
  stream.on("end", () => {
    stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
    stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
    stream.end(MESSAGE);
  });
}
