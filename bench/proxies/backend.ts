import { randomBytes } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { startServer } from "./server.js";
import { LOAD_CORE } from "./cores.js";
import type { RunningRow } from "./row.js";

/** The path of the large answer, and its size. */
export const BODY_PATH = "/1mb";
export const BODY_BYTES = 1_000_000;

/** Starts the service behind all proxies, nginx, on the load's core. */
export async function startBackend(directory: string): Promise<RunningRow> {
  const body = join(directory, "1mb");
  await writeFile(body, randomBytes(BODY_BYTES));
  return startServer(
    {
      core: LOAD_CORE,
      command: "nginx",
      configuration: "backend.conf",
      args: ({ directory: home, configuration }) => ["-e", "stderr", "-p", home, "-c", configuration],
    },
    directory,
    0,
  );
}
