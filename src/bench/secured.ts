import { globalAgent } from "node:http";
import { fetchPage, readSamples } from "../metrics/index.js";
import { Failure } from "../output/index.js";

const HANDSHAKES = 'mesh_tls_handshakes_total{direction="inbound"';

/**
 * Makes sure that a sidecar has been called by another one over mTLS, and that what is measured is not plain text.
 * @param admin host:port of its metrics page
 * @throws Failure when nobody has
 */
export async function demandSecured(admin: string): Promise<void> {
  const page = await fetchPage(admin, globalAgent, new AbortController().signal);
  const made = [...readSamples(page)]
    .filter(({ id }) => id.startsWith(HANDSHAKES) && /result="(full|resumed)"/.test(id))
    .reduce((sum, { value }) => sum + value, 0);
  if (made === 0) throw new Failure("the sidecars do not speak TLS to each other");
}
