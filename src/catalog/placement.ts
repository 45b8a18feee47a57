import { isIPv6 } from "node:net";
import type { IpFamily, Place, Places, Service } from "./model.js";

/** From where a service is looked at. */
export interface Vantage {
  node: string | undefined;
  zone: string | undefined;
}

/** Which of a service's places are meant, of one port. What is absent restricts nothing. */
export interface Scope {
  hostname?: string | undefined;
  family?: IpFamily | undefined;
  from?: Vantage | undefined;
}

/** Whether proxies on different nodes are given different places of a service. */
export function isPlacedByNode({ endpoints }: Service): boolean {
  if (!("places" in endpoints)) return false;
  return (
    endpoints.onOwnNode === true ||
    endpoints.places.some(({ zones, nodes }) => zones !== undefined || nodes !== undefined)
  );
}

/** The places that serve a port of a service to whoever looks from there, by the rules of kube-proxy. */
export function choosePlaces(
  { places, onOwnNode, family: preferred }: Places,
  port: number | undefined,
  scope: Scope,
): Place[] {
  const { hostname, family, from } = scope;
  const ofPort = places.filter(
    (place) => place.port === port && (hostname === undefined || isNamed(place, hostname)),
  );
  const choose = (among: Place[]) => {
    // Whose node is not known cannot be held to it.
    if (onOwnNode === true && from?.node !== undefined) {
      return serving(among.filter(({ node }) => node === from.node));
    }
    return nearest(serving(among), from);
  };
  const wanted = family ?? preferred;
  const ofFamily = wanted === undefined ? ofPort : ofPort.filter((place) => familyOf(place) === wanted);
  const chosen = choose(ofFamily);
  return chosen.length > 0 || family !== undefined || ofFamily.length === ofPort.length
    ? chosen
    : choose(ofPort);
}

/** Whether the DNS gives a place this name below the service's: its host name, or its IP address with dashes. */
export function isNamed({ hostname, address }: Place, name: string): boolean {
  return (hostname ?? address.ip.replaceAll(/[.:]/g, "-")) === name;
}

const familyOf = ({ address }: Place): IpFamily => (isIPv6(address.ip) ? 6 : 4);

/** Those that are ready; when there are none, those that drain. */
function serving(places: Place[]): Place[] {
  const ready = places.filter(({ draining }) => draining !== true);
  return ready.length > 0 ? ready : places;
}

/**
 * Those that are meant for the node, or else for the zone, and those that are outside of all. The hints count only where every place
 * inside has one and one of them is for here: with fewer, whoever wrote them is not done, or some would get no place.
 */
function nearest(places: Place[], from: Vantage | undefined): Place[] {
  if (from === undefined || places.some(({ draining }) => draining === true)) return places;
  const outside = places.filter((place) => place.outside === true);
  const inside = places.filter((place) => place.outside !== true);
  const meantFor = (here: string | undefined, hints: (place: Place) => readonly string[] | undefined) => {
    if (here === undefined || !inside.every((place) => hints(place) !== undefined)) return [];
    return inside.filter((place) => hints(place)?.includes(here));
  };
  const onNode = meantFor(from.node, ({ nodes }) => nodes);
  if (onNode.length > 0) return [...onNode, ...outside];
  const inZone = meantFor(from.zone, ({ zones }) => zones);
  return inZone.length > 0 ? [...inZone, ...outside] : places;
}
