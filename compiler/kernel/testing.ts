/** For tests of the kernel level: a context that passes run in, which refuses diagnostics. */
import { CompilerBug } from "../support/bug.ts";
import type { PassContext } from "../support/pass.ts";
import type { Target } from "../targets/target.ts";

const target: Target = {
  name: "test",
  summary: "a machine for tests of kernel passes, which ask nothing of it",
  tiles: 1,
  memory: "shared",
  bytesPerTile: 2 ** 30,
  clockGHz: 1,
  threadsPerTile: 1,
  macsPerCycle: { f16: 1, f32: 1 },
  exchange: { bytesPerCycle: 1, startCycles: 0 },
  syncCycles: 0,
  grain: 1,
};

export const testContext: PassContext = {
  target,
  report(diagnostic) {
    throw new CompilerBug(`a kernel pass reported: ${diagnostic.message}`);
  },
};
