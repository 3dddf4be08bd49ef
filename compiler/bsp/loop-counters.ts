/** Numbers for the loops inside a program's kernels that are counted in a build to be profiled: equal kernels share theirs. */
import { programsOf } from "../graph/graph.ts";
import { countedLoops, withLoopCounts, type CountedLoop } from "../kernel/count-loops.ts";
import { kernelKey } from "../kernel/key.ts";
import type { Kernel } from "../kernel/kernel.ts";
import type { BspGraph } from "./bsp.ts";
import { forEachStep } from "./steps.ts";

export interface LoopCounters {
  /** How many there are. */
  readonly count: number;
  /** A kernel of the graph with its loops and their numbers. */
  of(kernel: Kernel): readonly { readonly loop: CountedLoop; readonly number: number }[];
  /** The kernel that counts its loops. */
  counting(kernel: Kernel): Kernel;
}

/** Always the same for the same graph, as it is before its kernels are made fast. */
export function loopCounters(graph: BspGraph): LoopCounters {
  const first = new Map<string, number>();
  const keys = new Map<Kernel, string>();
  let count = 0;
  const keyOf = (kernel: Kernel): string => {
    const key = keys.get(kernel) ?? kernelKey(kernel);
    keys.set(kernel, key);
    return key;
  };
  forEachKernel(graph, (kernel) => {
    if (keys.has(kernel)) return;
    const loops = countedLoops(kernel).length;
    if (loops === 0 || first.has(keyOf(kernel))) return;
    first.set(keyOf(kernel), count);
    count += loops;
  });
  const loopsOf = (kernel: Kernel): { loop: CountedLoop; number: number }[] => {
    const loops = countedLoops(kernel);
    const from = loops.length === 0 ? 0 : first.get(keyOf(kernel))!;
    return loops.map((loop, i) => ({ loop, number: from + i }));
  };
  return { count, of: loopsOf, counting: (kernel) => (countedLoops(kernel).length === 0 ? kernel : withLoopCounts(kernel, first.get(keyOf(kernel))!)) };
}

export function forEachKernel(graph: BspGraph, visit: (kernel: Kernel) => void): void {
  for (const { steps } of programsOf(graph)) {
    forEachStep(steps, (step) => {
      if (step.kind !== "superstep") return;
      for (const phase of step.phases) if (phase.kind === "compute") for (const { kernel } of phase.set.families) visit(kernel);
    });
  }
}
