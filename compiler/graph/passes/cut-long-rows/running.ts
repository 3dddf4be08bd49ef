/** Running totals of long rows: in each block, then with the total of those before it. */
import { identityOf } from "../../../ops/reductions/reduce.ts";
import { blocksOfColumns, type Combination } from "../../../ops/reductions/scan.ts";
import type { ValueId } from "../../graph.ts";
import type { Rows } from "./rows.ts";

const combinations: { readonly [op: string]: Combination } = { cum_sum: "add", cum_max: "max", cum_min: "min" };

/** Undefined where rows are short or many, or begin with something. */
export function runningTotals(build: Rows): ValueId | undefined {
  const { op, inputs: [x, start], attributes } = build.node;
  const { dtype, shape } = build.type(x!);
  const axis = attributes["axis"] as number;
  const n = shape[axis]!;
  const by = combinations[op]!;
  // As long as it takes to go through a block, it takes to go through the totals of them all.
  const count = start === undefined ? build.count(shape, axis, Math.sqrt(n)) : undefined;
  if (count === undefined) return undefined;
  const values = by === "add" ? build.widened(x!) : x!;
  const length = Math.ceil(n / count);
  const blocks = build.reshape(build.behind(values, axis, count * length - n, 0), shape.toSpliced(axis, 1, count, length));
  const inside = build.apply(op, [blocks], { axis: axis + 1 });
  const totals = build.part(build.part(inside, axis + 1, length - 1, 1), axis, 0, count - 1);
  const first = build.filled({ dtype: build.type(values).dtype, shape: build.shape(totals).with(axis, 1) }, identityOf(by, dtype));
  const starts = build.apply("concat", [first, build.apply(op, [totals], { axis })], { axis });
  const all = build.apply(by, [inside, build.broadcast(starts, build.shape(inside))]);
  return build.as(dtype, build.part(build.reshape(all, shape.with(axis, count * length)), axis, 0, n));
}

/** Running extremes of columns, of blocks of rows that are gone through as they lie: a block begins with the extreme of those before it. */
export function runningColumns(build: Rows): ValueId | undefined {
  const { op, inputs: [x, start], attributes } = build.node;
  const { dtype, shape } = build.type(x!);
  const axis = attributes["axis"] as number;
  const by = combinations[op]!;
  const cut = start === undefined ? blocksOfColumns({ dtype, shape }, axis) : undefined;
  if (cut === undefined) return undefined;
  const blocks = build.reshape(x!, cut);
  const totals = build.apply("reduce", [build.part(blocks, axis, 0, cut[axis]! - 1)], { op: by, axes: [axis + 1], keepdims: true });
  const first = build.filled({ dtype, shape: build.shape(totals).with(axis, 1) }, identityOf(by, dtype));
  const starts = build.apply("concat", [first, build.apply(op, [totals], { axis })], { axis });
  return build.reshape(build.apply(op, [blocks, starts], { axis: axis + 1 }), shape);
}
