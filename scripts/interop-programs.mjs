// h2spec, and the client and the server of gRPC's interoperability tests: installed into .cache/interop/ when their versions have
// changed. test/interop/programs/ pins them, and go.sum there what they are compiled from.
import { existsSync, mkdirSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { findGo } from "./go.mjs";
import { announce, root, run } from "./steps.mjs";

const MODULE = join(root, "test", "interop", "programs");
const PROGRAMS = join(root, ".cache", "interop");
const NAMES = ["client", "h2spec", "server"];

/** Installs what is missing or old: a minute the first time, or four. */
export function installInteropPrograms() {
  const changed = Math.max(...readdirSync(MODULE).map((file) => statSync(join(MODULE, file)).mtimeMs));
  const isCurrent = (program) => existsSync(program) && statSync(program).mtimeMs >= changed;
  if (NAMES.every((name) => isCurrent(join(PROGRAMS, name)))) return;
  const go = findGo("the tests of interoperability");
  announce("installing h2spec and gRPC's interop programs into .cache/interop/ (minutes the first time)");
  mkdirSync(PROGRAMS, { recursive: true });
  run(go, ["install", "-p", "2", "-trimpath", "-ldflags", "-s -w", "tool"], {
    cwd: MODULE,
    env: { ...process.env, CGO_ENABLED: "0", GOBIN: PROGRAMS, GOFLAGS: "-buildvcs=false" },
  });
}
