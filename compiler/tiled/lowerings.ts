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

/** result[start + i · step] = operand 0 [i]; the rest of the result stays. */
export function sliceWriteLowering(shape: readonly number[], start: readonly number[], step: readonly number[]): Lowering {
  const rank = shape.length;
  return {
    name: "update", space: parallelSpace(shape), reads: [{ operand: 0, index: identityMap(rank) }],
    writes: [{ operand: 0, index: start.map((first, d) => affineIndex(d, rank, step[d]!, first)) }],
    emit: ({ kernel, block, load, store }) => kernel.forBox(block, true, (at) => store(0, at, load(0, at))),
  };
}

/** result[i] = operand 0 [0, i] ∘ operand 0 [1, i] ∘ … in this order. */
export function partialResultsLowering(parts: number, shape: readonly number[], combine: BinaryOp, name: string): Lowering {
  const rank = shape.length + 1;
  return {
    name: `combine ${name}`,
    space: [...parallelSpace(shape), { extent: parts, kind: "serial" }],
    reads: [{ operand: 0, index: [affineIndex(rank - 1, rank), ...shape.map((_, d) => affineIndex(d, rank))] }],
    writes: [{ operand: 0, index: shape.length === 0 ? [] : shape.map((_, d) => affineIndex(d, rank)) }],
    emit: ({ kernel, block, load, store }) => kernel.forBox(block.slice(0, -1), true, (at) => {
      const first = load(0, [...at, i32(0)]);
      const sum = kernel.local("sum", first.dtype);
      kernel.set(sum, first);
      kernel.for({ start: i32(1), end: i32(parts), name: "part" }, (part) => kernel.set(sum, binary(combine, sum, load(0, [...at, part]))));
      store(0, [...at, i32(0)], sum);
    }),
  };
}
