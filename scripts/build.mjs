// Builds both languages: generated gRPC types, TypeScript into dist/, Rust into target/release/.
import { spawnSync } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const bin = (name) => join(root, "node_modules", ".bin", name);

function run(command, args) {
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: "inherit" });
  if (error) throw error;
  if (status !== 0) process.exit(status ?? 1);
}

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
run("cargo", ["build", "--release", "--locked"]);
