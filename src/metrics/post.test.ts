import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { postThrough } from "./post.js";

const URL_OF_NOBODY = "http://prometheus.invalid:9090/api/v1/query";
const FORM = new URLSearchParams({ query: "up == 1", time: "1" });
const never = () => new AbortController().signal;

/** The address of an HTTP proxy that answers so. */
async function proxy(answer: RequestListener): Promise<string> {
  const server = createServer(answer).listen(0, "127.0.0.1");
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  await once(server, "listening");
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test("a proxy is asked for the whole address, and its answer is the answer", async () => {
  const address = await proxy((request, response) => {
    const { method, url, headers } = request;
    let body = "";
    request.setEncoding("utf8").on("data", (text: string) => (body += text));
    request.on("end", () =>
      response
        .writeHead(202)
        .end(JSON.stringify({ method, url, host: headers.host, type: headers["content-type"], body })),
    );
  });
  const { status, text } = await postThrough(address)(URL_OF_NOBODY, FORM, never());
  expect(status).toBe(202);
  expect(JSON.parse(text)).toEqual({
    method: "POST",
    url: URL_OF_NOBODY,
    host: "prometheus.invalid:9090",
    type: "application/x-www-form-urlencoded;charset=UTF-8",
    body: "query=up+%3D%3D+1&time=1",
  });
});

test("what stands in the way is told as fetch tells it", async () => {
  const gone = await proxy((_, response) => response.destroy());
  await expect(postThrough(gone)(URL_OF_NOBODY, FORM, never())).rejects.toMatchObject({
    cause: { code: "ECONNRESET" },
  });
  const silent = await proxy(() => undefined);
  const waited = postThrough(silent)(URL_OF_NOBODY, FORM, AbortSignal.timeout(50));
  await expect(waited).rejects.toMatchObject({ name: "TimeoutError" });
});
