/** What the rules of cut-long-rows know of a node, and build its blocks with. */
import { bytesOf, isFloat, sizeOf, type DType } from "../../../../runtime/dtype.ts";
import { unfolding } from "../../../ops/compose.ts";
import type { Target } from "../../../targets/target.ts";
import type { Node, TensorType, ValueId } from "../../graph.ts";
import type { Rewriting } from "../../rewrite.ts";
import { FrontBuilder } from "../front-builder.ts";

/** Rows of fewer elements are done before the tiles have met. */
export const leastRow = 4096;

/** In order. */
export const divisorsOf = (extent: number): number[] => Array.from({ length: Math.floor(Math.sqrt(extent)) }, (_, k) => k + 1).filter((divisor) => extent % divisor === 0).flatMap((divisor) => [divisor, extent / divisor]).toSorted((a, b) => a - b);

/** Builds in front of a node whose rows are long. */
export class Rows extends FrontBuilder {
  readonly node: Node;
  readonly target: Target;

  constructor(node: Node, at: Rewriting, target: Target) {
    super(at, node.origin);
    this.node = node;
    this.target = target;
  }

  length(x: ValueId, axes: readonly number[]): number {
    const { shape } = this.type(x);
    return sizeOf(axes.map((axis) => shape[axis]!));
  }

  /** Halves are summed with more bits. */
  widened(x: ValueId): ValueId {
    return isHalf(this.type(x).dtype) ? this.as("f32", x) : x;
  }

  as(dtype: DType, value: ValueId): ValueId {
    return this.type(value).dtype === dtype ? value : this.apply("cast", [value], { dtype });
  }

  joined(parts: readonly ValueId[], axis: number): ValueId {
    return parts.length === 1 ? parts[0]! : this.apply("concat", parts, { axis });
  }

  /** So many elements of a value behind those of an axis. */
  behind(x: ValueId, axis: number, many: number, value: number | bigint): ValueId {
    const { dtype, shape } = this.type(x);
    return this.joined([x, ...(many === 0 ? [] : [this.filled({ dtype, shape: shape.with(axis, many) }, value)])], axis);
  }

  /** How many blocks of a row: no more than are of use, and than tiles; undefined where it is one. */
  count(shape: readonly number[], axis: number, useful: number): number | undefined {
    const n = shape[axis]!;
    const rows = sizeOf(shape) / n;
    if (n < leastRow || !(rows * 2 <= this.target.tiles)) return undefined;
    const most = Math.min(Math.floor(this.target.tiles / rows), Math.floor(useful));
    const least = Math.ceil(most / 2);
    // Blocks that fill the row need no border.
    for (let count = most; count >= Math.max(2, least); count--) if (n % count === 0) return count;
    return most < 2 ? undefined : Math.ceil(n / Math.ceil(n / most));
  }

  /** i32: 0, 1, 2, …, made of blocks where there are many. */
  iota(length: number): ValueId {
    return unfolding((value) => this.type(value), (name, inputs, attributes) => this.apply(name, inputs, attributes)).apply("iota", [], { length, dtype: "i32" });
  }

  /** i32: along one dimension first, first + step, …, the same along all others. */
  counted(shape: readonly number[], dimension: number, step: number, first: number): ValueId {
    const numbers = this.iota(shape[dimension]!);
    const along: TensorType = { dtype: "i32", shape: shape.map((extent, d) => (d === dimension ? extent : 1)) };
    const counted = this.apply("add", [this.apply("mul", [this.reshape(numbers, along.shape), this.filled(along, step)]), this.filled(along, first)]);
    return this.broadcast(counted, shape);
  }
}

/** Sums of such are taken with more bits. */
const isHalf = (dtype: DType): boolean => isFloat(dtype) && bytesOf(dtype) === 2;
