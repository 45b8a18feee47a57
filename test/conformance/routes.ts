// The ways that a request can take through proxies, each to an application of its own.
import { freePort } from "../../bench/ports.js";
import { inboundOf, outboundOf, RunningMesh } from "../mesh/running-mesh.js";
import { RecordingBackend } from "./recording-backend.js";

/** A way from a client to an application that is called `echo` there. */
export interface Route {
  /** One proxy that a client sends through, one that stands before an application, or both. */
  name: "outbound" | "inbound" | "pair";
  /** host:port that a client connects to. */
  address: string;
  backend: RecordingBackend;
}

/** Proxies of namespace `pair` reach `echo` through the proxy before it. */
function pairedService(inboundPort: number): string {
  return `
apiVersion: v1
kind: Service
metadata: { name: echo, namespace: pair }
spec: { selector: { app: echo }, ports: [{ port: 80, targetPort: http }] }
---
apiVersion: mesh.dev/v1alpha1
kind: Workload
metadata: { name: echo-1, namespace: pair, labels: { app: echo } }
spec: { address: 127.0.0.1, ports: [{ name: http, port: ${inboundPort} }] }
`;
}

/** The routes, and what ends everything that they are made of. */
export interface RunningRoutes {
  routes: Route[];
  stop(): Promise<void>;
}

/** Starts a control plane, the proxies and the applications. */
export async function startRoutes(): Promise<RunningRoutes> {
  const [behindOutbound, behindInbound, behindPair] = await Promise.all([
    RecordingBackend.start(),
    RecordingBackend.start(),
    RecordingBackend.start(),
  ]);
  const inboundPort = await freePort();
  const mesh = await RunningMesh.start(
    { echo: [behindOutbound.address] },
    { "echo.yaml": pairedService(inboundPort) },
  );
  const [outbound, inbound, near] = await Promise.all([
    mesh.startProxy({ name: "client" }),
    mesh.startInbound("application-1", behindInbound.address),
    mesh.startProxy({ name: "near-1", namespace: "pair" }),
    mesh.startProxy({
      name: "echo-1",
      namespace: "pair",
      outbound: "off",
      inbound: [`${inboundPort}=${behindPair.address}`],
    }),
  ]);
  return {
    routes: [
      { name: "outbound", address: outboundOf(outbound), backend: behindOutbound },
      { name: "inbound", address: inboundOf(inbound), backend: behindInbound },
      { name: "pair", address: outboundOf(near), backend: behindPair },
    ],
    stop: async () => {
      await mesh.stop();
      for (const backend of [behindOutbound, behindInbound, behindPair]) backend.stop();
    },
  };
}
