import type { ControlPlaneClient } from "../client/index.js";
import { someOf } from "../output/index.js";
import { type Finding, passed, warned } from "./check.js";

/** What a control plane could not take of its files or resources, or took and finds to mean nothing. */
export async function configurationFinding(client: ControlPlaneClient): Promise<Finding> {
  const { problems } = await client.health();
  const [first] = problems;
  if (first === undefined) return passed();
  const places = problems.map(
    ({ source, line, message }) => `${source}${line > 0 ? `:${line}` : ""}: ${message}`,
  );
  return warned(
    someOf(places, 3),
    `mend ${first.source}; what is not understood stays as it last was, a permission that names nothing is in force`,
  );
}
