import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { asJsonPatch, flagContext, plan } from "../../src/inject/index.js";
import { isRefusal, type JsonObject, readDocuments } from "../../src/manifest/index.js";
import { findInitBinary, findProxyBinary } from "../../src/sidecar/index.js";

/** The containers that a fixture's first object gets. */
function addedTo(fixture: string): Map<string, Record<string, JsonObject[]>> {
  const text = readFileSync(new URL(`../fixtures/inject/${fixture}`, import.meta.url), "utf8");
  const [document] = readDocuments(text);
  if (!document || isRefusal(document)) throw new Error(fixture);
  const object = document.objects[0]?.value ?? null;
  const context = flagContext({ given: {}, podTemplatePaths: [], version: "1.2.3" });
  const values = asJsonPatch(object, plan(object, context)).flatMap((step) =>
    step.op === "add" ? [step.value].flat() : [],
  );
  return new Map(
    (values as Record<string, JsonObject[]>[]).map((value) => [String(value["name"] as unknown), value]),
  );
}

describe.each(["pod.yaml", "options.yaml", "plain-sidecar.yaml"])("the programs of %s", (fixture) => {
  const containers = addedTo(fixture);

  it("mesh-init takes its arguments", () => {
    const args = containers.get("mesh-init")?.["args"] as unknown as string[];
    expect(args.length).toBeGreaterThan(4);
    const { status, stderr } = spawnSync(findInitBinary(), [...args, "--dry-run"], { encoding: "utf8" });
    expect({ status, stderr }).toMatchObject({ status: 0 });
  });

  it("mesh-proxy takes its environment", () => {
    const variables = containers.get("mesh-proxy")?.["env"] ?? [];
    expect(variables.length).toBeGreaterThan(8);
    const environment = Object.fromEntries(
      variables.map(({ name, value }) => [name as string, typeof value === "string" ? value : "192.0.2.1"]),
    );
    // It refuses the first variable that it cannot take: this one, of which it reads every other one before.
    const env = { ...environment, MESH_PROXY_STOP_WITH_STDIN: "wrong" };
    const { status, stderr } = spawnSync(findProxyBinary(), [], { env, encoding: "utf8" });
    expect({ status, stderr }).toEqual({
      status: 2,
      stderr: 'error: MESH_PROXY_STOP_WITH_STDIN: "wrong" is not true or false\n',
    });
  });
});
