import { credentials as channel, Metadata, type ServiceError } from "@grpc/grpc-js";
import { readFile } from "node:fs/promises";
import { loadDiscovery } from "../../src/proto/index.js";
import type { SidecarCredentials } from "../../src/quiet-control-plane/index.js";

/** Whom to join a mesh as, though no sidecar is there. */
export interface Joining extends SidecarCredentials {
  readonly controlPlane: string;
  readonly workload: string;
  readonly namespace: string;
  readonly identity: string;
  /** Where others reach it. */
  readonly address: string;
}

/** Joins a mesh as a sidecar does, so that others know an identity of this address. The function that it gives leaves it. */
export async function joinAs(joining: Joining): Promise<() => void> {
  const { controlPlane, tokenFile, trustRoots, workload, namespace, identity, address } = joining;
  // The control plane's name is a URI, which Node.js does not look for.
  const secured = channel.createSsl(await readFile(trustRoots), null, null, {
    checkServerIdentity: () => undefined,
  });
  const metadata = new Metadata();
  metadata.set("authorization", `Bearer ${await readFile(tokenFile, "utf8")}`);
  const client = new (loadDiscovery().mesh.proxy.v1.Discovery)(controlPlane, secured, {
    "grpc.ssl_target_name_override": "mesh-control-plane.mesh-system.svc",
  });
  const stream = client.discover(metadata);
  await new Promise<void>((resolve, reject) => {
    stream.on("metadata", () => resolve());
    stream.on("error", (error: ServiceError) => reject(error));
    stream.on("data", () => undefined);
    const inbound = [{ address, application: address }];
    stream.write({
      proxy: { name: workload, namespace, workload: { kind: "workload", name: workload }, identity, inbound },
    });
  });
  return () => {
    stream.cancel();
    client.close();
  };
}
