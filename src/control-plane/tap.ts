import { Metadata, status, type ServerWritableStream } from "@grpc/grpc-js";
import type { TapHandlers } from "../../generated/mesh/api/v1/Tap.js";
import type { TapRequest__Output } from "../../generated/mesh/api/v1/TapRequest.js";
import type { TapResponse } from "../../generated/mesh/api/v1/TapResponse.js";
import type { DestinationMatch } from "../../generated/mesh/proxy/v1/DestinationMatch.js";
import type { ObserveRequest } from "../../generated/mesh/proxy/v1/ObserveRequest.js";
import type { TapEvent__Output } from "../../generated/mesh/proxy/v1/TapEvent.js";
import type { Catalog, Sidecar, ResourceSelector } from "../catalog/index.js";
import type { TrustRoot } from "../identity/index.js";
import { loadApi } from "../proto/index.js";
import { fail, ok, type Result } from "../result/index.js";
import type { GrpcService } from "./grpc-service.js";
import { ProxyObserver } from "./proxy-observer.js";
import { describeSelector, invalid, readSelector, type Refusal, whatThereIs } from "./selector.js";
import { TapCredentials } from "./tap-credentials.js";
import { TapRate } from "./tap-rate.js";

type Call = ServerWritableStream<TapRequest__Output, TapResponse>;

const DEFAULT_MAX_RPS = 100;
// A proxy may send more than its even share, as traffic is seldom even; what is too much together is dropped here.
const SHARE_FACTOR = 4;
// The proxies of a service can change without any proxy coming or going.
const LOOK_AGAIN_MS = 1_000;
const MAX_WAITING_EVENTS = 4_096;
const MAX_FOLLOWED_REQUESTS = 10_000;

/** mesh.api.v1.Tap: the events of every proxy of the selected resources, those that join later included. */
export function tapService(catalog: Catalog, root?: Pick<TrustRoot, "issuer">): GrpcService {
  const credentials = new TapCredentials(root);
  const implementation: TapHandlers = {
    Tap(call) {
      const target = readTarget(catalog, call.request);
      if (!target.ok) {
        call.emit("error", target.error);
        return;
      }
      const to = readDestination(call.request);
      if (!to.ok) {
        call.emit("error", to.error);
        return;
      }
      new TapSession({ call, catalog, credentials, target: target.value, to: to.value }).begin();
    },
  };
  return { definition: loadApi().mesh.api.v1.Tap.service, implementation };
}

function readTarget(catalog: Catalog, request: TapRequest__Output): Result<ResourceSelector, Refusal> {
  const target = readSelector(request.target);
  if (!target.ok || tappable(catalog, target.value).length > 0) return target;
  const resources = catalog.resources(target.value);
  const what = describeSelector(target.value);
  if (catalog.sidecarsOf(target.value).length > 0) {
    const { type, namespace, name } = target.value;
    return fail({
      code: status.FAILED_PRECONDITION,
      details: `no proxy to tap: of ${what}, no sidecar lets anybody watch\ntry: mesh stat ${name === "" ? type : `${type}/${name}`}${namespace === "" ? "" : ` -n ${namespace}`}`,
    });
  }
  if (resources.length > 0) {
    return fail({
      code: status.FAILED_PRECONDITION,
      details: `no proxy to tap: of ${what}, no instance is in the mesh\ntry: ${hintForUnmeshed(catalog, target.value)}`,
    });
  }
  const hint = whatThereIs(catalog, target.value);
  const instead = hint === undefined ? "mesh proxy run beside a service: nothing is in the mesh yet" : hint;
  return fail({ code: status.NOT_FOUND, details: `there is nothing to tap: no ${what}\ntry: ${instead}` });
}

function hintForUnmeshed(catalog: Catalog, { type, namespace, name }: ResourceSelector): string {
  const others = catalog.sidecarsOf({ type: "all", namespace, name: "" });
  const [other] = others;
  if (other === undefined) return "mesh proxy run beside it";
  const caller = `${other.workload.kind}/${other.workload.name}`;
  return name === "" ? caller : `what others send to it: mesh tap ${caller} --to ${type}/${name}`;
}

function tappable(catalog: Catalog, target: ResourceSelector): Sidecar[] {
  return catalog.sidecarsOf(target).filter(({ tapAddress }) => tapAddress !== "");
}

function readDestination({ to }: TapRequest__Output): Result<DestinationMatch | undefined, Refusal> {
  if (to === null) return ok(undefined);
  const selector = readSelector(to);
  if (!selector.ok) return selector;
  const { type, namespace, name } = selector.value;
  if (name === "") return fail(invalid("the destination must have a name", `--to ${to.type}/NAME`));
  switch (type) {
    case "namespace":
      return ok({ namespace: name });
    case "node":
      return fail(invalid("what is sent to a node cannot be told apart", "--to pod/NAME"));
    case "service":
      return ok({ namespace, service: name });
    case "pod":
      return ok({ namespace, pod: name });
    default:
      return ok({ namespace, workload: { kind: type === "workload" ? "" : type, name } });
  }
}

/** What is watched, for whom, and by what. */
interface TapWishes {
  readonly call: Call;
  readonly catalog: Catalog;
  readonly credentials: TapCredentials;
  readonly target: ResourceSelector;
  readonly to: DestinationMatch | undefined;
}

/** One caller, and the proxies that are watched for it. */
class TapSession {
  readonly #call: Call;
  readonly #catalog: Catalog;
  readonly #credentials: TapCredentials;
  readonly #target: ResourceSelector;
  readonly #to: DestinationMatch | undefined;
  readonly #observers = new Map<Sidecar, ProxyObserver>();
  /** Requests whose start was passed on, by proxy: their other events are passed on too. */
  readonly #followed = new Set<string>();
  readonly #rate: TapRate;
  readonly #look = () => this.#watchTarget(true);
  #timer: NodeJS.Timeout | undefined;
  #dropped = 0;

  constructor({ call, catalog, credentials, target, to }: TapWishes) {
    this.#call = call;
    this.#catalog = catalog;
    this.#credentials = credentials;
    this.#target = target;
    this.#to = to;
    this.#rate = new TapRate(call.request.maxRps || DEFAULT_MAX_RPS);
  }

  begin(): void {
    this.#call.sendMetadata(new Metadata());
    for (const event of ["cancelled", "close", "error"]) this.#call.on(event, () => this.#end());
    this.#watchTarget(false);
    this.#catalog.sidecars.on("joined", this.#look).on("left", this.#look);
    this.#timer = setInterval(this.#look, LOOK_AGAIN_MS);
  }

  #end(): void {
    clearInterval(this.#timer);
    this.#catalog.sidecars.off("joined", this.#look).off("left", this.#look);
    for (const observer of this.#observers.values()) observer.stop();
    this.#observers.clear();
  }

  /** Watches the proxies that the target has now, and no others. */
  #watchTarget(isLater: boolean): void {
    const wanted = new Set(tappable(this.#catalog, this.#target));
    for (const [proxy, observer] of this.#observers) {
      if (wanted.has(proxy)) continue;
      if (observer.isOpen) this.#note(proxy, `proxy ${nameOf(proxy)} went away`);
      observer.stop();
      this.#observers.delete(proxy);
      this.#forgetRequestsOf(proxy);
    }
    for (const proxy of wanted) {
      if (!this.#observers.has(proxy)) this.#observers.set(proxy, this.#observe(proxy, wanted.size, isLater));
    }
  }

  #observe(proxy: Sidecar, proxies: number, isLater: boolean): ProxyObserver {
    return new ProxyObserver(proxy, this.#credentials, this.#requestFor(proxies), {
      event: (event) => this.#pass(proxy, event),
      opened: (again) => {
        if (again) this.#note(proxy, `proxy ${nameOf(proxy)} is back`);
        else if (isLater) this.#note(proxy, `proxy ${nameOf(proxy)} joined`);
      },
      lost: (reason) => {
        this.#forgetRequestsOf(proxy);
        this.#note(proxy, `proxy ${nameOf(proxy)} cannot be tapped now and is tried again: ${reason}`);
      },
    });
  }

  #requestFor(proxies: number): ObserveRequest {
    const { method, pathPrefix, authority, scheme } = this.#call.request;
    const direction = this.#to
      ? "OUTBOUND"
      : this.#target.type === "service"
        ? "INBOUND"
        : "DIRECTION_UNSPECIFIED";
    const share = Math.ceil((SHARE_FACTOR * this.#rate.perSecond) / proxies);
    return {
      maxRps: Math.min(this.#rate.perSecond, share),
      match: {
        direction,
        method,
        pathPrefix,
        authority: authority.toLowerCase(),
        scheme,
        destination: this.#to ?? null,
      },
    };
  }

  #pass(proxy: Sidecar, event: TapEvent__Output): void {
    this.#dropped += event.dropped;
    const key = `${nameOf(proxy)}/${event.requestId}`;
    if (!this.#admits(key, event)) return;
    if (event.event === "end") this.#followed.delete(key);
    this.#call.write({ event: { ...event, dropped: this.#dropped }, proxy: nameOf(proxy) });
    this.#dropped = 0;
  }

  #admits(key: string, { event }: TapEvent__Output): boolean {
    const waiting = this.#call.writableLength;
    if (event !== "request") return this.#followed.has(key) && waiting < MAX_WAITING_EVENTS;
    if (
      waiting > MAX_WAITING_EVENTS / 2 ||
      this.#followed.size >= MAX_FOLLOWED_REQUESTS ||
      !this.#rate.take()
    ) {
      this.#dropped++;
      return false;
    }
    this.#followed.add(key);
    return true;
  }

  #forgetRequestsOf(proxy: Sidecar): void {
    for (const key of this.#followed) if (key.startsWith(`${nameOf(proxy)}/`)) this.#followed.delete(key);
  }

  #note(proxy: Sidecar, note: string): void {
    this.#call.write({ note, proxy: nameOf(proxy) });
  }
}

const nameOf = ({ namespace, name }: Sidecar) => `${namespace}/${name}`;
