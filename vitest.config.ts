import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["{bench,commands,images,src,test}/**/*.test.ts"],
    // Far more than any takes, for no test is decided by how busy the machine is.
    testTimeout: 90_000,
    hookTimeout: 90_000,
    // More than the cores of a small machine: most tests wait for programs that they started.
    maxWorkers: 3,
  },
});
