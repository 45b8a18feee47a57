// The sidecar and the init step as the images have them: statically linked, and without the paths of this machine in them.
import { join } from "node:path";
import { announce, outputOf, root, run, StepFailed } from "./steps.mjs";

/** Builds them, and gives their folder. */
export function buildStatic() {
  const host = /host: (\S+)/.exec(outputOf("rustc", ["-vV"]) || "")?.[1];
  if (!host) throw new StepFailed("rustc does not say what machine it builds for");
  const cargoHome = process.env.CARGO_HOME || join(process.env.HOME || "", ".cargo");
  const flags = [
    "-Ctarget-feature=+crt-static",
    `--remap-path-prefix=${root}=/mesh`,
    `--remap-path-prefix=${cargoHome}=/cargo`,
  ];
  announce("building mesh-proxy and mesh-init, statically linked");
  run("cargo", ["build", "--release", "--locked", "-p", "mesh-proxy", "-p", "mesh-init", "--target", host], {
    env: {
      ...process.env,
      CARGO_ENCODED_RUSTFLAGS: flags.join("\x1f"),
      CARGO_PROFILE_RELEASE_STRIP: "symbols",
    },
  });
  return join(root, "target", host, "release");
}
