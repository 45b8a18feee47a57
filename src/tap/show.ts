import { status } from "@grpc/grpc-js";
import { performance } from "node:perf_hooks";
import { setTimeout as delay } from "node:timers/promises";
import type { TapEvent__Output } from "../../generated/mesh/proxy/v1/TapEvent.js";
import { ApiFailure, type ControlPlaneClient } from "../client/index.js";
import { escapeControls, formatJsonLine, loadYaml, type Printer } from "../output/index.js";
import { type ResourceReference, selectorOf } from "../resource-type/index.js";
import { eventAsJson } from "./json.js";
import { formatTapLine } from "./line.js";

// Dropped requests are summed up for so long before they are told.
const TELL_DROPPED_EVERY_MS = 1_000;

const TRY_AGAIN_MS = 500;

/** What `mesh tap` was asked, and how it is to be shown. */
export interface TapQuestion {
  target: ResourceReference;
  to?: ResourceReference;
  /** Undefined for every namespace. */
  namespace: string | undefined;
  method?: string;
  pathPrefix?: string;
  authority?: string;
  scheme?: string;
  maxRps: number;
  output: "line" | "wide" | "json" | "yaml";
}

/**
 * Shows events as they happen, a line each on standard output, and what else is to be known on standard error, until the
 * signal is aborted. When the control plane goes away it is waited for.
 * @throws ApiFailure when the control plane refuses, or is not there at the start
 */
export async function showTap(
  client: ControlPlaneClient,
  question: TapQuestion,
  printer: Printer,
  signal: AbortSignal,
): Promise<void> {
  const presence = new ControlPlanePresence(printer);
  while (!signal.aborted) {
    try {
      await showEvents(client, question, printer, signal, presence);
    } catch (error) {
      if (!(error instanceof ApiFailure) || !presence.mayComeBack(error)) throw error;
      presence.miss(error);
      await delay(TRY_AGAIN_MS, undefined, { signal }).catch(() => undefined);
    }
  }
}

async function showEvents(
  client: ControlPlaneClient,
  question: TapQuestion,
  printer: Printer,
  signal: AbortSignal,
  presence: ControlPlanePresence,
): Promise<void> {
  const dropped = new DroppedRequests(printer);
  const format = await formatterOf(question);
  try {
    for await (const response of client.tap(requestOf(question), signal, () => presence.meet())) {
      if (response.note) printer.note(escapeControls(response.note));
      if (response.event) printer.print(format(response.event, response.proxy));
      dropped.add(response.event?.dropped ?? 0);
    }
  } finally {
    dropped.tell();
  }
}

/** Whether the control plane is there; tells when it goes and when it is back. */
class ControlPlanePresence {
  #met = false;
  #away = false;

  constructor(private readonly printer: Printer) {}

  /** It has taken the request. */
  meet(): void {
    if (this.#away) this.printer.note("the control plane is back");
    this.#met = true;
    this.#away = false;
  }

  /** A control plane that has just started knows no proxies yet: what it took before, it will take again. */
  mayComeBack({ code }: ApiFailure): boolean {
    return this.#met && code !== status.INVALID_ARGUMENT;
  }

  miss({ message }: ApiFailure): void {
    if (!this.#away) this.printer.note(`${message}; trying again`);
    this.#away = true;
  }
}

function requestOf({ target, to, namespace, ...filters }: TapQuestion) {
  const { method, pathPrefix, authority, scheme, maxRps } = filters;
  return {
    target: selectorOf(target, namespace),
    ...(to && { to: selectorOf(to, namespace) }),
    ...(method !== undefined && { method }),
    ...(pathPrefix !== undefined && { pathPrefix }),
    ...(authority !== undefined && { authority }),
    ...(scheme !== undefined && { scheme }),
    maxRps,
  };
}

async function formatterOf({
  output,
}: TapQuestion): Promise<(event: TapEvent__Output, proxy: string) => string> {
  if (output === "json") return (event, proxy) => formatJsonLine(eventAsJson(event, proxy));
  if (output !== "yaml") return (event, proxy) => formatTapLine(event, proxy, { wide: output === "wide" });
  const formatYaml = await loadYaml();
  return (event, proxy) => `---\n${formatYaml(eventAsJson(event, proxy))}`;
}

/** Counts requests that were not shown and tells of them, not too often. */
class DroppedRequests {
  #count = 0;
  #toldAt = -Infinity;

  constructor(private readonly printer: Printer) {}

  add(count: number): void {
    this.#count += count;
    if (performance.now() - this.#toldAt >= TELL_DROPPED_EVERY_MS) this.tell();
  }

  tell(): void {
    if (this.#count === 0) return;
    const what = this.#count === 1 ? "1 request was" : `${this.#count} requests were`;
    this.printer.note(`${what} not shown: there are more than --max-rps allows`);
    this.#count = 0;
    this.#toldAt = performance.now();
  }
}
