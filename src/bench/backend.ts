import { createServer, type Server } from "node:http";

const BODY = Buffer.from("hello world, this is a small body\n");

/** The service that `mesh bench` measures against when it is given none: answers every request at once with a short text. */
export function backend(): Server {
  return createServer({ keepAliveTimeout: 0 }, (_request, response) => {
    response.writeHead(200, { "content-type": "text/plain", "content-length": BODY.length });
    response.end(BODY);
  });
}
