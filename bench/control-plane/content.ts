/** Pods of a service, and services of a namespace. */
const PODS_OF_SERVICE = 10;
const SERVICES_OF_NAMESPACE = 10;

/** The namespace of the service that every proxy follows. */
export const SHARED_NAMESPACE = "bench-shared";

/** A service, and where it is served. */
export interface BenchService {
  readonly namespace: string;
  readonly name: string;
  readonly pods: readonly BenchPod[];
}

export interface BenchPod {
  readonly namespace: string;
  readonly name: string;
  readonly workload: string;
  readonly ip: string;
}

/**
 * A cluster of so many pods: ten of each service, ten services a namespace, and one service of ten endpoints without pods
 * that is called by all.
 */
export class Content {
  readonly services: readonly BenchService[];
  readonly shared: BenchService;

  constructor(pods: number) {
    this.services = Array.from({ length: Math.ceil(pods / PODS_OF_SERVICE) }, (_, number) =>
      serviceNumber(number, Math.min(PODS_OF_SERVICE, pods - number * PODS_OF_SERVICE)),
    );
    const places = Array.from({ length: PODS_OF_SERVICE }, (_, index) => {
      return {
        namespace: SHARED_NAMESPACE,
        name: `shared-${index}`,
        workload: "shared",
        ip: `10.250.255.${index + 1}`,
      };
    });
    this.shared = { namespace: SHARED_NAMESPACE, name: "shared", pods: places };
  }

  get namespaces(): string[] {
    return [...new Set(this.services.map(({ namespace }) => namespace)), SHARED_NAMESPACE];
  }

  get pods(): BenchPod[] {
    return this.services.flatMap(({ pods }) => pods);
  }

  /** What a pod's application calls: the services of its namespace, and the shared one. */
  authoritiesOf({ namespace }: BenchPod): string[] {
    const near = this.services.filter((service) => service.namespace === namespace);
    return [...near.map(({ name }) => name), `shared.${SHARED_NAMESPACE}`];
  }

  /** How many proxies follow a service. */
  followersOf({ namespace }: BenchService): number {
    return namespace === SHARED_NAMESPACE
      ? this.pods.length
      : this.pods.filter((pod) => pod.namespace === namespace).length;
  }
}

function serviceNumber(number: number, pods: number): BenchService {
  const namespace = `bench-${Math.floor(number / SERVICES_OF_NAMESPACE)}`;
  const name = `service-${number}`;
  const podNumber = (index: number) => number * PODS_OF_SERVICE + index;
  return {
    namespace,
    name,
    pods: Array.from({ length: pods }, (_, index) => ({
      namespace,
      name: `${name}-5d8f7c9b6d-${podNumber(index).toString(36).padStart(5, "0")}`,
      workload: name,
      ip: ipNumber(podNumber(index)),
    })),
  };
}

/** Of this machine itself: whoever scrapes a pod reaches the simulated proxies. */
const ipNumber = (number: number) => `127.${64 + (number >> 16)}.${(number >> 8) & 255}.${number & 255}`;

/** An address that no pod has, another one for each change. */
export const newIp = (change: number) => `10.251.${change >> 8}.${change & 255}`;
