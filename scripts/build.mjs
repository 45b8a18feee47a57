// Builds both languages: generated gRPC types, TypeScript and the list of commands into dist/, Rust into target/release/.
import { join } from "node:path";
import { reportFailure, root, run } from "./steps.mjs";

const bin = (name) => join(root, "node_modules", ".bin", name);

try {
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
    "mesh/proxy/v1/tap.proto",
    "mesh/api/v1/api.proto",
  ]);
  run(bin("tsc"), ["-p", "tsconfig.build.json"]);
  run(process.execPath, ["scripts/manifest.mjs"]);
  run("cargo", ["build", "--release", "--locked"]);
} catch (failure) {
  reportFailure(failure);
}
