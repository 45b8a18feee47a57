import { fileURLToPath } from "node:url";

/** The path of a program that scripts/test-cluster.mjs has compiled. */
export const compiled = (name: "kube" | "coredns" | "pause") =>
  fileURLToPath(new URL(`../../../.cache/cluster/${name}`, import.meta.url));
