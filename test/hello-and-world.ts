import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { Agent, createServer, get } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { startSidecar } from "../src/sidecar/index.js";

/** How often hello's client asks world. */
export const REQUEST_EVERY_MS = 20;

export interface HelloAndWorldOptions {
  /** The control plane's address for proxies. */
  readonly controlPlane: string;
  /** The control plane's directory, where the service world is written down. */
  readonly directory: string;
  /** How long world takes for an answer. */
  readonly answersAfterMs: number;
}

/** Two sidecars with traffic between them. */
export interface HelloAndWorld {
  /** The sidecars' admin addresses. */
  readonly admins: readonly string[];
  /** Where hello's application sends requests. */
  readonly outbound: string;
  stop(): Promise<void>;
}

/**
 * A client that sends `GET /greet?n=1` to the service world fifty times a second, through the sidecar of hello. World, a
 * deployment, has a sidecar too, and answers every fifth request with 500.
 */
export async function startHelloAndWorld(options: HelloAndWorldOptions): Promise<HelloAndWorld> {
  let requests = 0;
  const application = createServer((_, response) => {
    response.statusCode = ++requests % 5 === 0 ? 500 : 200;
    setTimeout(() => response.end("world"), options.answersAfterMs);
  });
  application.listen(0, "127.0.0.1");
  await once(application, "listening");
  const { port } = application.address() as AddressInfo;
  const common = { controlPlane: options.controlPlane, admin: "127.0.0.1:0", tap: "127.0.0.1:0" };
  const world = await startSidecar({
    ...common,
    name: "world-1",
    workload: "deployment/world",
    outbound: "off",
    inbound: [`127.0.0.1:0=127.0.0.1:${port}`],
  });
  const hello = await startSidecar({
    ...common,
    name: "hello-1",
    workload: "hello",
    outbound: "127.0.0.1:0",
  });
  const [inbound = ""] = world.addresses.inbound;
  writeFileSync(join(options.directory, "disco", "world"), `${inbound.replace(":", " ")}\n`);
  const agent = new Agent({ keepAlive: true });
  const { outbound = "" } = hello.addresses;
  const traffic = setInterval(() => send(agent, outbound), REQUEST_EVERY_MS);
  return {
    outbound,
    admins: [world.addresses.admin, hello.addresses.admin],
    stop: async () => {
      clearInterval(traffic);
      agent.destroy();
      await Promise.all([world, hello].map((sidecar) => sidecar.stop(0)));
      application.close();
    },
  };
}

function send(agent: Agent, outbound: string): void {
  const request = get(`http://${outbound}/greet?n=1`, { agent, headers: { host: "world" } }, (response) => {
    response.resume();
  });
  request.on("error", () => undefined);
}
