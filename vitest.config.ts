import { defineConfig } from "vitest/config";

/** Nothing is timed here: a limit only ends what hangs, on any machine. */
const limit = 300_000;

export default defineConfig({
  test: { include: ["{compiler,runtime,spec,examples}/**/*.test.ts"], setupFiles: ["spec/testing/seed.ts"], testTimeout: limit, hookTimeout: limit },
});
