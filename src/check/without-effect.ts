import type { ControlPlaneClient } from "../client/index.js";
import { describeWithoutEffect } from "../mesh-kinds/index.js";
import { type Finding, passed, warned } from "./check.js";

/**
 * Which resources a control plane has taken and does not act on.
 * @param listing what shows all of them
 */
export async function withoutEffectFinding(client: ControlPlaneClient, listing: string): Promise<Finding> {
  const { withoutEffect } = await client.health();
  const found = describeWithoutEffect(withoutEffect);
  if (found === undefined) return passed();
  const advice =
    "delete what a later version should not put in force; until then timeouts and retries are the applications' own";
  return warned(found, `${listing}; ${advice}`);
}

export const WITHOUT_EFFECT = {
  id: "without-effect",
  title: "every resource of the mesh's own kinds has an effect",
} as const;
