// Checks for what only the user can install: Node.js and Rust, recent enough. No dependencies.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { outputOf, root, StepFailed } from "./steps.mjs";

const numbers = (version) => version.split(".").map(Number);

/** Whether dotted version `found` is `wanted` or newer. */
export function isAtLeast(found, wanted) {
  const [a, b] = [numbers(found), numbers(wanted)];
  const index = b.findIndex((part, i) => (a[i] || 0) !== part);
  return index === -1 || (a[index] || 0) > b[index];
}

/** Throws StepFailed when Node.js is older than package.json's engines say. */
export function checkNode(found = process.versions.node) {
  const { engines } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const wanted = engines.node.replace(">=", "");
  if (!isAtLeast(found, wanted)) {
    throw new StepFailed(`Node.js ${found} is too old: mesh needs ${wanted} or newer`);
  }
}

/** Throws StepFailed when cargo is missing or older than Cargo.toml's rust-version. */
export function checkCargo() {
  const wanted = /rust-version = "([\d.]+)"/.exec(readFileSync(join(root, "Cargo.toml"), "utf8"))[1];
  const found = /cargo ([\d.]+)/.exec(outputOf("cargo", ["--version"]) || "");
  if (!found) {
    throw new StepFailed(
      `cargo was not found: the proxy is written in Rust and needs Rust ${wanted} or newer`,
    );
  }
  if (!isAtLeast(found[1], wanted)) {
    throw new StepFailed(`cargo ${found[1]} is too old: the proxy needs Rust ${wanted} or newer`);
  }
}
