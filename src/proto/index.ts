import { loadPackageDefinition } from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import { fileURLToPath } from "node:url";
import type { Duration__Output } from "../../generated/google/protobuf/Duration.js";
import type { ProtoGrpcType as Api } from "../../generated/api.js";
import type { ProtoGrpcType as Discovery } from "../../generated/discovery.js";
import type { ProtoGrpcType as Identity } from "../../generated/identity.js";
import type { ProtoGrpcType as ProxyTap } from "../../generated/tap.js";

// dist/src/proto and src/proto (under vitest) lie at different depths below the package's root.
const root = import.meta.url.includes("/dist/") ? "../../../proto" : "../../proto";

function load(file: string) {
  const definition = loadSync(file, {
    includeDirs: [fileURLToPath(new URL(root, import.meta.url))],
    longs: Number,
    enums: String,
    defaults: true,
    oneofs: true,
  });
  return loadPackageDefinition(definition);
}

/** The contract between proxies and the control plane (mesh.proxy.v1.Discovery). Parsed on each call. */
export const loadDiscovery = () => load("mesh/proxy/v1/discovery.proto") as unknown as Discovery;
/** How a proxy gets its certificate (mesh.proxy.v1.Identity). Parsed on each call. */
export const loadIdentity = () => load("mesh/proxy/v1/identity.proto") as unknown as Identity;
/** The contract that a proxy serves for tap (mesh.proxy.v1.Tap). Parsed on each call. */
export const loadProxyTap = () => load("mesh/proxy/v1/tap.proto") as unknown as ProxyTap;
/** What the commands and the dashboard call (mesh.api.v1). Parsed on each call. */
export const loadApi = () => load("mesh/api/v1/api.proto") as unknown as Api;

/** A google.protobuf.Timestamp. */
export const timestamp = (date: Date) => ({
  seconds: Math.floor(date.getTime() / 1000),
  nanos: date.getMilliseconds() * 1_000_000,
});

/** A google.protobuf.Duration of so many seconds, to the nanosecond. */
export function duration(seconds: number): Duration__Output {
  const nanos = Math.round(seconds * 1e9);
  return { seconds: Math.floor(nanos / 1e9), nanos: nanos % 1e9 };
}

/** How many seconds a google.protobuf.Duration is. */
export const secondsIn = ({ seconds, nanos }: Duration__Output): number => seconds + nanos / 1e9;
