/**
 * Updates of places that few tiles would have, as in a histogram: those of each block go to places of its own, and what blocks
 * give is added up, or the largest or smallest of it taken.
 */
import { bytesOf, sizeOf, type DType } from "../../../../runtime/dtype.ts";
import { identityOf } from "../../../ops/reductions/reduce.ts";
import { type Combination } from "../../../ops/reductions/scan.ts";
import type { ValueId } from "../../graph.ts";
import type { Rows } from "./rows.ts";

/** Updates of a block, to whose places what changes nothing is brought before. */
const leastUpdates = 16;
/** What an update costs, in steps of combining what blocks give. */
const updateCost = 14;
/** Of a tile's memory, what the places of a block may take. */
const roomOfPlaces = 1 / 2;

/** Rows of updates, and of the places that they are for. */
interface Updates {
  readonly op: Combination;
  readonly dtype: DType;
  /** Places of a row. */
  readonly extent: number;
  /** [rows, count]. */
  readonly indices: ValueId;
  readonly updates: ValueId;
}

const combinationOf = (op: string): Combination => op.split("_")[1] as Combination;

/** What the updates of each place make, [rows, extent]; undefined where it is as well done in one block. */
function combined(build: Rows, { op, dtype, extent, indices, updates }: Updates): ValueId | undefined {
  const [rows, count] = build.shape(indices) as [number, number];
  const { tiles, bytesPerTile } = build.target;
  // As long as it takes to go through a block, it takes to combine what they give.
  const useful = Math.sqrt((updateCost * count * tiles) / Math.max(1, rows * extent));
  const blocks = Math.floor(Math.min(tiles / rows, count / leastUpdates, useful));
  if (blocks < 2 || extent * bytesOf(dtype) > roomOfPlaces * bytesPerTile) return undefined;
  const length = Math.ceil(count / blocks);
  const cut = (value: ValueId, last: number | bigint): ValueId => build.reshape(build.behind(value, 1, blocks * length - count, last), [rows * blocks, length]);
  const none = identityOf(op, dtype);
  // Where the updates go to: cut otherwise, it would be moved there.
  const empty = build.apply("fill", [], { value: none, dtype, shape: [rows * blocks, extent], partition: [rows * blocks, 1] });
  const places = build.apply(`scatter_${op}_along`, [empty, cut(indices, 0), cut(updates, none)], { axis: 1 });
  const ofBlocks = build.reshape(places, [rows, blocks, extent]);
  return build.apply("reduce", [op === "add" ? build.widened(ofBlocks) : ofBlocks], { op, axes: [1], keepdims: false });
}

/** The same of a tensor with one element for each place. */
function ofElements(build: Rows, op: Combination, dtype: DType, [indices, updates]: readonly [ValueId, ValueId]): ValueId | undefined {
  const { inputs: [x], attributes } = build.node;
  const { shape } = build.type(x!);
  const [extent, count] = [shape[attributes["axis"] as number]!, sizeOf(build.shape(indices))];
  if (sizeOf(shape) !== extent || count === 0) return undefined;
  const flat = (value: ValueId): ValueId => build.reshape(value, [1, count]);
  const result = combined(build, { op, dtype, extent, indices: flat(indices), updates: flat(updates) });
  return result && build.reshape(result, shape);
}

export function scattered(build: Rows): ValueId | undefined {
  const { op, inputs: [x, indices, updates] } = build.node;
  return withBase(build, combinationOf(op), x!, ofElements(build, combinationOf(op), build.type(x!).dtype, [indices!, updates!]));
}

/** What was there before, and what the updates make. */
function withBase(build: Rows, op: Combination, base: ValueId, ofUpdates: ValueId | undefined): ValueId | undefined {
  if (ofUpdates === undefined) return undefined;
  return build.as(build.type(base).dtype, build.apply(op, [build.as(build.type(ofUpdates).dtype, base), ofUpdates]));
}

/** Updates are numbered: of each place, the largest number of those for it says which one stays. */
export function scatteredLast(build: Rows): ValueId | undefined {
  const { inputs: [x, indices, updates] } = build.node;
  const { shape } = build.type(x!);
  const count = sizeOf(build.shape(indices!));
  const numbers = build.iota(count);
  const last = ofElements(build, "max", "i32", [indices!, numbers]);
  if (last === undefined) return undefined;
  const none = build.filled({ dtype: "i32", shape }, 0);
  const chosen = build.apply("gather", [build.reshape(updates!, [count]), build.reshape(build.apply("max", [last, none]), [sizeOf(shape)])], { axis: 0 });
  return build.apply("select", [build.apply("ge", [last, none]), build.reshape(chosen, shape), x!]);
}

/** Each row of updates for a row of places. */
export function scatteredAlong(build: Rows): ValueId | undefined {
  const { op: name, inputs: [base, indices, updates], attributes } = build.node;
  const { dtype, shape } = build.type(base!);
  if (shape.length !== 2 || attributes["axis"] !== 1 || sizeOf(build.shape(indices!)) === 0) return undefined;
  const op = combinationOf(name);
  return withBase(build, op, base!, combined(build, { op, dtype, extent: shape[1]!, indices: indices!, updates: updates! }));
}
