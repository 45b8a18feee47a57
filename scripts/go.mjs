// A Go for what the tests compile: the one of the PATH, or one that is installed into .cache/ when that is missing or too old.
import { createHash } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { installDebianPackages } from "./debian.mjs";
import { announce, outputOf, root, run, StepFailed } from "./steps.mjs";

/** What the tests' modules need. */
const LEAST_MINOR = 25;

/** The release that is installed, and the SHA-256 of its archive by Node's name of the processor. */
const RELEASE = "1.25.5";
const ARCHIVES = {
  x64: { name: "linux-amd64", sha256: "8cea6783dab64d68b38f5b81ecd38d45155a3c06638991acc6af19e0fca80edb" },
};

const HOME = join(root, ".cache", `go-${RELEASE}`);

/** The program `go`. Throws StepFailed, naming what needs it, when there is none and none can be installed. */
export function findGo(user) {
  const [, minor] = /^go version go1\.(\d+)/.exec(outputOf("go", ["version"]) ?? "") ?? [];
  if (Number(minor) >= LEAST_MINOR) return "go";
  const program = join(HOME, "bin", "go");
  if (!existsSync(program)) install(user);
  return program;
}

function install(user) {
  const archive = ARCHIVES[process.arch];
  if (!archive) {
    throw new StepFailed(`${user} need Go 1.${LEAST_MINOR} or newer`, "install it from https://go.dev/dl/");
  }
  announce(`installing Go ${RELEASE} into .cache/ for ${user}`);
  installDebianPackages({ curl: ["curl"], unzip: ["unzip"] }, user);
  const version = `v0.0.1-go${RELEASE}.${archive.name}`;
  const unpacked = `${HOME}.unpacked`;
  rmSync(unpacked, { recursive: true, force: true });
  mkdirSync(unpacked, { recursive: true });
  const zip = join(unpacked, "go.zip");
  download(`golang.org/toolchain/@v/${version}.zip`, archive.sha256, zip);
  run("unzip", ["-q", zip, "-d", unpacked]);
  const home = join(unpacked, "golang.org", `toolchain@${version}`);
  // Archives of modules keep no permissions.
  for (const folder of [join(home, "bin"), join(home, "pkg", "tool", archive.name.replace("-", "_"))]) {
    for (const program of readdirSync(folder)) chmodSync(join(folder, program), 0o755);
  }
  renameSync(home, HOME);
  rmSync(unpacked, { recursive: true });
}

/** Writes a file of the module proxy to `target`, checked. */
function download(path, sha256, target) {
  const [proxy] = (process.env.GOPROXY || "https://proxy.golang.org").split(/[,|]/);
  run("curl", ["-fsSL", "--retry", "3", "-o", target, `${proxy}/${path}`]);
  const found = createHash("sha256").update(readFileSync(target)).digest("hex");
  if (found !== sha256) throw new StepFailed(`${proxy}/${path} has the SHA-256 ${found}, not ${sha256}`);
}
