/** Lowerings the tiled level needs for itself: copying a tensor, writing a slice, combining partial results. */
import { binary, i32 } from "../kernel/build.ts";
import type { BinaryOp } from "../kernel/kernel.ts";
import type { Lowering } from "../kernel/lowering.ts";
import { affineIndex, identityMap } from "../support/affine.ts";

const parallelSpace = (shape: readonly number[]): Lowering["space"] => shape.map((extent) => ({ extent, kind: "parallel" as const }));

/** result = operand 0 */
export function copyLowering(shape: readonly number[]): Lowering {
  const map = identityMap(shape.length);
  return {
    name: "copy", space: parallelSpace(shape), reads: [{ operand: 0, index: map }], writes: [{ operand: 0, index: map }],
    emit: ({ kernel, block, load, store }) => kernel.forBox(block, true, (at) => store(0, at, load(0, at))),
  };
}

/** result[i] = part 0 ∘ part 1 ∘ … in this order, where dimension `at` of operand 0 counts the parts. */
export function partialResultsLowering(parts: number, at: number, shape: readonly number[], combine: BinaryOp, name: string): Lowering {
  const rank = shape.length + 1;
  const results = shape.map((_, d) => affineIndex(d, rank));
  return {
    name: `combine ${name}`,
    space: [...parallelSpace(shape), { extent: parts, kind: "serial" }],
    reads: [{ operand: 0, index: results.toSpliced(at, 0, affineIndex(rank - 1, rank)) }],
    writes: [{ operand: 0, index: results }],
    emit: ({ kernel, block, load, store }) => kernel.forBox(block.slice(0, -1), true, (point) => {
      const first = load(0, [...point, i32(0)]);
      const sum = kernel.local("sum", first.dtype);
      kernel.set(sum, first);
      kernel.for({ start: i32(1), end: i32(parts), name: "part" }, (part) => kernel.set(sum, binary(combine, sum, load(0, [...point, part]))));
      store(0, [...point, i32(0)], sum);
    }),
  };
}
