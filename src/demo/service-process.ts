import { createServer, type RequestListener } from "node:http";

/** What a service prints when it listens. */
export const LISTENING = "listening";

/**
 * Makes this process one service of the demo: an ordinary HTTP server that knows nothing of the mesh. It listens at PORT on
 * loopback, prints a line when it does, and ends when its standard input does, so that it never outlives the demo.
 */
export function serve(answer: RequestListener): void {
  const server = createServer(answer);
  server.listen(Number(process.env["PORT"]), "127.0.0.1", () => {
    console.log(LISTENING);
  });
  const end = () => process.exit(0);
  process.stdin.on("end", end).on("error", end).resume();
  process.on("SIGTERM", end);
}
