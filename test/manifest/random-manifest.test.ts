import fc from "fast-check";
import { expect, test } from "vitest";
import { parseAllDocuments } from "yaml";
import {
  isRefusal,
  readDocuments,
  withRecord,
  type Addition,
  type Json,
  type ManifestDocument,
  type ManifestObject,
  type Path,
  type Removal,
} from "../../src/manifest/index.js";
import { randomManifest } from "./random-manifest.js";

/** For a long run by hand. */
const RUNS = Number(process.env["MESH_TEST_RUNS"] ?? 150);
const SEED = Number(process.env["MESH_TEST_SEED"] ?? 1);

const SPEC: Path = ["spec", "template", "spec"];
const META: Path = ["spec", "template", "metadata"];
const RECORD = { path: [...META, "annotations"], key: "mesh.dev/was-empty" };

const SIDECAR = {
  name: "mesh-proxy",
  image: "mesh/proxy:0.1.0",
  args: ["on", "1_000"],
  env: [{ name: "POD", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } }],
  securityContext: { capabilities: { drop: ["ALL"] }, runAsUser: 2102, seccompProfile: {} },
};
const ADDITIONS: readonly Addition[] = [
  { kind: "item", path: [...SPEC, "initContainers"], at: "start", value: { name: "mesh-init", args: [] } },
  { kind: "item", path: [...SPEC, "containers"], at: "end", value: SIDECAR },
  { kind: "item", path: [...SPEC, "containers"], at: "start", value: { name: "mesh-first" } },
  {
    kind: "item",
    path: [...SPEC, "volumes"],
    at: "end",
    value: { name: "mesh-identity", emptyDir: { medium: "Memory" } },
  },
  { kind: "entry", path: [...META, "labels"], key: "mesh.dev/workload", value: "yes" },
  { kind: "entry", path: [...META, "annotations"], key: "mesh.dev/version", value: "0.1" },
  { kind: "entry", path: [...META, "annotations"], key: "mesh.dev/by", value: "mesh: inject # 1" },
  { kind: "entry", path: SPEC, key: "terminationGracePeriodSeconds", value: 45 },
];
const REMOVALS: readonly Removal[] = [
  ...["mesh-init", "mesh-proxy", "mesh-first", "mesh-identity"].flatMap((name) =>
    ["initContainers", "containers", "volumes"].map((list): Removal => ({
      kind: "item",
      path: [...SPEC, list],
      name,
    })),
  ),
  { kind: "entry", path: [...META, "labels"], key: "mesh.dev/workload" },
  { kind: "entry", path: [...META, "annotations"], key: "mesh.dev/version" },
  { kind: "entry", path: [...META, "annotations"], key: "mesh.dev/by" },
  { kind: "entry", path: SPEC, key: "terminationGracePeriodSeconds" },
  { kind: "record", ...RECORD },
];

function read(text: string): ManifestDocument[] {
  return [...readDocuments(text)].map((document) => {
    if (isRefusal(document)) throw new Error(`${document.message}\n${document.excerpt}\n${text}`);
    return document;
  });
}

const isDeployment = ({ kind }: ManifestObject): boolean => kind === "Deployment";

const added = (document: ManifestDocument, additions: readonly Addition[]) =>
  document.add(
    document.objects
      .filter(isDeployment)
      .map((object) => ({ object, change: withRecord(object.value, additions, RECORD) })),
  );

const removed = (document: ManifestDocument) =>
  document.remove(document.objects.filter(isDeployment).map((object) => ({ object, change: REMOVALS })));

/** What another reader makes of the text; records left out, and annotations that say nothing. */
function meaning(text: string): unknown {
  const documents = parseAllDocuments(text, { version: "1.1", merge: true, logLevel: "silent" });
  const values = (Array.isArray(documents) ? documents : []).map((document) => {
    expect(document.errors).toEqual([]);
    return document.toJS() as unknown;
  });
  return values.map(withoutRecord);
}

/** A copy without records, and without metadata that says nothing. */
function withoutRecord(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(withoutRecord);
  const entries = Object.entries(value)
    .filter(([key]) => key !== RECORD.key)
    .map(([key, inner]) => [key, withoutRecord(inner)] as const);
  const saysNothing = (inner: unknown): boolean => Object.keys(inner ?? {}).length === 0;
  return Object.fromEntries(
    entries.filter(([key, inner]) => !["metadata", "annotations"].includes(key) || !saysNothing(inner)),
  );
}

type Container = Record<string | number, unknown>;

/** Additions as one would make them in a plain value. */
function plainly(value: unknown, additions: readonly Addition[]): void {
  for (const addition of additions) {
    let at = value as Container;
    addition.path.forEach((step, i) => {
      const inner = at[step];
      const next = addition.path[i + 1] ?? (addition.kind === "item" ? 0 : "");
      if (inner === undefined || inner === null) at[step] = typeof next === "number" ? [] : {};
      at = at[step] as Container;
    });
    if (addition.kind === "entry") at[addition.key] = addition.value;
    else if (addition.at === "start") (at as unknown as Json[]).unshift(addition.value);
    else (at as unknown as Json[]).push(addition.value);
  }
}

function expectedMeaning(text: string, additions: readonly Addition[]): unknown {
  const values = meaning(text) as ({ kind?: string; items?: unknown[] } | null)[];
  for (const value of values) {
    // Aliased parts are copies here.
    if (value?.kind === "Deployment") plainly(value, additions);
    else if (value?.kind === "List") value.items?.forEach((item) => plainly(item, additions));
  }
  return values;
}

const isSubsequence = (lines: readonly string[], of: readonly string[]): boolean => {
  let at = 0;
  for (const line of of) if (line === lines[at]) at++;
  return at === lines.length;
};

test("additions to a manifest of any style mean what they should, change no other byte, and can be taken away", () => {
  const subset = fc.subarray([...ADDITIONS], { minLength: 1 });
  let done = 0;
  let refused = 0;
  fc.assert(
    fc.property(randomManifest, subset, ({ text, isBlock, mayRefuse }, additions) => {
      const documents = read(text);
      expect(documents.map((document) => document.text).join("")).toBe(text);
      const after = documents.map((document) => added(document, additions));
      if (after.some(isRefusal)) {
        const reason = after.find(isRefusal);
        if (!mayRefuse || reason?.message.includes("be sure"))
          expect(`${reason?.message}\n${reason?.excerpt}\n${text}`).toBe("");
        refused++;
        return;
      }
      done++;
      const changed = after as ManifestDocument[];
      const result = changed.map((document) => document.text).join("");
      expect(meaning(result)).toEqual(expectedMeaning(text, additions));
      documents.forEach((document, i) => {
        if (!document.objects.some(isDeployment)) expect(changed[i]?.text).toBe(document.text);
      });
      if (isBlock) expect(isSubsequence(text.split("\n"), result.split("\n"))).toBe(true);
      const back = read(result)
        .map(removed)
        .map((document) => (isRefusal(document) ? document.message : document.text));
      expect(back.join("")).toBe(text);
    }),
    { numRuns: RUNS, seed: SEED, endOnFailure: true },
  );
  expect(done).toBeGreaterThan(refused);
});
