/**
 * Indices that are tensors: what gather, scatter and their kin have in common. Negative ones count from the end. The
 * reference refuses an index outside of its axis with a run-time error, as checked builds do (`places` of an op, `check-indices`);
 * kernels clamp it into the axis, so that memory is safe and the result is the same everywhere, but that result has no meaning.
 */
import type { TensorType } from "../../graph/graph.ts";
import { RuntimeError } from "../../graph/runtime-error.ts";
import { binary, cast, constant, i32, select } from "../../kernel/build.ts";
import type { Expression } from "../../kernel/kernel.ts";
import { refuse } from "../rules.ts";

export function requireIndices(what: string, indices: TensorType): void {
  if (indices.dtype !== "i32" && indices.dtype !== "i64") refuse("dtype-mismatch", `the indices of ${what} must be i32 or i64, not ${indices.dtype}`, "cast<i32>(indices) converts");
}

/** The place an index names in an axis. */
export function position(index: bigint, extent: number): number {
  const counted = index < 0n ? index + BigInt(extent) : index;
  if (counted < 0n || counted >= BigInt(extent)) throw outside(index, extent);
  return Number(counted);
}

/** The place an index names in an axis, where negative ones lie outside. */
export function insideAxis(index: bigint, extent: number): number {
  if (index < 0n) throw outside(index, extent);
  return position(index, extent);
}

const outside = (index: bigint, extent: number): RuntimeError => new RuntimeError("index-out-of-range", `index ${index} is outside of an axis of extent ${extent}`);

/** The same for kernels; of an index outside the nearest place. */
export function clampedPosition(index: Expression, extent: number): Expression {
  if (index.dtype === "i64") {
    const counted = select(binary("lt", index, constant("i64", 0n)), binary("add", index, constant("i64", BigInt(extent))), index);
    return cast("i32", binary("max", binary("min", counted, constant("i64", BigInt(extent - 1))), constant("i64", 0n)));
  }
  const narrow = cast("i32", index);
  const counted = binary("add", narrow, binary("and", binary("shr", narrow, i32(31)), i32(extent)));
  return binary("max", binary("min", counted, i32(extent - 1)), i32(0));
}

/** A place in an axis, from an i32 that does not count from the end; of one outside some place. As an unsigned number it is clamped at once. */
export const clampedInside = (index: Expression, extent: number): Expression => cast("i32", binary("min", cast("u32", index), constant("u32", extent - 1)));
