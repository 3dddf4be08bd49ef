/**
 * Marks the loops whose iterations are independent: no local goes from one iteration to the next or is used after the loop,
 * and no iteration touches an element that another one stores to (dependence.ts). Users write plain loops in their
 * vertices; library kernels say it themselves. A loop marked already is believed.
 */
import type { Pass } from "../../support/pass.ts";
import { carriedLocals, memoryIndependent, rewriteLoops } from "../dependence.ts";
import type { Kernel } from "../kernel.ts";
import { liveAfter } from "../liveness.ts";
import { localsSet } from "../walk.ts";

export const proveParallel: Pass<Kernel, Kernel> = {
  name: "prove-parallel",
  summary: "loops whose iterations are provably independent are marked parallel",
  run(kernel) {
    const after = liveAfter(kernel.body);
    const body = rewriteLoops(kernel, (loop, known) => {
      if (loop.parallel || carriedLocals(loop).size > 0) return loop;
      const needed = after.get(loop);
      for (const local of localsSet(loop.body)) if (needed === undefined || needed.has(local)) return loop;
      return memoryIndependent(loop, known) ? { ...loop, parallel: true } : loop;
    });
    return { ...kernel, body };
  },
};
