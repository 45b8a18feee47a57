import { type Catalog, type ConnectedProxy, type Instance, parseAddress } from "../catalog/index.js";
import type { Account } from "../identity/index.js";
import { ok, type Result } from "../result/index.js";
import type { BoundPod, PodTokens } from "./pod-tokens.js";
import {
  type Applicant,
  bearerToken,
  type ProxyRefusal,
  type Recognize,
  refusal,
  type Vouch,
  withIdentity,
} from "./recognition.js";

/**
 * Believes a proxy that shows its pod's token. Its workload is the pod's owner, whatever it says, and its addresses must be
 * the pod's. A pod that is not in the catalog yet, or no longer, has no proxy; who runs in it is told of services all the same.
 */
export function recognizePods(tokens: Tokens, catalog: Catalog, identityOf?: IdentityOf): Recognize {
  return async (said, authorization) => {
    const pod = await podOf(tokens, said, authorization);
    if (!pod.ok) return pod;
    const { namespace, account } = pod.value;
    const proxy = withIdentity(said, identityOf?.({ namespace, name: account }));
    if (!proxy.ok) return proxy;
    return ok({
      follow: (listener) =>
        catalog.watchInstance(said.namespace, said.name, (instance) =>
          listener(instance && isPod(pod.value, instance) ? proxyIn(instance, proxy.value) : undefined),
        ),
    });
  };
}

/** Certifies a proxy as the service account of the pod whose token it shows. */
export function vouchForPods(tokens: Tokens): Vouch {
  return async (applicant, authorization) => {
    const pod = await podOf(tokens, applicant, authorization);
    return pod.ok ? ok({ namespace: pod.value.namespace, name: pod.value.account }) : pod;
  };
}

type Tokens = Pick<PodTokens, "podOf">;
/** The SPIFFE ID of an account. */
type IdentityOf = (account: Account) => string;

/** The pod that a proxy is in, by its token. */
async function podOf(
  tokens: Tokens,
  said: Applicant,
  authorization: string | undefined,
): Promise<Result<BoundPod, ProxyRefusal>> {
  const token = bearerToken(authorization, "the token of the proxy's pod");
  if (!token.ok) return token;
  const pod = await tokens.podOf(token.value);
  if (!pod.ok || nameOf(pod.value) === nameOf(said)) return pod;
  return refusal("other-pod", `the token is of pod ${nameOf(pod.value)}, not of ${nameOf(said)}`);
}

/** Whether an instance is the pod, and not one of its name that was there before or came after; a pod without an address is to come. */
const isPod = ({ uid }: BoundPod, instance: Instance) =>
  instance.uid === uid && instance.addresses.length > 0;

/** The proxy that runs in a pod. */
function proxyIn(pod: Instance, said: ConnectedProxy): Result<ConnectedProxy, ProxyRefusal> {
  const addresses = [said.adminAddress, said.tapAddress, ...said.inbound.map(({ address }) => address)];
  const own = pod.sharesAddresses ? [] : pod.addresses;
  const foreign = addresses.find(
    (address) => address !== "" && !own.includes(parseAddress(address)?.ip ?? ""),
  );
  if (foreign === undefined) return ok({ ...said, workload: pod.workload });
  const has = pod.sharesAddresses ? "those of its node alone" : own.join(", ");
  return refusal("other-address", `${foreign} is no address of pod ${nameOf(said)}, which has ${has}`);
}

const nameOf = ({ namespace, name }: Pick<BoundPod, "namespace" | "name">) => `${namespace}/${name}`;
