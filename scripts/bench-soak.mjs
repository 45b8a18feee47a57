// Builds what is missing or old, and soaks a mesh: `npm run bench:soak -- [flags]`.
import { setUp } from "./setup.mjs";
import { reportFailure, run } from "./steps.mjs";

try {
  setUp();
  run(process.execPath, ["dist/bench/soak/main.js", ...process.argv.slice(2)]);
} catch (failure) {
  reportFailure(failure);
}
