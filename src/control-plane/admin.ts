import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { fail, ok, type Result } from "../result/index.js";
import type { Failure } from "../output/index.js";
import { listenAddress, type Listener, whyNot } from "./listen.js";
import type { OwnMetrics } from "./own-metrics.js";
import type { TargetGroup } from "./proxy-targets.js";

/** What the admin server tells. */
export interface AdminContext {
  /** What is missing before the process is ready; undefined when nothing is. */
  waitingFor: () => string | undefined;
  readonly metrics: OwnMetrics;
  /** Where Prometheus finds the sidecars, as its HTTP service discovery reads it. */
  proxyTargets: () => readonly TargetGroup[];
}

const FLAG = "--admin-listen";

/** Serves `/live`, `/ready`, `/metrics` and `/targets/proxies` by plain HTTP. Nothing there changes anything. */
export async function listenForAdmin(
  address: string,
  context: AdminContext,
): Promise<Result<Listener, Failure>> {
  const read = listenAddress(address, FLAG);
  if (!read.ok) return read;
  const place = read.value;
  const server = createServer(answering(context));
  try {
    await once(server.listen(place.port, place.host), "listening");
  } catch (error) {
    return fail(whyNot(error, place, FLAG));
  }
  const { port } = server.address() as AddressInfo;
  return ok({
    address: `${place.bracketed}:${port}`,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  });
}

const TEXT = "text/plain; charset=utf-8";

type Answer = readonly [status: number, type: string, body: string];

const answering =
  (context: AdminContext): RequestListener =>
  ({ method, url = "" }, response) => {
    const isQuestion = method === "GET" || method === "HEAD";
    const answer = isQuestion ? answerTo(url, context) : Promise.resolve(NOT_A_QUESTION);
    answer.then(
      ([status, type, body]) =>
        response
          .writeHead(status, { "content-type": type, "content-length": Buffer.byteLength(body) })
          .end(body),
      () => response.destroy(),
    );
  };

const NOT_A_QUESTION: Answer = [405, TEXT, "expected GET or HEAD\n"];

async function answerTo(url: string, { waitingFor, metrics, proxyTargets }: AdminContext): Promise<Answer> {
  switch (url.split("?")[0]) {
    case "/live":
      return [200, TEXT, "live\n"];
    case "/ready": {
      const missing = waitingFor();
      return missing === undefined ? [200, TEXT, "ready\n"] : [503, TEXT, `waiting for ${missing}\n`];
    }
    case "/metrics": {
      const { contentType, text } = await metrics.page();
      return [200, contentType, text];
    }
    case "/targets/proxies":
      return [200, "application/json", `${JSON.stringify(proxyTargets())}\n`];
    default:
      return [404, TEXT, "expected /live, /ready, /metrics or /targets/proxies\n"];
  }
}
