import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { startSidecar } from "../sidecar/index.js";
import type { Meshed, Parts, Stop } from "./demo-mesh.js";
import { makeDirectory } from "./directory.js";
import {
  BRIDGE_IP,
  joinByBridge,
  makeBridge,
  PROXY_GID,
  redirectToProxy,
  startPod,
  type Pod,
} from "./pod.js";
import { type QuietControlPlane, startQuietControlPlane } from "../quiet-control-plane/index.js";
import { startService } from "./service.js";

const PORT = 80;
/** Where each service runs, and the virtual address at which others know it. */
const PLACES = {
  hello: { podIp: "10.97.0.11", serviceIp: "10.97.1.11" },
  world: { podIp: "10.97.0.12", serviceIp: "10.97.1.12" },
} as const;

type Name = keyof typeof PLACES;

/**
 * Starts the demo's mesh with each service in a network namespace of its own, where the rules of mesh-init turn its connections
 * over to its sidecar. This process must be in a network namespace that is its own.
 */
export async function startTransparentMesh(
  version: string,
  signal: AbortSignal,
  stops: Stop[],
): Promise<Parts> {
  const directory = makeDirectory(stops);
  await makeBridge();
  const controlPlane = await startQuietControlPlane(directory, version, BRIDGE_IP);
  stops.push(() => controlPlane.stop());
  const hosts = join(directory, "hosts");
  await writeFile(hosts, hostsFile());
  for (const name of ["hello", "world"] as const)
    await writeFile(join(directory, `${name}.yaml`), resources(name));

  const world = await startMeshed("world", hosts, controlPlane, stops);
  signal.throwIfAborted();
  const hello = await startMeshed("hello", hosts, controlPlane, stops);
  signal.throwIfAborted();
  await Promise.all([controlPlane.joined("world"), controlPlane.joined("hello")]);
  return {
    directory,
    apiAddress: controlPlane.apiAddress,
    hello: hello.meshed,
    world: world.meshed,
    prefix: `nsenter -t ${process.pid} -n `,
    callWorld: `${hello.pod.enter.join(" ")} curl http://world/`,
  };
}

/** A service that knows nothing of the sidecar beside it. */
async function startMeshed(
  name: Name,
  hosts: string,
  controlPlane: QuietControlPlane,
  stops: Stop[],
): Promise<{ meshed: Meshed; pod: Pod }> {
  const { podIp } = PLACES[name];
  const pod = await startPod(hosts);
  stops.push(() => pod.stop());
  await joinByBridge(pod, name, podIp);
  await redirectToProxy(pod);
  const sidecar = await startSidecar(
    {
      name,
      ...(await controlPlane.credentialsOf(name)),
      controlPlane: controlPlane.discoveryAddress,
      outbound: "127.0.0.1:4140",
      inbound: ["4143=original"],
      admin: `${podIp}:4191`,
      tap: `${podIp}:4190`,
    },
    { within: [...pod.enter, "setpriv", "--regid", String(PROXY_GID), "--clear-groups", "--"] },
  );
  stops.push(() => sidecar.stop());
  const service = await startService(name, PORT, {}, pod.enter);
  stops.push(() => service.stop());
  return { meshed: { service, sidecar, address: `${podIp}:${PORT}` }, pod };
}

/** Names for the services' virtual addresses, as DNS would give them. */
function hostsFile(): string {
  const lines = Object.entries(PLACES).map(([name, { serviceIp }]) => `${serviceIp} ${name}`);
  return ["127.0.0.1 localhost", ...lines, ""].join("\n");
}

function resources(name: Name): string {
  const { podIp, serviceIp } = PLACES[name];
  return `apiVersion: v1
kind: Service
metadata:
  name: ${name}
spec:
  clusterIP: ${serviceIp}
  selector:
    app: ${name}
  ports:
    - port: ${PORT}
---
apiVersion: mesh.dev/v1alpha1
kind: Workload
metadata:
  name: ${name}
  labels:
    app: ${name}
spec:
  address: ${podIp}
`;
}
