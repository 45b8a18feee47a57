import { CommentedDocument, type JsonObject } from "../../manifest/index.js";
import { fail, ok, type Result } from "../../result/index.js";
import { template } from "../../templates/index.js";
import { mistakesIn } from "./mistakes.js";
import { parseQuantity } from "./quantity.js";
import { readSet } from "./set-flag.js";
import { overlay, overlayGiven } from "./tree.js";
import { type ReadValues, readValuesFile, readValuesText } from "./values-file.js";
import { type Values, VALUES_SCHEMA } from "./values-schema.js";

const schema = VALUES_SCHEMA.json;

/** Where values come from; what comes later wins, and --set wins over all. */
export interface ValueSources {
  /** What an installation was given before, and how messages name that. */
  readonly stored?: { readonly text: string; readonly source: string };
  /** Values of flags of their own, such as --ha. They win over files. */
  readonly flags: JsonObject;
  readonly files: readonly string[];
  /** What follows each --set. */
  readonly sets: readonly string[];
}

/** What an installation is made of. */
export interface GivenValues {
  /** What the user gave. */
  readonly given: JsonObject;
  /** Complete. */
  readonly values: Values;
}

/** Reads values from all their sources, or tells everything that is wrong with them. */
export function readValues({
  stored,
  flags,
  files,
  sets,
}: ValueSources): Result<GivenValues, readonly string[]> {
  const read: ReadValues[] = stored ? [readValuesText(stored.text, stored.source, schema)] : [];
  read.push(...files.map((path) => readValuesFile(path, schema)), readFlags(flags));
  const mistakes: string[] = [];
  let given: JsonObject = {};
  for (const one of read) {
    if ("values" in one) given = overlayGiven(given, one.values);
    else mistakes.push(...one.mistakes);
  }
  for (const words of sets) {
    const set = readSet(words, complete(given), schema);
    const wrong = set.ok ? mistakesIn(set.value, schema).map(({ message }) => message) : [set.error];
    mistakes.push(...wrong.map((mistake) => `--set ${mistake}`));
    if (set.ok && wrong.length === 0) given = overlayGiven(given, set.value);
  }
  if (mistakes.length > 0) return fail(mistakes);
  // The schema has just checked what was given, and a test checks the defaults.
  const values = complete(given) as unknown as Values;
  const contradictions = contradictionsIn(values);
  if (contradictions.length > 0) return fail(contradictions);
  return ok({ given: overlay({}, given), values });
}

function readFlags(flags: JsonObject): ReadValues {
  const mistakes = mistakesIn(flags, schema).map(({ message }) => message);
  return mistakes.length === 0 ? { values: flags, mistakes: [] } : { mistakes };
}

/** All values as a file that could be given, each with what it is for. */
export const showValues = (values: Values): string =>
  new CommentedDocument(template("values.yaml")).withValues(values);

/** What every value is when nobody says otherwise. */
export const defaultValues = (): JsonObject => complete({});

/** The defaults, those of high availability where it was asked for, and what was given. */
function complete(given: JsonObject): JsonObject {
  const defaults = readDefaults("values.yaml");
  const differing = overlay({}, given);
  const isHa = overlay(defaults, differing)["ha"] === true;
  return overlay(isHa ? overlay(defaults, readDefaults("values-ha.yaml")) : defaults, differing);
}

const readFiles = new Map<string, JsonObject>();

function readDefaults(file: string): JsonObject {
  const known = readFiles.get(file);
  if (known) return known;
  const read = readValuesText(template(file), file, schema);
  if (!("values" in read)) throw new Error(read.mistakes.join("\n"));
  readFiles.set(file, read.values);
  return read.values;
}

/** What no value alone is to blame for. */
function contradictionsIn(values: Values): string[] {
  const { prometheus, controlPlane } = values;
  const mistakes = requestsAboveLimits(values);
  if (prometheus.enabled && prometheus.url !== "") {
    mistakes.push(
      "prometheus.url: is for a Prometheus that is there already, so prometheus.enabled must be false",
    );
  }
  if (controlPlane.autoscaling.enabled && controlPlane.autoscaling.maxReplicas < controlPlane.replicas) {
    mistakes.push(
      `controlPlane.autoscaling.maxReplicas: ${controlPlane.autoscaling.maxReplicas} is less than controlPlane.replicas, ${controlPlane.replicas}`,
    );
  }
  return mistakes;
}

/** Kubernetes refuses them. The sidecar's are checked with its other options. */
const requestsAboveLimits = (values: Values): string[] =>
  (["controlPlane", "webhook", "prometheus", "grafana"] as const).flatMap((part) => {
    const { requests, limits } = values[part].resources;
    return (["cpu", "memory"] as const)
      .filter((what) => limits[what] !== "" && parseQuantity(requests[what]) > parseQuantity(limits[what]))
      .map((what) => {
        const path = `${part}.resources`;
        return `${path}.requests.${what}: ${requests[what]} is more than ${path}.limits.${what}, which is ${limits[what]}`;
      });
  });
