import { canonicalIp, type Service, type ServicePort } from "../../catalog/index.js";
import type { Definition, ResourceName } from "../definitions/index.js";
import { Fields, readLabels } from "./fields.js";
import { isPort } from "./names.js";

/** Reads a standard Service with a selector. Fields that say nothing to the mesh are passed over. */
export function readService(document: Fields, resource: ResourceName): Definition | undefined {
  const { namespace, name } = resource;
  const spec = document.map("spec", "a map with selector and ports");
  if (!spec) return undefined;
  if (spec.scalar("type") === "ExternalName") {
    spec.wrong("type", "a Service with a selector");
    return undefined;
  }
  const selector = readLabels(spec, "selector");
  if (spec.has("selector") && Object.keys(selector).length === 0)
    spec.wrong("selector", "at least one label");
  const tcpPorts = spec.maps("ports", "a list of ports")?.filter(isTcp);
  if (tcpPorts?.length === 0) spec.wrong("ports", "at least one TCP port");
  const ports = tcpPorts?.flatMap(readPort) ?? [];
  const addresses = readClusterIp(spec);
  const service: Service = {
    namespace,
    name,
    ...(addresses && { addresses }),
    ports,
    endpoints: { selector },
  };
  return {
    ...resource,
    hosts: new Map(),
    put: (sink) => sink.putService(service),
    remove: (sink) => sink.removeService(namespace, name),
  };
}

/** The service's virtual address; undefined when it has none. */
function readClusterIp(spec: Fields): string[] | undefined {
  if (!spec.has("clusterIP") || spec.scalar("clusterIP") === "None") return undefined;
  const isIp = (text: string) => canonicalIp(text) !== undefined;
  const address = canonicalIp(spec.string("clusterIP", "an IP address, or None", isIp) ?? "");
  return address === undefined ? undefined : [address];
}

const isTcp = (port: Fields) => !["UDP", "SCTP"].includes(String(port.scalar("protocol")));

function readPort(fields: Fields): ServicePort[] {
  const port = fields.number("port", "a number from 1 to 65535", isPort);
  if (port === undefined) return [];
  if (!fields.has("targetPort")) return [{ port, target: port }];
  const target = fields.scalar("targetPort");
  if (typeof target === "number" && isPort(target)) return [{ port, target }];
  if (typeof target === "string" && target !== "") return [{ port, target }];
  fields.wrong("targetPort", "a number from 1 to 65535, or the name of a workload's port");
  return [];
}
