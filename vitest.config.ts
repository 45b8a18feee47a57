import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["{bench,src,commands,test}/**/*.test.ts"],
    testTimeout: 20_000,
  },
});
