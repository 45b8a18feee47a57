import { request } from "node:http";

/** An answer to a form that was sent. */
export interface Posted {
  readonly status: number;
  readonly text: string;
}

/** Sends a form by POST. @param signal ends the wait for the answer */
export type Post = (url: string, form: URLSearchParams, signal: AbortSignal) => Promise<Posted>;

/** Sends it where the address says. */
export const postDirectly: Post = async (url, form, signal) => {
  const response = await fetch(url, { method: "POST", body: form, signal });
  return { status: response.status, text: await response.text() };
};

/** Sends it by an HTTP proxy at HOST:PORT, which is asked for the whole address (RFC 9112, section 3.2.2). */
export const postThrough =
  (proxy: string): Post =>
  (url, form, signal) => {
    const body = form.toString();
    const { hostname, port } = new URL(`http://${proxy}`);
    const headers = {
      host: new URL(url).host,
      "content-type": "application/x-www-form-urlencoded;charset=UTF-8",
      "content-length": Buffer.byteLength(body),
    };
    return new Promise((resolve, reject) => {
      const asked = request({
        ...{ hostname: hostname.replace(/^\[|\]$/g, ""), port, method: "POST", path: url, headers, signal },
      });
      asked.on("error", (error) => reject(signal.aborted ? (signal.reason as Error) : asCause(error)));
      asked.on("response", (response) => {
        const chunks: Buffer[] = [];
        response.on("error", (error) => reject(asCause(error)));
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("end", () => {
          const text = Buffer.concat(chunks).toString("utf8");
          resolve({ status: response.statusCode ?? 0, text });
        });
      });
      asked.end(body);
    });
  };

/** As fetch tells of what broke. */
const asCause = (cause: Error): Error => new Error(cause.message, { cause });
