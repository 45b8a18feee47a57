import { Failure } from "../output/index.js";
import { gather } from "./gather.js";

/** How long an answer may take, all of it. */
const WITHIN_MS = 60_000;

/** What an http(s) address answers. @throws Failure that tells what came instead of a manifest */
export async function fetchUrl(url: string): Promise<Buffer> {
  const signal = AbortSignal.timeout(WITHIN_MS);
  try {
    const response = await fetch(url, {
      signal,
      headers: { accept: "application/yaml, application/json, text/plain, */*;q=0.5" },
    });
    if (!response.ok) {
      await response.body?.cancel();
      throw new Failure(`${url} answered ${response.status} ${response.statusText}`.trimEnd());
    }
    const bytes = response.body ? await gather(response.body, url) : Buffer.alloc(0);
    if (isHtml(response.headers.get("content-type") ?? "", bytes)) {
      throw new Failure(`${url} answered with a web page (HTML), not with a manifest`, {
        hint: "the address of the raw file",
      });
    }
    return bytes;
  } catch (error) {
    if (error instanceof Failure) throw error;
    throw new Failure(`${url} cannot be read: ${reason(error)}`);
  }
}

const isHtml = (type: string, bytes: Buffer) =>
  /^text\/html\b|^application\/xhtml/i.test(type) ||
  /^\s*<(?:!doctype|html)\b/i.test(bytes.toString("latin1", 0, 200));

function reason(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.name === "TimeoutError") return `no whole answer within ${WITHIN_MS / 1000} seconds`;
  const { cause } = error;
  if (cause instanceof AggregateError) return reason(cause.errors[0]);
  return cause instanceof Error ? cause.message : error.message;
}
