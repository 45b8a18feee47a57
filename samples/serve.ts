import { createServer, type RequestListener } from "node:http";
import type { Server } from "node:net";

const { HOST, PORT = "8080", HEALTH_PORT, END_WITH_INPUT } = process.env;

/** Makes this process an ordinary HTTP/1 server, as `listen` does. */
export function serve(answer: RequestListener): void {
  listen(createServer(answer));
}

/**
 * Makes this process a server that knows nothing of a mesh. It listens at PORT of HOST (of every address, when that is not
 * set), prints a line when it does, and ends at once on SIGTERM. With HEALTH_PORT it answers HTTP/1 requests there, for
 * probes, once it listens; with END_WITH_INPUT=true it ends when its standard input does.
 */
export function listen(server: Server): void {
  server.listen(Number(PORT), HOST, () => {
    console.log("listening");
    if (HEALTH_PORT !== undefined) {
      createServer((_request, response) => response.end("ok\n")).listen(Number(HEALTH_PORT), HOST);
    }
  });
  const end = () => process.exit(0);
  process.on("SIGTERM", end);
  if (END_WITH_INPUT === "true") process.stdin.on("end", end).on("error", end).resume();
}
