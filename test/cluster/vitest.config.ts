import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/cluster/**/*.walk.ts"],
    globalSetup: "test/cluster/setup.ts",
    // One cluster for all of them.
    fileParallelism: false,
    hookTimeout: 300_000,
    testTimeout: 120_000,
  },
});
