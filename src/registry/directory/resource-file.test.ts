import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { RegisteredDirectory, service, soon, workload } from "../../../test/registered-directory.js";

let directory: RegisteredDirectory;

beforeEach(async () => {
  directory = await RegisteredDirectory.create();
});
afterEach(() => directory.stop());

const permission = (name: string, spec = "", namespace = "default") =>
  `apiVersion: mesh.dev/v1alpha1\nkind: TrafficPermission\nmetadata: { name: ${name}, namespace: ${namespace} }\n` +
  `# who may call\nspec:\n  action: ALLOW\n${spec}`;

describe("resources", () => {
  test("a Service is served by the Workloads that it selects, over documents and files", async () => {
    await directory.write("a.yaml", `${service("web")}---\n${workload("web-1", "127.0.0.1")}`);
    await directory.write("deep/er/b.yml", workload("web-2", "127.0.0.2"));
    await directory.write("notes.txt", "not: [yaml");
    await directory.write("k8s.yaml", "apiVersion: apps/v1\nkind: Deployment\nmetadata: { name: x }\n");
    await directory.start();
    expect(directory.problems()).toEqual([]);
    expect(directory.follow("web")()).toEqual(["127.0.0.1:9000", "127.0.0.2:9000"]);
    expect(directory.follow("web.default.svc.cluster.local:80", "elsewhere")()).toEqual([
      "127.0.0.1:9000",
      "127.0.0.2:9000",
    ]);
  });

  test.each([
    [
      workload("web-1", "127.0.0.1").replace("9000", "70000"),
      8,
      "spec.ports[0].port: found 70000; expected a number from 1 to 65535",
    ],
    [
      workload("web-1", "no_t..valid"),
      7,
      'spec.address: found "no_t..valid"; expected an IP address or a host name',
    ],
    [
      workload("web-1", "127.0.0.1").replace("  address: 127.0.0.1\n", ""),
      7,
      "spec.address: found nothing; expected an IP address or a host name",
    ],
    [
      workload("web-1", "127.0.0.1", "  adress: x\n"),
      9,
      "spec.adress: no such field; expected address, ports, workload",
    ],
    [
      workload("web-1", "127.0.0.1", "  workload: A/b\n"),
      9,
      'spec.workload: found "A/b"; expected NAME or KIND/NAME, in lower case',
    ],
    [
      workload("web-1", "127.0.0.1").replace("Workload", "Wrkload"),
      2,
      'kind: found "Wrkload"; expected a kind of mesh.dev/v1alpha1: ExternalService, ServicePolicy, TrafficPermission, Workload',
    ],
    [
      workload("web-1", "127.0.0.1").replace("v1alpha1", "v9"),
      1,
      'apiVersion: found "mesh.dev/v9"; expected mesh.dev/v1alpha1',
    ],
    [
      workload("web-1", "127.0.0.1").replace("kind: Workload\n", ""),
      1,
      "kind: found nothing; expected kind: Service, ExternalService, ServicePolicy, TrafficPermission, Workload",
    ],
    [
      workload("web-1", "127.0.0.1").replace("web-1", "Web 1"),
      4,
      'metadata.name: found "Web 1"; expected a name of lower-case letters, digits and "-"',
    ],
    [
      workload("web-1", "127.0.0.1").replace("app: web", "app: 1"),
      5,
      "metadata.labels.app: found 1; expected a string (in quotes where it looks like a number)",
    ],
    [workload("web-1", "[1,"), 8, /no valid YAML: /],
  ])("a wrong resource is named, and stays as it was: %#", async (text, line, message) => {
    await directory.write("good.yaml", service("web"));
    await directory.write(
      "web.yaml",
      `${workload("web-1", "127.0.0.1")}---\n${workload("web-2", "127.0.0.2")}`,
    );
    await directory.start();
    const web = directory.follow("web");
    await directory.write("web.yaml", text);
    await soon(() => expect(directory.problems()).toHaveLength(1));
    const [problem = ""] = directory.problems();
    if (message instanceof RegExp) expect(problem).toMatch(message);
    else expect(problem).toBe(`web.yaml:${line}: ${message}`);
    expect(web()).toContain("127.0.0.1:9000");
    await directory.write("web.yaml", workload("web-1", "127.0.0.7"));
    await soon(() => expect(web()).toEqual(["127.0.0.7:9000"]));
    expect(directory.problems()).toEqual([]);
  });

  test("a mistake in one document leaves the others of the file to change", async () => {
    await directory.write(
      "all.yaml",
      [service("web"), workload("web-1", "127.0.0.1"), workload("web-2", "127.0.0.2")].join("---\n"),
    );
    await directory.start();
    const web = directory.follow("web");
    await directory.write(
      "all.yaml",
      [service("web"), workload("web-1", "127.0.0.1", "  x: 1\n"), workload("web-2", "127.0.0.3")].join(
        "---\n",
      ),
    );
    await soon(() => expect(web()).toEqual(["127.0.0.1:9000", "127.0.0.3:9000"]));
  });

  test.each([
    [
      service("web").replace("  selector: { app: web }\n", ""),
      6,
      "spec.selector: found nothing; expected labels (a map of strings)",
    ],
    [service("web", "[]"), 7, "spec.ports: found a list; expected at least one TCP port"],
    [
      service("web", "[{ port: 80, targetPort: 0 }]"),
      7,
      "spec.ports[0].targetPort: found 0; expected a number from 1 to 65535, or the name of a workload's port",
    ],
  ])("a wrong Service is named: %#", async (text, line, message) => {
    await directory.write("web.yaml", text);
    await directory.start();
    expect(directory.problems()).toEqual([`web.yaml:${line}: ${message}`]);
  });

  test("of two definitions of one name the first stays, and the other takes over when it goes", async () => {
    await directory.write("a.yaml", `${service("web")}---\n${workload("web-1", "127.0.0.1")}`);
    await directory.start();
    const web = directory.follow("web");
    await directory.write("b.yaml", `# second\n${workload("web-1", "127.0.0.2")}`);
    await directory.write("disco/web", "127.0.0.1 1\n");
    await soon(() => expect(directory.problems()).toHaveLength(2));
    expect(directory.problems()).toEqual([
      `b.yaml:2: found Workload default/web-1 a second time; expected it once: ${directory.root}/a.yaml:7 defines it already`.replace(
        ":7",
        ":9",
      ),
      `disco/web:1: found Service default/web a second time; expected it once: ${directory.root}/a.yaml:1 defines it already`,
    ]);
    expect(web()).toEqual(["127.0.0.1:9000"]);
    await directory.write("a.yaml", service("web"));
    await soon(() => expect(web()).toEqual(["127.0.0.2:9000"]));
  });
});

describe("permissions", () => {
  const subject = {
    namespace: "default",
    name: "web-1",
    workload: { kind: "workload", name: "web" },
    inbound: [],
  };
  const inForce = () => directory.catalog.permissionsOf(subject).map(({ permission }) => permission.name);

  test("are read, change and go, and know where they stand", async () => {
    await directory.write("a.yaml", `${permission("one")}---\n${permission("two", "", "other")}`);
    await directory.start();
    expect(directory.problems()).toEqual([]);
    expect(inForce()).toEqual(["one"]);
    expect(directory.catalog.permissionWarnings()).toMatchObject([
      { source: join(directory.root, "a.yaml"), line: 1 },
      { source: join(directory.root, "a.yaml"), line: 8 },
    ]);
    await directory.write("a.yaml", permission("three", "  ports: [80]\n  from: ~\n"));
    await soon(() => expect(inForce()).toEqual(["three"]));
  });

  test.each([
    ["  action: ALOW\n", 6, 'spec.action: found "ALOW"; expected one of ALLOW, DENY, AUDIT'],
    ["  action: ~\n", 6, "spec: found no action; expected one"],
    ["  ports: [80, 0]\n", 7, "spec.ports[1]: found 0; expected a whole number from 1 to 65535"],
    ["  ports: []\n", 7, "spec.ports: found an empty list; expected at least one item"],
    ["  ports: [1, 1]\n", 7, "spec.ports[1]: found 1; expected each item once"],
    ["  port: 80\n", 7, "spec.port: no such field; expected targetRefs, selector, ports, http, from, action"],
    ["  http: [{}]\n", 7, "spec.http[0]: found a map; expected at least one of methods, pathPrefix"],
    [
      "  http:\n    - pathPrefix: api\n",
      8,
      'spec.http[0].pathPrefix: found "api"; expected a string like ^/',
    ],
    [
      "  from:\n    - cidrs:\n        - 10.0.0.0/8\n        - 10.0.0.0/40\n",
      10,
      'spec.from[0].cidrs[1]: "10.0.0.0/40" has a prefix longer than 32 bits',
    ],
    [
      "  targetRefs: [{ group: apps, kind: Deployment, name: a }]\n  selector: { matchLabels: { a: b } }\n",
      8,
      "spec.selector: targetRefs and selector are two ways to name workloads; give one of them",
    ],
  ])("that are wrong are named, and stay as they were: %j", async (spec, line, message) => {
    await directory.write("a.yaml", permission("one"));
    await directory.start();
    const text = spec.startsWith("  action")
      ? permission("one").replace("  action: ALLOW\n", spec)
      : permission("one", spec);
    await directory.write("a.yaml", text);
    await soon(() => expect(directory.problems()).toEqual([`a.yaml:${line}: ${message}`]));
    expect(inForce()).toEqual(["one"]);
    await directory.write("a.yaml", permission("two"));
    await soon(() => expect(inForce()).toEqual(["two"]));
    expect(directory.problems()).toEqual([]);
  });
});

describe("policies and services outside of the mesh", () => {
  const policy = (name: string, target: string, spec = "") =>
    `apiVersion: mesh.dev/v1alpha1\nkind: ServicePolicy\nmetadata: { name: ${name} }\nspec:\n  targetRefs: [${target}]\n${spec}`;
  const external = (name: string, ports = "[{ port: 443 }]") =>
    `apiVersion: mesh.dev/v1alpha1\nkind: ExternalService\nmetadata: { name: ${name} }\nspec:\n  hosts: [bank.test]\n  ports: ${ports}\n`;
  const search = '{ group: "", kind: Service, name: search }';
  const names = () => directory.catalog.policies.withoutEffect().map(({ kind, name }) => `${kind} ${name}`);

  test("are known, change and go, and a service that a policy names and nobody knows is told", async () => {
    await directory.write("disco/search", "127.0.0.1 1\n");
    const missing =
      '{ group: "", kind: Service, name: serch }, { group: mesh.dev, kind: ExternalService, name: bank }';
    await directory.write("a.yaml", `${policy("fast", search)}---\n${policy("slow", missing)}`);
    await directory.start();
    expect(names()).toEqual(["ServicePolicy fast", "ServicePolicy slow"]);
    const warnings = () => directory.catalog.policies.warnings().map(({ message }) => message);
    const serch =
      "ServicePolicy default/slow: no Service serch is known in namespace default; did you mean search?";
    expect(warnings()).toEqual([
      serch,
      "ServicePolicy default/slow: no ExternalService bank is known in namespace default",
    ]);
    await directory.write("b.yaml", external("bank"));
    await soon(() => expect(warnings()).toEqual([serch]));
    await directory.write("a.yaml", policy("fast", search));
    await soon(() => expect(names()).toEqual(["ServicePolicy fast", "ExternalService bank"]));
    expect(directory.problems()).toEqual([]);
    expect(warnings()).toEqual([]);
  });

  test.each([
    [
      policy("p", search, "  timeout: 1s\n"),
      6,
      /^spec\.timeout: no such field; expected targetRefs, balancing, /,
    ],
    [
      policy("p", "{ group: apps, kind: Deployment, name: search }"),
      5,
      'spec.targetRefs[0]: a policy is for a Service (group "") or an ExternalService (group mesh.dev)',
    ],
    [
      policy("p", search, "  balancing:\n    algorithm: HashHeader\n"),
      7,
      "spec.balancing: HashHeader needs a header, and nothing else takes one",
    ],
    [
      policy("p", search, "  timeouts:\n    attempt: 2s\n    request: 1s\n"),
      7,
      "spec.timeouts.attempt: 2s is longer than request, which is 1s",
    ],
    [external("bank", "[{ port: 443 }, { port: 443 }]"), 6, "spec.ports[1].port: 443 is there already"],
  ])("that are wrong are named: %#", async (text, line, message) => {
    await directory.write("a.yaml", text);
    await directory.start();
    const expected: unknown = message instanceof RegExp ? expect.stringMatching(message) : message;
    expect(directory.catalog.problems.list()).toMatchObject([{ line, message: expected }]);
    expect(names()).toEqual([]);
  });
});
