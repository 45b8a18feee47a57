import { type Catalog, type ConnectedProxy, type Instance, parseAddress } from "../catalog/index.js";
import { ok, type Result } from "../result/index.js";
import type { BoundPod, PodTokens } from "./pod-tokens.js";
import { type ProxyRefusal, type Recognize, refusal } from "./recognition.js";

/**
 * Believes a proxy that shows its pod's token. Its workload is the pod's owner, whatever it says, and its addresses must be
 * the pod's. A pod that is not in the catalog yet, or no longer, has no proxy; who runs in it is told of services all the same.
 */
export function recognizePods(tokens: Pick<PodTokens, "podOf">, catalog: Catalog): Recognize {
  return async (said, authorization) => {
    const token = /^Bearer +(\S+)$/i.exec(authorization ?? "")?.[1];
    if (token === undefined) {
      return refusal("no-token", "expected the token of the proxy's pod (MESH_PROXY_TOKEN_FILE)");
    }
    const pod = await tokens.podOf(token);
    if (!pod.ok) return pod;
    if (nameOf(pod.value) !== nameOf(said)) {
      return refusal("other-pod", `the token is of pod ${nameOf(pod.value)}, not of ${nameOf(said)}`);
    }
    return ok({
      follow: (listener) =>
        catalog.watchInstance(said.namespace, said.name, (instance) =>
          listener(instance && isPod(pod.value, instance) ? proxyIn(instance, said) : undefined),
        ),
    });
  };
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
