import { createServer } from "node:net";

/**
 * A port of 127.0.0.1 that nothing listens on. It lies below the range that the system gives out by itself, so nobody gets it
 * in the meantime, and what was stopped can come back at it.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = 10_000 + Math.floor(Math.random() * 20_000);
    const server = createServer();
    const isFree = await new Promise<boolean>((resolve) => {
      server.on("error", () => resolve(false));
      server.listen(port, "127.0.0.1", () => resolve(true));
    });
    await new Promise((resolve) => server.close(resolve));
    if (isFree) return port;
  }
}
