/** Long sums in stretches: what each gives is added to the sums in memory, so that what it reads stays in the nearest cache. */
import type { DType } from "../../../runtime/dtype.ts";
import { binary, i32, type KernelBuilder } from "../../kernel/build.ts";
import type { Expression } from "../../kernel/kernel.ts";
import type { BlockContext } from "../../kernel/lowering.ts";
import { number, padded } from "../lowerings.ts";

/** How an extent is cut into parts of nearly the same size, none larger than `most`: parts of one size, and perhaps a smaller one. */
function stretches(extent: number, most: number): { readonly start: number; readonly size: number; readonly count: number }[] {
  const size = Math.ceil(extent / Math.ceil(extent / Math.max(1, most)));
  const count = Math.floor(extent / size);
  return [{ start: 0, size, count }, { start: count * size, size: extent - count * size, count: 1 }].filter((part) => part.size > 0 && part.count > 0);
}

/** Calls `visit` for each box of stretches, one after the other, with where it starts and its extents. */
function forStretches(kernel: KernelBuilder, extents: readonly number[], most: readonly number[], visit: (start: readonly Expression[], extents: readonly number[]) => void): void {
  const go = (starts: readonly Expression[], sizes: readonly number[]): void => {
    const axis = starts.length;
    if (axis === extents.length) return visit(starts, sizes);
    for (const { start, size, count } of stretches(extents[axis]!, most[axis]!)) {
      const inside = (at: Expression): void => go([...starts, at], [...sizes, size]);
      if (count === 1) inside(i32(start));
      else kernel.for({ start: i32(start), end: i32(start + count * size), step: size, rolled: true, name: "stretch" }, inside);
    }
  };
  go([], []);
}

/**
 * Sums of products of both operands over the last dimensions of a block, after the first `outer`: of each at most so many in a
 * stretch, which are gone through in `order`, from the outermost loop to the innermost.
 */
export function sumInStretches({ kernel, block, load, store, reload }: BlockContext, dtype: DType, outer: number, most: readonly number[], order = [...most.keys()]): void {
  const [result, rank] = [block.slice(0, outer), block.length];
  kernel.forBox(result, true, (point) => store(0, padded(point, rank), number(dtype, 0)));
  forStretches(kernel, block.slice(outer), most.map(Math.floor), (start, extents) => kernel.forBox(result, true, (point) => {
    const sum = kernel.let("sum", reload(0, padded(point, rank)));
    kernel.forSum(order.map((axis) => extents[axis]!), (inside) => {
      const at = [...point, ...start.map((first, axis) => binary("add", first, inside[order.indexOf(axis)]!))];
      kernel.set(sum, binary("add", sum, binary("mul", load(0, at), load(1, at))));
    });
    store(0, padded(point, rank), sum);
  }));
}
