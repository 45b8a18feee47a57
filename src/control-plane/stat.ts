import { status } from "@grpc/grpc-js";
import type { StatHandlers } from "../../generated/mesh/api/v1/Stat.js";
import type { StatRequest__Output } from "../../generated/mesh/api/v1/StatRequest.js";
import type { StatResponse } from "../../generated/mesh/api/v1/StatResponse.js";
import type { StatRow } from "../../generated/mesh/api/v1/StatRow.js";
import type { Catalog, Resource, ResourceSelector } from "../catalog/index.js";
import { addTraffic, PROTOCOLS, quantile, type Traffic, type TrafficSource } from "../metrics/index.js";
import { formatDuration } from "../output/index.js";
import { duration, loadApi } from "../proto/index.js";
import { fail, ok, type Result } from "../result/index.js";
import type { GrpcService } from "./grpc-service.js";
import {
  absenceOf,
  describeSelector,
  invalid,
  missingNamespace,
  readSelector,
  type Refusal,
  readWindow,
  unanswerable,
} from "./selector.js";
import { type Side, type StatPeer, type StatView, viewsOf } from "./stat-view.js";

// Counts of the window's edges are fractions; less than this is none.
const NOTHING = 1e-6;

/** A request that makes sense. */
interface Question {
  selector: ResourceSelector;
  peer: StatPeer | undefined;
  windowSeconds: number;
}

/** mesh.api.v1.Stat: the figures of the selected resources, from the catalog and a source of traffic. */
export function statService(catalog: Catalog, source: TrafficSource): GrpcService {
  const implementation: StatHandlers = {
    Get(call, respond) {
      const question = readQuestion(call.request);
      if (!question.ok) {
        respond(question.error);
        return;
      }
      answer(catalog, source, question.value).then(
        (answered) => (answered.ok ? respond(null, answered.value) : respond(answered.error)),
        (error: unknown) => respond(error instanceof Error ? error : new Error(String(error))),
      );
    },
  };
  return { definition: loadApi().mesh.api.v1.Stat.service, implementation };
}

function readQuestion(request: StatRequest__Output): Result<Question, Refusal> {
  const selector = readSelector(request.selector);
  if (!selector.ok) return selector;
  const peer = readPeer(request);
  if (!peer.ok) return peer;
  const window = readWindow(request.window);
  if (!window.ok) return window;
  const sender = peer.value?.role === "to" ? selector.value : peer.value?.selector;
  if (sender?.type === "service") {
    return fail(
      invalid("a service receives requests and sends none", "the workload that sends: workload/NAME"),
    );
  }
  return ok({ selector: selector.value, peer: peer.value, windowSeconds: window.value });
}

function readPeer({ from, to }: StatRequest__Output): Result<StatPeer | undefined, Refusal> {
  const message = from ?? to;
  if (message === null || message === undefined) return ok(undefined);
  const selector = readSelector(message);
  if (selector.ok && selector.value.type === "node") {
    return fail(invalid("traffic with a node cannot be told apart", "the pods on it: pod/NAME"));
  }
  return selector.ok ? ok({ role: from ? "from" : "to", selector: selector.value }) : selector;
}

async function answer(
  catalog: Catalog,
  source: TrafficSource,
  question: Question,
): Promise<Result<StatResponse, Refusal>> {
  const { selector, peer, windowSeconds } = question;
  const nowhere = missingNamespace(catalog, selector) ?? (peer && missingNamespace(catalog, peer.selector));
  if (nowhere) return fail(nowhere);
  const known = new Map(catalog.resources(selector).map((resource) => [keyOf(resource), resource]));
  const rows = new Map<string, StatRow>();
  // Of traffic with a peer, resources that had none would only be in the way, unless one was named.
  if (peer === undefined || selector.name !== "") {
    for (const [key, resource] of known) rows.set(key, { resource });
  }
  const views = viewsOf(selector, peer, windowSeconds, catalog.nodeOf.bind(catalog));
  const answered = await source.query(views.map(({ query }) => query));
  if (!answered.ok) return fail(unanswerable(answered.error.reason, answered.error.hint));
  const { groups, notes, keeper } = answered.value;
  for (const [index, view] of views.entries()) {
    for (const [named, traffic] of byResource(groups[index] ?? [], view)) {
      const key = keyOf(named);
      const resource = known.get(key);
      const figures = figuresOf(traffic, view.side);
      if (resource === undefined && figures.http === null) continue;
      rows.set(key, { resource: resource ?? { ...named, pods: 0, meshedPods: 0 }, ...figures });
    }
  }
  if (rows.size > 0) return ok({ rows: [...rows.values()].sort(byTypeAndName), notes: [...notes], keeper });
  const missing = missingOf(catalog, question);
  if (missing === undefined) return ok({ rows: [], notes: [noTraffic(question), ...notes], keeper });
  const { what, hint } = absenceOf(catalog, missing);
  // Who names one thing is mistaken; of a kind there may be none.
  if (missing.name !== "") return fail({ code: status.NOT_FOUND, details: `${what}\ntry: ${hint}` });
  return ok({ rows: [], notes: [`${what}; try: ${hint}`], keeper });
}

/** The traffic of each resource of a view; what belongs to none is left out. */
function byResource(
  groups: readonly Traffic[],
  { resourceOf }: StatView,
): Iterable<[NamedResource, Traffic]> {
  const sums = new Map<string, [NamedResource, Traffic]>();
  for (const group of groups) {
    const named = resourceOf(group.labels);
    if (named.name === "" || named.type === "") continue;
    const sum = sums.get(keyOf(named));
    if (sum) addTraffic(sum[1], group);
    else sums.set(keyOf(named), [named, group]);
  }
  return sums.values();
}

type NamedResource = ReturnType<StatView["resourceOf"]>;

const keyOf = ({ type, namespace, name }: Pick<Resource, "type" | "namespace" | "name">) =>
  `${type}/${namespace}/${name}`;

function figuresOf(traffic: Traffic, side: Side): Pick<StatRow, "http" | "tcp" | "secured"> {
  const responses = traffic.successes + traffic.failures;
  const { seconds, latency, requestBytes, responseBytes } = traffic;
  const perSecond = (count: number) => (seconds > 0 ? count / seconds : 0);
  const [read, written] = side === "dst" ? [requestBytes, responseBytes] : [responseBytes, requestBytes];
  const http = {
    successRate: traffic.successes / responses,
    requestsPerSecond: perSecond(responses),
    latencyP50: durationOf(quantile(latency, 0.5)),
    latencyP95: durationOf(quantile(latency, 0.95)),
    latencyP99: durationOf(quantile(latency, 0.99)),
    requestsPerSecondByProtocol: Object.fromEntries(
      PROTOCOLS.filter((protocol) => traffic[protocol] > NOTHING).map((protocol) => [
        protocol,
        perSecond(traffic[protocol]),
      ]),
    ),
  };
  const secured = securedShare(traffic, responses);
  return {
    ...(secured !== undefined && { secured }),
    http: responses > NOTHING ? http : null,
    tcp: {
      openConnections: traffic.openConnections,
      readBytesPerSecond: perSecond(read),
      writeBytesPerSecond: perSecond(written),
    },
  };
}

/** Of the requests; of the open connections where there are no requests. */
function securedShare(
  { secured, securedConnections, openConnections }: Traffic,
  responses: number,
): number | undefined {
  if (responses > NOTHING) return Math.min(1, secured / responses);
  return openConnections > 0 ? securedConnections / openConnections : undefined;
}

const durationOf = (seconds: number | undefined) => (seconds === undefined ? null : duration(seconds));

/** What was asked for and there is not. */
function missingOf(catalog: Catalog, { selector, peer }: Question): ResourceSelector | undefined {
  const asked = peer === undefined ? [selector] : [selector, peer.selector];
  return asked.find((wanted) => catalog.resources(wanted).length === 0);
}

function noTraffic({ selector, peer, windowSeconds }: Question): string {
  const [source, destination] =
    peer?.role === "from" ? [peer.selector, selector] : [selector, peer?.selector];
  const ends = `from ${describeSelector(source)}${destination ? ` to ${describeSelector(destination)}` : ""}`;
  return `no traffic ${ends} in the last ${formatDuration(windowSeconds)}`;
}

const TYPE_ORDER: readonly string[] = ["node", "namespace", "workload", "pod", "service"];

/** Of what is shown together: workloads of every kind first, then pods, then services. */
function byTypeAndName({ resource: a }: StatRow, { resource: b }: StatRow): number {
  const rank = (type = "") => (TYPE_ORDER.includes(type) ? TYPE_ORDER.indexOf(type) : 1);
  const compare = (x = "", y = "") => (x < y ? -1 : x > y ? 1 : 0);
  return (
    rank(a?.type) - rank(b?.type) ||
    compare(a?.type, b?.type) ||
    compare(a?.namespace, b?.namespace) ||
    compare(a?.name, b?.name)
  );
}
