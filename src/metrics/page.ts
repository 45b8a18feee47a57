import { type Agent, get } from "node:http";

const TIMEOUT_MS = 2_000;
/** A service in use takes ten kilobytes and more. */
const MAX_BYTES = 32 * 1024 * 1024;

/**
 * Fetches a proxy's page of metrics.
 * @param address host:port of its admin listener
 * @throws Error in a few words: what went wrong with which address
 */
export function fetchPage(address: string, agent: Agent, signal: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    const fail = (reason: string) => reject(new Error(`http://${address}/metrics: ${reason}`));
    if (!URL.canParse(`http://${address}/metrics`)) {
      fail("not an address");
      return;
    }
    const timeout = AbortSignal.timeout(TIMEOUT_MS);
    const request = get(`http://${address}/metrics`, { agent, signal: AbortSignal.any([signal, timeout]) });
    const failWith = (error: NodeJS.ErrnoException) =>
      fail(timeout.aborted ? `no answer within ${TIMEOUT_MS / 1000}s` : (error.code ?? error.message));
    request.on("error", failWith);
    request.on("response", (response) => {
      const chunks: Buffer[] = [];
      let bytes = 0;
      response.on("error", failWith);
      response.on("data", (chunk: Buffer) => {
        chunks.push(chunk);
        bytes += chunk.length;
        if (bytes <= MAX_BYTES) return;
        fail(`more than ${MAX_BYTES} bytes`);
        request.destroy();
      });
      response.on("end", () => {
        if (response.statusCode === 200) resolve(Buffer.concat(chunks).toString("utf8"));
        else fail(`status ${response.statusCode ?? 0}`);
      });
    });
  });
}
