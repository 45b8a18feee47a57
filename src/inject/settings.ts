import { nearest } from "../output/index.js";
import { fail, ok, type Result } from "../result/index.js";
import {
  OPTION_LIST,
  OPTION_PREFIX,
  type OptionDefinition,
  type OptionKey,
  OPTIONS,
  type Options,
} from "./options.js";

/** Options as text, by name (`log-level`). */
export type Given = Readonly<Record<string, string>>;

/** A place where options are given. */
export interface Layer {
  readonly given: Given;
  /** How a message calls the option there: `--log-level`. */
  readonly call: (name: string) => string;
}

/** Why an option cannot be taken. */
export interface WrongOption {
  /** Which of the layers (from 0) gave it; none when it comes of a default. */
  readonly layer: number | undefined;
  readonly name: string;
  /** What was found and what was expected. */
  readonly message: string;
}

/** The layer of a command's flags. */
export const flagLayer = (given: Given): Layer => ({ given, call: (name) => `--${name}` });

/** The layer of an object's annotations; those that set no option are left out. */
export function annotationLayer(annotations: Readonly<Record<string, string>>): Layer {
  const given = Object.entries(annotations)
    .filter(([key]) => key.startsWith(OPTION_PREFIX))
    .map(([key, value]) => [key.slice(OPTION_PREFIX.length), value] as const);
  return { given: Object.fromEntries(given), call: (name) => `${OPTION_PREFIX}${name}` };
}

/**
 * The options that are in force.
 * @param layers the nearest first; each option has the value of the nearest layer that gives it
 * @param version that of mesh, for the default images
 */
export function resolveOptions(layers: readonly Layer[], version: string): Result<Options, WrongOption> {
  const unknown = findUnknown(layers);
  if (unknown) return fail(unknown);
  const values: Partial<Record<OptionKey, unknown>> = {};
  const entries = Object.entries(OPTIONS) as [OptionKey, OptionDefinition<unknown>][];
  for (const [key, definition] of entries) {
    const layer = layerOf(definition.name, layers);
    const text = layers[layer]?.given[definition.name] ?? definition.fallback.replace("VERSION", version);
    const value = definition.type.parse(text.trim());
    if (value === undefined) return fail(wrongValue(definition, text, layer, layers));
    values[key] = value;
  }
  const options = values as Options;
  const conflict = findConflict(options);
  if (!conflict) return ok(options);
  // The one that somebody has given, or else the later one of the table.
  const { name, message } = conflict.find(({ name }) => layerOf(name, layers) >= 0) ?? conflict[0];
  return fail(wrongOption(name, message, layerOf(name, layers), layers));
}

/** The index of the nearest layer that gives the option; -1 when none does. */
const layerOf = (name: string, layers: readonly Layer[]) =>
  layers.findIndex(({ given }) => Object.hasOwn(given, name));

function wrongOption(name: string, message: string, layer: number, layers: readonly Layer[]): WrongOption {
  const called = layers[layer]?.call(name) ?? `--${name}`;
  return { layer: layer < 0 ? undefined : layer, name, message: `${called}: ${message}` };
}

function findUnknown(layers: readonly Layer[]): WrongOption | undefined {
  const known = OPTION_LIST.map(({ name }) => name);
  for (const [index, { given }] of layers.entries()) {
    const name = Object.keys(given).find((candidate) => !known.includes(candidate));
    if (name === undefined) continue;
    const meant = nearest(name, known);
    const hint = meant === undefined ? "" : `; did you mean ${layers[index]?.call(meant) ?? meant}?`;
    return wrongOption(name, `there is no such option${hint}`, index, layers);
  }
  return undefined;
}

function wrongValue(
  { name, type }: OptionDefinition<unknown>,
  text: string,
  layer: number,
  layers: readonly Layer[],
): WrongOption {
  const meant = type.meant?.(text.trim());
  const hint = meant === undefined ? "" : `; did you mean ${meant}?`;
  return wrongOption(name, `${JSON.stringify(text)} is not ${type.expected}${hint}`, layer, layers);
}

interface Conflict {
  readonly name: string;
  readonly message: string;
}

/** Two options that cannot be in force together, each with what is wrong about it. */
function findConflict(options: Options): readonly [Conflict, Conflict] | undefined {
  for (const [limit, request] of [
    ["cpuLimit", "cpuRequest"],
    ["memoryLimit", "memoryRequest"],
  ] as const) {
    const [most, asked] = [options[limit], options[request]];
    if (asked.amount <= most.amount) continue;
    const [limitName, requestName] = [OPTIONS[limit].name, OPTIONS[request].name];
    return [
      { name: requestName, message: `${asked.text} is more than ${limitName}, which is ${most.text}` },
      { name: limitName, message: `${most.text} is less than ${requestName}, which is ${asked.text}` },
    ];
  }
  const ports = ["outboundPort", "inboundPort", "tapPort", "adminPort"] as const;
  for (const [index, later] of ports.entries()) {
    const earlier = ports.slice(0, index).find((other) => options[other] === options[later]);
    if (earlier === undefined) continue;
    const taken = (by: OptionKey) => `port ${options[later]} is that of ${OPTIONS[by].name}`;
    return [
      { name: OPTIONS[later].name, message: taken(earlier) },
      { name: OPTIONS[earlier].name, message: taken(later) },
    ];
  }
  return undefined;
}
