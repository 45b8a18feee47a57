import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["{bench,commands,images,src,test}/**/*.test.ts"],
    testTimeout: 20_000,
    // More than the cores of a small machine: most tests wait for programs that they started.
    maxWorkers: 3,
  },
});
