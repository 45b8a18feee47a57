// Builds both languages: generated gRPC types, TypeScript and the list of commands into dist/, Rust into target/release/.
// With --typescript, all but Rust.
import { existsSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { reportFailure, root, run } from "./steps.mjs";

const bin = (name) => join(root, "node_modules", ".bin", name);

/** Takes away what was built of sources that are gone: the list of commands is made of what is there. */
function removeLeftovers() {
  for (const folder of ["bench", "commands", "images", "samples", "src"].filter((name) =>
    existsSync(join(root, "dist", name)),
  )) {
    for (const file of readdirSync(join(root, "dist", folder), { recursive: true })) {
      if (file.endsWith(".tar")) continue;
      const source = join(root, folder, file.replace(/\.js(\.map)?$/, ".ts"));
      if (!existsSync(source)) rmSync(join(root, "dist", folder, file), { recursive: true, force: true });
    }
  }
}

try {
  removeLeftovers();
  run(bin("proto-loader-gen-types"), [
    "--grpcLib=@grpc/grpc-js",
    "--longs=Number",
    "--enums=String",
    "--defaults",
    "--oneofs",
    "--importFileExtension=.js",
    "--includeDirs=proto",
    "--outDir=generated",
    "mesh/proxy/v1/discovery.proto",
    "mesh/proxy/v1/identity.proto",
    "mesh/proxy/v1/tap.proto",
    "mesh/api/v1/api.proto",
  ]);
  run(bin("tsc"), ["-p", "tsconfig.build.json"]);
  run(process.execPath, ["scripts/manifest.mjs"]);
  if (!process.argv.includes("--typescript")) run("cargo", ["build", "--release", "--locked"]);
} catch (failure) {
  reportFailure(failure);
}
