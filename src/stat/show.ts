import { setTimeout as delay } from "node:timers/promises";
import type { StatResponse__Output } from "../../generated/mesh/api/v1/StatResponse.js";
import { type ControlPlaneClient, isUnavailable } from "../client/index.js";
import { Failure, formatJson, formatJsonLine, LiveView, loadYaml, type Printer } from "../output/index.js";
import { duration } from "../proto/index.js";
import { type ResourceReference, type ResourceType, selectorOf } from "../resource-type/index.js";
import { statAsJson } from "./json.js";
import { formatStatTable } from "./table.js";

const REFRESH_MS = 2_000;

/** Types of resources that have no column for a namespace. */
const IN_NO_NAMESPACE: ReadonlySet<ResourceType> = new Set(["namespace", "node"]);

/** What `mesh stat` was asked, and how it is to be shown. */
export interface StatQuestion {
  resource: ResourceReference;
  /** Undefined for every namespace. */
  namespace: string | undefined;
  from?: ResourceReference;
  to?: ResourceReference;
  windowSeconds: number;
  output: "table" | "wide" | "json" | "yaml";
}

/** Shows the figures once: rows on standard output, what is to be known of them on standard error. */
export async function showStat(
  client: ControlPlaneClient,
  question: StatQuestion,
  printer: Printer,
): Promise<void> {
  const response = await ask(client, question);
  const format = await formatterOf(question, { watched: false });
  if (format) {
    printer.print(format(response));
    return;
  }
  if (response.rows.length > 0) printer.print(tableOf(response, question, printer));
  for (const note of notesOf(response, question)) printer.note(note);
}

/** Shows the figures again and again, also when the control plane went away and came back, until the signal is aborted. */
export async function watchStat(
  client: ControlPlaneClient,
  question: StatQuestion,
  printer: Printer,
  signal: AbortSignal,
): Promise<void> {
  const watch = new StatWatch(question, await formatterOf(question, { watched: true }), printer);
  while (!signal.aborted) {
    try {
      watch.show(await ask(client, question));
    } catch (error) {
      if (!isUnavailable(error) || !(error instanceof Failure)) throw error;
      watch.miss(error);
    }
    await delay(REFRESH_MS, undefined, { signal }).catch(() => undefined);
  }
}

/** Makes text for programs of an answer. */
type Formatter = (response: StatResponse__Output) => string;

/** Undefined where figures are shown as a table. Those that are watched are a line of JSON each, or a document of YAML. */
async function formatterOf(
  { output, windowSeconds }: StatQuestion,
  { watched }: { watched: boolean },
): Promise<Formatter | undefined> {
  if (output === "json") {
    const format = watched ? formatJsonLine : formatJson;
    return (response) => format(statAsJson(response, windowSeconds));
  }
  if (output !== "yaml") return undefined;
  const format = await loadYaml();
  return (response) => (watched ? "---\n" : "") + format(statAsJson(response, windowSeconds));
}

/** The figures on a screen that changes. */
class StatWatch {
  readonly #view: LiveView;
  #last = "";
  #away = false;

  constructor(
    private readonly question: StatQuestion,
    private readonly format: Formatter | undefined,
    private readonly printer: Printer,
  ) {
    this.#view = new LiveView(printer);
  }

  show(response: StatResponse__Output): void {
    const cameBack = this.#away;
    this.#away = false;
    if (this.format) {
      this.printer.print(this.format(response));
      return;
    }
    this.#last = tableOf(response, this.question, this.printer);
    if (this.printer.interactive) {
      this.#view.show([this.#last, ...notesOf(response, this.question)].join("\n"));
      return;
    }
    if (cameBack) this.printer.note("the control plane is back");
    this.#view.show(this.#last);
    for (const note of notesOf(response, this.question)) this.printer.note(note);
  }

  miss(failure: Failure): void {
    const isNews = !this.#away;
    this.#away = true;
    const sentence = `${failure.message}; trying again`;
    if (this.printer.interactive && !this.format) {
      this.#view.show([...(this.#last === "" ? [] : [this.#last]), sentence].join("\n"));
    } else if (isNews) this.printer.note(sentence);
  }
}

/** Sentences about the figures; where there is room for it, one about who keeps them. */
function notesOf({ notes, keeper }: StatResponse__Output, { output }: StatQuestion): readonly string[] {
  return output === "wide" && keeper === "prometheus" ? [...notes, "the figures are Prometheus's"] : notes;
}

function ask(client: ControlPlaneClient, question: StatQuestion): Promise<StatResponse__Output> {
  const { resource, namespace, windowSeconds, from, to } = question;
  return client.stat({
    selector: selectorOf(resource, namespace),
    window: duration(windowSeconds),
    ...(from && { from: selectorOf(from, namespace) }),
    ...(to && { to: selectorOf(to, namespace) }),
  });
}

function tableOf({ rows }: StatResponse__Output, question: StatQuestion, { colours }: Printer): string {
  return formatStatTable(rows, {
    wide: question.output === "wide",
    namespaces: question.namespace === undefined && !IN_NO_NAMESPACE.has(question.resource.type),
    grouped: question.resource.type === "all",
    colours,
  });
}
