import { Metadata, status, type ServerDuplexStream } from "@grpc/grpc-js";
import type { DiscoverRequest__Output } from "../../generated/mesh/proxy/v1/DiscoverRequest.js";
import type { DiscoverResponse } from "../../generated/mesh/proxy/v1/DiscoverResponse.js";
import type { DiscoveryHandlers } from "../../generated/mesh/proxy/v1/Discovery.js";
import type { Target__Output } from "../../generated/mesh/proxy/v1/Target.js";
import { canonicalIp, formatAddress, type Catalog, type ConnectedProxy } from "../catalog/index.js";
import { loadDiscovery } from "../proto/index.js";
import type { GrpcService } from "./grpc-service.js";
import type { Presence, Session } from "./presence.js";
import { readProxy } from "./proxy-message.js";
import { Subscription, type TargetName } from "./subscription.js";

type Call = ServerDuplexStream<DiscoverRequest__Output, DiscoverResponse>;

/** mesh.proxy.v1.Discovery: tells each proxy of the targets it asks for, once in full and then what changes. */
export function discoveryService(catalog: Catalog, presence: Presence): GrpcService {
  const implementation: DiscoveryHandlers = {
    Discover(call) {
      new Conversation(call, catalog, presence).begin();
    },
  };
  return { definition: loadDiscovery().mesh.proxy.v1.Discovery.service, implementation };
}

/** One proxy's stream. */
class Conversation {
  /** Once it has said who it is. */
  private proxy: ConnectedProxy | undefined;
  private session: Session | undefined;
  private readonly subscriptions = new Map<string, Subscription>();
  /** Those with something to tell. */
  private readonly due = new Set<Subscription>();
  private state: "idle" | "scheduled" | "blocked" | "over" = "idle";

  constructor(
    private readonly call: Call,
    private readonly catalog: Catalog,
    private readonly presence: Presence,
  ) {}

  begin(): void {
    this.call
      .on("data", (request: DiscoverRequest__Output) => this.take(request))
      .on("end", () => {
        this.end();
        this.call.end();
      })
      .on("cancelled", () => this.end())
      .on("error", () => this.end())
      .on("drain", () => {
        if (this.state === "blocked") this.tell();
      });
  }

  private take(request: DiscoverRequest__Output): void {
    if (this.state === "over") return;
    if (!this.session) this.introduce(request);
    else if (request.request === "proxy") this.refuse("a stream names its proxy once, in its first message");
    else if (request.subscribe) this.subscribe(readTarget(request.subscribe.target));
    else if (request.unsubscribe) this.unsubscribe(readTarget(request.unsubscribe.target));
    // Anything else is from a newer proxy, which must get along with a control plane that does not know it.
  }

  private introduce(request: DiscoverRequest__Output): void {
    if (!request.proxy) {
      this.refuse("the first message of a stream must be `proxy`");
      return;
    }
    const proxy = readProxy(request.proxy, this.call.getPeer());
    if (!proxy.ok) {
      this.refuse(proxy.error);
      return;
    }
    this.proxy = proxy.value;
    // The head of the answer tells the proxy that it was taken.
    this.call.sendMetadata(new Metadata());
    this.session = this.presence.begin(proxy.value);
  }

  private subscribe(target: TargetName | undefined): void {
    if (!target || !this.proxy) return;
    this.unsubscribe(target);
    const subscription = new Subscription(this.catalog, target, this.proxy, () => this.wake(subscription));
    this.subscriptions.set(keyOf(target), subscription);
    this.wake(subscription);
  }

  private unsubscribe(target: TargetName | undefined): void {
    const subscription = target && this.subscriptions.get(keyOf(target));
    if (!subscription) return;
    subscription.stop();
    this.subscriptions.delete(keyOf(target));
    this.due.delete(subscription);
  }

  /** Waits for the end of the present turn, so that what changes at once is told at once. */
  private wake(subscription: Subscription): void {
    this.due.add(subscription);
    if (this.state !== "idle") return;
    this.state = "scheduled";
    setImmediate(() => this.tell());
  }

  /** Sends what is due until the proxy does not keep up; then the rest waits, merged, in the subscriptions. */
  private tell(): void {
    if (this.state === "over") return;
    this.state = "idle";
    for (const subscription of this.due) {
      this.due.delete(subscription);
      const message = subscription.take();
      if (message && !this.call.write(message)) {
        this.state = "blocked";
        return;
      }
    }
  }

  private refuse(details: string): void {
    this.end();
    this.call.emit("error", { code: status.INVALID_ARGUMENT, details });
  }

  private end(): void {
    if (this.state === "over") return;
    this.state = "over";
    for (const subscription of this.subscriptions.values()) subscription.stop();
    this.subscriptions.clear();
    this.due.clear();
    this.session?.end();
  }
}

const keyOf = (target: TargetName) =>
  "authority" in target
    ? `authority ${target.authority}`
    : `address ${formatAddress(target.originalDestination)}`;

/** Undefined for a target of a kind that we do not know, and for an address that is none. */
function readTarget(target: Target__Output | null): TargetName | undefined {
  if (target?.target === "authority") return { authority: target.authority ?? "" };
  const address = target?.originalDestination;
  const ip = address && canonicalIp(address.ip);
  return ip === undefined || ip === null
    ? undefined
    : { originalDestination: { ip, port: address?.port ?? 0 } };
}
