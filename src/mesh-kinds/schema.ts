import { plainOf, readManifest } from "../manifest/index.js";
import { template } from "../templates/index.js";

/** A structural schema of the API server, as far as the mesh's own kinds use one (JSON Schema, OpenAPI 3.0's part of it). */
export interface Schema {
  readonly type: "object" | "array" | "string" | "integer" | "boolean";
  readonly properties?: Readonly<Record<string, Schema>>;
  /** Of a map whose keys are free. */
  readonly additionalProperties?: Schema;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly enum?: readonly string[];
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly minProperties?: number;
  readonly maxProperties?: number;
  readonly "x-kubernetes-list-type"?: "set";
}

const schemas = new Map<string, Schema>();

/** The schema of a kind's resources, the one that Kubernetes holds them to. @param plural the kind's, in lower case */
export function schemaOf(plural: string): Schema {
  const known = schemas.get(plural);
  if (known) return known;
  const file = `crds/${plural}.yaml`;
  const [document] = readManifest(template(file)).documents;
  if (!document) throw new Error(`${file}: empty`);
  const crd = plainOf(document) as unknown as Definition;
  const schema = crd.spec.versions[0].schema.openAPIV3Schema;
  schemas.set(plural, schema);
  return schema;
}

/** A CustomResourceDefinition, as far as it is read here. */
interface Definition {
  readonly spec: { readonly versions: readonly [{ readonly schema: { readonly openAPIV3Schema: Schema } }] };
}
