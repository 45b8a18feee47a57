import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/cluster/pods.measure.ts"],
    globalSetup: "test/cluster/setup.ts",
    hookTimeout: 300_000,
    testTimeout: 600_000,
  },
});
