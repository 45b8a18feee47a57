import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { fail, ok, type Result } from "../result/index.js";
import type { Failure } from "../output/index.js";
import { type Listener, notAnAddress, parseListenAddress, whyNot } from "./listen.js";

/** What the admin server tells. */
export interface AdminContext {
  /** Whether everything was read once, and proxies and commands are answered. */
  isReady: () => boolean;
  /** Metrics in Prometheus's text format. */
  metrics: () => string;
  /** Where Prometheus finds the sidecars, as its HTTP service discovery reads it. */
  proxyTargets: () => unknown;
}

const FLAG = "--admin-listen";

/** Serves `/live`, `/ready`, `/metrics` and `/targets/proxies` by plain HTTP. Nothing there changes anything. */
export async function listenForAdmin(
  address: string,
  context: AdminContext,
): Promise<Result<Listener, Failure>> {
  const place = parseListenAddress(address);
  if (!place) return fail(notAnAddress(FLAG, address));
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
const PROMETHEUS_TEXT = "text/plain; version=0.0.4; charset=utf-8";

type Answer = readonly [status: number, type: string, body: string];

const answering =
  (context: AdminContext): RequestListener =>
  ({ method, url = "" }, response) => {
    const isQuestion = method === "GET" || method === "HEAD";
    const [status, type, body] = isQuestion ? answerTo(url, context) : NOT_A_QUESTION;
    response.writeHead(status, { "content-type": type, "content-length": Buffer.byteLength(body) }).end(body);
  };

const NOT_A_QUESTION: Answer = [405, TEXT, "expected GET or HEAD\n"];

function answerTo(url: string, { isReady, metrics, proxyTargets }: AdminContext): Answer {
  switch (url.split("?")[0]) {
    case "/live":
      return [200, TEXT, "live\n"];
    case "/ready":
      return isReady() ? [200, TEXT, "ready\n"] : [503, TEXT, "not everything was read yet\n"];
    case "/metrics":
      return [200, PROMETHEUS_TEXT, metrics()];
    case "/targets/proxies":
      return [200, "application/json", `${JSON.stringify(proxyTargets())}\n`];
    default:
      return [404, TEXT, "expected /live, /ready, /metrics or /targets/proxies\n"];
  }
}
