import { canonicalIp } from "../../catalog/index.js";
import { isTcp, type Service } from "./kinds.js";

/** What is kept of a Service. */
export interface ServiceFacts {
  /** Its virtual addresses; none when it is headless. */
  readonly addresses: readonly string[];
  /** Its TCP ports. */
  readonly ports: readonly { readonly name: string; readonly port: number }[];
}

/**
 * What there is to know of a service; undefined when it is none of the mesh's: one without TCP ports, or of type
 * ExternalName, which is an alias in the DNS.
 */
export function readService({ spec }: Service): ServiceFacts | undefined {
  const ports = (spec?.ports ?? []).filter(isTcp).map(({ name = "", port }) => ({ name, port }));
  if (spec?.type === "ExternalName" || ports.length === 0) return undefined;
  const addresses = spec?.clusterIPs ?? [spec?.clusterIP ?? "None"];
  return { addresses: addresses.flatMap((address) => canonicalIp(address) ?? []), ports };
}
