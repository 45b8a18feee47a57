// Tests the proxy with h2spec and gRPC's interoperability tests: npm run test:interop [-- TEST].
import { join } from "node:path";
import { installInteropPrograms } from "./interop-programs.mjs";
import { setUp } from "./setup.mjs";
import { reportFailure, root, run } from "./steps.mjs";

const VITEST = join(root, "node_modules", "vitest", "vitest.mjs");

try {
  setUp();
  installInteropPrograms();
  run(process.execPath, [
    VITEST,
    "run",
    "--config",
    "test/interop/vitest.config.ts",
    ...process.argv.slice(2),
  ]);
} catch (failure) {
  reportFailure(failure);
}
