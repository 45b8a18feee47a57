// The service that `mesh bench` measures against when it is given none: answers every request at once with a short text.
import { createServer } from "node:http";
import { rmSync } from "node:fs";
import { liveWithParent } from "./child.js";

const BODY = Buffer.from("hello world, this is a small body\n");

// The directory belongs to the parent, which removes it; when the parent is killed, this process is what is left to do it.
const directory = process.argv[2];
liveWithParent(() => {
  if (directory !== undefined) rmSync(directory, { recursive: true, force: true });
});

const server = createServer({ keepAliveTimeout: 0 }, (_request, response) => {
  response.writeHead(200, { "content-type": "text/plain", "content-length": BODY.length });
  response.end(BODY);
});
server.listen(0, "127.0.0.1", () => {
  const address = server.address();
  if (address !== null && typeof address === "object") process.send?.(address.port);
});
