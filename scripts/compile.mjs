// Compiles what a suite of npm test needs, in what others leave of the processors: node scripts/compile.mjs interop|cluster.
import { constants, setPriority } from "node:os";
import { compileCluster } from "./cluster-programs.mjs";
import { installInteropPrograms } from "./interop-programs.mjs";
import { buildStatic } from "./static-programs.mjs";
import { reportFailure } from "./steps.mjs";

const COMPILING = {
  interop: installInteropPrograms,
  cluster: () => {
    compileCluster();
    buildStatic();
  },
};

try {
  // The compilers inherit it.
  setPriority(constants.priority.PRIORITY_LOW);
  COMPILING[process.argv[2]]();
} catch (failure) {
  reportFailure(failure);
}
