// The sample applications, as docs/samples.md tells of them: every command of the page, in its order.
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { parseAllDocuments } from "yaml";
import { applyPrinted, kubectl, rolledOut, uninstall, WITHOUT_DASHBOARDS } from "./administrator.js";
import { documentedCommands, Shell } from "./documented-commands.js";

const { kubeconfig, kubectl: kubectlWords } = inject("cluster");
const APPLICATIONS = ["hello-world", "market"] as const;

beforeAll(async () => {
  await applyPrinted("install", ...WITHOUT_DASHBOARDS);
  await rolledOut("mesh-system", "mesh-control-plane");
});
afterAll(() => uninstall(...APPLICATIONS, "restricted"));

interface Template {
  readonly spec: object;
}

/** The pod templates of an application. */
function templatesOf(application: string): Template[] {
  const path = `../../samples/${application}/${application}.yaml`;
  const manifests = readFileSync(new URL(path, import.meta.url), "utf8");
  const objects = parseAllDocuments(manifests).map((document) => document.toJS() as Workload);
  return objects.flatMap(({ spec }) => spec?.template ?? spec?.jobTemplate?.spec.template ?? []);
}

interface Workload {
  readonly spec?: { readonly template?: Template; readonly jobTemplate?: { spec: { template: Template } } };
}

test("Pod Security's profile restricted takes their pods", async () => {
  const label = "pod-security.kubernetes.io/enforce=restricted";
  await kubectl.run(["create", "namespace", "restricted"]);
  await kubectl.run(["label", "namespace", "restricted", label]);
  const pods = APPLICATIONS.flatMap(templatesOf).map(({ spec }, index) => ({
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: `pod-${index}`, namespace: "restricted" },
    spec,
  }));
  expect(pods.length).toBeGreaterThan(8);
  const list = JSON.stringify({ apiVersion: "v1", kind: "List", items: pods });
  const created = await kubectl.run(["create", "--dry-run=server", "-o", "name", "-f", "-"], list);
  expect(created.trim().split("\n")).toHaveLength(pods.length);
});

/** A row of `mesh stat`. */
interface Row {
  readonly name: string;
  readonly meshed: string;
  readonly success: string;
  readonly rps: string;
}

const rowsOf = (table: string): Row[] =>
  table
    .trim()
    .split("\n")
    .slice(1)
    .map((line) => {
      const [name = "", meshed = "", success = "", , rps = ""] = line.split(/ {2,}/);
      return { name, meshed, success, rps };
    });

/** Whether there is traffic, none of it failed, and every pod has its sidecar. */
function isFine(table: string): boolean {
  const rows = rowsOf(table);
  const busy = rows.filter(({ rps }) => Number(rps) > 0);
  return (
    busy.length > 0 &&
    busy.every(({ success }) => success === "100.00%") &&
    rows.every(({ meshed }) => meshed.split("/")[0] === meshed.split("/")[1])
  );
}

test.each(APPLICATIONS)(
  "%s runs in the mesh, and nothing fails",
  async (application) => {
    const shell = new Shell(kubectlWords, { KUBECONFIG: kubeconfig });
    const commands = documentedCommands("samples.md", application);
    expect(commands.length).toBeGreaterThan(5);
    for (const command of commands) {
      if (command.startsWith("mesh stat")) {
        // What failed while programs were starting is a minute old then.
        await expect
          .poll(() => shell.run(command), { timeout: 150_000, interval: 2_000, message: command })
          .toSatisfy(isFine);
      } else {
        const printed = await shell.run(command);
        if (command.startsWith("mesh tap")) expect(printed).toMatch(/^(req|rsp|end) /m);
      }
    }
    shell.close();
  },
  600_000,
);
