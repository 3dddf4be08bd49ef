/** The kernel level's pipeline: what is done to one vertex's code between lowering and emission, in order. */
import type { Pass, PassContext } from "../../support/pass.ts";
import { allInside } from "../bounds.ts";
import type { Kernel } from "../kernel.ts";
import { verifyKernel } from "../verify.ts";
import { blockContraction } from "./block-contraction.ts";
import { expandMath } from "./expand-math.ts";
import { hoistInvariants } from "./hoist-invariants.ts";
import { orderDimensions } from "./order-dimensions.ts";
import { proveParallel } from "./prove-parallel.ts";
import { shareParts } from "./share-parts.ts";
import { unroll } from "./unroll.ts";
import { unrollSmallLoops } from "./unroll-small-loops.ts";
import { vectorise } from "./vectorise.ts";

export const kernelPasses: readonly Pass<Kernel, Kernel>[] = [
  orderDimensions,
  proveParallel,
  unrollSmallLoops,
  shareParts,
  expandMath,
  vectorise,
  blockContraction,
  unroll,
  hoistInvariants,
];

/** What a checked build does to a kernel with indices that must be checked one by one: nothing that moves or widens accesses. */
const checkedPasses: readonly Pass<Kernel, Kernel>[] = [expandMath];

/** All passes on one kernel, verified before and after each. */
export function optimiseKernel(kernel: Kernel, context: PassContext): Kernel {
  verifyKernel(kernel);
  const passes = context.checked && !allInside(kernel) ? checkedPasses : kernelPasses;
  return passes.reduce((current, pass) => {
    const next = pass.run(current, context);
    verifyKernel(next);
    return next;
  }, kernel);
}
