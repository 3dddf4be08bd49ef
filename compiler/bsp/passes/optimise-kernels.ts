/** optimise-kernels: runs the kernel level's passes on every kernel, once for each that is different. */
import { kernelKey } from "../../kernel/key.ts";
import type { Kernel } from "../../kernel/kernel.ts";
import { optimiseKernel, type OptimisedKernel } from "../../kernel/passes/index.ts";
import type { Pass } from "../../support/pass.ts";
import type { BspStep, Phase, PlannedGraph } from "../bsp.ts";
import { loopCounters } from "../loop-counters.ts";
import { mapPhases, withSteps } from "../steps.ts";

export const optimiseKernels: Pass<PlannedGraph, PlannedGraph> = {
  name: "optimise-kernels",
  summary: "runs the kernel level's passes on every different kernel",
  run: (graph, context) => {
    const done = new Map<string, OptimisedKernel>();
    const counting = context.counters ? loopCounters(graph).counting : (kernel: Kernel) => kernel;
    const optimise = (kernel: Kernel): OptimisedKernel => {
      const key = kernelKey(kernel, context.checked || undefined);
      const known = done.get(key);
      if (known) return known;
      const better = optimiseKernel(counting(kernel), context);
      done.set(key, better);
      return better;
    };
    const phase = (old: Phase): Phase =>
      old.kind === "exchange" ? old : { ...old, set: { ...old.set, families: old.set.families.map((family) => ({ ...family, ...optimise(family.kernel) })) } };
    const steps = (list: readonly BspStep[]): BspStep[] => mapPhases(list, phase);
    return withSteps(graph, steps);
  },
};
