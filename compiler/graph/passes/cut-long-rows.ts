/**
 * cut-long-rows: rows so long and so few that most tiles would have none are gone through in blocks, a tile each. To the running
 * sums of each block the sum of those before it is added (Blelloch, "Prefix Sums and Their Applications", 1990, section 1.2); the
 * largest elements of a row are among the largest of its blocks; what reduces a row reduces what it makes of blocks, and softmax is
 * reductions with maps between. Random numbers are those of shorter rows,
 * and updates of few places are added up in blocks.
 *
 * Needs: no gradients left to make. Gives: the same results, sums and products of floats but for rounding. All but the largest are
 * cut where tiles have memories of their own: where they share one, going through elements twice takes as long, and few tiles are many.
 */
import { bytesOf, isFloat, sizeOf, type DType } from "../../../runtime/dtype.ts";
import { wordsPerBlock } from "../../ops/sources/random-rows.ts";
import type { Pass } from "../../support/pass.ts";
import type { Target } from "../../targets/target.ts";
import { fillValue } from "../constants.ts";
import { wantedPartition, type Graph, type Node, type TensorType, type ValueId } from "../graph.ts";
import { rewrite, type Rewriting } from "../rewrite.ts";
import { FrontBuilder } from "./front-builder.ts";

/** Rows of fewer elements are done before the tiles have met. */
const leastRow = 4096;
/** Into so many parts, of one axis, the partitioner itself cuts a reduction. */
const partsOfReduction = 128;

export const cutLongRows: Pass<Graph, Graph> = {
  name: "cut-long-rows",
  summary: "goes through rows that are long and few in blocks, so that more tiles have some",
  run(graph, { target }) {
    const found = new Map<ValueId, Found>();
    return rewrite(graph, (node, at) => {
      if (wantedPartition(node) !== undefined) return node;
      const build = new Blocks(node, at, target);
      const cut = build.cut(found);
      return cut === undefined ? node : [cut];
    });
  },
};

/** The largest elements of rows: those of their blocks, and where in these they are. */
interface Found {
  readonly rows: ValueId;
  readonly candidates: ValueId;
  readonly best: ValueId;
}

/** Updates of a block, to whose places zeros are brought before; and what one costs, in additions of what blocks give. */
const leastUpdates = 16;
const updateCost = 14;

/** Random numbers of a row, which is started once for all of them. */
const leastRandom = 32;

/** Sums of such are taken with more bits. */
const isHalf = (dtype: DType): boolean => isFloat(dtype) && bytesOf(dtype) === 2;

/** In order. */
const divisorsOf = (extent: number): number[] => Array.from({ length: Math.floor(Math.sqrt(extent)) }, (_, k) => k + 1).filter((divisor) => extent % divisor === 0).flatMap((divisor) => [divisor, extent / divisor]).toSorted((a, b) => a - b);

/** The nodes in place of one whose rows are long. */
class Blocks extends FrontBuilder {
  readonly #node: Node;
  readonly #target: Target;

  constructor(node: Node, at: Rewriting, target: Target) {
    super(at, node.origin);
    this.#node = node;
    this.#target = target;
  }

  /** What gives the node's result; undefined where it stays as it is. */
  cut(found: Map<ValueId, Found>): ValueId | undefined {
    const shares = this.#target.memory === "shared";
    switch (this.#node.op) {
      case "top_places": return this.#largest(found);
      case "take_along": return this.#elements(found);
      case "uniform_rows": case "normal_rows": return shares ? undefined : this.#random();
      case "scatter_add_along": return shares ? undefined : this.#scattered();
      case "cum_sum": return shares ? undefined : this.#runningSums();
      case "reduce": case "mean": return shares ? undefined : this.#reduced();
      case "softmax": case "log_softmax": case "log_sum_exp": return shares ? undefined : this.#exponentials();
      default: return undefined;
    }
  }

  /** Undefined where the partitioner finds enough to do for all tiles. */
  #reduced(): ValueId | undefined {
    const { inputs: [x], attributes: { op = "add", axes }, outputs: [output] } = this.#node;
    const { dtype, shape } = this.type(output!);
    const cut = this.#reduction(x!, op as string, axes as readonly number[], false);
    if (cut === undefined) return undefined;
    const result = this.reshape(cut, shape);
    const count = (): ValueId => this.filled(this.type(result), this.#length(x!, axes as readonly number[]));
    return this.#as(dtype, this.#node.op === "mean" ? this.apply("div", [result, count()]) : result);
  }

  /** Rows of exponentials, of which few tiles would have any: reductions, and maps between them. */
  #exponentials(): ValueId | undefined {
    const { op, inputs: [x], attributes, outputs: [output] } = this.#node;
    const { dtype, shape } = this.type(x!);
    const axes = (attributes["axes"] ?? [attributes["axis"]]) as readonly number[];
    const n = this.#length(x!, axes);
    if (n < leastRow || (sizeOf(shape) / n) * 2 > this.#target.tiles) return undefined;
    const values = this.#widened(x!);
    const along = (value: ValueId): ValueId => this.broadcast(value, shape);
    const reduced = (value: ValueId, by: string): ValueId => this.#reduction(value, by, axes, true) ?? this.apply("reduce", [value], { op: by, axes: [...axes], keepdims: true });
    const largest = reduced(values, "max");
    if (op === "log_sum_exp") {
      // An infinite one would be subtracted from itself.
      const row = this.type(largest);
      const isInfinite = this.apply("eq", [this.apply("abs", [largest]), this.filled(row, Infinity)]);
      const shift = this.apply("select", [isInfinite, this.filled(row, 0), largest]);
      const sum = reduced(this.apply("exp", [this.apply("sub", [values, along(shift)])]), "add");
      return this.#as(dtype, this.reshape(this.apply("add", [shift, this.apply("log", [sum])]), this.shape(output!)));
    }
    const shifted = this.apply("sub", [values, along(largest)]);
    const exponentials = this.apply("exp", [shifted]);
    const sum = reduced(exponentials, "add");
    return this.#as(dtype, op === "softmax" ? this.apply("div", [exponentials, along(sum)]) : this.apply("sub", [shifted, along(this.apply("log", [sum]))]));
  }

  #length(x: ValueId, axes: readonly number[]): number {
    const { shape } = this.type(x);
    return sizeOf(axes.map((axis) => shape[axis]!));
  }

  /** Halves are summed with more bits. */
  #widened(x: ValueId): ValueId {
    return isHalf(this.type(x).dtype) ? this.apply("cast", [x], { dtype: "f32" }) : x;
  }

  #as(dtype: DType, value: ValueId): ValueId {
    return this.type(value).dtype === dtype ? value : this.apply("cast", [value], { dtype });
  }

  /**
   * A reduction of blocks, then of what they give, which of sums of halves is f32; undefined where it is one. A block is what belongs
   * to one index of the first axes, or of a part of the last of these.
   */
  #reduction(x: ValueId, op: string, axes: readonly number[], keepdims: boolean): ValueId | undefined {
    const { shape } = this.type(x);
    const reduced = axes.toSorted((a, b) => a - b);
    const n = this.#length(x, axes);
    const results = sizeOf(shape) / n;
    if (n < leastRow || results * partsOfReduction >= this.#target.tiles) return undefined;
    let left = Math.min(this.#target.tiles / results, Math.sqrt(n));
    const [cut, outer] = [[...shape], [] as number[]];
    const shift = (axis: number): number => axis + (cut.length > shape.length ? 1 : 0);
    for (const axis of reduced) {
      const extent = shape[axis]!;
      outer.push(axis);
      if (extent <= left) {
        left /= extent;
        continue;
      }
      const parts = divisorsOf(extent).findLast((divisor) => divisor <= left)!;
      cut.splice(axis, 1, parts, extent / parts);
      break;
    }
    const inner = cut.length > shape.length ? [outer.at(-1)! + 1, ...reduced.slice(outer.length).map(shift)] : reduced.slice(outer.length);
    if (sizeOf(inner.map((axis) => cut[axis]!)) === n) return undefined;
    const values = op === "add" || op === "mul" ? this.#widened(x) : x;
    const ofBlocks = this.apply("reduce", [this.reshape(values, cut)], { op, axes: inner, keepdims: true });
    const result = this.apply("reduce", [ofBlocks], { op, axes: [...outer, ...inner], keepdims: false });
    return this.reshape(result, keepdims ? shape.map((extent, axis) => (reduced.includes(axis) ? 1 : extent)) : shape.filter((_, axis) => !reduced.includes(axis)));
  }

  /** Undefined where rows are short or many, or begin with something. */
  #runningSums(): ValueId | undefined {
    const { inputs: [x, start], attributes } = this.#node;
    const { dtype, shape } = this.type(x!);
    const axis = attributes["axis"] as number;
    const n = shape[axis]!;
    // As long as it takes to go through a block, it takes to go through the sums of them all.
    const count = start === undefined ? this.#count(shape, axis, Math.sqrt(n)) : undefined;
    if (count === undefined) return undefined;
    const values = this.#widened(x!);
    const length = Math.ceil(n / count);
    const none = shape.map(() => 0);
    const blocks = this.reshape(this.padded(values, none, none.with(axis, count * length - n)), shape.toSpliced(axis, 1, count, length));
    const inside = this.apply("cum_sum", [blocks], { axis: axis + 1 });
    const sums = this.part(this.part(inside, axis + 1, length - 1, 1), axis, 0, count - 1);
    const starts = this.padded(this.apply("cum_sum", [sums], { axis }), [...none, 0].with(axis, 1), [...none, 0]);
    const all = this.apply("add", [inside, this.broadcast(starts, this.shape(inside))]);
    return this.#as(dtype, this.part(this.reshape(all, shape.with(axis, count * length)), axis, 0, n));
  }

  /** The places of each block's largest, and of what is behind the last block, are searched for the largest of all. */
  #largest(found: Map<ValueId, Found>): ValueId | undefined {
    const { inputs: [x], attributes } = this.#node;
    const { shape } = this.type(x!);
    const k = attributes["k"] as number;
    const axis = shape.length - 1;
    const [outer, n] = [shape.slice(0, axis), shape[axis]!];
    const count = this.#count(shape, axis, Math.sqrt(n / Math.max(1, k)));
    if (count === undefined) return undefined;
    const length = Math.floor(n / count);
    if (length <= 2 * k) return undefined;
    const [whole, rest] = [count * length, n - count * length];
    const blocks = this.reshape(this.part(x!, axis, 0, whole), [...outer, count, length]);
    const inBlocks = this.apply("top_places", [blocks], { k });
    const candidates = [this.reshape(this.apply("take_along", [blocks, inBlocks], { axis: axis + 1 }), [...outer, count * k])];
    const places = [this.reshape(this.apply("add", [inBlocks, this.#counted([...outer, count, k], axis, length, 0)]), [...outer, count * k])];
    if (rest > 0) {
      candidates.push(this.part(x!, axis, whole, rest));
      places.push(this.#counted([...outer, rest], axis, 1, whole));
    }
    const joined = (parts: readonly ValueId[]): ValueId => (parts.length === 1 ? parts[0]! : this.apply("concat", parts, { axis }));
    // What is equal stands in the order of its places, block after block: the first of equals stays the first.
    const all = joined(candidates);
    const best = this.apply("top_places", [all], { k });
    const result = this.apply("take_along", [joined(places), best], { axis });
    found.set(result, { rows: x!, candidates: all, best });
    return result;
  }

  /** The largest elements themselves are among those of the blocks. */
  #elements(found: ReadonlyMap<ValueId, Found>): ValueId | undefined {
    const { inputs: [x, places], attributes } = this.#node;
    const known = found.get(places!);
    if (known?.rows !== x || attributes["axis"] !== this.shape(x!).length - 1) return undefined;
    return this.apply("take_along", [known!.candidates, known!.best], attributes);
  }

  /** Rows of random numbers as shorter ones, by their numbers. */
  #random(): ValueId | undefined {
    const { op, inputs: [rows, ...stream], attributes, outputs: [output] } = this.#node;
    const [count, length] = this.shape(output!) as [number, number];
    const apart = attributes["apart"] as number;
    const parts = divisorsOf(apart / wordsPerBlock).findLast((divisor) => divisor * leastRandom <= apart && count * Math.ceil((divisor * length) / apart) <= this.#target.tiles) ?? 1;
    const short = apart / parts;
    if (length <= short) return undefined;
    const pieces = Math.ceil(length / short);
    const shape = [count, pieces];
    const first = this.apply("mul", [this.broadcast(this.reshape(rows!, [count, 1]), shape), this.filled({ dtype: "i32", shape }, parts)]);
    const numbers = this.reshape(this.apply("add", [first, this.#counted(shape, 1, 1, 0)]), [count * pieces]);
    const made = this.apply(op, [numbers, ...stream], { ...attributes, apart: short, length: short });
    return this.part(this.reshape(made, [count, pieces * short]), 1, 0, length);
  }

  /** Updates of few places, as in a histogram: of each block to places of its own, which are then added up. */
  #scattered(): ValueId | undefined {
    const { op, inputs: [base, indices, updates], attributes } = this.#node;
    const [{ dtype, shape }, count] = [this.type(base!), this.shape(indices!).at(-1)!];
    if (shape.length !== 2 || attributes["axis"] !== 1 || fillValue(this.at.definition(base!)) === undefined || Number(fillValue(this.at.definition(base!))) !== 0) return undefined;
    const [rows, extent] = shape as [number, number];
    // As long as it takes to go through a block, it takes to add up what they give.
    const useful = Math.sqrt((updateCost * count * this.#target.tiles) / Math.max(1, rows * extent));
    const blocks = Math.floor(Math.min(this.#target.tiles / rows, count / leastUpdates, useful));
    if (blocks < 2) return undefined;
    const length = Math.ceil(count / blocks);
    const inBlocks = (value: ValueId): ValueId => this.reshape(this.padded(value, [0, 0], [0, blocks * length - count]), [rows * blocks, length]);
    const places = this.apply(op, [this.filled({ dtype, shape: [rows * blocks, extent] }, 0), inBlocks(indices!), inBlocks(updates!)], attributes);
    return this.#as(dtype, this.apply("reduce", [this.#widened(this.reshape(places, [rows, blocks, extent]))], { op: "add", axes: [1], keepdims: false }));
  }

  /** How many blocks of a row: no more than are of use, and than tiles; undefined where it is one. */
  #count(shape: readonly number[], axis: number, useful: number): number | undefined {
    const n = shape[axis]!;
    const rows = sizeOf(shape) / n;
    if (n < leastRow || !(rows * 2 <= this.#target.tiles)) return undefined;
    const most = Math.min(Math.floor(this.#target.tiles / rows), Math.floor(useful));
    const least = Math.ceil(most / 2);
    // Blocks that fill the row need no border.
    for (let count = most; count >= Math.max(2, least); count--) if (n % count === 0) return count;
    return most < 2 ? undefined : Math.ceil(n / Math.ceil(n / most));
  }

  /** i32: along one dimension first, first + step, …, the same along all others. */
  #counted(shape: readonly number[], dimension: number, step: number, first: number): ValueId {
    const numbers = this.apply("iota", [], { length: shape[dimension]!, dtype: "i32" });
    const along: TensorType = { dtype: "i32", shape: shape.map((extent, d) => (d === dimension ? extent : 1)) };
    const counted = this.apply("add", [this.apply("mul", [this.reshape(numbers, along.shape), this.filled(along, step)]), this.filled(along, first)]);
    return this.broadcast(counted, shape);
  }
}
