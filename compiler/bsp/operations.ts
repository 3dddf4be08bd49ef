/** Floating-point operations of a program, as planned. */
import { kernelOperations } from "../kernel/operations.ts";
import { unreachable } from "../support/bug.ts";
import type { ComputeSet } from "../tiled/tiled.ts";
import type { BspProgram, BspStep } from "./bsp.ts";

/** Those of one run, counted as `kernelOperations` counts; undefined where data decides how much is computed. */
export function programOperations(program: BspProgram): number | undefined {
  return ofSteps(program.steps);
}

/** Undefined as soon as one is. */
const sumOf = <T>(items: readonly T[], operations: (item: T) => number | undefined): number | undefined =>
  items.reduce<number | undefined>((sum, item) => {
    const more = sum === undefined ? undefined : operations(item);
    return more === undefined ? undefined : sum! + more;
  }, 0);

function ofSteps(steps: readonly BspStep[]): number | undefined {
  return sumOf(steps, (step) => ofStep(step));
}

function ofStep(step: BspStep): number | undefined {
  switch (step.kind) {
    case "superstep": return sumOf(step.phases, (phase) => (phase.kind === "compute" ? ofComputeSet(phase.set) : 0));
    case "repeat": {
      const inside = ofSteps(step.body);
      if (inside === 0) return 0;
      return inside === undefined || step.counted !== "constant" ? undefined : inside * step.count;
    }
    case "while": return ofSteps(step.before) === 0 && ofSteps(step.body) === 0 ? 0 : undefined;
    case "if": return same([step.then, step.otherwise].map((steps) => ofSteps(steps)));
    case "switch": return same([...step.bodies, step.otherwise].map((steps) => ofSteps(steps)));
    case "host": return 0;
    default: return unreachable(step);
  }
}

const same = (counts: readonly (number | undefined)[]): number | undefined => (counts.every((count) => count === counts[0]) ? counts[0] : undefined);

function ofComputeSet({ families }: ComputeSet): number | undefined {
  return sumOf(families, ({ kernel, range }) => {
    const operations = kernelOperations(kernel);
    return operations === undefined ? undefined : operations * range.reduce((product, { count }) => product * count, 1);
  });
}
