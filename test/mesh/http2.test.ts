import { connect, createServer, type Http2Server, type IncomingHttpHeaders } from "node:http2";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from "vitest";
import { inboundOf, metricsOf, outboundOf, RunningMesh, type RunningProxy, SOON } from "./running-mesh.js";

let mesh: RunningMesh;
let client: RunningProxy;
beforeAll(async () => {
  mesh = await RunningMesh.start();
  client = await mesh.startProxy({ name: "client" });
});
afterAll(() => mesh.stop());

/** Puts a proxy before an application, and makes both a service. */
async function meshed(port: number): Promise<{ service: string; proxy: RunningProxy }> {
  const proxy = await mesh.startInbound("app-1", `127.0.0.1:${port}`);
  return { service: await mesh.addServiceAt(inboundOf(proxy)), proxy };
}

describe("Node's HTTP/2", () => {
  async function startServer(): Promise<{ server: Http2Server; sessions: () => number }> {
    const server = createServer();
    let sessions = 0;
    server.on("session", () => sessions++);
    server.on("stream", (stream, headers) => {
      stream.respond({ ":status": 200, "x-path": headers[":path"] }, { waitForTrailers: true });
      stream.on("wantTrailers", () => {
        stream.sendTrailers({ "x-last": "yes" });
      });
      stream.pipe(stream);
    });
    await new Promise<void>((listens) => server.listen(0, "127.0.0.1", listens));
    onTestFinished(() => void server.close());
    return { server, sessions: () => sessions };
  }

  it("has its streams relayed through two proxies, over one connection, with trailers", async () => {
    const { server, sessions } = await startServer();
    const { service, proxy } = await meshed((server.address() as AddressInfo).port);
    const session = connect(`http://${outboundOf(client)}`);
    onTestFinished(() => {
      session.destroy();
    });
    const ask = async (path: string, body: string) => {
      const stream = session.request({ ":method": "POST", ":path": path, ":authority": service });
      const heads: IncomingHttpHeaders[] = [];
      stream.on("response", (head) => heads.push(head));
      stream.on("trailers", (trailers: IncomingHttpHeaders) => heads.push(trailers));
      stream.end(body);
      const answer = await text(stream);
      return { answer, path: heads[0]?.["x-path"], last: heads[1]?.["x-last"] };
    };
    const asked = Array.from({ length: 50 }, (_, number) => ask(`/${number}`, `body ${number}`));
    expect(await Promise.all(asked)).toEqual(
      asked.map((_, number) => ({ answer: `body ${number}`, path: `/${number}`, last: "yes" })),
    );
    expect(sessions()).toBe(1);
    await vi.waitFor(async () => {
      const labels = { status_code: "200", classification: "success" };
      const sent = await metricsOf(client);
      expect(sent.sum("mesh_responses_total", { ...labels, dst_service: service })).toBe(50);
      expect((await metricsOf(proxy)).sum("mesh_responses_total", labels)).toBe(50);
    }, SOON);
  });
});
