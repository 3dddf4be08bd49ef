/**
 * Sorted rows merged in pairs, each pair cut into parts of the result that are made independently of each other: where a part
 * begins in both rows is found by halving (merge path: Odeh, Green, Mwassi, Shmueli and Birk, "Merge Path", 2012). So a row that
 * is sorted in stretches is merged on all tiles. Stable, like the sort of a row; so the result does not depend on the stretches.
 *
 * A step of a merge waits for the one before. So four go side by side: a part's halves, each from both ends to its middle.
 * Whether the left or the right comes next nothing foretells, so they do without branches. Nor do they ask whether a row has
 * ended: what lies beyond a part comes after all of it, and beyond the rows lie the least and the largest key.
 */
import { bytesOf, isFloat, sizeOf, type DType } from "../../../runtime/dtype.ts";
import type { TensorType, ValueId } from "../../graph/graph.ts";
import { flatIndex, get, put, tensor, zeros, type Tensor } from "../../graph/tensor.ts";
import { binary, cast, constant, i32, select, type KernelBuilder } from "../../kernel/build.ts";
import type { BufferId, Expression } from "../../kernel/kernel.ts";
import type { BlockContext, Lowering } from "../../kernel/lowering.ts";
import { affineIndex } from "../../support/affine.ts";
import { samples } from "../elementwise/elementwise.ts";
import { dimensions } from "../lowerings.ts";
import type { GradientBuilder, NodeBuilder, Op } from "../op.ts";
import { boolAttribute, intAttribute, refuse, requireClass, requireInputs, requireRank, showShape } from "../rules.ts";
import { keyDType, keyOf, keysOf } from "./radix-sort.ts";

const name = "merge_runs";

/** Elements of the result that are made together in a sort: as many keys of both rows lie near. */
export const partLength = 4096;

interface Rows {
  readonly dtype: DType;
  /** Elements of a row, and of a part of the result. */
  readonly n: number;
  readonly part: number;
  readonly descending: boolean;
}

const plus = (a: Expression, b: Expression | number): Expression => binary("add", a, typeof b === "number" ? i32(b) : b);
const minus = (a: Expression, b: Expression | number): Expression => binary("sub", a, typeof b === "number" ? i32(b) : b);

/** How many of the first `diagonal` elements of a merge come from the left, which has `lengths[0]`. `key` gives those of both for the order. */
function leftBefore(kernel: KernelBuilder, diagonal: Expression, lengths: readonly [Expression, Expression], key: (side: Side, k: Expression) => Expression): Expression {
  const low = kernel.let("low", binary("max", minus(diagonal, lengths[1]), i32(0)));
  const high = kernel.let("high", binary("min", diagonal, lengths[0]));
  kernel.while(binary("lt", low, high), () => {
    const middle = kernel.let("middle", binary("shr", plus(low, high), i32(1)));
    const before = kernel.let("before", binary("le", key(0, middle), kernel.let("right", key(1, minus(minus(diagonal, 1), middle)))));
    kernel.set(low, select(before, plus(middle, 1), low));
    kernel.set(high, select(before, high, middle));
  });
  return low;
}

type Side = 0 | 1;

/** Keys of both rows near a part, from place part / 2 on; before them the least key, and behind a row's end the largest, half a part of each. */
type Held = readonly [BufferId, BufferId];

/** What a part takes of both rows: places in what is held. */
interface Taken {
  readonly start: readonly [Expression, Expression];
  readonly end: readonly [Expression, Expression];
}

const loadAt = (kernel: KernelBuilder, buffer: BufferId, k: Expression): Expression => kernel.load(buffer, [k]);
type Ordering = (key: Expression) => Expression;

/** One step from the start of what is taken, or from its end, which it stores: 1 if it comes from the right, else 0. */
function step(kernel: KernelBuilder, held: Held, merged: BufferId, from: readonly [Expression, Expression], to: Expression, backwards: boolean, order: Ordering): Expression {
  const [left, right] = held.map((buffer, side) => kernel.let("key", loadAt(kernel, buffer, from[side]!))) as [Expression, Expression];
  const takesRight = kernel.let("right", binary(backwards ? "ge" : "lt", order(right), order(left)));
  kernel.store(merged, [to], select(takesRight, right, left));
  return cast("i32", takesRight);
}

/** Merges stretches of `length` together, in twos from both ends, to places of `merged` from their `first` on. */
function mergeAll(kernel: KernelBuilder, held: Held, merged: BufferId, length: number, stretches: readonly (Taken & { readonly first: number })[], order: Ordering): void {
  const ends = stretches.map(({ start, end }) => ({ ahead: kernel.let("ahead", start[1]), back: kernel.let("back", end[1]), sum: kernel.let("sum", plus(start[0], start[1])), last: kernel.let("last", plus(end[0], end[1])) }));
  kernel.for({ end: i32(length / 2), name: "t" }, (t) => {
    const taken = ends.flatMap(({ ahead, back, sum, last }, at) => {
      const { first } = stretches[at]!;
      const front = step(kernel, held, merged, [minus(plus(sum, t), ahead), ahead], plus(t, first), false, order);
      const rear = step(kernel, held, merged, [minus(minus(minus(last, t), back), 1), minus(back, 1)], minus(i32(first + length - 1), t), true, order);
      return [[ahead, plus(ahead, front)], [back, minus(back, rear)]] as const;
    });
    for (const [place, next] of taken) kernel.set(place, next);
  });
}

/** The key of what comes last, or first. */
const extreme = (dtype: DType, last: boolean): Expression => constant(keyDType(dtype), bytesOf(dtype) === 8 ? (last ? 2n ** 64n - 1n : 0n) : last ? 2 ** (8 * bytesOf(dtype)) - 1 : 0);

function emitPart({ kernel, load, store, scratch }: BlockContext, { dtype, n, part, descending }: Rows, pair: Expression, number: Expression): void {
  const [zero, keys] = [i32(0), keysOf(dtype, descending)];
  const element = (side: Side, k: Expression): Expression => load(0, [pair, number, zero, i32(side), k]);
  const diagonal = kernel.let("diagonal", binary("mul", load(1, [pair, number, zero, zero, zero]), i32(part)));
  const ends = [diagonal, plus(diagonal, part)].map((at) => kernel.let("left", leftBefore(kernel, at, [i32(n), i32(n)], (side, k) => keyOf(element(side, k), descending)))) as [Expression, Expression];
  const [held, merged] = [[scratch[0]!, scratch[1]!] as const, scratch[2]!];
  const [narrow, wide] = [loadAt(kernel, merged, zero).dtype, keys.of(element(0, zero)).dtype];
  const order: Ordering = (key) => keys.order(cast(wide, key));
  // Only a −0 has another place in the order than its key.
  const tied = kernel.let("tied", constant("bool", 0));
  const places = ([0, 1] as const).map((side) => {
    const [first, end] = side === 0 ? ends : (ends.map((left, at) => minus(plus(diagonal, at * part), left)) as [Expression, Expression]);
    // And a neighbour at both ends, or what is beyond the row.
    const base = kernel.let("base", binary("max", minus(first, 1), i32(0)));
    const behind = kernel.let("behind", minus(binary("min", plus(end, 1), i32(n)), base));
    kernel.for({ end: behind, parallel: true, name: "k" }, (k) => kernel.store(held[side]!, [plus(k, part / 2)], cast(narrow, keys.of(element(side, plus(base, k))))));
    kernel.if(binary("eq", end, i32(n)), () => kernel.for({ end: i32(part / 2), parallel: true, name: "k" }, (k) => kernel.store(held[side]!, [plus(plus(k, part / 2), behind)], extreme(dtype, true))));
    if (isFloat(dtype)) kernel.for({ end: behind, name: "k" }, (k) => {
      const key = cast(wide, loadAt(kernel, held[side]!, plus(k, part / 2)));
      kernel.set(tied, binary("or", tied, binary("ne", keys.order(key), key)));
    });
    const local = (at: Expression): Expression => kernel.let("place", plus(minus(at, base), part / 2));
    return [local(first), local(end)] as const;
  });
  const [start, end] = [0, 1].map((at) => places.map((one) => one[at]!)) as unknown as [[Expression, Expression], [Expression, Expression]];
  const lengths = [minus(end[0], start[0]), minus(end[1], start[1])] as const;
  const left = kernel.let("left", leftBefore(kernel, i32(part / 2), lengths, (side, k) => order(loadAt(kernel, held[side]!, plus(start[side]!, k)))));
  const middle = [plus(start[0], left), minus(plus(start[1], part / 2), left)].map((place) => kernel.let("middle", place)) as [Expression, Expression];
  const merge = (by: Ordering): void => mergeAll(kernel, held, merged, part / 2, [{ start, end: middle, first: 0 }, { start: middle, end, first: part / 2 }], by);
  if (isFloat(dtype)) kernel.if(tied, () => merge(order), () => merge((key) => key));
  else merge((key) => key);
  kernel.for({ end: i32(part), parallel: true, name: "k" }, (k) => store(0, [pair, number, k, zero, zero], keys.element(cast(wide, loadAt(kernel, merged, k)))));
}

/** Space: pair of rows, part (parallel); element of a part, row of a pair, element of a row (serial). */
function lower(x: TensorType, part: number, descending: boolean): Lowering[] {
  const [rows, n] = x.shape as [number, number];
  if (rows === 0) return [];
  const at = (axis: number, factor = 1) => affineIndex(axis, 5, factor);
  const both = (axis: number, factor: number, other: number) => ({ constant: 0, coefficients: at(axis, factor).coefficients.map((one, d) => one + (d === other ? 1 : 0)) });
  const held = keyDType(x.dtype);
  const row = { dtype: held, shape: [2 * part + 2] };
  const merge: Rows = { dtype: x.dtype, n, part, descending };
  return [
    {
      name,
      space: [...dimensions("parallel", [rows / 2, (2 * n) / part]), ...dimensions("serial", [part, 2, n])],
      reads: [{ operand: 0, index: [both(0, 2, 3), at(4)] }, { operand: 1, index: [at(1)] }],
      writes: [{ operand: 0, index: [at(0), both(1, part, 2)] }],
      operations: 12 / (2 * n),
      scratch: [row, row, { dtype: held, shape: [part] }],
      emit(context) {
        const { kernel, scratch } = context;
        for (const before of scratch.slice(0, 2)) kernel.for({ end: i32(part / 2), parallel: true, name: "k" }, (k) => kernel.store(before, [k], extreme(x.dtype, false)));
        // Parts take turns with the scratch.
        kernel.forBox(context.block.slice(0, 2), false, ([pair, number]) => emitPart(context, merge, pair!, number!));
      },
    },
  ];
}

function comesAfter(a: number | bigint, b: number | bigint, descending: boolean): boolean {
  const [x, y] = descending ? [b, a] : [a, b];
  return Number.isNaN(x) ? !Number.isNaN(y) : x > y;
}

/** Pairs of sorted rows of a matrix, merged, in parts of so many elements. */
export const mergedRuns = (build: NodeBuilder, x: ValueId, part: number, descending: boolean): ValueId =>
  build.apply(name, [x, build.apply("iota", [], { length: (2 * build.typeOf(x).shape[1]!) / part, dtype: "i32" })], { part, descending });

export const mergeRuns: Op = {
  name,
  kind: "compute",
  summary: "Sorted rows of a matrix merged in pairs, in so many parts; the parts' numbers are the second operand.",
  formula: "y[r] = sort(x[2r], x[2r + 1])",
  type(inputs, attributes) {
    requireInputs(name, inputs, 2);
    const [x, numbers] = [inputs[0]!, inputs[1]!];
    requireClass(name, "number", x);
    requireRank(name, x, 2);
    const [[rows, n], part] = [x.shape as [number, number], intAttribute(attributes, "part")];
    if (rows % 2 !== 0 || part < 4 || part % 4 !== 0 || n === 0 || (2 * n) % part !== 0) refuse("shape-mismatch", `${name} of ${showShape(x.shape)} in parts of ${part}`);
    if (numbers.dtype !== "i32" || numbers.shape.length !== 1 || numbers.shape[0] !== (2 * n) / part) refuse("shape-mismatch", `${name} in parts of ${part} of ${2 * n} has ${showShape(numbers.shape)} numbers of parts`);
    return { dtype: x.dtype, shape: [rows / 2, 2 * n] };
  },
  evaluate(inputs, attributes, type) {
    const [x, result] = [inputs[0]!, zeros(type)];
    const [n, descending] = [x.type.shape[1]!, boolAttribute(attributes, "descending")];
    for (let row = 0; row < type.shape[0]!; row++) {
      for (let k = 0, left = 0, right = 0; k < 2 * n; k++) {
        const from = (side: 0 | 1, at: number): number => flatIndex(x.type.shape, [2 * row + side, at]);
        const takesRight = right < n && (left >= n || comesAfter(get(x, from(0, left)), get(x, from(1, right)), descending));
        put(result, row * 2 * n + k, get(x, takesRight ? from(1, right++) : from(0, left++)));
      }
    }
    return result;
  },
  lower: (inputs, attributes) => (sizeOf(inputs[0]!.shape) === 0 ? [] : lower(inputs[0]!, intAttribute(attributes, "part"), boolAttribute(attributes, "descending"))),
  /** The order of a merge is that of a stable sort of both rows. */
  gradient(build: GradientBuilder, { inputs: [x], attributes, gradient }): (ValueId | undefined)[] {
    const type = build.typeOf(x!);
    const { shape } = build.typeOf(gradient);
    const order = build.apply("argsort", [build.apply("reshape", [x!], { shape: [...shape] })], { axis: 1, descending: boolAttribute(attributes, "descending") });
    const none = build.apply("fill", [], { value: 0, dtype: type.dtype, shape: [...shape] });
    const moved = build.apply("scatter_add_along", [none, order, gradient], { axis: 1 });
    return [build.apply("reshape", [moved], { shape: [...type.shape] }), undefined];
  },
  examples: () => [
    { inputs: [tensor("f32", [2, 4], [-1, 2, 9, NaN, -Infinity, 2, 7, 8]), tensor("i32", [2], [0, 1])], attributes: { part: 4, descending: false }, expected: tensor("f32", [1, 8], [-Infinity, -1, 2, 2, 7, 8, 9, NaN]) },
    { inputs: [tensor("f32", [2, 4], [-0, 0, 0, 5, 0, -0, -0, 5]), tensor("i32", [2], [0, 1])], attributes: { part: 4, descending: false }, expected: tensor("f32", [1, 8], [-0, 0, 0, 0, -0, -0, 5, 5]) },
    { inputs: [tensor("u8", [2, 8], [255, 255, 255, 255, 255, 255, 255, 255, 0, 0, 0, 0, 0, 255, 255, 255]), tensor("i32", [2], [0, 1])], attributes: { part: 8, descending: false } },
    { inputs: [tensor("f64", [2, 4], [1, 3, 5, 7, 2, 2.5, 8, 9]), tensor("i32", [1], [0])], attributes: { part: 8, descending: false } },
    ...(["f32", "f16", "i32", "u8", "i64", "u32", "bf16", "i16"] as const).flatMap((dtype, seed) => [false, true].map((descending) => {
      const parts = [2, 12, 3][seed % 3]!;
      return { inputs: [sortedRows(samples(dtype, [4, 24], seed), descending), tensor("i32", [parts], [...Array(parts).keys()])], attributes: { part: 48 / parts, descending } };
    })),
    { inputs: [samples("f32", [0, 8]), tensor("i32", [4], [0, 1, 2, 3])], attributes: { part: 4, descending: true } },
  ],
};

function sortedRows(x: Tensor, descending: boolean): Tensor {
  const [rows, n] = x.type.shape as [number, number];
  const result = zeros(x.type);
  for (let row = 0; row < rows; row++) {
    const values = Array.from({ length: n }, (_, k) => get(x, row * n + k));
    values.sort((a, b) => (comesAfter(a, b, descending) ? 1 : comesAfter(b, a, descending) ? -1 : 0));
    values.forEach((value, k) => put(result, row * n + k, value));
  }
  return result;
}
