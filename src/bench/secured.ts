import { globalAgent } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { fetchPage, readSamples } from "../metrics/index.js";
import { Failure } from "../output/index.js";

/** The page may be behind a Service that the node has only just been told of. */
const READ_WITHIN_MS = 60_000;
const POLL_MS = 100;
const HANDSHAKES = 'mesh_tls_handshakes_total{direction="inbound"';

/**
 * Makes sure that a sidecar has been called by another one over mTLS, and that what is measured is not plain text.
 * @param admin host:port of its metrics page
 * @throws Failure when nobody has, or when the page cannot be read for a minute
 */
export async function demandSecured(admin: string): Promise<void> {
  const page = await pageOf(admin);
  const made = [...readSamples(page)]
    .filter(({ id }) => id.startsWith(HANDSHAKES) && /result="(full|resumed)"/.test(id))
    .reduce((sum, { value }) => sum + value, 0);
  if (made === 0) throw new Failure("the sidecars do not speak TLS to each other");
}

async function pageOf(admin: string): Promise<string> {
  const limit = Date.now() + READ_WITHIN_MS;
  for (;;) {
    try {
      return await fetchPage(admin, globalAgent, new AbortController().signal);
    } catch (error) {
      if (Date.now() > limit) throw new Failure((error as Error).message);
    }
    await sleep(POLL_MS);
  }
}
