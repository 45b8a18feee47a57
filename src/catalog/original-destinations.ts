import { isIPv6 } from "node:net";
import { isDeepStrictEqual } from "node:util";
import { formatAddress } from "./address.js";
import { identityOf, ownerOf } from "./endpoint-set.js";
import { inboundIps } from "./listeners.js";
import { destinationAt } from "./members.js";
import type { Asker, Endpoint, IpFamily, Service, Sidecar, SocketAddress } from "./model.js";
import type { Nodes } from "./nodes.js";
import { Index, type Instances, type Services } from "./registered.js";
import type { Sidecars } from "./sidecars.js";
import type { Target, TargetListener, Targets } from "./targets.js";

/** What an address is: a service's (by an authority that names the service everywhere), or one endpoint's. */
type Meaning = { authority: string; family?: IpFamily } | { endpoint: Endpoint };

interface Watch {
  address: SocketAddress;
  asker: Asker;
  listener: TargetListener;
  meaning: Meaning | undefined;
  /** The service's target, while the address is a service's. */
  service: Target | undefined;
}

/** The addresses that proxies ask about because their applications connect to them. */
export class OriginalDestinations {
  private readonly byIp = new Index<Watch>();

  constructor(
    private readonly services: Services,
    private readonly instances: Instances,
    private readonly nodes: Nodes,
    private readonly sidecars: Sidecars,
    private readonly targets: Targets,
  ) {
    const refresh = (sidecar: Sidecar) => {
      this.changed(inboundIps(sidecar));
    };
    sidecars.on("joined", refresh).on("left", refresh);
  }

  watch(address: SocketAddress, listener: TargetListener, asker: Asker): Target {
    const watch: Watch = { address, asker, listener, meaning: undefined, service: undefined };
    this.give(watch, this.meaningOf(address));
    this.byIp.add(address.ip, watch);
    return {
      service: () => serviceOf(watch),
      endpoints: () => endpointsOf(watch),
      stop: () => {
        this.byIp.delete(address.ip, watch);
        watch.service?.stop();
      },
    };
  }

  /** To be called after something that has one of these IP addresses came, went or changed. */
  changed(ips: Iterable<string>): void {
    for (const ip of new Set(ips)) {
      for (const watch of [...this.byIp.get(ip)]) {
        const meaning = this.meaningOf(watch.address);
        if (isDeepStrictEqual(meaning, watch.meaning)) continue;
        this.give(watch, meaning);
        watch.listener.replaced();
      }
    }
  }

  private give(watch: Watch, meaning: Meaning | undefined): void {
    watch.service?.stop();
    watch.meaning = meaning;
    watch.service =
      meaning && "authority" in meaning
        ? this.targets.watch({ ...meaning, asker: watch.asker }, watch.listener)
        : undefined;
  }

  private meaningOf(address: SocketAddress): Meaning | undefined {
    const service = this.services.withIp(address.ip);
    if (service) {
      const destination = destinationAt(service, address.port);
      return destination && meaningOf(service, address.port, familyOf(service, address.ip));
    }
    const onNodes = this.nodes.hasIp(address.ip) ? this.services.withNodePort(address.port) : undefined;
    if (onNodes) return meaningOf(onNodes.service, onNodes.port);
    const sidecar = this.sidecars.at(formatAddress(address));
    if (sidecar) {
      return { endpoint: { address, ...ownerOf(sidecar), ...identityOf(sidecar), meshed: true } };
    }
    const instance = this.instances.at(address);
    if (instance) return { endpoint: { address, ...ownerOf(instance), meshed: false } };
    const holder = this.services.withEndpoint(address);
    if (!holder) return undefined;
    return {
      endpoint: { address, namespace: holder.namespace, workload: undefined, pod: "", meshed: false },
    };
  }
}

const meaningOf = ({ namespace, name }: Service, port: number, family?: IpFamily): Meaning => ({
  authority: `${name}.${namespace}.svc:${port}`,
  ...(family !== undefined && { family }),
});

/** Where a service has addresses of both families, each stands for the endpoints of its own. */
function familyOf({ addresses = [] }: Service, ip: string): IpFamily | undefined {
  const families = new Set(addresses.map(isIPv6));
  return families.size < 2 ? undefined : isIPv6(ip) ? 6 : 4;
}

function serviceOf({ meaning, service }: Watch) {
  if (meaning && "endpoint" in meaning) return { namespace: meaning.endpoint.namespace, name: "", port: 0 };
  return service?.service();
}

function endpointsOf({ meaning, service }: Watch): Endpoint[] {
  return meaning && "endpoint" in meaning ? [meaning.endpoint] : (service?.endpoints() ?? []);
}
