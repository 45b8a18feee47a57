import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { startApiServer } from "../kubernetes/api-server.js";
import { ended, runMesh, startMesh } from "../mesh-command.js";

const POD = `apiVersion: v1
kind: Pod
metadata:
  name: web # the only one
spec:
  containers:
  - name: web
    image: nginx:1.27
`;
const HOST_POD = POD.replace("spec:\n", "spec:\n  hostNetwork: true\n").replace(
  "name: web #",
  "name: host #",
);
const CONFIG = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: settings\n";

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "mesh-inject-"));
});
afterAll(() => rmSync(directory, { recursive: true }));

/** Writes a file and gives its path. */
function file(name: string, content: string | Buffer): string {
  const path = join(directory, name);
  mkdirSync(join(path, ".."), { recursive: true });
  writeFileSync(path, content);
  return path;
}

/** Runs `mesh` with a text on standard input. */
function pipeToMesh(words: readonly string[], text: string) {
  const child = startMesh(words);
  child.stdin.on("error", () => undefined).end(text);
  return ended(child);
}

/** An http server for one test; gives its address. */
async function serve(answer: RequestListener): Promise<string> {
  const server = createServer(answer).listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

describe("mesh inject", () => {
  it("adds lines to what it is given and tells of each resource", async () => {
    const { status, stdout, stderr } = await pipeToMesh(["inject"], `${POD}---\n${CONFIG}---\n${HOST_POD}`);
    expect(status).toBe(0);
    expect(stderr).toBe("pod/web injected\npod/host skipped: hostNetwork\n1 injected, 1 skipped\n");
    expect(stdout).toContain("name: mesh-proxy\n");
    expect(stdout).toContain(`---\n${CONFIG}---\n${HOST_POD}`);
    const again = await pipeToMesh(["inject", "-q", "-"], stdout);
    expect(again).toEqual({ status: 0, signal: null, stdout, stderr: "" });
    const back = await pipeToMesh(["uninject"], stdout);
    expect(back.stdout).toBe(`${POD}---\n${CONFIG}---\n${HOST_POD}`);
    expect(back.stderr).toBe("pod/web uninjected\n1 uninjected\n");
  });

  it("takes files, folders and addresses in their order, as documents of their own", async () => {
    const url = await serve((_, response) => response.end("apiVersion: v1\nkind: Secret\n"));
    const folder = join(directory, "order");
    file("order/b.yml", "b: 2");
    file("order/a.yaml", "a: 1\n");
    file("order/c.json", '{"c": 3}\n');
    file("order/notes.txt", "no manifest");
    file("order/deeper/d.yaml", "d: 4\n");
    const one = file("one.txt", "one: 1\n");
    const { stdout, stderr, status } = await runMesh(["inject", url, "-R", `--filename=${folder}`, one]);
    expect(stdout).toBe(
      'apiVersion: v1\nkind: Secret\n---\na: 1\n---\nb: 2\n---\n{"c": 3}\n---\nd: 4\n---\none: 1\n',
    );
    expect({ stderr, status }).toEqual({ stderr: "0 injected, 0 skipped\n", status: 0 });
  });

  it("writes files back with --in-place, through links, and keeps their mode", async () => {
    const target = file("place/real.yaml", POD);
    chmodSync(target, 0o640);
    const link = join(directory, "place/link.yaml");
    symlinkSync("real.yaml", link);
    const untouched = file("place/settings.yaml", CONFIG);
    const { ino } = statSync(untouched);
    const broken = file("place/broken.yaml", `${POD}---\na: [\n`);
    const first = await runMesh(["inject", "--in-place", link, untouched, broken]);
    expect(first).toMatchObject({ status: 1, stdout: "" });
    expect(lstatSync(link).isSymbolicLink()).toBe(true);
    expect(statSync(target).mode & 0o777).toBe(0o640);
    expect(readFileSync(target, "utf8")).toContain("mesh-proxy");
    expect(statSync(untouched).ino).toBe(ino);
    expect(readFileSync(broken, "utf8")).toBe(`${POD}---\na: [\n`);
    await runMesh(["uninject", "--in-place", target]);
    expect(readFileSync(target, "utf8")).toBe(POD);
    expect(readdirSync(join(directory, "place")).sort()).toEqual([
      "broken.yaml",
      "link.yaml",
      "real.yaml",
      "settings.yaml",
    ]);
  });

  it("tells machines what became of each resource", async () => {
    const udp = POD.replace("image:", "ports: [{containerPort: 53, protocol: UDP}]\n    image:");
    const path = file("report.yaml", `${udp}---\n${HOST_POD}`);
    const { stderr } = await runMesh(["inject", "--report", "json", path, join(directory, "none.yaml")]);
    expect(JSON.parse(stderr)).toEqual({
      inputs: [
        {
          name: path,
          changed: true,
          resources: [
            {
              resource: "pod/web",
              line: 1,
              column: 1,
              outcome: "injected",
              warnings: [{ line: 8, column: 13, message: expect.stringContaining("UDP port 53") as string }],
            },
            {
              resource: "pod/host",
              line: 11,
              column: 1,
              outcome: "skipped",
              reason: "hostNetwork",
              warnings: [],
            },
          ],
          errors: [],
        },
        {
          name: join(directory, "none.yaml"),
          changed: false,
          resources: [],
          errors: [{ message: expect.stringContaining("there is no such file") as string }],
        },
      ],
      summary: { resources: { injected: 1, skipped: 1 }, warnings: 1, failed: 1 },
    });
  });

  it("fails on a pod that gets no sidecar when asked to", async () => {
    expect(await pipeToMesh(["inject", "--fail-on-skip", "-q"], HOST_POD)).toMatchObject({
      status: 1,
      stdout: HOST_POD,
    });
  });

  it("takes options from flags, and kinds of others", async () => {
    const fleet = POD.replace("v1", "example.com/v1")
      .replace("Pod", "Fleet")
      .replace("spec:\n", "pods:\n  spec:\n")
      .replace("  containers:\n  - name: web\n    image: nginx:1.27", "    containers:\n    - name: web");
    const words = [
      "--pod-template-path",
      "example.com/Fleet=pods",
      "--native-sidecar=false",
      "--log-level=debug",
    ];
    const { stdout, stderr } = await pipeToMesh(["inject", ...words], fleet);
    expect(stderr).toBe("fleet/web injected\n1 injected, 0 skipped\n");
    expect(stdout).toContain("- name: MESH_PROXY_LOG\n        value: debug\n");
    expect(stdout).not.toContain("restartPolicy");
  });

  it("ends quietly when its reader has gone", async () => {
    const child = startMesh(["inject"]);
    child.stdout.destroy();
    child.stdin.on("error", () => undefined).end(POD.repeat(1));
    expect(await ended(child)).toMatchObject({
      status: 0,
      stderr: "pod/web injected\n1 injected, 0 skipped\n",
    });
  });
});

describe("what cannot be injected gives nothing, and the rest is done", () => {
  /** Injects a file that is wrong and, after it, one that is right. */
  async function withGood(words: readonly string[]) {
    const good = file("good.yaml", CONFIG);
    const { status, stdout, stderr } = await runMesh(["inject", "-q", ...words, good]);
    expect({ status, stdout }).toEqual({ status: 1, stdout: CONFIG });
    return stderr;
  }

  it("malformed text, by line and column with a caret", async () => {
    const wrong = {
      tabs: file("wrong/tabs.yaml", "spec:\n\tcontainers: []\n"),
      keys: file("wrong/keys.yaml", `${POD}---\na: 1\nb: 2\na: 3\n`),
      helm: file("wrong/helm.yaml", "metadata:\n  name: {{ .Values.name }}\n  labels: {{- include 1 }}\n"),
      alias: file("wrong/alias.yaml", "a: &a [*a]\n"),
      json: file("wrong/broken.json", '{"a": [1, 2}\n'),
      binary: file("wrong/binary.yaml", Buffer.from([0x7f, 0x45, 0x4c, 0x46, 0, 0, 1])),
      latin: file("wrong/latin.yaml", Buffer.from("name: caf\xe9\n", "latin1")),
      bomb: file("wrong/bomb.yaml", bomb()),
    };
    const stderr = await withGood(Object.values(wrong));
    expect(stderr).toMatch(/tabs\.yaml:2:1: .*tab/);
    expect(stderr).toContain(
      `error: ${wrong.keys}:12:1: the key "a" is given a second time; line 10 has it already\n  a: 3\n  ^\n`,
    );
    for (const path of Object.values(wrong))
      expect(stderr).toMatch(new RegExp(`error: ${path}:\\d+:\\d+: \\S`));
  });

  it("what cannot be read", async () => {
    const empty = join(directory, "no-manifests");
    mkdirSync(join(empty, "deeper"), { recursive: true });
    const loop = join(directory, "loop.yaml");
    symlinkSync("loop.yaml", loop);
    const missing = join(directory, "missing.yaml");
    const stderr = await withGood([empty, loop, missing]);
    expect(stderr.split("\n")).toEqual([
      `error: ${empty} has no .yaml, .yml or .json file`,
      `try: -R ${empty}, which looks into its folders too`,
      `error: ${loop} cannot be read: its links lead in a circle`,
      `error: ${missing} cannot be read: there is no such file`,
      "",
    ]);
  });

  it("addresses that answer with something else", async () => {
    const url = await serve((request, response) => {
      if (request.url === "/page") response.setHeader("content-type", "text/html").end("<p>hello</p>");
      else if (request.url === "/login") response.end("<!DOCTYPE html><p>log in</p>");
      else if (request.url === "/cut")
        response.writeHead(200, { "content-length": 100 }).write("a: 1\n", () => response.destroy());
      else response.writeHead(404).end("kind: Pod");
    });
    const stderr = await withGood([
      `${url}/none`,
      `${url}/page`,
      `${url}/login`,
      `${url}/cut`,
      "http://127.0.0.1:1/",
    ]);
    expect(stderr).toContain(`error: ${url}/none answered 404 Not Found\n`);
    expect(stderr).toContain(`error: ${url}/page answered with a web page (HTML)`);
    expect(stderr).toContain(`error: ${url}/login answered with a web page (HTML)`);
    expect(stderr).toContain(`error: ${url}/cut cannot be read: `);
    expect(stderr).toContain("error: http://127.0.0.1:1/ cannot be read: ");
  });

  it("annotations that cannot be meant, by their place", async () => {
    const wrong = file(
      "annotated.yaml",
      POD.replace("spec:", '  annotations:\n    config.mesh.dev/memory-limit: "10Mb"\nspec:'),
    );
    expect(await withGood([wrong])).toContain(
      `error: ${wrong}:6:5: config.mesh.dev/memory-limit: "10Mb" is not bytes with one of the suffixes`,
    );
  });
});

/** Nine lists of nine aliases each: a billion values. */
function bomb(): string {
  const names = ["a", "b", "c", "d", "e", "f", "g", "h", "i"];
  const lines = names.map((name, i) => {
    const before = names[i - 1];
    return `${name}: &${name} [${Array(9)
      .fill(before ? `*${before}` : "lol")
      .join(", ")}]\n`;
  });
  return lines.join("");
}

describe("nothing to do is no failure", () => {
  it("an empty input passes", async () => {
    expect(await pipeToMesh(["inject"], "")).toEqual({
      status: 0,
      signal: null,
      stdout: "",
      stderr: "0 injected, 0 skipped\n",
    });
  });

  it("what is not of Kubernetes passes", async () => {
    const texts = [
      "\n\n",
      "# only\n# comments\n",
      "---\n---\n",
      "just a text\n",
      "- 1\n",
      "a: on\nb: 0o17\nc: 1_000\n",
    ];
    const paths = texts.map((text, index) => file(`passing/${index}.yaml`, text));
    const { status, stderr } = await runMesh(["inject", "--in-place", "--report=json", ...paths]);
    const { inputs } = JSON.parse(stderr) as { inputs: object[] };
    expect({ status, inputs }).toEqual({
      status: 0,
      inputs: paths.map((name) => ({ name, changed: false, resources: [], errors: [] })),
    });
  });

  it("100 MB pass", { timeout: 120_000 }, async () => {
    const line = "    some text that is long enough, and some more of it to fill a line\n";
    const config = `${CONFIG}data:\n  text: |\n${line.repeat(15_000)}---\n`;
    const path = file("large.yaml", config.repeat(100) + POD);
    expect(statSync(path).size).toBeGreaterThan(100_000_000);
    expect(await runMesh(["inject", "--in-place", path])).toMatchObject({
      status: 0,
      stderr: "pod/web injected\n1 injected, 0 skipped\n",
    });
    const after = readFileSync(path, "utf8");
    expect(after.startsWith(config.repeat(100))).toBe(true);
    expect(after.slice(config.length * 100)).toContain("mesh-proxy");
  });

  it("pods that cannot have a sidecar are told of", async () => {
    const text = [
      POD.replace(/containers:[^]*/, "containers: []\n"),
      POD.replace(/spec:[^]*/, ""),
      'apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {template: "text"}\n',
    ].join("---\n");
    expect(await pipeToMesh(["inject"], text)).toMatchObject({
      status: 0,
      stdout: text,
      stderr:
        "pod/web skipped: containers is an empty list\npod/web skipped: spec is missing\n" +
        "deployment/web skipped: spec.template is a text\n0 injected, 3 skipped\n",
    });
  });
});

describe("wrong usage ends with 2", () => {
  it.each([
    [["--memory-limit", "10Mb"], 'error: --memory-limit: "10Mb" is not bytes'],
    [["--cni=perhaps"], 'error: --cni: "perhaps" is not true or false'],
    [["--in-place"], "error: --in-place: standard input cannot be written back"],
  ])("%j", async (words, message) => {
    const { status, stdout, stderr } = await pipeToMesh(["inject", ...words], POD);
    expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
    expect(stderr).toContain(message);
  });
});

describe("a pod that asks another DNS", () => {
  const input = POD.replace("spec:\n", "spec:\n  dnsPolicy: Default\n");
  const inject = async (kubeconfig: string) => {
    const command = startMesh(["inject", "-"], { KUBECONFIG: kubeconfig });
    command.stdin.end(input);
    const { stdout, stderr } = await ended(command);
    return { stderr, controlPlane: /MESH_PROXY_CONTROL_PLANE\n *value: "?([^"\n]*)/.exec(stdout)?.[1] };
  };

  it("gets the address that the control plane has in the cluster", async () => {
    const server = await startApiServer(({ path }) =>
      path === "/api/v1/namespaces/mesh-system/services/mesh-control-plane"
        ? { body: { spec: { clusterIP: "10.96.3.4" } } }
        : { status: 404 },
    );
    onTestFinished(() => server.stop());
    const { controlPlane, stderr } = await inject(server.kubeconfig);
    expect(controlPlane).toBe("10.96.3.4:8086");
    expect(stderr).not.toContain("dnsPolicy");
  });

  it("gets the name and a warning where no cluster is", async () => {
    const { controlPlane, stderr } = await inject(join(directory, "no.kubeconfig"));
    expect(controlPlane).toBe("mesh-control-plane.mesh-system.svc:8086");
    expect(stderr).toContain("warning: with dnsPolicy: Default the sidecar may not find");
  });
});
