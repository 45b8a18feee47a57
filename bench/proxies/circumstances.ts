import { type MeshCircumstances, PLAIN } from "./mesh.js";

/** The row that ratios refer to when our proxy is compared with itself. */
export const REFERENCE = "1 endpoint";

/** What surrounds our proxy, one thing after the other. */
export const CIRCUMSTANCES: readonly MeshCircumstances[] = [
  { ...PLAIN, name: REFERENCE },
  { ...PLAIN, name: "10 endpoints", endpoints: 10 },
  { ...PLAIN, name: "1,000 endpoints", endpoints: 1000 },
  { ...PLAIN, name: "10,000 endpoints", endpoints: 10_000 },
  { ...PLAIN, name: "1,000 other services", otherServices: 1000 },
  { ...PLAIN, name: "2 workers", workers: 2 },
  { ...PLAIN, name: "4 workers", workers: 4 },
  { ...PLAIN, name: "tapped", tapped: true },
];
