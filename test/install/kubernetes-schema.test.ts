import * as client from "@kubernetes/client-node";
import { createRequire } from "node:module";
import { describe, expect, test } from "vitest";
import { isArray, isObject, type Json } from "../../src/manifest/index.js";
import { objectsOf, type RenderedObject, SHAPES } from "./installations.js";

interface Model {
  validate(): void;
}
type ModelClass = new (object: object) => Model;
interface Attribute {
  baseName: string;
  type: string;
}
type TypedClass = { getAttributeTypeMap?: () => Attribute[] } | undefined;

const require = createRequire(import.meta.url);

describe.each(Object.keys(SHAPES))("the %s installation", (shape) => {
  const objects = objectsOf(shape);

  test("is valid by Kubernetes' own schemas", () => {
    expect(objects.length).toBeGreaterThan(15);
    for (const object of objects) {
      const module = require(`kubernetes-models/${object.apiVersion}/${object.kind}`) as Record<
        string,
        ModelClass
      >;
      const ModelOfKind = module[object.kind];
      if (!ModelOfKind) throw new Error(`no schema of ${object.kind}`);
      expect(() => new ModelOfKind(object).validate(), nameOf(object)).not.toThrow();
    }
  });

  test("has no field that Kubernetes does not know", () => {
    expect(objects.flatMap((object) => unknownFields(object, typeOf(object), nameOf(object)))).toEqual([]);
  });
});

test("a field that Kubernetes does not know is noticed", () => {
  const object = { apiVersion: "v1", kind: "Service", spec: { ports: [{ prot: 1 }] } };
  expect(unknownFields(object, "V1Service", "")).toEqual([".spec.ports[0].prot"]);
});

const nameOf = ({ kind, metadata }: RenderedObject) => `${kind}/${metadata.name}`;

/** `V1Deployment`: what the typed client calls a kind. */
const typeOf = ({ apiVersion, kind }: RenderedObject) =>
  `${(apiVersion.split("/").at(-1) ?? "").replace("v", "V")}${kind}`;

/** Kubernetes' schemas allow unknown fields, which the API server drops; the typed client knows the fields of each type. */
function unknownFields(value: Json, type: string, path: string): string[] {
  const itemType = /^Array<(.*)>$/.exec(type)?.[1];
  if (itemType !== undefined && isArray(value)) {
    return value.flatMap((item, index) => unknownFields(item, itemType, `${path}[${index}]`));
  }
  const valueType = /^\{ \[key: string\]: (.*); \}$/.exec(type)?.[1];
  if (valueType !== undefined && isObject(value)) {
    return Object.entries(value).flatMap(([key, inner]) => unknownFields(inner, valueType, `${path}.${key}`));
  }
  const known = (client as unknown as Record<string, TypedClass>)[type]?.getAttributeTypeMap?.();
  if (!known || !isObject(value)) return [];
  return Object.entries(value).flatMap(([key, inner]) => {
    const attribute = known.find(({ baseName }) => baseName === key);
    return attribute ? unknownFields(inner, attribute.type, `${path}.${key}`) : [`${path}.${key}`];
  });
}
