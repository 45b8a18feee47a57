// The service of a bench on this machine, as a process that ends with the bench.
import { rmSync } from "node:fs";
import { backend } from "./backend.js";
import { liveWithParent } from "./child.js";
import type { Protocol } from "./protocol.js";

// The directory belongs to the parent, which removes it; when the parent is killed, this process is what is left to do it.
const [directory, protocol] = process.argv.slice(2);
liveWithParent(() => {
  if (directory === undefined) return;
  try {
    rmSync(directory, { recursive: true, force: true });
  } catch {
    // The parent is still there, for somebody writes: it removes the rest.
  }
});

const server = backend(protocol as Protocol).listen(0, "127.0.0.1", () => {
  const address = server.address();
  if (address !== null && typeof address === "object") process.send?.(address.port);
});
