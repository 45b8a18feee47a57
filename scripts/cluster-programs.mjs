// The programs of the tests' Kubernetes, compiled into .cache/cluster/ when their sources are newer: six minutes the first time.
import { existsSync, mkdirSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { findGo } from "./go.mjs";
import { announce, outputOf, root, run } from "./steps.mjs";

const SOURCES = join(root, "test", "cluster");
const PROGRAMS = join(root, ".cache", "cluster");

/** Compiles what is missing or old. */
export function compileCluster() {
  compile("kube", "kubernetes", ".", kubernetesVersion);
  compile("pause", "kubernetes", "./pause");
  compile("coredns", "coredns", ".");
}

/** Compiles a package of the module in a folder of test/cluster/. */
function compile(name, folder, packagePath, linked = () => []) {
  const sources = join(SOURCES, folder);
  const program = join(PROGRAMS, name);
  if (existsSync(program) && statSync(program).mtimeMs >= lastChange(sources)) return;
  const go = findGo("the tests on a Kubernetes");
  announce(`compiling ${name} into .cache/cluster/ (several minutes the first time)`);
  mkdirSync(PROGRAMS, { recursive: true });
  const flags = ["-s", "-w", ...linked(go, sources)].join(" ");
  // What debuggers need is not linked, so that it need not be written either: a sixth of the work.
  const settings = ["-p", "2", "-trimpath", "-gcflags", "all=-dwarf=false", "-ldflags", flags];
  run(go, ["build", ...settings, "-o", program, packagePath], {
    cwd: sources,
    env: { ...process.env, CGO_ENABLED: "0" },
  });
}

const lastChange = (folder) =>
  Math.max(
    ...readdirSync(folder, { recursive: true })
      .filter((file) => /\.go$|^go\./.test(file))
      .map((file) => statSync(join(folder, file)).mtimeMs),
  );

/** Kubernetes' programs know their version only when it is linked into them. */
function kubernetesVersion(go, sources) {
  const version = outputOf(go, ["-C", sources, "list", "-m", "-f", "{{.Version}}", "k8s.io/kubernetes"]);
  const [major, minor] = version.slice(1).split(".");
  const values = { gitVersion: version, gitMajor: major, gitMinor: minor, gitTreeState: "clean" };
  return Object.entries(values).map(([name, value]) => `-X k8s.io/component-base/version.${name}=${value}`);
}
