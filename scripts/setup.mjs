// Makes a clone ready to run: checks the toolchains, installs npm packages, builds both languages. Does only what is missing.
import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { announce, isStarted, reportFailure, root, run } from "./steps.mjs";
import { checkCargo, checkNode } from "./toolchain.mjs";

function packagesAreCurrent() {
  const installed = join(root, "node_modules", ".package-lock.json");
  return (
    existsSync(installed) && statSync(installed).mtimeMs >= statSync(join(root, "package-lock.json")).mtimeMs
  );
}

/** Throws StepFailed with what is missing or what failed. */
export function setUp() {
  checkNode();
  checkCargo();
  if (!packagesAreCurrent()) {
    announce("installing npm packages");
    run("npm", ["ci", "--include=dev", "--no-audit", "--no-fund"]);
  }
  announce("building (the first time takes a few minutes)");
  run(process.execPath, ["scripts/build.mjs"]);
}

if (isStarted(import.meta.url)) {
  try {
    setUp();
  } catch (failure) {
    reportFailure(failure);
  }
}
