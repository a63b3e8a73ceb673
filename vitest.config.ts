import { defineConfig } from "vitest/config";
import { codecRuntime, generatedIndex } from "./scripts/proof/generate.js";

export default defineConfig({
  resolve: {
    alias: { "proof:generated": generatedIndex, "chappe/codec": codecRuntime },
  },
  test: {
    include: ["test/**/*.test.ts"],
    globalSetup: ["test/support/codec/generate.ts"],
    testTimeout: 20_000,
  },
});
