import { isObject, type Json, type JsonObject, type Path } from "../manifest/index.js";
import { type Container, containersOf, portsOf } from "./pod.js";
import type { PodTemplate } from "./pod-template.js";

/** Where in a container its probes are. */
const PROBES: readonly Path[] = [["livenessProbe"], ["readinessProbe"], ["startupProbe"]];

const HOOKS: readonly Path[] = [
  ["lifecycle", "postStart"],
  ["lifecycle", "preStop"],
];

/** A probe or a hook of a container that connects to a port. */
export interface Probe {
  readonly container: Container;
  /** From the container. */
  readonly way: Path;
  readonly port: number;
}

/** The probes and hooks of a pod's containers that connect to a port. */
export function probesOf(template: PodTemplate): Probe[] {
  return containersOf(template).flatMap((container) =>
    [...PROBES, ...HOOKS].flatMap((way) => {
      const port = probedPort(at(container.value, way), container);
      return port === undefined ? [] : [{ container, way, port }];
    }),
  );
}

/** The ports of a pod that are probed by connecting alone, in ascending order: whoever takes the connection makes the pod well. */
export function portsProbedByConnecting(template: PodTemplate): number[] {
  const ports = containersOf(template).flatMap((container) =>
    PROBES.flatMap((way) => {
      const action = at(container.value, [...way, "tcpSocket"]);
      // With a host of its own the pod is not what is probed.
      if (action === undefined || action["host"]) return [];
      return portOf(action, container) ?? [];
    }),
  );
  return [...new Set(ports)].sort((one, other) => one - other);
}

/**
 * The requests that the kubelet's probes are, `PORT:/PATH` by HTTP and `PORT:grpc` for a health check of gRPC, in the pod's order. Who probes by TLS
 * or by connecting alone makes none that could be told.
 */
export function probeRequests(template: PodTemplate): string[] {
  const requests = containersOf(template).flatMap((container) =>
    PROBES.flatMap((way) => {
      const probe = at(container.value, way);
      return [httpRequest(probe?.["httpGet"], container), grpcRequest(probe?.["grpc"], container)];
    }),
  );
  return [...new Set(requests.filter((request) => request !== undefined))];
}

function httpRequest(action: Json | undefined, container: Container): string | undefined {
  // With a host of its own the pod is not what is probed.
  if (!isObject(action) || action["host"] || isHttps(action)) return undefined;
  const port = portOf(action, container);
  const path = typeof action["path"] === "string" ? action["path"] : "";
  return port === undefined ? undefined : `${port}:${asRequested(path)}`;
}

function grpcRequest(action: Json | undefined, container: Container): string | undefined {
  const port = isObject(action) ? portOf(action, container) : undefined;
  return port === undefined ? undefined : `${port}:grpc`;
}

/** Whether a probe or hook by HTTP is by TLS. */
export const isHttps = ({ scheme }: JsonObject): boolean => scheme === "HTTPS";

/** A path as the kubelet asks for it: with a slash before it, without a fragment, and escaped. A comma would end it in a list. */
function asRequested(path: string): string {
  const [asked = ""] = path.split("#");
  const escaped = asked.replace(/[^\x21-\x7e]|["<>\\^`{|}]/gu, encodeURIComponent).replaceAll(",", "%2C");
  return escaped.startsWith("/") ? escaped : `/${escaped}`;
}

function probedPort(handler: JsonObject | undefined, container: Container): number | undefined {
  for (const kind of ["httpGet", "tcpSocket", "grpc"]) {
    const action = handler?.[kind];
    const port = isObject(action) ? portOf(action, container) : undefined;
    if (port !== undefined) return port;
  }
  return undefined;
}

/** Names are those of the container's ports. */
function portOf({ port }: JsonObject, container: Container): number | undefined {
  if (typeof port === "number") return port;
  return portsOf(container).find(({ name }) => name !== undefined && name === port)?.number;
}

/** The mapping that is there, if one is. */
export function at(value: JsonObject, way: Path): JsonObject | undefined {
  let found: Json | undefined = value;
  for (const step of way) found = isObject(found) ? found[step] : undefined;
  return isObject(found) ? found : undefined;
}
