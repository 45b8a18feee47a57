import { canonicalIp, type Workload } from "../../catalog/index.js";
import type { Definition } from "./definition.js";
import { Fields, readLabels } from "./fields.js";
import { isHost, isObjectName, isPort } from "./names.js";
import type { Identity } from "./resource-file.js";

/** Reads a Workload: a service instance outside Kubernetes. */
export function readWorkload(document: Fields, identity: Identity): Definition | undefined {
  const { namespace, name } = identity;
  document.only("apiVersion", "kind", "metadata", "spec");
  const metadata = document.map("metadata", "a map with a name");
  const spec = document.map("spec", "a map with address and ports");
  if (!metadata || !spec) return undefined;
  spec.only("address", "ports", "workload");
  const labels = metadata.has("labels") ? readLabels(metadata, "labels") : {};
  const address = spec.string("address", "an IP address or a host name", isHost);
  const workload = readOwner(spec, name);
  const ports = readPorts(spec);
  if (address === undefined || workload === undefined) return undefined;
  const literal = canonicalIp(address);
  return {
    ...identity,
    hosts: literal === undefined ? new Map([[address, spec.lineOf("address")]]) : new Map(),
    put(catalog, addressesOf) {
      const addresses = literal === undefined ? [...addressesOf(address)] : [literal];
      catalog.putInstance({ namespace, name, workload, labels, addresses, ports });
    },
    remove: (catalog) => catalog.removeInstance(namespace, name),
  };
}

/** `spec.workload`, NAME or KIND/NAME: what the instance is a copy of; itself when it does not say. */
function readOwner(spec: Fields, instance: string): Workload | undefined {
  if (!spec.has("workload")) return { kind: "workload", name: instance };
  const isOwner = (text: string) => {
    const [name = "", kind = "workload", ...rest] = text.split("/").reverse();
    return isObjectName(name) && isObjectName(kind) && rest.length === 0;
  };
  const text = spec.string("workload", "NAME or KIND/NAME, in lower case", isOwner);
  if (text === undefined) return undefined;
  const [name = "", kind = "workload"] = text.split("/").reverse();
  return { kind, name };
}

function readPorts(spec: Fields): Record<string, number> {
  const ports: Record<string, number> = {};
  if (!spec.has("ports")) return ports;
  for (const fields of spec.maps("ports", "a list of ports") ?? []) {
    fields.only("name", "port");
    const port = fields.number("port", "a number from 1 to 65535", isPort);
    const name = fields.string(
      "name",
      "the port's name",
      (text) => text !== "" && !Object.hasOwn(ports, text),
    );
    if (port !== undefined && name !== undefined) ports[name] = port;
  }
  return ports;
}
