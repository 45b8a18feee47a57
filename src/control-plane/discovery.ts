import { Metadata, type ServerDuplexStream } from "@grpc/grpc-js";
import { isDeepStrictEqual } from "node:util";
import type { DiscoverRequest__Output } from "../../generated/mesh/proxy/v1/DiscoverRequest.js";
import type { DiscoverResponse } from "../../generated/mesh/proxy/v1/DiscoverResponse.js";
import type { DiscoveryHandlers } from "../../generated/mesh/proxy/v1/Discovery.js";
import type { Trust__Output } from "../../generated/mesh/proxy/v1/Trust.js";
import type { Target__Output } from "../../generated/mesh/proxy/v1/Target.js";
import { canonicalIp, formatAddress, type Catalog, type ConnectedProxy } from "../catalog/index.js";
import { loadDiscovery } from "../proto/index.js";
import type { Result } from "../result/index.js";
import { type CertifiedProxies, readTrust, type TrustSession } from "./certified-proxies.js";
import type { GrpcService } from "./grpc-service.js";
import { type DefaultPermission, InboundPolicy } from "./inbound-policy.js";
import type { Presence, Session } from "./presence.js";
import { readProxy } from "./proxy-message.js";
import { type ProxyRefusal, type Recognize, REFUSAL_STATUS } from "./recognition.js";
import { Subscription, type TargetName } from "./subscription.js";

type Call = ServerDuplexStream<DiscoverRequest__Output, DiscoverResponse>;

/** What the conversations with proxies need. */
export interface DiscoveryContext {
  readonly catalog: Catalog;
  readonly presence: Presence;
  /** Where somebody certifies proxies. */
  readonly certified?: CertifiedProxies | undefined;
  readonly recognize: Recognize;
  readonly defaultPermission: DefaultPermission;
  /** Told of each proxy that is refused; undefined when it did not even say who it is. */
  readonly refused: (refusal: ProxyRefusal, proxy: ConnectedProxy | undefined) => void;
}

/** mesh.proxy.v1.Discovery: tells each proxy who may call its workload, and of the targets it asks for, once in full and then what changes. */
export function discoveryService(context: DiscoveryContext): GrpcService {
  const implementation: DiscoveryHandlers = {
    Discover(call) {
      new Conversation(call, context).begin();
    },
  };
  return { definition: loadDiscovery().mesh.proxy.v1.Discovery.service, implementation };
}

/** What there may be to tell a proxy of. */
interface Teller {
  /** The message that is due, if any is. */
  take(): DiscoverResponse | undefined;
  stop(): void;
}

/** One proxy's stream. */
class Conversation {
  /** Who the proxy says it is, from its first message on. */
  private said: ConnectedProxy | undefined;
  /** As whom it counts, while it does. */
  private present: { readonly as: ConnectedProxy; readonly session: Session } | undefined;
  private unfollow = () => {};
  /** Its certificate, once it has told of one. */
  private trust: TrustSession | undefined;
  private readonly subscriptions = new Map<string, Subscription>();
  private inboundPolicy: InboundPolicy | undefined;
  /** Those with something to tell. */
  private readonly due = new Set<Teller>();
  private state: "idle" | "scheduled" | "blocked" | "over" = "idle";

  constructor(
    private readonly call: Call,
    private readonly context: DiscoveryContext,
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
    if (!this.said) this.introduce(request);
    else if (request.request === "proxy")
      this.refuse(malformed("a stream names its proxy once, in its first message"));
    else if (request.subscribe) this.subscribe(readTarget(request.subscribe.target), this.said);
    else if (request.unsubscribe) this.unsubscribe(readTarget(request.unsubscribe.target));
    else if (request.trust) this.takeTrust(request.trust);
    // Anything else is from a newer proxy, which must get along with a control plane that does not know it.
  }

  private introduce(request: DiscoverRequest__Output): void {
    if (!request.proxy) {
      this.refuse(malformed("the first message of a stream must be `proxy`"));
      return;
    }
    const proxy = readProxy(request.proxy, this.call.getPeer());
    if (!proxy.ok) {
      this.refuse(malformed(proxy.error));
      return;
    }
    this.said = proxy.value;
    void this.recognize(proxy.value);
  }

  /** What the proxy asks for meanwhile waits until it is known who asks. */
  private async recognize(said: ConnectedProxy): Promise<void> {
    this.call.pause();
    const [authorization] = this.call.metadata.get("authorization");
    const recognized = await this.context.recognize(said, authorization?.toString());
    if (this.isOver()) return;
    if (!recognized.ok) {
      this.refuse(recognized.error);
      return;
    }
    this.trust = this.context.certified?.begin(said, recognized.value.token, () => this.certifyAgain());
    const unfollow = recognized.value.follow((who) => this.countAs(who));
    if (this.isOver()) {
      unfollow();
      return;
    }
    this.unfollow = unfollow;
    // The head of the answer tells the proxy that it was taken.
    this.call.sendMetadata(new Metadata());
    this.tellWhoMayCall(said);
    this.call.resume();
  }

  private countAs(who: Result<ConnectedProxy, ProxyRefusal> | undefined): void {
    if (this.state === "over") return;
    if (who && !who.ok) {
      this.refuse(who.error);
      return;
    }
    const as = who?.value;
    if (isDeepStrictEqual(as, this.present?.as)) return;
    const before = this.present;
    this.present = as && { as, session: this.context.presence.begin(as) };
    before?.session.end();
  }

  /** Before the proxy is told of anything else: it may be waiting for nothing else to let callers in. */
  private tellWhoMayCall(proxy: ConnectedProxy): void {
    const { catalog, defaultPermission } = this.context;
    const policy = new InboundPolicy(catalog, proxy, defaultPermission, () => this.wake(policy));
    this.inboundPolicy = policy;
    this.wake(policy);
  }

  private takeTrust(message: Trust__Output): void {
    const trust = readTrust(message);
    if (trust) this.trust?.told(trust);
  }

  private certifyAgain(): void {
    if (this.state !== "over") this.call.write({ certifyAgain: {} });
  }

  private subscribe(target: TargetName | undefined, asker: ConnectedProxy): void {
    if (!target) return;
    this.unsubscribe(target);
    const subscription = new Subscription(this.context.catalog, target, asker, () => this.wake(subscription));
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
  private wake(teller: Teller): void {
    this.due.add(teller);
    if (this.state !== "idle") return;
    this.state = "scheduled";
    setImmediate(() => this.tell());
  }

  /** Sends what is due until the proxy does not keep up; then the rest waits, merged, in the subscriptions. */
  private tell(): void {
    if (this.state === "over") return;
    this.state = "idle";
    for (const teller of this.due) {
      this.due.delete(teller);
      const message = teller.take();
      if (message && !this.call.write(message)) {
        this.state = "blocked";
        return;
      }
    }
  }

  private refuse(refusal: ProxyRefusal): void {
    this.end();
    this.context.refused(refusal, this.said);
    this.call.emit("error", { code: REFUSAL_STATUS[refusal.reason], details: refusal.details });
  }

  private isOver(): boolean {
    return this.state === "over";
  }

  private end(): void {
    if (this.state === "over") return;
    this.state = "over";
    this.unfollow();
    this.inboundPolicy?.stop();
    this.trust?.end();
    for (const subscription of this.subscriptions.values()) subscription.stop();
    this.subscriptions.clear();
    this.due.clear();
    this.present?.session.end();
  }
}

const malformed = (details: string): ProxyRefusal => ({ reason: "malformed", details });

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
