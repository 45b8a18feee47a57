/** A JSON Schema (draft 2020-12), as far as values need it. */
export interface JsonSchema {
  readonly type: string | readonly string[];
  readonly enum?: readonly string[];
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly items?: JsonSchema;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly additionalProperties?: false | JsonSchema;
  /** What a message says was expected: "a quantity". Not part of the published schema. */
  readonly expected: string;
}

/** The schema of a value, and the type that the value has. */
export interface Schema<T> {
  readonly json: JsonSchema;
  /** Never set: it carries the type. */
  readonly type?: T;
}

/** The type of the values that a schema describes. */
export type Infer<S> = S extends Schema<infer T> ? T : never;

type Fields = Readonly<Record<string, Schema<unknown>>>;
type Typed<F extends Fields> = { readonly [K in keyof F]: Infer<F[K]> };

/** Any text, also none. */
export const text = (): Schema<string> => ({ json: { type: "string", expected: "text" } });

/** Text of one form. */
export const matching = (expected: string, pattern: RegExp): Schema<string> => ({
  json: { type: "string", pattern: pattern.source, expected },
});

/** An amount as Kubernetes writes it. */
export const quantity = (): Schema<string | number> => ({
  json: { type: ["string", "number"], minimum: 0, pattern: QUANTITY.source, expected: "a quantity" },
});

/** An amount as Kubernetes writes it, or empty text for none. */
export const quantityOrNone = (): Schema<string | number> => ({
  json: { ...quantity().json, pattern: `^$|${QUANTITY.source}` },
});

/** https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/ */
const QUANTITY = /^\+?([0-9]+(\.[0-9]*)?|\.[0-9]+)([KMGTPE]i|[numkMGTPE]|[eE][+-]?[0-9]+)?$/;

export const flag = (): Schema<boolean> => ({ json: { type: "boolean", expected: "true or false" } });

export function wholeNumber(minimum: number, maximum: number): Schema<number> {
  const expected = `a whole number from ${minimum} to ${maximum}`;
  return { json: { type: "integer", minimum, maximum, expected } };
}

export function fraction(minimum: number, maximum: number): Schema<number> {
  return { json: { type: "number", minimum, maximum, expected: `a number from ${minimum} to ${maximum}` } };
}

/** One of a few words. */
export function oneOf<const W extends string>(...words: readonly W[]): Schema<W> {
  const expected = `${words.slice(0, -1).join(", ")} or ${words.at(-1) ?? ""}`;
  return { json: { type: "string", enum: words, expected } };
}

export const list = <T>(items: Schema<T>): Schema<readonly T[]> => ({
  json: { type: "array", items: items.json, expected: "a list" },
});

/** Keys of the user's own, each with a text. */
export const textMap = (): Schema<Readonly<Record<string, string>>> => ({
  json: { type: "object", additionalProperties: text().json, expected: "a map of texts" },
});

/** A map of known keys; every one has a default. */
export function fields<F extends Fields>(known: F): Schema<Typed<F>> {
  const properties = Object.fromEntries(Object.entries(known).map(([key, { json }]) => [key, json]));
  return { json: { type: "object", properties, additionalProperties: false, expected: "a map" } };
}

/** A map of known keys that may be left out, such as an item of a list. */
export function optionalFields<F extends Fields>(known: F): Schema<Partial<Typed<F>>> {
  return { json: fields(known).json };
}
