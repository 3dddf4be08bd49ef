/**
 * Elements of an axis in order. Stable: what is equal stays in its order, so that sorting the order of one key after another
 * works, and -0 and 0, which are equal, stay as they were. NaN counts as larger than all, as in NumPy: it comes last, or first
 * in descending order. What NaN is made of is not kept.
 *
 * Rows of 32-bit numbers, up to some thousands, are sorted several at a time in the lanes of vectors (sort-side-by-side.ts). Others
 * by digits where they are long (radix-sort.ts), short ones by a merge sort from below (Knuth, The Art of Computer Programming 3,
 * 5.2.4, L and S): O(n) and O(n log n) for any contents. A vertex sorts whole rows, with scratch of one or two such rows. A single
 * long row is sorted in stretches, which are merged (merge-runs.ts); the order of one (`argsort`) is found
 * on one tile, where tiles share a memory; elsewhere graph/passes/cut-long-rows does that for both.
 */
import { bytesOf, isFloat, sizeOf, type DType } from "../../../runtime/dtype.ts";
import type { TensorType, ValueId } from "../../graph/graph.ts";
import { forEachIndex, get, limitsOf, put, tensor, zeros, type Tensor } from "../../graph/tensor.ts";
import { binary, cast, i32, select, type KernelBuilder } from "../../kernel/build.ts";
import type { BufferId, Expression } from "../../kernel/kernel.ts";
import type { BlockContext, Lowering } from "../../kernel/lowering.ts";
import { samples } from "../elementwise/elementwise.ts";
import { axesSpace, number, widened } from "../lowerings.ts";
import { reshaped } from "../gradients.ts";
import type { GradientBuilder, NodeBuilder, Op, Signature } from "../op.ts";
import { mergedRuns, partLength } from "./merge-runs.ts";
import { goSideBySide, rowsTogether, sideBySide } from "./sort-side-by-side.ts";
import { countsOf, digitsOf, keyDType, keyOf, keysOf, leastSorted, radixOperations, radixSort, type Keys, type Records } from "./radix-sort.ts";
import { axisArgument, boolAttribute, intAttribute, requireInputs } from "../rules.ts";

/** Whether a must come before b. */
function comesBefore(a: number | bigint, b: number | bigint, descending: boolean): boolean {
  if (Number.isNaN(a) || Number.isNaN(b)) return descending ? Number.isNaN(a) && !Number.isNaN(b) : Number.isNaN(b) && !Number.isNaN(a);
  return descending ? a > b : a < b;
}

/** The same for kernels, of elements as arithmetic sees them. */
function before(a: Expression, b: Expression, descending: boolean): Expression {
  if (a.dtype === "bool") return descending ? binary("and", a, notOf(b)) : binary("and", notOf(a), b);
  const ordered = binary(descending ? "gt" : "lt", a, b);
  if (!isFloat(a.dtype)) return ordered;
  const [larger, smaller] = descending ? [a, b] : [b, a];
  return binary("or", ordered, binary("and", binary("ne", larger, larger), binary("eq", smaller, smaller)));
}

const notOf = (x: Expression): Expression => binary("xor", x, number("bool", 1));

/** For each row along an axis, the positions of its elements in order. */
export function orders(x: Tensor, axis: number, descending: boolean, visit: (start: number, stride: number, order: readonly number[]) => void): void {
  const { shape } = x.type;
  const stride = sizeOf(shape.slice(axis + 1));
  forEachIndex(shape, (index, flat) => {
    if (index[axis] !== 0) return;
    const element = (k: number): number | bigint => get(x, flat + k * stride);
    const order = Array.from({ length: shape[axis]! }, (_, k) => k);
    order.sort((a, b) => (comesBefore(element(a), element(b), descending) ? -1 : comesBefore(element(b), element(a), descending) ? 1 : a - b));
    visit(flat, stride, order);
  });
}

/** Something that is read and written by position in a row. */
interface Row {
  load(k: Expression): Expression;
  store(k: Expression, value: Expression): void;
}

/**
 * Sorts `n` records of several parts, the first of which is the key: passes over the row merge neighbouring runs, from `from`
 * to `to` and back, twice as long each time. Begins and ends in `from`; runs beyond the end are empty.
 */
function mergeSort(kernel: KernelBuilder, n: number, from: readonly Row[], to: readonly Row[], descending: boolean): void {
  const width = kernel.let("width", i32(1));
  kernel.while(binary("lt", width, i32(n)), () => {
    mergePass(kernel, n, width, from, to, descending);
    const doubled = kernel.let("doubled", binary("add", width, width));
    mergePass(kernel, n, doubled, to, from, descending);
    kernel.set(width, binary("add", doubled, doubled));
  });
}

function mergePass(kernel: KernelBuilder, n: number, width: Expression, from: readonly Row[], to: readonly Row[], descending: boolean): void {
  const start = kernel.let("start", i32(0));
  kernel.while(binary("lt", start, i32(n)), () => {
    const middle = kernel.let("middle", binary("min", binary("add", start, width), i32(n)));
    const end = kernel.let("end", binary("min", binary("add", middle, width), i32(n)));
    const left = kernel.let("left", start);
    const right = kernel.let("right", middle);
    kernel.for({ start, end, name: "k" }, (k) => {
      const parts = from.map((row) => [kernel.let("a", row.load(left)), kernel.let("b", row.load(binary("min", right, i32(n - 1))))] as const);
      const [a, b] = parts[0]!;
      const rightComes = binary("and", binary("lt", right, end), binary("or", binary("ge", left, middle), before(widened(b), widened(a), descending)));
      const taken = kernel.let("taken", rightComes);
      parts.forEach(([one, other], part) => to[part]!.store(k, select(taken, other, one)));
      kernel.set(right, select(taken, binary("add", right, i32(1)), right));
      kernel.set(left, select(taken, left, binary("add", left, i32(1))));
    });
    kernel.set(start, end);
  });
}

type SortName = "sort" | "argsort";

/** Sorts one row of a block: `point` are its other indices. */
type RowSort = (context: BlockContext, point: readonly Expression[]) => void;

interface Method {
  readonly operations: number;
  readonly scratch: NonNullable<Lowering["scratch"]>;
  readonly row: RowSort;
}

function merging(name: SortName, { dtype }: TensorType, n: number, descending: boolean): Method {
  const keys = { dtype, shape: [n] };
  return {
    operations: 4 * Math.max(1, Math.ceil(Math.log2(n))),
    scratch: name === "sort" ? [keys] : [keys, keys, { dtype: "i32", shape: [n] }],
    row({ kernel, load, store, reload, scratch }, point) {
      const result: Row = { load: (k) => reload(0, [...point, k]), store: (k, value) => store(0, [...point, k], value) };
      const own = scratch.map((buffer): Row => ({ load: (k) => kernel.load(buffer, [k]), store: (k, value) => kernel.store(buffer, [k], value) }));
      const [from, to] = name === "sort" ? [[result], [own[0]!]] : [[own[0]!, result], [own[1]!, own[2]!]];
      kernel.for({ end: i32(n), parallel: true, name: "k" }, (k) => {
        from[0]!.store(k, load(0, [...point, k]));
        from[1]?.store(k, k);
      });
      mergeSort(kernel, n, from, to, descending);
    },
  };
}

/** By digits: keys, and for `argsort` places, to and fro between two rows of scratch; the last digit, or a pass over the keys, makes the result. */
function byDigits(name: SortName, { dtype }: TensorType, n: number, descending: boolean): Method {
  const { count } = digitsOf(dtype, n);
  const sorts = name === "sort";
  const row = { dtype: keyDType(dtype), shape: [n] };
  const places = { dtype: "i32" as DType, shape: [n] };
  // Of places only the order counts, so that their keys need not be made into elements again.
  const keys: Keys = sorts ? keysOf(dtype, descending) : { of: (element) => keyOf(element, descending), order: (key) => key, element: (key) => key };
  return {
    operations: radixOperations(dtype, n),
    scratch: [countsOf(dtype, n), row, row, ...(sorts ? [] : [places, places])],
    row({ kernel, load, store, scratch: [counts, ...own] }, point) {
      const rowOf = (buffer: BufferId): Row => ({ load: (k) => kernel.load(buffer, [k]), store: (k, value) => kernel.store(buffer, [k], value) });
      const records = (...rows: readonly (Row | undefined)[]): Records => ({ load: (k) => rows.map((part) => part!.load(k)), store: (k, record) => record.forEach((part, at) => rows[at]?.store(k, part)) });
      const [first, second, firstPlaces, secondPlaces] = own.map(rowOf) as [Row, Row, Row, Row];
      kernel.for({ end: i32(n), parallel: true, name: "k" }, (k) => first.store(k, cast(row.dtype, keys.of(load(0, [...point, k])))));
      const given: Records = { ...records(first), load: (k) => (sorts ? [first.load(k)] : [first.load(k), k]) };
      const result: Row = { load: (k) => k, store: (k, value) => store(0, [...point, k], value) };
      const [even, odd] = sorts ? [records(second), records(first)] : [records(second, secondPlaces), records(first, firstPlaces)];
      const after = Array.from({ length: count }, (_, digit) => (!sorts && digit === count - 1 ? records(undefined, result) : digit % 2 === 0 ? even : odd));
      radixSort(kernel, { dtype, n, counts: counts!, keys, places: [given, ...after] });
      if (!sorts) return;
      const last = count % 2 === 0 ? first : second;
      kernel.for({ end: i32(n), parallel: true, name: "k" }, (k) => result.store(k, keys.element(cast(bytesOf(dtype) === 8 ? "u64" : "u32", last.load(k)))));
    },
  };
}

function lowerSort(name: SortName, x: TensorType, axis: number, descending: boolean): Lowering[] {
  if (sizeOf(x.shape) === 0) return [];
  const { space, outer, element } = axesSpace(x.shape, [axis], "serial");
  const n = x.shape[axis]!;
  const one = (n < leastSorted(x.dtype) ? merging : byDigits)(name, x, n, descending);
  const rows = sizeOf(x.shape) / n;
  const several = name === "sort" && outer > 0 && space[outer - 1]!.extent >= rowsTogether && goSideBySide(x.dtype, n) ? sideBySide(x.dtype, n, descending) : undefined;
  const own = several?.scratch ?? [];
  return [
    {
      name,
      space,
      reads: [{ operand: 0, index: element }],
      writes: [{ operand: 0, index: element }],
      operations: (several ?? one).operations,
      ...(several ? { mostParts: Math.floor(rows / rowsTogether) } : {}),
      scratch: [...own, ...one.scratch],
      // Rows take turns with the scratch.
      emit(context) {
        const { kernel, block } = context;
        const [before, count] = [block.slice(0, outer - 1), block[outer - 1] ?? 0];
        if (several === undefined || count < rowsTogether) return kernel.forBox(block.slice(0, outer), false, (point) => one.row({ ...context, scratch: context.scratch.slice(own.length) }, point));
        kernel.forBox([...before, Math.ceil(count / rowsTogether)], false, (group) => {
          // The last rows are sorted again with some before them.
          const first = kernel.let("first", binary("min", binary("mul", group.at(-1)!, i32(rowsTogether)), i32(count - rowsTogether)));
          several.rows(context, (row) => [...group.slice(0, -1), binary("add", first, row)]);
        });
      },
    },
  ];
}

/** A single row longer than this is sorted in stretches on as many tiles, which are merged: each doubling of them costs a third of the sort. */
const longSingle = 2 ** 14;
const stretches = 2;

/** Of a single long row: stretches of equal length, with what comes last behind them, sorted, merged in pairs, less what was put behind. */
function sortInStretches(build: NodeBuilder, x: ValueId, descending: boolean): ValueId | undefined {
  const { dtype, shape } = build.typeOf(x);
  const n = sizeOf(shape);
  if (n < longSingle || !shape.includes(n) || bytesOf(dtype) < 4) return undefined;
  const length = partLength * Math.ceil(n / (stretches * partLength));
  const row = reshaped(build, x, [n]);
  const behind = stretches * length - n;
  const last = (): ValueId => build.apply("fill", [], { value: lastOf(dtype, descending), dtype, shape: [behind] });
  const filled = behind === 0 ? row : build.apply("concat", [row, last()], { axis: 0 });
  let runs = build.apply("sort", [reshaped(build, filled, [stretches, length])], { axis: 1, descending });
  while (build.typeOf(runs).shape[0]! > 1) runs = mergedRuns(build, runs, partLength, descending);
  const whole = reshaped(build, runs, [stretches * length]);
  return reshaped(build, behind === 0 ? whole : build.apply("slice", [whole], { start: [0], length: [n], step: [1] }), shape);
}

/** What no element comes after. Those put behind a row's own come after all that are equal. */
export function lastOf(dtype: DType, descending: boolean): number | bigint {
  if (isFloat(dtype)) return descending ? -Infinity : NaN;
  const last = limitsOf(dtype)[descending ? "min" : "max"];
  return bytesOf(dtype) === 8 ? last : Number(last);
}

const signatureOf = (call: string): Signature => ({
  call,
  module: "core",
  parameters: [{ name: "x", kind: "tensor" }, { name: "axis", kind: "axis", default: -1 }, { name: "descending", kind: "bool", default: false }],
  attributes: (args, inputs) => ({ axis: axisArgument(args["axis"], inputs[0]!.shape.length, call), descending: args["descending"] === true }),
});

function checked(what: string, inputs: readonly TensorType[], axis: number): TensorType {
  requireInputs(what, inputs, 1);
  axisArgument(axis, inputs[0]!.shape.length, what);
  return inputs[0]!;
}

/** Rows that are sorted by digits, with equal elements and, of floats, NaN, infinities and zeros of both signs. */
const long: readonly Tensor[] = (["f16", "bf16", "f32", "f64", "i8", "u8", "i16", "u16", "i32", "u32", "i64", "u64", "bool"] as const).map((dtype, seed) => {
  const x = samples(dtype, [2, 301], seed);
  if (isFloat(dtype)) [NaN, -0, 0, Infinity, -Infinity, -0, NaN, 0].forEach((value, k) => put(x, 37 * k + 5, value));
  return x;
});

/** Rows side by side: as many as vectors hold or some more, of all lengths, along every axis; of floats, with what is special. */
const together: readonly { readonly x: Tensor; readonly axis: number }[] = ([[[4, 2], 1], [[5, 3], 1], [[7, 9], 1], [[40, 6], 0], [[3, 17, 5], 1], [[6, 70], 1], [[9, 130], 1]] as const).flatMap(([shape, axis], seed) =>
  (["f32", "i32", "u32"] as const).map((dtype) => {
    const x = samples(dtype, shape, seed);
    if (isFloat(dtype)) [0, -0, NaN, -Infinity, 0, Infinity, -0].forEach((value, k) => put(x, (5 * k + 1) % x.data.length, value));
    return { x, axis };
  }));

export const sort: Op = {
  name: "sort",
  kind: "compute",
  summary: "Elements along an axis from the smallest to the largest, or the other way; NaN counts as largest.",
  formula: "y[0] ≤ y[1] ≤ …, a permutation of x",
  signature: signatureOf("sort"),
  type: (inputs, attributes) => checked("sort", inputs, intAttribute(attributes, "axis")),
  evaluate(inputs, attributes, type) {
    const [x, result] = [inputs[0]!, zeros(type)];
    orders(x, intAttribute(attributes, "axis"), boolAttribute(attributes, "descending"), (start, stride, order) => {
      order.forEach((from, k) => (result.data[start + k * stride] = x.data[start + from * stride]!));
    });
    return result;
  },
  lower: (inputs, attributes) => lowerSort("sort", inputs[0]!, intAttribute(attributes, "axis"), boolAttribute(attributes, "descending")),
  compose: (build, inputs, attributes) => sortInStretches(build, inputs[0]!, boolAttribute(attributes, "descending")),
  gradient(build: GradientBuilder, { inputs, attributes, gradient }): ValueId[] {
    const order = build.apply("argsort", inputs, attributes);
    const axis = intAttribute(attributes, "axis");
    return [build.apply("scatter_add_along", [build.fill(build.typeOf(inputs[0]!), 0), order, gradient], { axis })];
  },
  examples: () => [
    { inputs: [tensor("f32", [6], [3, NaN, -1, 2, -Infinity, 2])], attributes: { axis: 0, descending: false }, expected: tensor("f32", [6], [-Infinity, -1, 2, 2, 3, NaN]) },
    { inputs: [tensor("f64", [6], [3, NaN, -1, 2, -Infinity, 2.5])], attributes: { axis: 0, descending: true }, expected: tensor("f64", [6], [NaN, 3, 2.5, 2, -1, -Infinity]) },
    { inputs: [tensor("f64", [2, 5], [3, 9, -1, 2, 0.5, 7, 2, 1, 4, -3])], attributes: { axis: 1, descending: false } },
    { inputs: [samples("f16", [3, 17, 2])], attributes: { axis: 1, descending: true } },
    { inputs: [samples("bf16", [33])], attributes: { axis: 0, descending: false } },
    { inputs: [samples("i64", [5, 7])], attributes: { axis: 0, descending: false } },
    { inputs: [samples("u8", [5, 7])], attributes: { axis: 1, descending: true } },
    { inputs: [samples("bool", [9])], attributes: { axis: 0, descending: false } },
    { inputs: [samples("u32", [1, 3])], attributes: { axis: 0, descending: true } },
    ...long.map((x, k) => ({ inputs: [x], attributes: { axis: 1, descending: k % 2 === 1 } })),
    { inputs: [samples("i32", [longSingle + 5, 1])], attributes: { axis: 0, descending: true } },
    ...together.flatMap(({ x, axis }) => [false, true].map((descending) => ({ inputs: [x], attributes: { axis, descending } }))),
    { inputs: [samples("f32", [0, 3])], attributes: { axis: 1, descending: false } },
  ],
};

export const argsort: Op = {
  name: "argsort",
  kind: "compute",
  summary: "Where the elements of a sorted axis come from, as i32; equal ones in their order, NaN counts as largest.",
  formula: "x[y[0]] ≤ x[y[1]] ≤ …",
  noGradient: "an index is piecewise constant",
  signature: signatureOf("argsort"),
  type: (inputs, attributes) => ({ dtype: "i32", shape: checked("argsort", inputs, intAttribute(attributes, "axis")).shape }),
  evaluate(inputs, attributes, type) {
    const result = zeros(type);
    orders(inputs[0]!, intAttribute(attributes, "axis"), boolAttribute(attributes, "descending"), (start, stride, order) => {
      order.forEach((from, k) => put(result, start + k * stride, from));
    });
    return result;
  },
  lower: (inputs, attributes) => lowerSort("argsort", inputs[0]!, intAttribute(attributes, "axis"), boolAttribute(attributes, "descending")),
  examples: () => [
    { inputs: [tensor("f32", [6], [3, NaN, -1, 2, -Infinity, 2])], attributes: { axis: 0, descending: false }, expected: tensor("i32", [6], [4, 2, 3, 5, 0, 1]) },
    { inputs: [tensor("i32", [5], [1, 3, 1, 3, 2])], attributes: { axis: 0, descending: true }, expected: tensor("i32", [5], [1, 3, 4, 0, 2]) },
    { inputs: [tensor("f64", [4], [0, -0, 0, -1])], attributes: { axis: 0, descending: false }, expected: tensor("i32", [4], [3, 0, 1, 2]) },
    { inputs: [samples("f16", [3, 17, 2])], attributes: { axis: 1, descending: true } },
    { inputs: [samples("i8", [2, 33])], attributes: { axis: 1, descending: false } },
    { inputs: [samples("bool", [9])], attributes: { axis: 0, descending: true } },
    ...long.flatMap((x) => [false, true].map((descending) => ({ inputs: [x], attributes: { axis: 1, descending } }))),
    { inputs: [samples("u64", [5, 0])], attributes: { axis: 1, descending: false } },
  ],
};
