import { type ControlPlane, startControlPlane } from "../control-plane/index.js";

/** Starts a control plane of which nothing is shown. Proxies reach it at an IP address of this host. */
export async function startQuietControlPlane(
  directory: string,
  version: string,
  ip: string,
): Promise<ControlPlane> {
  const started = await startControlPlane({
    source: { directory },
    listen: `${ip}:0`,
    apiListen: "127.0.0.1:0",
    version,
    logFormat: "text",
    writeLog: () => undefined,
  });
  if (!started.ok) throw started.error;
  return started.value;
}
