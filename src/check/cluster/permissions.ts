import { INSTALLED_TYPES } from "../../install/index.js";
import { NAMESPACE } from "../../installed-names/index.js";
import { canI, type ResourceType, typeName } from "../../kubernetes/index.js";
import { someOf } from "../../output/index.js";
import { type Check, failedForGood, passed } from "../check.js";
import { type ClusterContext, orThrow } from "./context.js";
import { ACCESS_REVIEWS } from "./objects.js";

/** What kubectl apply does to each of them. */
const VERBS = ["get", "create", "patch"] as const;

export const permissions: Check<ClusterContext> = {
  id: "permissions",
  title: "you may create what mesh install prints",
  async run(context) {
    const refused = (await Promise.all(INSTALLED_TYPES.map((type) => refusedVerbs(context, type)))).flat();
    const [first] = refused;
    if (first === undefined) return passed();
    const where = first.type.namespaced ? { namespace: NAMESPACE } : {};
    return failedForGood(
      `not allowed: ${someOf(refused.map(({ type, verb }) => `${verb} ${typeName(type)}`))}`,
      `as a cluster administrator; ${canI({ ...first, ...where }, context.cluster.as)}`,
    );
  },
};

interface Right {
  readonly verb: string;
  readonly type: ResourceType;
}

/** One question after the other, so that there are not as many connections as questions. */
async function refusedVerbs(context: ClusterContext, type: ResourceType): Promise<Right[]> {
  const refused: Right[] = [];
  for (const verb of VERBS) if (!(await mayI(context, { verb, type }))) refused.push({ verb, type });
  return refused;
}

async function mayI({ cluster }: ClusterContext, { verb, type }: Right): Promise<boolean> {
  const resourceAttributes = {
    group: type.group,
    resource: type.plural,
    verb,
    ...(type.namespaced && { namespace: NAMESPACE }),
  };
  const review = {
    apiVersion: "authorization.k8s.io/v1",
    kind: "SelfSubjectAccessReview",
    spec: { resourceAttributes },
  };
  return orThrow(await cluster.create(ACCESS_REVIEWS, review)).status?.allowed === true;
}
