import { defineConfig } from "vitest/config";

export default defineConfig({
  test: { include: ["{compiler,runtime,spec,examples}/**/*.test.ts"], setupFiles: ["spec/testing/seed.ts"], testTimeout: 60_000, hookTimeout: 60_000 },
});
