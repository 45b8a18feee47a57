import { isIP } from "node:net";
import { addressMistake, isEndpointIp } from "./address.js";
import type { KindRule } from "./mistake.js";

export const workload: KindRule = ({ address }) => {
  const message =
    typeof address === "string" ? (addressMistake(address) ?? placeMistake(address)) : undefined;
  return message === undefined ? [] : [{ field: "spec.address", message }];
};

/** In a cluster many machines connect to it. */
const placeMistake = (address: string): string | undefined =>
  isIP(address) === 0 || isEndpointIp(address)
    ? undefined
    : `${JSON.stringify(address)} is a loopback, link-local or multicast address, which is nobody's in a cluster`;
