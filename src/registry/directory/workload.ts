import type { WorkloadSpec } from "../../mesh-kinds/index.js";
import { type Definition, type ResourceName, workloadDefinition } from "../definitions/index.js";
import { Fields, readLabels } from "./fields.js";
import { isHost, isObjectName, isPort } from "./names.js";

/** Reads a Workload: a service instance outside Kubernetes. */
export function readWorkload(document: Fields, resource: ResourceName): Definition | undefined {
  document.only("apiVersion", "kind", "metadata", "spec");
  const metadata = document.map("metadata", "a map with a name");
  const fields = document.map("spec", "a map with address and ports");
  if (!metadata || !fields) return undefined;
  fields.only("address", "ports", "workload");
  const labels = metadata.has("labels") ? readLabels(metadata, "labels") : {};
  const address = fields.string("address", "an IP address or a host name", isHost);
  const workload = readOwner(fields);
  const ports = readPorts(fields);
  if (address === undefined) return undefined;
  const spec: WorkloadSpec = { address, ...(workload !== undefined && { workload }), ports };
  return workloadDefinition(resource, { labels, spec, addressLine: fields.lineOf("address") });
}

function readOwner(spec: Fields): string | undefined {
  if (!spec.has("workload")) return undefined;
  const isOwner = (text: string) => {
    const [name = "", kind = "workload", ...rest] = text.split("/").reverse();
    return isObjectName(name) && isObjectName(kind) && rest.length === 0;
  };
  return spec.string("workload", "NAME or KIND/NAME, in lower case", isOwner);
}

function readPorts(spec: Fields): NonNullable<WorkloadSpec["ports"]> {
  if (!spec.has("ports")) return [];
  const names = new Set<string>();
  return (spec.maps("ports", "a list of ports") ?? []).flatMap((fields) => {
    fields.only("name", "port");
    const port = fields.number("port", "a number from 1 to 65535", isPort);
    const name = fields.string("name", "the port's name", (text) => text !== "" && !names.has(text));
    if (port === undefined || name === undefined) return [];
    names.add(name);
    return [{ name, port }];
  });
}
