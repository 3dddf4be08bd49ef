/** The kernel level's pipeline: what is done to one vertex's code between lowering and emission, in order. */
import type { Pass, PassContext } from "../../support/pass.ts";
import { watched } from "../../support/watch.ts";
import { allInside } from "../bounds.ts";
import { kernelKey } from "../key.ts";
import type { Kernel } from "../kernel.ts";
import { verifyKernel } from "../verify.ts";
import { blockContraction, blockForPairs, storesWhole } from "./block-contraction.ts";
import { blockTransposes } from "./block-transposes.ts";
import { copyBits } from "./copy-bits.ts";
import { expandMath } from "./expand-math.ts";
import { fetchRows } from "./fetch-rows.ts";
import { holdResults } from "./hold-results.ts";
import { hoistInvariants } from "./hoist-invariants.ts";
import { inlineIndices } from "./inline-indices.ts";
import { jamRows } from "./jam-rows.ts";
import { orderDimensions } from "./order-dimensions.ts";
import { pairLanes } from "./pair-lanes.ts";
import { proveParallel } from "./prove-parallel.ts";
import { readAhead } from "./read-ahead.ts";
import { shareParts } from "./share-parts.ts";
import { streamReductions } from "./stream-reductions.ts";
import { unroll, unrollForPairs } from "./unroll.ts";
import { unrollSmallLoops } from "./unroll-small-loops.ts";
import { vectorise } from "./vectorise.ts";

const beforeBlocks: readonly Pass<Kernel, Kernel>[] = [copyBits, orderDimensions, inlineIndices, holdResults, proveParallel, blockTransposes, streamReductions, unrollSmallLoops, jamRows, readAhead, shareParts, expandMath, vectorise, pairLanes];
const blocks: readonly Pass<Kernel, Kernel>[] = [blockContraction, unroll, hoistInvariants, fetchRows];
const blocksForPairs: readonly Pass<Kernel, Kernel>[] = [blockForPairs, unrollForPairs, hoistInvariants, fetchRows];

export const kernelPasses: readonly Pass<Kernel, Kernel>[] = [...beforeBlocks, ...blocks];

/** What a checked build does to a kernel with indices that must be checked one by one: nothing that moves or widens accesses. */
const checkedPasses: readonly Pass<Kernel, Kernel>[] = [expandMath];

export interface OptimisedKernel {
  readonly kernel: Kernel;
  /** Blocked for machines that pair vectors into wider ones; absent where that makes no difference. */
  readonly wide?: Kernel;
}

/** All passes on one kernel, verified before and after each. */
export function optimiseKernel(kernel: Kernel, context: PassContext): OptimisedKernel {
  verifyKernel(kernel);
  const run = (from: Kernel, passes: readonly Pass<Kernel, Kernel>[]): Kernel => passes.reduce((current, pass) => {
    const next = watched(context.watch, pass.name, () => pass.run(current, context));
    watched(context.watch, pass.name, () => verifyKernel(next), "verify");
    return next;
  }, from);
  if (context.checked && !allInside(kernel)) return { kernel: run(kernel, checkedPasses) };
  const unblocked = run(kernel, beforeBlocks);
  const finished = run(unblocked, blocks);
  if (!storesWhole(unblocked)) return { kernel: finished };
  const wide = run(unblocked, blocksForPairs);
  return kernelKey(wide) === kernelKey(finished) ? { kernel: finished } : { kernel: finished, wide };
}
