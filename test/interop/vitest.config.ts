import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/interop/**/*.interop.ts"],
    hookTimeout: 120_000,
    testTimeout: 90_000,
  },
});
