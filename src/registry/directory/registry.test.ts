import { mkdir, mkdtemp, rename, rm, symlink, unlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { Catalog, formatAddress } from "../../catalog/index.js";
import { startDirectoryRegistry, type DirectoryRegistry } from "./index.js";

let root: string;
let catalog: Catalog;
let registry: DirectoryRegistry;
/** Every endpoint that ever went away, to catch what comes back before anybody looks. */
let gone: string[];
let started: DirectoryRegistry[] = [];

beforeEach(async () => {
  root = join(await mkdtemp(join(tmpdir(), "mesh-")), "conf");
  await mkdir(join(root, "disco"), { recursive: true });
  catalog = new Catalog();
  gone = [];
});

afterEach(async () => {
  for (const one of started) await one.stop();
  started = [];
  await rm(dirname(root), { recursive: true });
});

async function start(): Promise<void> {
  const result = await startDirectoryRegistry(root, catalog);
  if (!result.ok) throw result.error;
  registry = result.value;
  started.push(registry);
}

async function write(name: string, text: string): Promise<void> {
  await mkdir(dirname(join(root, name)), { recursive: true });
  await writeFile(join(root, name), text);
}

/** Follows an authority; the result reads the addresses of the moment, undefined when there is no such service. */
function follow(authority: string, namespace = "default"): () => string[] | undefined {
  const target = catalog.watch(authority, namespace, {
    replaced: () => {
      if (!target.service()) gone.push(authority);
    },
    changed: (before, after) => {
      if (before && !after) gone.push(formatAddress(before.address));
    },
  });
  return () =>
    target.service() &&
    target
      .endpoints()
      .map(({ address }) => formatAddress(address))
      .sort();
}

const problems = () =>
  catalog.problems
    .list()
    .map(({ source, line, message }) => `${source.slice(root.length + 1)}:${line}: ${message}`);

const soon = (check: () => void) => vi.waitFor(check, { timeout: 60_000, interval: 10 });

/** Long enough for a change to have been taken, were it one. */
const aWhile = () => new Promise((resolve) => setTimeout(resolve, 400));

const workload = (name: string, address: string, extra = "") => `apiVersion: mesh.dev/v1alpha1
kind: Workload
metadata:
  name: ${name}
  labels: { app: web }
spec:
  address: ${address}
  ports: [{ name: http, port: 9000 }]
${extra}`;

const service = (name: string, ports = "[{ port: 80, targetPort: http }]") => `apiVersion: v1
kind: Service
metadata:
  name: ${name}
spec:
  selector: { app: web }
  ports: ${ports}
`;

describe("disco files", () => {
  test("comments, blank lines, IPv6 and host names are read", async () => {
    await write("disco/web", "# the web\n127.0.0.1 9000 # first\n\n\t::1   9001\r\nlocalhost 9002\n");
    await start();
    expect(follow("web")()).toEqual(["127.0.0.1:9000", "127.0.0.1:9002", "[::1]:9001"]);
    expect(problems()).toEqual([]);
  });

  test.each([
    ["127.0.0.1 70000", 'found port "70000"; expected a number from 1 to 65535'],
    ["127.0.0.1 0", 'found port "0"; expected a number from 1 to 65535'],
    ["127.0.0.1 80a", 'found port "80a"; expected a number from 1 to 65535'],
    ["127.0.0.1", 'found "127.0.0.1"; expected "host port"'],
    ["127.0.0.999 80", 'found host "127.0.0.999"; expected an IP address or a host name'],
    ["%$§ 80", 'found host "%$§"; expected an IP address or a host name'],
    ["127.0.0.1 80 * 2", 'found a weight "* 2"; expected "host port": weights are not supported'],
    ["127.0.0.1 80 81", 'found "81" after the port; expected "host port"'],
  ])("a line %j is named, and the file as it was stays in force", async (line, message) => {
    await write("disco/web", "127.0.0.1 9000\n127.0.0.1 9001\n");
    await write("disco/other", "127.0.0.1 9100\n");
    await start();
    const web = follow("web");
    const other = follow("other");
    await write("disco/web", `127.0.0.1 9005\n${line}\n`);
    await soon(() => expect(problems()).toEqual([`disco/web:2: ${message}`]));
    expect(web()).toEqual(["127.0.0.1:9000", "127.0.0.1:9001"]);
    await write("disco/other", "127.0.0.1 9101\n");
    await soon(() => expect(other()).toEqual(["127.0.0.1:9101"]));
    await write("disco/web", "127.0.0.1 9005\n");
    await soon(() => expect(web()).toEqual(["127.0.0.1:9005"]));
    expect(problems()).toEqual([]);
  });

  test("of a file that is wrong from the start, the lines that are right are in force", async () => {
    await write("disco/web", "127.0.0.1 9000\ngarbage\n");
    await start();
    expect(follow("web")()).toEqual(["127.0.0.1:9000"]);
    expect(problems()).toEqual(['disco/web:2: found "garbage"; expected "host port"']);
  });

  test("a host that cannot be resolved is left out and named, the other lines are in force", async () => {
    await write("disco/web", "127.0.0.1 9000\n");
    await start();
    const web = follow("web");
    await write("disco/web", "127.0.0.1 9001\nno-such-host.invalid 9002\n");
    await soon(() => expect(web()).toEqual(["127.0.0.1:9001"]));
    await soon(() => expect(problems().join()).toContain('disco/web:2: found host "no-such-host.invalid"'));
    await write("disco/web", "127.0.0.1 9001\nlocalhost 9002\n");
    await soon(() => expect(web()).toEqual(["127.0.0.1:9001", "127.0.0.1:9002"]));
    expect(problems()).toEqual([]);
    expect(gone).toEqual(["127.0.0.1:9000"]);
  });

  test("a name by another one takes over without a gap", async () => {
    await write("disco/web", "127.0.0.1 9000\n");
    await start();
    const web = follow("web");
    await write("disco/web", "localhost 9000\n");
    await aWhile();
    expect(web()).toEqual(["127.0.0.1:9000"]);
    expect(gone).toEqual([]);
  });

  test("an empty file is a service without endpoints; a deleted one is none", async () => {
    await write("disco/web", "127.0.0.1 9000\n");
    await start();
    const web = follow("web");
    await write("disco/web", "");
    await soon(() => expect(web()).toEqual([]));
    await unlink(join(root, "disco/web"));
    await soon(() => expect(web()).toBeUndefined());
    await write("disco/web", "127.0.0.1 9000\n");
    await soon(() => expect(web()).toEqual(["127.0.0.1:9000"]));
  });
});

const permission = (name: string, spec = "", namespace = "default") =>
  `apiVersion: mesh.dev/v1alpha1\nkind: TrafficPermission\nmetadata: { name: ${name}, namespace: ${namespace} }\n` +
  `# who may call\nspec:\n  action: ALLOW\n${spec}`;

describe("resources", () => {
  test("a Service is served by the Workloads that it selects, over documents and files", async () => {
    await write("a.yaml", `${service("web")}---\n${workload("web-1", "127.0.0.1")}`);
    await write("deep/er/b.yml", workload("web-2", "127.0.0.2"));
    await write("notes.txt", "not: [yaml");
    await write("k8s.yaml", "apiVersion: apps/v1\nkind: Deployment\nmetadata: { name: x }\n");
    await start();
    expect(problems()).toEqual([]);
    expect(follow("web")()).toEqual(["127.0.0.1:9000", "127.0.0.2:9000"]);
    expect(follow("web.default.svc.cluster.local:80", "elsewhere")()).toEqual([
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
      'kind: found "Wrkload"; expected a kind of mesh.dev/v1alpha1: TrafficPermission, Workload',
    ],
    [
      workload("web-1", "127.0.0.1").replace("v1alpha1", "v9"),
      1,
      'apiVersion: found "mesh.dev/v9"; expected mesh.dev/v1alpha1',
    ],
    [
      workload("web-1", "127.0.0.1").replace("kind: Workload\n", ""),
      1,
      "kind: found nothing; expected kind: Service, TrafficPermission or Workload",
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
    await write("good.yaml", service("web"));
    await write("web.yaml", `${workload("web-1", "127.0.0.1")}---\n${workload("web-2", "127.0.0.2")}`);
    await start();
    const web = follow("web");
    await write("web.yaml", text);
    await soon(() => expect(problems()).toHaveLength(1));
    const [problem = ""] = problems();
    if (message instanceof RegExp) expect(problem).toMatch(message);
    else expect(problem).toBe(`web.yaml:${line}: ${message}`);
    expect(web()).toContain("127.0.0.1:9000");
    await write("web.yaml", workload("web-1", "127.0.0.7"));
    await soon(() => expect(web()).toEqual(["127.0.0.7:9000"]));
    expect(problems()).toEqual([]);
  });

  test("a mistake in one document leaves the others of the file to change", async () => {
    await write(
      "all.yaml",
      [service("web"), workload("web-1", "127.0.0.1"), workload("web-2", "127.0.0.2")].join("---\n"),
    );
    await start();
    const web = follow("web");
    await write(
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
    await write("web.yaml", text);
    await start();
    expect(problems()).toEqual([`web.yaml:${line}: ${message}`]);
  });

  test("of two definitions of one name the first stays, and the other takes over when it goes", async () => {
    await write("a.yaml", `${service("web")}---\n${workload("web-1", "127.0.0.1")}`);
    await start();
    const web = follow("web");
    await write("b.yaml", `# second\n${workload("web-1", "127.0.0.2")}`);
    await write("disco/web", "127.0.0.1 1\n");
    await soon(() => expect(problems()).toHaveLength(2));
    expect(problems()).toEqual([
      `b.yaml:2: found Workload default/web-1 a second time; expected it once: ${root}/a.yaml:7 defines it already`.replace(
        ":7",
        ":9",
      ),
      `disco/web:1: found Service default/web a second time; expected it once: ${root}/a.yaml:1 defines it already`,
    ]);
    expect(web()).toEqual(["127.0.0.1:9000"]);
    await write("a.yaml", service("web"));
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
  const inForce = () => catalog.permissionsOf(subject).map(({ permission }) => permission.name);

  test("are read, change and go, and know where they stand", async () => {
    await write("a.yaml", `${permission("one")}---\n${permission("two", "", "other")}`);
    await start();
    expect(problems()).toEqual([]);
    expect(inForce()).toEqual(["one"]);
    expect(catalog.permissionWarnings()).toMatchObject([
      { source: join(root, "a.yaml"), line: 1 },
      { source: join(root, "a.yaml"), line: 8 },
    ]);
    await write("a.yaml", permission("three", "  ports: [80]\n  from: ~\n"));
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
    await write("a.yaml", permission("one"));
    await start();
    const text = spec.startsWith("  action")
      ? permission("one").replace("  action: ALLOW\n", spec)
      : permission("one", spec);
    await write("a.yaml", text);
    await soon(() => expect(problems()).toEqual([`a.yaml:${line}: ${message}`]));
    expect(inForce()).toEqual(["one"]);
    await write("a.yaml", permission("two"));
    await soon(() => expect(inForce()).toEqual(["two"]));
    expect(problems()).toEqual([]);
  });
});

describe("changes on disk", () => {
  test("a file that is written piece by piece is never taken in the middle", async () => {
    await write("disco/web", "127.0.0.1 9000\n127.0.0.2 9000\n");
    await start();
    const web = follow("web");
    await write("disco/web", "");
    await write("disco/web", "127.0.0.1 90");
    await write("disco/web", "127.0.0.1 9000\n127.0.0.2 9000\n127.0.0.3 9000\n");
    await soon(() => expect(web()).toHaveLength(3));
    expect(gone).toEqual([]);
  });

  test("an editor's way to save (write beside, rename into place, keep a backup) is one change", async () => {
    await write("disco/web", "127.0.0.1 9000\n");
    await start();
    const web = follow("web");
    for (const junk of ["disco/.web.swp", "disco/#web#", "disco/4913", "disco/web.tmp"])
      await write(junk, "junk\n");
    await unlink(join(root, "disco/4913"));
    await rename(join(root, "disco/web"), join(root, "disco/web~"));
    await write("disco/web", "127.0.0.1 9000\n127.0.0.1 9001\n");
    await soon(() => expect(web()).toEqual(["127.0.0.1:9000", "127.0.0.1:9001"]));
    await aWhile();
    expect(gone).toEqual([]);
    expect(problems()).toEqual([]);
    expect(catalog.resources({ type: "service", namespace: "", name: "" })).toHaveLength(1);
  });

  test("a file that is renamed keeps what it defines", async () => {
    await write("a.yaml", `${service("web")}---\n${workload("web-1", "127.0.0.1")}`);
    await start();
    const found: string[] = [];
    catalog.problems.on("found", ({ message }) => found.push(message));
    const web = follow("web");
    await rename(join(root, "a.yaml"), join(root, "b.yaml"));
    await aWhile();
    expect(web()).toEqual(["127.0.0.1:9000"]);
    expect(gone).toEqual([]);
    expect(found).toEqual([]);
  });

  test("a swap of a link to a directory, as of a mounted ConfigMap, is one change", async () => {
    const version = async (name: string, text: string) => {
      await write(`disco/..${name}/web`, text);
      await symlink(`..${name}`, join(root, "disco/..next"));
      await rename(join(root, "disco/..next"), join(root, "disco/..data"));
    };
    await version("1", "127.0.0.1 9000\n");
    await symlink("..data/web", join(root, "disco/web"));
    await start();
    const web = follow("web");
    expect(web()).toEqual(["127.0.0.1:9000"]);
    await version("2", "127.0.0.1 9001\n");
    await soon(() => expect(web()).toEqual(["127.0.0.1:9001"]));
    expect(gone).toEqual(["127.0.0.1:9000"]);
  });

  test("directories that appear later, go and come back are followed", async () => {
    await rm(join(root, "disco"), { recursive: true });
    await start();
    const web = follow("web");
    await write("disco/web", "127.0.0.1 9000\n");
    await soon(() => expect(web()).toEqual(["127.0.0.1:9000"]));
    await rm(join(root, "disco"), { recursive: true });
    await soon(() => expect(web()).toBeUndefined());
    await write("disco/web", "127.0.0.1 9001\n");
    await soon(() => expect(web()).toEqual(["127.0.0.1:9001"]));
  });

  test("while the whole directory is gone everything stays in force, and it is followed when it is back", async () => {
    await write("disco/web", "127.0.0.1 9000\n");
    await start();
    const web = follow("web");
    await rename(root, `${root}-away`);
    await soon(() => expect(catalog.problems.list()).toMatchObject([{ source: root, line: 0 }]));
    expect(web()).toEqual(["127.0.0.1:9000"]);
    await write("disco/web", "127.0.0.1 9001\n");
    await soon(() => expect(web()).toEqual(["127.0.0.1:9001"]));
    await write("disco/web", "127.0.0.1 9002\n");
    await soon(() => expect(web()).toEqual(["127.0.0.1:9002"]));
    expect(problems()).toEqual([]);
  });

  test("links that lead in circles end", async () => {
    await write("disco/web", "127.0.0.1 9000\n");
    await symlink("..", join(root, "disco/up"));
    await symlink(root, join(root, "self"));
    await start();
    expect(follow("web")()).toEqual(["127.0.0.1:9000"]);
  });
});

test("a directory that is missing, or is none, is a failure", async () => {
  expect(await startDirectoryRegistry(join(root, "nowhere"), catalog)).toMatchObject({
    error: { message: `--directory ${root}/nowhere: no such directory` },
  });
  await write("file", "");
  expect(await startDirectoryRegistry(join(root, "file"), catalog)).toMatchObject({
    error: { message: `--directory ${root}/file: not a directory` },
  });
});
