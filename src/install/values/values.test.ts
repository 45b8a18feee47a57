import { Ajv2020 } from "ajv/dist/2020.js";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { CommentedDocument, isObject, type Json, type Path } from "../../manifest/index.js";
import { template } from "../../templates/index.js";
import { publishedSchema, readValues, showValues, type ValueSources } from "./index.js";
import { defaultValues } from "./values.js";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "mesh-values-"));
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

function file(text: string | Buffer): string {
  const path = join(folder, "values.yaml");
  writeFileSync(path, text);
  return path;
}

const read = (sources: Partial<ValueSources>) => readValues({ flags: {}, files: [], sets: [], ...sources });

function valuesOf(sources: Partial<ValueSources>) {
  const result = read(sources);
  if (!result.ok) throw new Error(result.error.join("\n"));
  return result.value;
}

/** Without the folder's name. */
function mistakesOf(sources: Partial<ValueSources>): string[] {
  const result = read(sources);
  if (result.ok) throw new Error("nothing is wrong");
  return result.error.map((mistake) => mistake.replace(`${folder}/`, ""));
}

describe("mistakes in a file name the line, the path and what was expected", () => {
  test.each([
    [
      "proxy:\n  resources:\n    limits:\n      memory: 10Mb\n",
      'values.yaml:4: proxy.resources.limits.memory: "10Mb" is not a quantity; did you mean 10M or 10Mi?',
    ],
    [
      "proxy:\n  resurces: {}\n",
      "values.yaml:2: proxy.resurces: no such value; did you mean proxy.resources?",
    ],
    ["replicas: 3\n", "values.yaml:1: replicas: no such value; did you mean controlPlane.replicas?"],
    ["ha: yes\n", 'values.yaml:1: ha: "yes" is not true or false; did you mean true?'],
    [
      "controlPlane: {replicas: '2'}\n",
      'values.yaml:1: controlPlane.replicas: "2" is not a whole number from 1 to 100; did you mean 2, without quotes?',
    ],
    [
      "\n# none\ncontrolPlane:\n  replicas: 0\n",
      "values.yaml:4: controlPlane.replicas: 0 is not a whole number from 1 to 100",
    ],
    [
      "webhook:\n  failurePolicy: ignore\n",
      'values.yaml:2: webhook.failurePolicy: "ignore" is not Ignore or Fail; did you mean Ignore?',
    ],
    [
      "proxy:\n  opaquePorts:\n    - '25'\n    - 3306\n",
      'values.yaml:4: proxy.opaquePorts[1]: 3306 is not a port or a range, as in 25 or 8000-8100; did you mean "3306", in quotes?',
    ],
    [
      "prometheus:\n  retention: 1.5h\n",
      'values.yaml:2: prometheus.retention: "1.5h" is not a duration, as in 90m, 6h or 7d',
    ],
    [
      "images:\n  registry: ghcr.io/Acme\n",
      'values.yaml:2: images.registry: "ghcr.io/Acme" is not a registry in lower-case letters, as in registry.example.com/mesh; did you mean ghcr.io/acme?',
    ],
    [
      "images:\n  registry: https://ghcr.io/acme\n",
      'values.yaml:2: images.registry: "https://ghcr.io/acme" is not a registry in lower-case letters, as in registry.example.com/mesh',
    ],
    [
      "prometheus:\n  image: docker.io/Prom/prometheus:V3\n",
      'values.yaml:2: prometheus.image: "docker.io/Prom/prometheus:V3" is not an image, as in docker.io/prom/prometheus:v3.5.0; did you mean docker.io/prom/prometheus:v3?',
    ],
    ["proxy: 3\n", "values.yaml:1: proxy: 3 is not a map"],
    ["- 1\n", "values.yaml:1: expected a map of values, as mesh install --show-values prints"],
    ["a: 1\n---\nb: 2\n", "values.yaml:3: a second document; values are a single one"],
    [
      "tolerations:\n  - kei: x\n",
      "values.yaml:2: tolerations[0].kei: no such value; did you mean tolerations[0].key?",
    ],
  ])("%j", (text, mistake) => {
    expect(mistakesOf({ files: [file(text)] })).toEqual([mistake]);
  });

  test("every mistake is told, of every source, from the first line to the last", () => {
    const files = [file("ha: 1\nproxy:\n  uid: x\n  workrs: 1\n")];
    const flags = { prometheus: { enabled: false, url: "there" } };
    expect(mistakesOf({ files, flags, sets: ["grafana.enabled=2"] })).toEqual([
      "values.yaml:1: ha: 1 is not true or false; did you mean true?",
      'values.yaml:3: proxy.uid: "x" is not a whole number from 1 to 2147483647',
      "values.yaml:4: proxy.workrs: no such value; did you mean proxy.workers?",
      'prometheus.url: "there" is not an http or https URL',
      '--set grafana.enabled: "2" is not true or false',
    ]);
  });

  test("what is no YAML, and no text", () => {
    expect(mistakesOf({ files: [file("a: [1\nb: 2\n")] })[0]).toMatch(/^values\.yaml:\d: no valid YAML: /);
    expect(mistakesOf({ files: [file("a: 1\na: 2\n")] })[0]).toMatch(
      /^values\.yaml:2: no valid YAML: .*unique/,
    );
    expect(mistakesOf({ files: [file(Buffer.from([0xff, 0xfe, 0x00]))] })).toEqual([
      "-f values.yaml: not a text in UTF-8",
    ]);
    expect(mistakesOf({ files: [join(folder, "missing.yaml")] })).toEqual(["-f missing.yaml: no such file"]);
    expect(mistakesOf({ files: [folder] })[0]).toContain("is a directory; expected a file");
  });

  test.each(["localhost:5000", "[fd00::1]:5000/a", "acme", "registry.example.com/a_b/c--d", "10.0.0.1/mesh"])(
    "the registry %s can be meant",
    (registry) => {
      const { values } = valuesOf({ sets: [`images.registry=${registry}`] });
      expect(values.images.registry).toBe(registry);
    },
  );

  test("values that contradict each other", () => {
    expect(mistakesOf({ sets: ["prometheus.url=http://there:9090"] })[0]).toContain(
      "prometheus.enabled must be false",
    );
    expect(mistakesOf({ sets: ["ha=true", "controlPlane.autoscaling.maxReplicas=2"] })[0]).toContain(
      "2 is less than",
    );
    expect(mistakesOf({ sets: ["webhook.resources.requests.memory=1Gi"] })).toEqual([
      "webhook.resources.requests.memory: 1Gi is more than webhook.resources.limits.memory, which is 256Mi",
    ]);
    expect(
      valuesOf({ sets: ["webhook.resources.requests.cpu=8"] }).values.webhook.resources.requests.cpu,
    ).toBe("8");
  });
});

describe("--set", () => {
  test.each([
    ["controlPlane.replicas=2", { controlPlane: { replicas: 2 } }],
    ["identity.trustDomain=a.b", { identity: { trustDomain: "a.b" } }],
    ["proxy.cni=true", { proxy: { cni: true } }],
    ["prometheus.alerts.minSuccessRate=0.5", { prometheus: { alerts: { minSuccessRate: 0.5 } } }],
    ["proxy.skipInboundPorts=25,8000-8100", { proxy: { skipInboundPorts: ["25", "8000-8100"] } }],
    ["proxy.skipInboundPorts=", { proxy: { skipInboundPorts: [] } }],
    ["nodeSelector.example\\.com/pool=a=b,c", { nodeSelector: { "example.com/pool": "a=b,c" } }],
    ["tolerations[0].key=a", { tolerations: [{ key: "a" }] }],
    ["images.pullSecrets[0]=a", { images: { pullSecrets: ["a"] } }],
  ])("%s", (set, given) => {
    expect(valuesOf({ sets: [set] }).given).toEqual(given);
  });

  test("items of a list are set in the list that is there, one field after the other", () => {
    const sets = ["tolerations[0].key=a", "tolerations[0].effect=NoExecute", "tolerations[1].key=b"];
    expect(valuesOf({ sets }).values.tolerations).toEqual([{ key: "a", effect: "NoExecute" }, { key: "b" }]);
  });

  test("wins over flags, which win over files, of which the later wins; null is the default again", () => {
    const first = file("ha: true\ncontrolPlane: {replicas: 5}\nwebhook: {replicas: 7}\n");
    const { values, given } = valuesOf({
      files: [first],
      flags: { ha: false },
      sets: ["controlPlane.replicas=null"],
    });
    expect([values.ha, values.controlPlane.replicas, values.webhook.replicas]).toEqual([false, 1, 7]);
    expect(given).toEqual({ ha: false, controlPlane: {}, webhook: { replicas: 7 } });
  });

  test.each([
    [
      "controlPlane.replicas",
      "--set controlPlane.replicas: expected PATH=VALUE, as in --set controlPlane.replicas=2",
    ],
    [
      "controlPlane.replica=2",
      "--set controlPlane.replica: no such value; did you mean controlPlane.replicas?",
    ],
    ["controlPlane=2", "--set controlPlane: is a map; set what is in it, as in controlPlane.replicas=…"],
    ["controlPlane.replicas=two", '--set controlPlane.replicas: "two" is not a whole number from 1 to 100'],
    ["ha.x=1", "--set ha.x: no such value; ha is true or false"],
    ["ha[0]=1", "--set ha: is true or false, which has no [0]"],
    ["tolerations[3].key=a", "--set tolerations[3]: the next item of the list is [0]"],
    [
      "tolerations.key=a",
      "--set tolerations.key: no such value; tolerations is a list; its items are tolerations[0], tolerations[1] and so on",
    ],
    ["a..b=1", "--set a..b: not a path; expected names separated by dots, and [0] for an item of a list"],
  ])("%s is refused", (set, mistake) => {
    expect(mistakesOf({ sets: [set] })).toEqual([mistake]);
  });
});

test("high availability changes defaults, and not what was given", () => {
  const { values } = valuesOf({ flags: { ha: true }, sets: ["webhook.replicas=5"] });
  expect([values.controlPlane.replicas, values.webhook.replicas, values.webhook.failurePolicy]).toEqual([
    3,
    5,
    "Fail",
  ]);
});

test("every value has a default, and a comment that says what it is for", () => {
  const leaves = [...pathsOf(publishedSchema() as SchemaNode)];
  expect(leaves.length).toBeGreaterThan(60);
  const comments = new CommentedDocument(template("values.yaml"));
  for (const { path, node } of leaves) {
    expect(comments.commentOf(path), path.join(".")).toMatch(/^[A-Z].*\.$/);
    expect(node.description, path.join(".")).toBe(comments.commentOf(path));
    if (!node.properties) expect(node.default, path.join(".")).toBeDefined();
  }
});

test("the published schema takes the defaults, and refuses what mesh refuses", () => {
  const validate = new Ajv2020({ allowUnionTypes: true }).compile(publishedSchema() as object);
  expect(validate(defaultValues())).toBe(true);
  expect(validate({ proxy: { resources: { limits: { memory: "10Mb" } } } })).toBe(false);
  expect(validate({ proxie: {} })).toBe(false);
});

test("values that are shown can be given: they are the same again, with their comments", () => {
  const { values } = valuesOf({ flags: { ha: true }, sets: ["tolerations[0].key=a", "nodeSelector.x=yes"] });
  const shown = showValues(values);
  expect(shown).toContain("# The cluster's DNS domain.\nclusterDomain: cluster.local\n");
  expect(valuesOf({ files: [file(shown)] }).values).toEqual(values);
});

interface SchemaNode {
  description?: string;
  default?: Json;
  properties?: Record<string, SchemaNode>;
}

function* pathsOf(node: SchemaNode, path: string[] = []): Generator<{ path: Path; node: SchemaNode }> {
  if (path.length > 0) yield { path, node };
  for (const [key, inner] of Object.entries(node.properties ?? {})) {
    if (isObject(inner as Json)) yield* pathsOf(inner, [...path, key]);
  }
}
