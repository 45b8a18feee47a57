import { spawnSync } from "node:child_process";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { freePort } from "../../bench/ports.js";
import { startHttpBackend, startTcpBackend } from "./backends.js";
import { RawConnection, send } from "./clients.js";
import { inboundOf, metricsOf, outboundOf, RunningMesh, SOON } from "./running-mesh.js";

let mesh: RunningMesh;
beforeAll(async () => {
  mesh = await RunningMesh.start();
});
afterAll(() => mesh.stop());

it("a proxy's metrics are as Prometheus wants them, after traffic of every kind", async () => {
  const backend = await startHttpBackend((request, response) => {
    response.writeHead(request.url === "/broken" ? 500 : 200).end("web");
  });
  const tcp = await startTcpBackend((socket) => void socket.pipe(socket));
  const proxy = await mesh.startProxy({
    name: 'odd"name\\',
    workload: "web",
    inbound: [`0=${backend.address}`, `0=${tcp.address}`],
  });
  const [inbound, opaque = ""] = proxy.addresses.inbound;
  expect(inbound).toBe(inboundOf(proxy));
  const web = await mesh.addServiceAt(inboundOf(proxy));
  const refusing = await mesh.addServiceAt(`127.0.0.1:${await freePort()}`);

  await send(outboundOf(proxy), web);
  await send(outboundOf(proxy), web, { path: "/broken" });
  await send(outboundOf(proxy), refusing);
  await send(outboundOf(proxy), "nobody");
  const connection = await RawConnection.open(opaque);
  connection.send("\x00bytes");
  connection.socket.end();
  await connection.untilEnd();

  await vi.waitFor(async () => {
    const metrics = await metricsOf(proxy);
    const count = (labels: Record<string, string>) => metrics.sum("mesh_responses_total", labels);
    expect(
      count({ direction: "outbound", dst_service: web, status_code: "200", classification: "success" }),
    ).toBe(1);
    expect(
      count({ direction: "outbound", dst_service: web, status_code: "500", classification: "failure" }),
    ).toBe(1);
    expect(count({ direction: "inbound", dst_workload: "web", status_code: "500" })).toBe(1);
    expect(count({ direction: "outbound", dst_service: refusing, proxy_error: "connect-refused" })).toBe(1);
    expect(count({ direction: "outbound", status_code: "404", proxy_error: "no-such-service" })).toBe(1);
  }, SOON);
  const { text } = await metricsOf(proxy);
  const { status, stdout, stderr } = spawnSync("promtool", ["check", "metrics"], {
    input: text,
    encoding: "utf8",
  });
  expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: "", stderr: "" });
});
