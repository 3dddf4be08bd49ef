/**
 * Where the few largest elements of a row are. Elements are compared by numbers that have their order, NaN's above all.
 *
 * Of the largest elements of twice as many groups as elements are wanted, the last of those wanted is no larger than that of the
 * whole row; so no smaller element is one of them, and of rows in no order few are left. Each of these finds its rank by being
 * compared with all of them (comparison counting; Knuth, The Art of Computer Programming 3, 5.2, C), in vectors. Where many are
 * left, they are inserted into a list of the best so far (straight insertion; 5.2.1).
 */
import { bytesOf, isBig, isFloat, sizeOf, type DType } from "../../../runtime/dtype.ts";
import type { TensorType } from "../../graph/graph.ts";
import { put, tensor, zeros } from "../../graph/tensor.ts";
import { binary, cast, constant, i32, select, type KernelBuilder } from "../../kernel/build.ts";
import type { BufferId, Expression } from "../../kernel/kernel.ts";
import type { BlockContext, Lowering } from "../../kernel/lowering.ts";
import { affineIndex, identityMap } from "../../support/affine.ts";
import { roundUp } from "../../support/parts.ts";
import { samples } from "../elementwise/elementwise.ts";
import { dimensions } from "../lowerings.ts";
import type { Op } from "../op.ts";
import { intArgument, intAttribute, refuse, requireClass, requireInputs, showShape } from "../rules.ts";
import { signedKeyOf } from "./radix-sort.ts";
import { orders } from "./sort.ts";

const name = "top_places";

/** Elements that are looked at together first. */
const run = 8;
/** Keys that are ranked together, as a vector. */
const together = 4;
/** Groups have so many elements at least. */
const leastGroup = 2;
/** More are inserted: comparing all with all takes longer. */
const mostRanked = (n: number, k: number): number => Math.min(n, 64 + 6 * k);
const groupsOf = (k: number): number => roundUp(2 * k, together);

/** Keys, where they come from, and their ranks. Of the best so far, the best first. */
interface Ranking {
  readonly keys: BufferId;
  readonly places: BufferId;
  readonly ranks: BufferId;
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

/** A row's keys, and where those are that may be among the largest. */
interface Candidates {
  readonly row: BufferId;
  readonly from: BufferId;
  readonly count: Expression;
}

const lowestOf = (kernel: KernelBuilder, keys: BufferId): Expression => {
  const { dtype } = kernel.load(keys, [i32(0)]);
  return constant(dtype, isBig(dtype) ? -(2n ** 63n) : -(2 ** 31));
};

/** Whether a key at a place comes before another one at its. */
type IsBefore = (other: Expression, otherPlace: Expression, key: Expression, place: Expression) => Expression;

/** For each of some keys how many of them are before it. */
function count(kernel: KernelBuilder, keys: BufferId, ranks: BufferId, all: Expression, isBefore: IsBefore): void {
  const blocks = kernel.let("blocks", binary("div", binary("add", all, i32(together - 1)), i32(together)));
  kernel.for({ end: blocks, name: "block" }, (block) => kernel.for({ end: i32(together), parallel: true, name: "e" }, (e) => {
    const place = kernel.let("place", binary("add", binary("mul", block, i32(together)), e));
    const [key, before] = [kernel.let("own", kernel.load(keys, [place])), kernel.let("before", i32(0))];
    kernel.for({ end: all, name: "c" }, (c) => kernel.set(before, binary("add", before, cast("i32", isBefore(kernel.load(keys, [c]), c, key, place)))));
    kernel.store(ranks, [place], before);
  }));
}

/** Fills part of a row with its keys. */
type Fill = (place: Expression) => Expression;

/**
 * The k-th of the largest keys of groups, of which element i is in group i mod `groups`; fills the row. Of 32 bits a key is made when
 * its group comes to it. Of 64 all are made before: the larger of two is several instructions, which several groups at once hide.
 */
function boundOf(kernel: KernelBuilder, row: BufferId, fill: Fill, { keys, ranks }: Ranking, n: number, k: number): Expression {
  const groups = groupsOf(k);
  const lowest = lowestOf(kernel, row);
  const each = Math.floor(n / groups);
  const filled = isBig(lowest.dtype);
  const fillFrom = (start: number): void => kernel.for({ start: i32(start), end: i32(n), parallel: true, name: "i" }, fill);
  if (filled) fillFrom(0);
  kernel.for({ end: i32(groups), parallel: true, name: "group" }, (group) => {
    const most = kernel.let("most", lowest);
    kernel.for({ end: i32(each), name: "e" }, (e) => {
      const place = binary("add", binary("mul", e, i32(groups)), group);
      kernel.set(most, binary("max", most, filled ? kernel.load(row, [place]) : fill(place)));
    });
    kernel.store(keys, [group], most);
  });
  if (!filled) fillFrom(each * groups);
  count(kernel, keys, ranks, i32(groups), (other, _otherPlace, key) => binary("ge", other, key));
  const bound = kernel.let("bound", lowest);
  kernel.for({ end: i32(groups), name: "group" }, (group) => {
    const own = kernel.let("own", kernel.load(keys, [group]));
    kernel.set(bound, binary("max", bound, select(binary("ge", kernel.load(ranks, [group]), i32(k)), own, lowest)));
  });
  return bound;
}

/** Finds the elements that are no less than a bound: first the runs that have one, which most have not, then they in these. Without branches. */
function collect(kernel: KernelBuilder, row: BufferId, from: BufferId, hits: BufferId, n: number, least: Expression): Candidates {
  const count = kernel.let("count", i32(0));
  const key = (place: Expression): Expression => kernel.load(row, [place]);
  const consider = (place: Expression): void => {
    kernel.store(from, [count], place);
    kernel.set(count, binary("add", count, cast("i32", binary("ge", key(place), least))));
  };
  const runs = Math.floor(n / run);
  const hit = kernel.let("hit", i32(0));
  kernel.for({ end: i32(runs), name: "r" }, (r) => {
    const start = kernel.let("start", binary("mul", r, i32(run)));
    const any = kernel.let("any", constant("bool", 0));
    const isCandidate = (first: Expression): Expression => {
      const [one, other] = [0, run / 2].map((more) => key(binary("add", first, i32(more)))) as [Expression, Expression];
      // Of 32 bits the larger of two is one instruction, so that both are compared by one; of 64 it takes a comparison itself.
      return isBig(one.dtype) ? binary("or", binary("ge", one, least), binary("ge", other, least)) : binary("ge", binary("max", one, other), least);
    };
    kernel.for({ end: i32(run / 2), rolled: true, name: "e" }, (e) => kernel.set(any, binary("or", any, isCandidate(binary("add", start, e)))));
    kernel.store(hits, [hit], start);
    kernel.set(hit, binary("add", hit, cast("i32", any)));
  });
  kernel.for({ end: hit, name: "h" }, (h) => {
    const start = kernel.let("start", kernel.load(hits, [h]));
    kernel.for({ end: i32(run), name: "e" }, (e) => consider(binary("add", start, e)));
  });
  kernel.for({ start: i32(runs * run), end: i32(n), name: "i" }, consider);
  return { row, from, count };
}

/** Puts candidates where as many precede them, being larger, or equal and before them. */
function rankAll(kernel: KernelBuilder, { row, from, count: all }: Candidates, { keys, places, ranks }: Ranking): void {
  kernel.for({ end: all, name: "c" }, (c) => kernel.store(keys, [c], kernel.load(row, [kernel.load(from, [c])])));
  count(kernel, keys, ranks, all, (other, otherPlace, key, place) => binary("or", binary("gt", other, key), binary("and", binary("eq", other, key), binary("lt", otherPlace, place))));
  kernel.for({ end: all, name: "c" }, (c) => kernel.store(places, [kernel.load(ranks, [c])], kernel.load(from, [c])));
}

/** The best of the first k candidates, and of the others. */
function insertAll(kernel: KernelBuilder, { row, from, count }: Candidates, ranking: Ranking, k: number): void {
  const lowest = lowestOf(kernel, row);
  const placeOf = (c: Expression): Expression => kernel.let("place", kernel.load(from, [c]));
  kernel.for({ end: i32(k), name: "c" }, (c) => {
    // The smallest key stands at the end of the list, to go if the element's own is larger.
    kernel.store(ranking.keys, [c], lowest);
    const place = placeOf(c);
    kernel.store(ranking.places, [c], place);
    insert(kernel, ranking, binary("add", c, i32(1)), kernel.load(row, [place]), place);
  });
  const worst = kernel.let("worst", kernel.load(ranking.keys, [i32(k - 1)]));
  kernel.for({ start: i32(k), end: count, name: "c" }, (c) => {
    const place = placeOf(c);
    const own = kernel.let("own", kernel.load(row, [place]));
    kernel.if(binary("gt", own, worst), () => {
      insert(kernel, ranking, i32(k), own, place);
      kernel.set(worst, kernel.load(ranking.keys, [i32(k - 1)]));
    });
  });
}

function emitRow({ kernel, load, store, scratch }: BlockContext, point: readonly Expression[], n: number, k: number): void {
  const [row, from, keys, places, ranks, hits] = scratch as [BufferId, BufferId, BufferId, BufferId, BufferId, BufferId];
  const ranking = { keys, places, ranks };
  const fill = (place: Expression): Expression => {
    const key = kernel.let("key", signedKeyOf(load(0, [...point, i32(0), place])));
    kernel.store(row, [place], key);
    return key;
  };
  const grouped = n >= leastGroup * groupsOf(k);
  if (!grouped) kernel.for({ end: i32(n), parallel: true, name: "i" }, fill);
  const bound = grouped ? boundOf(kernel, row, fill, ranking, n, k) : lowestOf(kernel, row);
  const candidates = collect(kernel, row, from, hits, n, bound);
  const most = mostRanked(n, k);
  if (most === n) rankAll(kernel, candidates, ranking);
  else kernel.if(binary("le", candidates.count, i32(most)), () => rankAll(kernel, candidates, ranking), () => insertAll(kernel, candidates, ranking, k));
  kernel.forBox([k], true, ([at]) => store(0, [...point, at!, i32(0)], kernel.load(places, [at!])));
}

/** Space: the rows (parallel); the ranks and the elements of a row (serial). */
function lower(x: TensorType, k: number): Lowering[] {
  const outer = x.shape.slice(0, -1);
  const n = x.shape.at(-1)!;
  if (sizeOf(outer) === 0 || k === 0) return [];
  const rank = outer.length + 2;
  const own = identityMap(rank).slice(0, -2);
  const keys: DType = bytesOf(x.dtype) === 8 ? "i64" : "i32";
  const ranked = roundUp(Math.max(mostRanked(n, k), groupsOf(k)), together);
  return [
    {
      name,
      space: [...dimensions("parallel", outer), ...dimensions("serial", [k, n])],
      reads: [{ operand: 0, index: [...own, affineIndex(rank - 1, rank)] }],
      writes: [{ operand: 0, index: [...own, affineIndex(rank - 2, rank)] }],
      operations: 1 / k,
      scratch: [{ dtype: keys, shape: [n] }, { dtype: "i32", shape: [n] }, ...([keys, "i32", "i32"] as const).map((dtype) => ({ dtype, shape: [ranked] })), { dtype: "i32", shape: [Math.ceil(n / run)] }],
      // Rows take turns with the scratch.
      emit: (context) => context.kernel.forBox(context.block.slice(0, outer.length), false, (point) => emitRow(context, point, n, k)),
    },
  ];
}

/** Rows with equal elements and, of floats, NaN, infinities and zeros of both signs. */
const rows = (dtype: DType, shape: readonly number[]) => {
  const x = samples(dtype, shape, 3);
  if (isFloat(dtype)) [NaN, -0, 0, Infinity, -Infinity, NaN].forEach((value, at) => put(x, 13 * at + 5, value));
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
    ...(["f16", "bf16", "f32", "f64", "i8", "u8", "i32", "u32", "i64"] as const).map((dtype) => ({ inputs: [rows(dtype, [3, 101])], attributes: { k: 7 } })),
    { inputs: [rows("f32", [2, 2, 50])], attributes: { k: 50 } },
    { inputs: [rows("bf16", [80])], attributes: { k: 1 } },
    { inputs: [rows("f32", [2, 300])], attributes: { k: 3 } },
    // So many equals that they are inserted one after the other.
    { inputs: [tensor("i32", [2, 200], Array.from({ length: 400 }, (_, i) => (i % 9 === 0 ? i % 4 : i < 150 ? 7 : -(2 ** 31))))], attributes: { k: 5 } },
    { inputs: [tensor("f64", [150], Array.from({ length: 150 }, (_, i) => (i % 20 === 3 ? i : 0)))], attributes: { k: 9 } },
    { inputs: [samples("f32", [3, 4])], attributes: { k: 0 } },
    { inputs: [samples("f32", [0, 3])], attributes: { k: 2 } },
  ],
};
