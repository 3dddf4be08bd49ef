/**
 * Where the few largest elements of a row are: by a list of the best so far, into which each better element is inserted
 * (straight insertion; Knuth, The Art of Computer Programming 3, 5.2.1). Most elements are not; whether any of a run is, its
 * largest tells, which is found in vectors. Elements are compared by unsigned numbers that have their order, NaN's above all.
 */
import { bytesOf, isBig, sizeOf, type DType } from "../../../runtime/dtype.ts";
import type { TensorType } from "../../graph/graph.ts";
import { put, tensor, zeros } from "../../graph/tensor.ts";
import { binary, constant, i32, select, type KernelBuilder } from "../../kernel/build.ts";
import type { BufferId, Expression } from "../../kernel/kernel.ts";
import type { BlockContext, Lowering } from "../../kernel/lowering.ts";
import { affineIndex, identityMap } from "../../support/affine.ts";
import { samples } from "../elementwise/elementwise.ts";
import { dimensions } from "../lowerings.ts";
import type { Op } from "../op.ts";
import { intArgument, intAttribute, refuse, requireClass, requireInputs, showShape } from "../rules.ts";
import { keyOf } from "./radix-sort.ts";
import { orders } from "./sort.ts";

const name = "top_places";

/** Elements whose largest is looked at first. */
const run = 16;

/** The keys of the best so far, the best first, and where they come from. */
interface Ranking {
  readonly keys: BufferId;
  readonly places: BufferId;
}

/**
 * Puts an element before all that have smaller keys, in a list of `count`; the last one goes. From the first rank where it
 * is the larger, each takes the place of the next. Without branches, whose way nothing would foretell.
 */
function insert(kernel: KernelBuilder, { keys, places }: Ranking, count: Expression, key: Expression, place: Expression): void {
  const [carried, from, shifting] = [kernel.let("carried", key), kernel.let("from", place), kernel.let("shifting", constant("bool", 0))];
  kernel.for({ end: count, name: "rank" }, (rank) => {
    const [other, otherFrom] = [kernel.let("other", kernel.load(keys, [rank])), kernel.let("other from", kernel.load(places, [rank]))];
    kernel.set(shifting, binary("or", shifting, binary("gt", carried, other)));
    kernel.store(keys, [rank], select(shifting, carried, other));
    kernel.store(places, [rank], select(shifting, from, otherFrom));
    kernel.set(carried, select(shifting, other, carried));
    kernel.set(from, select(shifting, otherFrom, from));
  });
}

/** Keys of a whole row first; then the best of the first k elements, and of the others, a run at a time. */
function emitRow({ kernel, load, store, scratch }: BlockContext, point: readonly Expression[], n: number, k: number): void {
  const [row, ranking] = [scratch[0]!, { keys: scratch[1]!, places: scratch[2]! }];
  kernel.for({ end: i32(n), parallel: true, name: "i" }, (i) => kernel.store(row, [i], keyOf(load(0, [...point, i32(0), i]), false)));
  const key = (place: Expression): Expression => kernel.load(row, [place]);
  const { dtype } = key(i32(0));
  const least = constant(dtype, isBig(dtype) ? 0n : 0);
  kernel.for({ end: i32(k), name: "i" }, (i) => {
    // The smallest key stands at the end of the list, to go if the element's own is larger.
    kernel.store(ranking.keys, [i], least);
    kernel.store(ranking.places, [i], i);
    insert(kernel, ranking, binary("add", i, i32(1)), key(i), i);
  });
  const worst = kernel.let("worst", kernel.load(ranking.keys, [i32(k - 1)]));
  const consider = (place: Expression): void => {
    const own = kernel.let("own", key(place));
    kernel.if(binary("gt", own, worst), () => {
      insert(kernel, ranking, i32(k), own, place);
      kernel.set(worst, kernel.load(ranking.keys, [i32(k - 1)]));
    });
  };
  const runs = Math.floor((n - k) / run);
  kernel.for({ end: i32(runs), name: "r" }, (r) => {
    const start = kernel.let("start", binary("add", i32(k), binary("mul", r, i32(run))));
    const most = kernel.let("most", least);
    kernel.for({ end: i32(run), name: "e" }, (e) => kernel.set(most, binary("max", most, key(binary("add", start, e)))));
    kernel.if(binary("gt", most, worst), () => kernel.for({ end: i32(run), name: "e" }, (e) => consider(binary("add", start, e))));
  });
  kernel.for({ start: i32(k + runs * run), end: i32(n), name: "i" }, consider);
  kernel.forBox([k], true, ([rank]) => store(0, [...point, rank!, i32(0)], kernel.load(ranking.places, [rank!])));
}

/** Space: the rows (parallel); the ranks and the elements of a row (serial). */
function lower(x: TensorType, k: number): Lowering[] {
  const outer = x.shape.slice(0, -1);
  const n = x.shape.at(-1)!;
  if (sizeOf(outer) === 0 || k === 0) return [];
  const rank = outer.length + 2;
  const own = identityMap(rank).slice(0, -2);
  const keys: DType = bytesOf(x.dtype) === 8 ? "u64" : "u32";
  return [
    {
      name,
      space: [...dimensions("parallel", outer), ...dimensions("serial", [k, n])],
      reads: [{ operand: 0, index: [...own, affineIndex(rank - 1, rank)] }],
      writes: [{ operand: 0, index: [...own, affineIndex(rank - 2, rank)] }],
      operations: 1 / k,
      scratch: [{ dtype: keys, shape: [n] }, { dtype: keys, shape: [k] }, { dtype: "i32", shape: [k] }],
      // Rows take turns with the scratch.
      emit: (context) => context.kernel.forBox(context.block.slice(0, outer.length), false, (point) => emitRow(context, point, n, k)),
    },
  ];
}

/** Rows with equal elements and, of floats, NaN, infinities and zeros of both signs. */
const rows = (dtype: DType, shape: readonly number[]) => {
  const x = samples(dtype, shape, 3);
  if (dtype === "f32" || dtype === "f64" || dtype === "f16") [NaN, -0, 0, Infinity, -Infinity, NaN].forEach((value, at) => put(x, 13 * at + 5, value));
  return x;
};

export const topPlaces: Op = {
  name,
  kind: "compute",
  summary: "Where the k largest elements of the last dimension are, as i32, the largest first; the first of equals comes first, NaN counts as largest.",
  formula: "x[y[0]] ≥ x[y[1]] ≥ … ≥ all others",
  noGradient: "an index is piecewise constant",
  signature: {
    call: name,
    module: "core",
    parameters: [{ name: "x", kind: "tensor" }, { name: "k", kind: "int" }],
    attributes: (args) => ({ k: intArgument(args["k"], `the k of ${name}`) }),
  },
  type(inputs, attributes) {
    requireInputs(name, inputs, 1);
    const [x, k] = [inputs[0]!, intAttribute(attributes, "k")];
    requireClass(name, "number", x);
    const n = x.shape.at(-1) ?? refuse("shape-mismatch", `${name} needs rows, not a scalar`);
    if (k < 0 || k > n) refuse("out-of-range", `${name} of ${k} among the ${n} elements of the rows of ${showShape(x.shape)}`);
    return { dtype: "i32", shape: [...x.shape.slice(0, -1), k] };
  },
  evaluate(inputs, attributes, type) {
    const [result, k, n] = [zeros(type), intAttribute(attributes, "k"), inputs[0]!.type.shape.at(-1)!];
    orders(inputs[0]!, inputs[0]!.type.shape.length - 1, true, (start, _stride, order) => {
      order.slice(0, k).forEach((from, rank) => put(result, (start / n) * k + rank, from));
    });
    return result;
  },
  lower: (inputs, attributes) => lower(inputs[0]!, intAttribute(attributes, "k")),
  examples: () => [
    { inputs: [tensor("f32", [6], [3, NaN, -1, 2, -Infinity, 3])], attributes: { k: 4 }, expected: tensor("i32", [4], [1, 0, 5, 3]) },
    { inputs: [tensor("i32", [2, 5], [1, 3, 1, 3, 2, 5, 5, 5, 5, 6])], attributes: { k: 3 }, expected: tensor("i32", [2, 3], [1, 3, 4, 4, 0, 1]) },
    ...(["f16", "f32", "f64", "i8", "u8", "i32", "u32", "i64"] as const).map((dtype) => ({ inputs: [rows(dtype, [3, 101])], attributes: { k: 7 } })),
    { inputs: [rows("f32", [2, 2, 50])], attributes: { k: 50 } },
    { inputs: [rows("bf16", [70])], attributes: { k: 1 } },
    { inputs: [samples("f32", [3, 4])], attributes: { k: 0 } },
    { inputs: [samples("f32", [0, 3])], attributes: { k: 2 } },
  ],
};
