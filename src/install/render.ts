import type { JsonObject } from "../manifest/index.js";
import type { Installation } from "./installation.js";
import { autoscaler, disruptionBudgets } from "./objects/availability.js";
import { controlPlane } from "./objects/control-plane.js";
import { crds } from "./objects/crds.js";
import { grafana } from "./objects/grafana.js";
import { namespace } from "./objects/namespace.js";
import { networkPolicies } from "./objects/network-policies.js";
import { prometheus } from "./objects/prometheus.js";
import { accountsAndRoles } from "./objects/rbac.js";
import { valuesConfigMap } from "./objects/values-config-map.js";
import { mutatingWebhook, validatingWebhook } from "./objects/webhook-configurations.js";
import { webhook } from "./objects/webhook.js";

/** Which objects of an installation. */
export type Part = "all" | "crds" | "without-crds";

/**
 * The objects of an installation, in an order in which one `kubectl apply` takes them all: what others need comes first, and the
 * webhooks, which concern others' pods, come last. The same installation gives the same objects.
 */
export function render(installation: Installation, part: Part = "all"): JsonObject[] {
  if (part === "crds") return asJson(crds(installation));
  return asJson([
    namespace(installation),
    ...(part === "all" ? crds(installation) : []),
    ...accountsAndRoles(installation),
    valuesConfigMap(installation),
    ...networkPolicies(installation),
    ...disruptionBudgets(installation),
    ...controlPlane(installation),
    ...autoscaler(installation),
    ...webhook(installation),
    ...prometheus(installation),
    ...grafana(installation),
    mutatingWebhook(installation),
    validatingWebhook(installation),
  ]);
}

/** Without what is undefined, which JSON does not know. */
const asJson = (objects: readonly object[]) => JSON.parse(JSON.stringify(objects)) as JsonObject[];
