/**
 * Products with a sparse matrix of dense blocks, stored row after row: values [count, r, c], the column of blocks that each
 * lies in, and starts [rows + 1], where each row of blocks begins among them and the last ends. With blocks of 1 × 1 that is CSR.
 * Equal places are added. The reference refuses columns and starts outside with a run-time error, as checked builds do; kernels
 * clamp them, so that memory is safe, but then the result has no meaning.
 */
import { isFloat, sizeOf } from "../../../runtime/dtype.ts";
import type { Attributes, TensorType } from "../../graph/graph.ts";
import { RuntimeError } from "../../graph/runtime-error.ts";
import { get, put, tensor, zeros, type Tensor } from "../../graph/tensor.ts";
import { binary, i32 } from "../../kernel/build.ts";
import type { Expression } from "../../kernel/kernel.ts";
import type { BlockContext, Lowering } from "../../kernel/lowering.ts";
import { affineIndex, type Affine } from "../../support/affine.ts";
import { clampedInside } from "../data/indices.ts";
import { dimensions, fillLowering, number, wholeRegion } from "../lowerings.ts";
import type { Op } from "../op.ts";
import { boolAttribute, intArgument, intAttribute, refuse, requireClass, requireInputs, requireRank, requireSameDType } from "../rules.ts";

function requireNumbers(what: string, type: TensorType): void {
  requireClass(what, "number", type);
  if (isFloat(type.dtype) && type.dtype !== "f32" && type.dtype !== "f64") refuse("dtype-mismatch", `${what} takes f32, f64 or integers, not ${type.dtype}`, "cast<f32>(x) converts");
}

function requireStructure(what: string, count: number, columns: TensorType, starts: TensorType): void {
  requireRank(`the columns of ${what}`, columns, 1);
  requireRank(`the starts of ${what}`, starts, 1);
  for (const { dtype } of [columns, starts]) if (dtype !== "i32") refuse("dtype-mismatch", `the columns and starts of ${what} must be i32, not ${dtype}`, "cast<i32>(x) converts");
  if (columns.shape[0] !== count) refuse("shape-mismatch", `${what} has ${count} blocks of values, and ${columns.shape[0]} columns for them`);
  if (starts.shape[0] === 0) refuse("shape-mismatch", `the starts of ${what} have the end of the last row too, and cannot be empty`);
}

/** Calls `visit` with each block's number, row and column, row after row. */
function forEachBlock(columns: Tensor, starts: Tensor, extent: number, visit: (block: number, row: number, column: number) => void): void {
  const count = columns.data.length;
  const start = (row: number): number => {
    const value = Number(get(starts, row));
    if (value < 0 || value > count || (row > 0 && value < Number(get(starts, row - 1)))) throw new RuntimeError("index-out-of-range", `row ${row} starts at block ${value}, of ${count} blocks in rows one after the other`);
    return value;
  };
  for (let row = 0; row + 1 < starts.data.length; row++) {
    const [from, to] = [start(row), start(row + 1)];
    for (let block = from; block < to; block++) {
      const column = Number(get(columns, block));
      if (column < 0 || column >= extent) throw new RuntimeError("index-out-of-range", `column ${column} is outside of ${extent} columns of blocks`);
      visit(block, row, column);
    }
  }
}

/** Where a row's blocks begin and end, in a kernel. */
const clampedStart = (start: Expression, count: number): Expression => binary("max", binary("min", start, i32(count)), i32(0));

/** Exact sums of products: in f64, or in integers that wrap when they are put. */
function accumulate(sums: (number | bigint)[], place: number, a: number | bigint, b: number | bigint): void {
  const term = typeof a === "bigint" || typeof b === "bigint" ? BigInt(a) * BigInt(b) : a * b;
  const sum = sums[place] ?? 0;
  sums[place] = typeof term === "bigint" ? BigInt(sum) + term : Number(sum) + term;
}

const asTerm = (x: Tensor, flat: number): number | bigint => (isFloat(x.type.dtype) ? get(x, flat) : BigInt(get(x, flat)));

interface Extents {
  readonly count: number;
  readonly r: number;
  readonly c: number;
  /** Rows of blocks. */
  readonly rows: number;
  /** Columns of blocks. */
  readonly columns: number;
  /** Columns of the dense operand. */
  readonly n: number;
  readonly flipped: boolean;
}

function extentsOf(inputs: readonly TensorType[], attributes: Attributes): Extents {
  const [values, , starts, b] = inputs as [TensorType, TensorType, TensorType, TensorType];
  const [count, r, c] = values.shape as [number, number, number];
  const flipped = boolAttribute(attributes, "transposed");
  const rows = starts.shape[0]! - 1;
  const columns = flipped ? intAttribute(attributes, "columns") : Math.floor(b.shape[0]! / Math.max(1, c));
  return { count, r, c, rows, columns, n: b.shape[1]!, flipped };
}

/** Columns whose sums are kept side by side: what is read of the sparse matrix serves them all. */
const mostSums = 8;
/** Neighbours that each of these sums is a vector of. */
const together = 4;

/** `passes` times so many sums, each of `each` neighbouring columns, from column `first` on. */
interface ColumnPart {
  readonly first: number;
  readonly passes: number;
  readonly sums: number;
  readonly each: number;
}

/** Parts of `width` columns. The columns of a pass are neighbours, so that no two read the same lines of the dense operand. */
function columnParts(width: number): ColumnPart[] {
  const parts: ColumnPart[] = [];
  for (let first = 0, sums = mostSums; first < width; sums = Math.max(1, sums / 2)) {
    const each = sums === 1 ? Math.min(together, width - first) : together;
    const passes = Math.floor((width - first) / (sums * each));
    if (passes > 0) parts.push({ first, passes, sums, each });
    first += passes * sums * each;
  }
  return parts;
}

/** The kernel of A · B: element of the result after element, several columns at once, each sum in the order of its row of A. */
function emitProduct({ kernel, block, load, store }: BlockContext, { count, r, c, columns }: Extents): void {
  const [rows, width] = [block[0]!, block[1]!];
  const zero = i32(0);
  kernel.forBox([rows], true, ([row]) => {
    const place = (j: Expression, i: Expression): Expression[] => [row!, j, i, zero, zero, zero];
    const [from, to] = [2, 3].map((read) => kernel.let("start", clampedStart(load(read, place(zero, zero)), count)));
    for (const { first, passes, sums: many, each } of columnParts(width)) {
      kernel.forBox([r, passes, each], true, ([i, pass, j]) => {
        const start = binary("add", binary("mul", pass!, i32(many * each)), j!);
        const at = Array.from({ length: many }, (_, k) => binary("add", start, i32(first + k * each)));
        const sums = at.map(() => kernel.let("sum", number(load(0, place(zero, zero)).dtype, 0)));
        kernel.for({ start: from!, end: to!, name: "one" }, (one) => {
          const column = kernel.let("column", clampedInside(load(1, [row!, zero, zero, one, zero, zero]), columns));
          kernel.forBox([c], false, ([inner]) => {
            const value = kernel.let("value", load(0, [row!, zero, i!, one, inner!, zero]));
            sums.forEach((sum, k) => kernel.set(sum, binary("add", sum, binary("mul", value, load(4, [row!, at[k]!, zero, zero, inner!, column])))));
          });
        });
        at.forEach((one, k) => store(0, place(one, i!), sums[k]!));
      });
    }
  });
}

/** The kernel of Aᵀ · B for some columns of B. */
function emitTransposed({ kernel, block, load, store, reload }: BlockContext, { count, r, c, rows, columns }: Extents): void {
  const width = block[0]!;
  const zero = i32(0);
  const place = (j: Expression, column: Expression, inner: Expression): Expression[] => [j, column, inner, zero, zero, zero];
  kernel.forBox([columns, c, width], true, ([column, inner, j]) => store(0, place(j!, column!, inner!), number(load(0, place(zero, zero, zero)).dtype, 0)));
  kernel.for({ end: i32(rows), name: "row" }, (row) => {
    const [from, to] = [2, 3].map((read) => kernel.let("start", clampedStart(load(read, [zero, zero, zero, row, zero, zero]), count)));
    kernel.for({ start: from!, end: to!, name: "one" }, (one) => {
      const column = kernel.let("column", clampedInside(load(1, [zero, zero, zero, zero, one, zero]), columns));
      kernel.forBox([r, c], false, ([i, inner]) => {
        const value = kernel.let("value", load(0, [zero, zero, inner!, zero, one, i!]));
        kernel.forBox([width], true, ([j]) => store(0, place(j!, column, inner!), binary("add", reload(0, place(j!, column, inner!)), binary("mul", value, load(4, [j!, zero, zero, row, zero, i!])))));
      });
    });
  });
}

/** A form `i · extent + k` of two dimensions of a space. */
const split = (i: number, extent: number, k: number, rank: number): Affine => ({ constant: 0, coefficients: affineIndex(i, rank, extent).coefficients.map((one, d) => one + (d === k ? 1 : 0)) });

/** Space: row of blocks, column of B, row in a block, block, column in a block, column of blocks. */
function lowerProduct(extents: Extents, name: string): Lowering[] {
  const { count, r, c, rows, columns, n } = extents;
  const at = (axis: number, shift = 0): Affine => affineIndex(axis, 6, 1, shift);
  return [
    {
      name,
      space: [...dimensions("parallel", [rows, n]), ...dimensions("serial", [r, count, c, columns])],
      operations: 1 / Math.max(1, rows * columns),
      reads: [
        { operand: 0, index: [at(3), at(2), at(4)] }, { operand: 1, index: [at(3)] },
        { operand: 2, index: [at(0)] }, { operand: 2, index: [at(0, 1)] },
        { operand: 3, index: [split(5, c, 4, 6), at(1)] },
      ],
      writes: [{ operand: 0, index: [split(0, r, 2, 6), at(1)] }],
      emit: (context) => emitProduct(context, extents),
    },
  ];
}

/** Space: column of B, column of blocks, column in a block, row of blocks, block, row in a block. */
function lowerTransposed(extents: Extents, name: string): Lowering[] {
  const { count, r, c, rows, columns, n } = extents;
  const at = (axis: number, shift = 0): Affine => affineIndex(axis, 6, 1, shift);
  return [
    {
      name,
      space: [...dimensions("parallel", [n]), ...dimensions("serial", [columns, c, rows, count, r])],
      operations: 1 / Math.max(1, rows * columns),
      reads: [
        { operand: 0, index: [at(4), at(5), at(2)] }, { operand: 1, index: [at(4)] },
        { operand: 2, index: [at(3)] }, { operand: 2, index: [at(3, 1)] },
        { operand: 3, index: [split(3, r, 5, 6), at(0)] },
      ],
      writes: [{ operand: 0, index: [split(1, c, 2, 6), at(0)] }],
      emit: (context) => emitTransposed(context, extents),
    },
  ];
}

// [[1 2 · ·], [3 4 · 5], [· · · 6]] in blocks of 1 × 1.
const values = (dtype: "f32" | "f64" | "i8" | "i32") => tensor(dtype, [6, 1, 1], [1, 2, 3, 4, 5, 6]);
const columnsOf = tensor("i32", [6], [0, 1, 0, 1, 3, 3]);
const startsOf = tensor("i32", [4], [0, 2, 5, 6]);
const numbers = (dtype: "f32" | "f64" | "i8" | "i32", shape: readonly number[]) => tensor(dtype, shape, Array.from({ length: sizeOf(shape) }, (_, flat) => ((flat * 7) % 11) - 4));
const none = tensor("i32", [0], []);

export const blockSparseMatmul: Op = {
  name: "sparse_matmul_blocks",
  kind: "compute",
  summary: "Product of a matrix of sparse blocks, or of its transpose with so many columns of blocks, and a dense matrix.",
  formula: "y = A · B, or Aᵀ · B",
  signature: {
    call: "sparse_matmul_blocks",
    module: "std/sparse",
    parameters: [
      { name: "values", kind: "tensor" }, { name: "indices", kind: "tensor" }, { name: "starts", kind: "tensor" }, { name: "b", kind: "tensor" },
      { name: "transposed", kind: "bool", default: false }, { name: "columns", kind: "int", default: 0 },
    ],
    attributes: (args) => ({ transposed: args["transposed"] === true, columns: args["transposed"] === true ? intArgument(args["columns"], "the columns of sparse_matmul_blocks") : 0 }),
  },
  type(inputs, attributes) {
    const what = "sparse_matmul_blocks";
    requireInputs(what, inputs, 4);
    const [values, columns, starts, b] = inputs as [TensorType, TensorType, TensorType, TensorType];
    requireNumbers(what, values);
    requireSameDType(what, values, b, ["values", "b"]);
    requireRank(`the values of ${what}`, values, 3);
    requireRank(`the dense operand of ${what}`, b, 2);
    requireStructure(what, values.shape[0]!, columns, starts);
    const { r, c, rows, columns: across, n, flipped } = extentsOf(inputs, attributes);
    if (r === 0 || c === 0) refuse("shape-mismatch", `${what} has blocks of ${r} × ${c}`);
    if (across < 0) refuse("out-of-range", `the columns of ${what} are negative: ${across}`);
    if (flipped ? b.shape[0] !== rows * r : b.shape[0]! % c !== 0) {
      refuse("shape-mismatch", flipped ? `${rows} rows of blocks of ${r} rows do not fit ${b.shape[0]} rows (b)` : `the ${b.shape[0]} rows of b are no whole number of blocks of ${c}`);
    }
    return { dtype: values.dtype, shape: [flipped ? across * c : rows * r, n] };
  },
  evaluate(inputs, attributes, type) {
    const [values, columns, starts, b] = inputs as [Tensor, Tensor, Tensor, Tensor];
    const { r, c, columns: across, n, flipped } = extentsOf(inputs.map((input) => input.type), attributes);
    const sums: (number | bigint)[] = [];
    forEachBlock(columns, starts, across, (block, row, column) => {
      for (let i = 0; i < r; i++) for (let k = 0; k < c; k++) for (let j = 0; j < n; j++) {
        const [to, from] = flipped ? [column * c + k, row * r + i] : [row * r + i, column * c + k];
        accumulate(sums, to * n + j, asTerm(values, (block * r + i) * c + k), asTerm(b, from * n + j));
      }
    });
    const result = zeros(type);
    sums.forEach((sum, flat) => put(result, flat, sum));
    return result;
  },
  places(inputs, attributes) {
    const { count, columns } = extentsOf(inputs, attributes);
    return [{ input: 1, extent: columns, fromEnd: false }, { input: 2, extent: count + 1, fromEnd: false }];
  },
  lower(inputs, attributes, type): Lowering[] {
    if (sizeOf(type.shape) === 0) return [];
    const extents = extentsOf(inputs, attributes);
    if (sizeOf(inputs[0]!.shape) === 0 || sizeOf(inputs[3]!.shape) === 0) return fillLowering("sparse_matmul_blocks", wholeRegion(type.shape), type.dtype, 0);
    return extents.flipped ? lowerTransposed(extents, "sparse_matmul_transposed") : lowerProduct(extents, "sparse_matmul");
  },
  gradient(build, { inputs, attributes, gradient }) {
    const [values, indices, starts, b] = inputs as [number, number, number, number];
    const { r, c, columns, flipped } = extentsOf(inputs.map((input) => build.typeOf(input)), attributes);
    const { shape } = build.typeOf(values);
    const rows = build.apply("sparse_rows", [starts], { count: shape[0]! });
    const ofValues = build.apply("sparse_sample_blocks", [...(flipped ? [b, gradient] : [gradient, b]), indices, starts, rows], { rows: r, columns: c });
    return [ofValues, undefined, undefined, build.apply("sparse_matmul_blocks", [values, indices, starts, gradient], { transposed: !flipped, columns: flipped ? 0 : columns })];
  },
  examples: () => [
    {
      inputs: [values("f32"), columnsOf, startsOf, numbers("f32", [4, 2])], attributes: { transposed: false, columns: 0 },
      expected: tensor("f32", [3, 2], [-6, 15, 9, 38, 30, 6]),
    },
    { inputs: [values("i8"), columnsOf, startsOf, numbers("i8", [3, 5])], attributes: { transposed: true, columns: 4 } },
    { inputs: [numbers("f64", [4, 2, 3]), tensor("i32", [4], [1, 0, 2, 2]), tensor("i32", [4], [0, 1, 1, 4]), numbers("f64", [9, 5])], attributes: { transposed: false, columns: 0 } },
    { inputs: [numbers("f32", [4, 2, 3]), tensor("i32", [4], [1, 0, 2, 2]), tensor("i32", [4], [0, 1, 1, 4]), numbers("f32", [6, 5])], attributes: { transposed: true, columns: 3 } },
    { inputs: [values("f32"), columnsOf, startsOf, numbers("f32", [4, 67])], attributes: { transposed: false, columns: 0 } },
    { inputs: [tensor("f32", [0, 1, 1], []), none, tensor("i32", [3], [0, 0, 0]), numbers("f32", [4, 2])], attributes: { transposed: false, columns: 0 } },
    { inputs: [values("f32"), columnsOf, startsOf, numbers("f32", [4, 0])], attributes: { transposed: false, columns: 0 } },
  ],
};

export const sparseRows: Op = {
  name: "sparse_rows",
  kind: "compute",
  summary: "The row that each of so many blocks or elements lies in, from where the rows start.",
  formula: "y[p] = i, starts[i] ≤ p < starts[i + 1]",
  noGradient: "rows are whole numbers",
  signature: {
    call: "sparse_rows", module: "std/sparse", parameters: [{ name: "starts", kind: "tensor" }, { name: "count", kind: "int" }],
    attributes: (args) => ({ count: intArgument(args["count"], "the count of sparse_rows") }),
  },
  type(inputs, attributes) {
    requireInputs("sparse_rows", inputs, 1);
    const count = intAttribute(attributes, "count");
    if (count < 0) refuse("out-of-range", `the count of sparse_rows is negative: ${count}`);
    requireStructure("sparse_rows", count, { dtype: "i32", shape: [count] }, inputs[0]!);
    return { dtype: "i32", shape: [count] };
  },
  evaluate(inputs, _attributes, type) {
    const result = zeros(type);
    forEachBlock(zeros(type), inputs[0]!, 1, (block, row) => put(result, block, row));
    return result;
  },
  places: (_inputs, attributes) => [{ input: 0, extent: intAttribute(attributes, "count") + 1, fromEnd: false }],
  lower(inputs, _attributes, type): Lowering[] {
    const [rows, count] = [inputs[0]!.shape[0]! - 1, type.shape[0]!];
    if (count === 0) return [];
    if (rows === 0) return fillLowering("sparse_rows", wholeRegion(type.shape), "i32", 0);
    return [
      {
        name: "sparse_rows",
        space: dimensions("serial", [rows, count]),
        reads: [{ operand: 0, index: [affineIndex(0, 2)] }, { operand: 0, index: [affineIndex(0, 2, 1, 1)] }],
        writes: [{ operand: 0, index: [affineIndex(1, 2)] }],
        emit({ kernel, load, store }) {
          kernel.forBox([count], true, ([one]) => store(0, [i32(0), one!], i32(0)));
          kernel.forBox([rows], false, ([row]) => {
            const [from, to] = [0, 1].map((read) => kernel.let("start", clampedStart(load(read, [row!, i32(0)]), count)));
            kernel.for({ start: from!, end: to!, name: "one" }, (one) => store(0, [i32(0), one], row!));
          });
        },
      },
    ];
  },
  examples: () => [
    { inputs: [startsOf], attributes: { count: 6 }, expected: tensor("i32", [6], [0, 0, 1, 1, 1, 2]) },
    { inputs: [tensor("i32", [6], [0, 0, 3, 3, 3, 4])], attributes: { count: 4 } },
    { inputs: [tensor("i32", [1], [0])], attributes: { count: 0 } },
  ],
};

export const sampledMatmul: Op = {
  name: "sparse_sample_blocks",
  kind: "compute",
  summary: "The product of two dense matrices where a matrix of sparse blocks has blocks.",
  formula: "y[p] = A[rows[p]] · B[indices[p]]ᵀ, in blocks of rows",
  signature: {
    call: "sparse_sample_blocks",
    module: "std/sparse",
    parameters: [
      { name: "a", kind: "tensor" }, { name: "b", kind: "tensor" }, { name: "indices", kind: "tensor" }, { name: "starts", kind: "tensor" }, { name: "places", kind: "tensor" },
      { name: "rows", kind: "int", default: 1 }, { name: "columns", kind: "int", default: 1 },
    ],
    attributes: (args) => ({ rows: intArgument(args["rows"], "the rows of sparse_sample_blocks"), columns: intArgument(args["columns"], "the columns of sparse_sample_blocks") }),
  },
  type(inputs, attributes) {
    const what = "sparse_sample_blocks";
    requireInputs(what, inputs, 5);
    const [a, b, columns, starts, rows] = inputs as [TensorType, TensorType, TensorType, TensorType, TensorType];
    const [r, c] = [intAttribute(attributes, "rows"), intAttribute(attributes, "columns")];
    requireNumbers(what, a);
    requireSameDType(what, a, b);
    for (const operand of [a, b]) requireRank(`an operand of ${what}`, operand, 2);
    requireStructure(what, columns.shape[0]!, columns, starts);
    requireStructure(what, columns.shape[0]!, rows, starts);
    if (r < 1 || c < 1) refuse("out-of-range", `${what} has blocks of ${r} × ${c}`);
    if (a.shape[1] !== b.shape[1]) refuse("shape-mismatch", `${what} takes rows of one length, not of ${a.shape[1]} (a) and ${b.shape[1]} (b)`);
    if (a.shape[0] !== (starts.shape[0]! - 1) * r || b.shape[0]! % c !== 0) {
      refuse("shape-mismatch", `${a.shape[0]} rows (a) and ${b.shape[0]} rows (b) do not fit ${starts.shape[0]! - 1} rows of blocks of ${r} × ${c}`);
    }
    return { dtype: a.dtype, shape: [columns.shape[0]!, r, c] };
  },
  evaluate(inputs, _attributes, type) {
    const [a, b, columns, starts] = inputs as [Tensor, Tensor, Tensor, Tensor];
    const [, r, c] = type.shape as [number, number, number];
    const n = a.type.shape[1]!;
    const sums: (number | bigint)[] = [];
    forEachBlock(columns, starts, b.type.shape[0]! / c, (block, row, column) => {
      for (let i = 0; i < r; i++) for (let k = 0; k < c; k++) for (let j = 0; j < n; j++) {
        accumulate(sums, (block * r + i) * c + k, asTerm(a, (row * r + i) * n + j), asTerm(b, (column * c + k) * n + j));
      }
    });
    const result = zeros(type);
    sums.forEach((sum, flat) => put(result, flat, sum));
    return result;
  },
  places(inputs, attributes) {
    const [, b, indices, starts] = inputs as [TensorType, TensorType, TensorType, TensorType];
    return [{ input: 2, extent: Math.floor(b.shape[0]! / intAttribute(attributes, "columns")), fromEnd: false }, { input: 3, extent: indices.shape[0]! + 1, fromEnd: false }, { input: 4, extent: starts.shape[0]! - 1, fromEnd: false }];
  },
  /** Space: block, row and column in it, row and column of blocks, and the dimension summed over. */
  lower(inputs, _attributes, type): Lowering[] {
    if (sizeOf(type.shape) === 0) return [];
    const [a, b] = [inputs[0]!, inputs[1]!];
    if (sizeOf(a.shape) === 0 || sizeOf(b.shape) === 0) return fillLowering("sparse_sample_blocks", wholeRegion(type.shape), type.dtype, 0);
    const [count, r, c] = type.shape as [number, number, number];
    const [rows, columns, n] = [a.shape[0]! / r, b.shape[0]! / c, a.shape[1]!];
    const at = (axis: number): Affine => affineIndex(axis, 6);
    const zero = i32(0);
    return [
      {
        name: "sparse_sample",
        space: [...dimensions("parallel", [count, r, c]), ...dimensions("serial", [rows, columns, n])],
        operations: 1 / Math.max(1, rows * columns),
        reads: [
          { operand: 0, index: [split(3, r, 1, 6), at(5)] }, { operand: 1, index: [split(4, c, 2, 6), at(5)] },
          { operand: 2, index: [at(0)] }, { operand: 4, index: [at(0)] },
        ],
        writes: [{ operand: 0, index: [at(0), at(1), at(2)] }],
        emit({ kernel, block, load, store }) {
          kernel.forBox([block[0]!], true, ([one]) => {
            const place = (read: number): Expression => load(read, [one!, zero, zero, zero, zero, zero]);
            const column = kernel.let("column", clampedInside(place(2), columns));
            const row = kernel.let("row", clampedInside(place(3), rows));
            kernel.forBox(block.slice(1, 3), true, ([i, k]) => {
              const sum = kernel.let("sum", number(type.dtype, 0));
              const index = (j: Expression): Expression[] => [one!, i!, k!, row, column, j];
              kernel.forBox([n], false, ([j]) => kernel.set(sum, binary("add", sum, binary("mul", load(0, index(j!)), load(1, index(j!))))));
              store(0, [one!, i!, k!, zero, zero, zero], sum);
            });
          });
        },
      },
    ];
  },
  gradient(build, { inputs, gradient }) {
    const [a, b, indices, starts] = inputs as [number, number, number, number];
    const { shape } = build.typeOf(gradient);
    const ofA = build.apply("sparse_matmul_blocks", [gradient, indices, starts, b], { transposed: false, columns: 0 });
    const ofB = build.apply("sparse_matmul_blocks", [gradient, indices, starts, a], { transposed: true, columns: build.typeOf(b).shape[0]! / shape[2]! });
    return [ofA, ofB, undefined, undefined, undefined];
  },
  examples: () => [
    {
      inputs: [tensor("f32", [3, 1], [1, 2, 3]), tensor("f32", [4, 1], [1, 10, 100, 1000]), columnsOf, startsOf, tensor("i32", [6], [0, 0, 1, 1, 1, 2])],
      attributes: { rows: 1, columns: 1 }, expected: tensor("f32", [6, 1, 1], [1, 10, 2, 20, 2000, 3000]),
    },
    { inputs: [numbers("f64", [6, 7]), numbers("f64", [9, 7]), tensor("i32", [4], [1, 0, 2, 2]), tensor("i32", [4], [0, 1, 1, 4]), tensor("i32", [4], [0, 2, 2, 2])], attributes: { rows: 2, columns: 3 } },
    { inputs: [numbers("i32", [3, 5]), numbers("i32", [4, 5]), columnsOf, startsOf, tensor("i32", [6], [0, 0, 1, 1, 1, 2])], attributes: { rows: 1, columns: 1 } },
    { inputs: [numbers("f32", [3, 0]), numbers("f32", [4, 0]), columnsOf, startsOf, tensor("i32", [6], [0, 0, 1, 1, 1, 2])], attributes: { rows: 1, columns: 1 } },
    { inputs: [numbers("f32", [0, 2]), numbers("f32", [4, 2]), none, tensor("i32", [1], [0]), none], attributes: { rows: 1, columns: 1 } },
  ],
};
