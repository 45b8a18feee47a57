import { addressMistake } from "./address.js";
import type { KindRule } from "./mistake.js";

export const workload: KindRule = ({ address }) => {
  const message = typeof address === "string" ? addressMistake(address) : undefined;
  return message === undefined ? [] : [{ field: "spec.address", message }];
};
