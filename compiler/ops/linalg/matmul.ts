/**
 * Matrix product, NumPy's `@`: vectors, matrices, and stacks of matrices whose leading dimensions broadcast. Sums of
 * floats are exact f64 sums rounded once in the meaning; the executable's order is its own. Integers wrap.
 */
import { sizeOf } from "../../../runtime/dtype.ts";
import { flatIndex, forEachIndex, get, put, tensor, zeros } from "../../graph/tensor.ts";
import type { TensorType, ValueId } from "../../graph/graph.ts";
import { cast } from "../../kernel/build.ts";
import type { Lowering } from "../../kernel/lowering.ts";
import { affineConstant, affineIndex, type Affine } from "../../support/affine.ts";
import { samples } from "../elementwise/elementwise.ts";
import { dimensions, fillLowering, forRest, number, padded, wholeRegion, widened } from "../lowerings.ts";
import { reshaped, sumTo, transposedMatrix } from "../gradients.ts";
import type { Op } from "../op.ts";
import { broadcastShapes, computeDType, refuse, requireClass, requireInputs, requireSameDType, showShape } from "../rules.ts";
import { plusTerm, requireTerms, sumsOf } from "./terms.ts";

/** a: [...batch, m, k] · b: [...batch, k, n] → [...batch, m, n]; m or n is absent for a vector. */
interface Extents {
  readonly batch: readonly number[];
  readonly m: number | undefined;
  readonly k: number;
  readonly n: number | undefined;
}

function extentsOf(a: TensorType, b: TensorType): Extents {
  if (a.shape.length === 0 || b.shape.length === 0) refuse("shape-mismatch", `a matrix product needs dimensions, not ${showShape(a.shape)} (a) and ${showShape(b.shape)} (b)`, "* multiplies by a scalar");
  const [k, rows] = [a.shape.at(-1)!, b.shape.at(-2) ?? b.shape[0]!];
  if (k !== rows) refuse("shape-mismatch", `inner extents differ, ${k} (a) and ${rows} (b), in ${showShape(a.shape)} @ ${showShape(b.shape)}`);
  const batch = broadcastShapes(a.shape.slice(0, -2), b.shape.slice(0, -2));
  if (!batch) refuse("shape-mismatch", `the leading dimensions of ${showShape(a.shape)} (a) and ${showShape(b.shape)} (b) do not broadcast`);
  return { batch, m: a.shape.length > 1 ? a.shape.at(-2)! : undefined, k, n: b.shape.length > 1 ? b.shape.at(-1)! : undefined };
}

/** Of the space [...batch, m?, n?, k]: which element of each operand a point reads. */
function accesses(a: TensorType, b: TensorType, { batch, m, n }: Extents): { a: Affine[]; b: Affine[] } {
  const rank = batch.length + Number(m !== undefined) + Number(n !== undefined) + 1;
  const k = affineIndex(rank - 1, rank);
  const i = affineIndex(batch.length, rank);
  const j = affineIndex(rank - 2, rank);
  const leading = ({ shape }: TensorType): Affine[] =>
    shape.slice(0, -2).map((extent, axis) => (extent === 1 ? affineConstant(0, rank) : affineIndex(batch.length - (shape.length - 2) + axis, rank)));
  return { a: [...leading(a), ...(m === undefined ? [k] : [i, k])], b: [...leading(b), ...(n === undefined ? [k] : [k, j])] };
}

export const matmul: Op = {
  name: "matmul",
  kind: "compute",
  stores: "once",
  summary: "Matrix product; leading dimensions broadcast, vectors lose their dimension.",
  formula: "y[i, j] = Σₖ a[i, k] · b[k, j]",
  signature: { call: "matmul", module: "core", parameters: [{ name: "a", kind: "tensor" }, { name: "b", kind: "tensor" }] },
  type(inputs, attributes) {
    requireInputs("matmul", inputs, 2);
    const [a, b] = [inputs[0]!, inputs[1]!];
    requireClass("@", "number", a);
    requireSameDType("@", a, b);
    requireTerms(attributes, a);
    const { batch, m, n } = extentsOf(a, b);
    return { dtype: a.dtype, shape: [...batch, ...(m === undefined ? [] : [m]), ...(n === undefined ? [] : [n])] };
  },
  evaluate(inputs, attributes, type) {
    const [a, b, result] = [inputs[0]!, inputs[1]!, zeros(type)];
    const { batch, m, k, n } = extentsOf(a.type, b.type);
    const leading = (shape: readonly number[], index: readonly number[]): number[] =>
      shape.slice(0, -2).map((extent, axis) => (extent === 1 ? 0 : index[batch.length - (shape.length - 2) + axis]!));
    const across = n ?? 1;
    const { from, plus } = sumsOf(attributes, type.dtype);
    forEachIndex(type.shape, (index, flat) => {
      const row = m === undefined ? [] : [index[batch.length]!];
      const column = n === undefined ? [] : [index.at(-1)!];
      const left = k === 0 ? 0 : flatIndex(a.type.shape, [...leading(a.type.shape, index), ...row, 0]);
      const right = k === 0 ? 0 : flatIndex(b.type.shape, [...leading(b.type.shape, index), 0, ...column]);
      let sum = from(0);
      for (let inner = 0; inner < k; inner++) sum = plus(sum, get(a, left + inner), get(b, right + inner * across));
      put(result, flat, sum);
    });
    return result;
  },
  lower(inputs, attributes, type): Lowering[] {
    const extents = extentsOf(inputs[0]!, inputs[1]!);
    if (sizeOf(type.shape) === 0) return [];
    if (extents.k === 0) return fillLowering("matmul", wholeRegion(type.shape), type.dtype, 0);
    const index = accesses(inputs[0]!, inputs[1]!, extents);
    const outer = type.shape.length;
    const inner = computeDType(type.dtype);
    const unit = attributes["unit"] as number | undefined;
    const parallel = dimensions("parallel", type.shape).map((each, axis) => (axis === outer - 1 && unit !== undefined ? { ...each, unit } : each));
    return [
      {
        name: "matmul",
        space: [...parallel, { extent: extents.k, kind: "reduction" }],
        reads: [{ operand: 0, index: index.a }, { operand: 1, index: index.b }],
        writes: [{ operand: 0, index: type.shape.map((_, axis) => affineIndex(axis, outer + 1)) }],
        ...(inner === type.dtype ? { combine: "add" as const } : {}),
        contraction: true,
        emit(context) {
          const { kernel, block, load, store } = context;
          kernel.forBox(block.slice(0, outer), true, (point) => {
            const sum = kernel.let("sum", number(type.dtype, 0));
            forRest(context, point, false, (at) => kernel.set(sum, plusTerm(attributes, sum, widened(load(0, at)), widened(load(1, at)))));
            store(0, padded(point, outer + 1), cast(type.dtype, sum));
          });
        },
      },
    ];
  },
  gradient(build, { inputs: [a, b], gradient }) {
    const [left, right] = [build.typeOf(a!), build.typeOf(b!)];
    const { batch, m = 1, k, n = 1 } = extentsOf(left, right);
    const product = (x: ValueId, y: ValueId): ValueId => build.apply("matmul", [x, y]);
    // Vectors are matrices of one row or column.
    const rows = reshaped(build, a!, left.shape.length > 1 ? left.shape : [1, k]);
    const columns = reshaped(build, b!, right.shape.length > 1 ? right.shape : [k, 1]);
    const g = reshaped(build, gradient, [...batch, m, n]);
    const byRows = product(g, transposedMatrix(build, columns));
    // A matrix that every one of a stack is multiplied by: one product of them all.
    const stacked = sizeOf(right.shape.slice(0, -2)) === 1 && sizeOf(left.shape.slice(0, -2)) === sizeOf(batch);
    const all = sizeOf(batch) * m;
    const byColumns = stacked
      ? product(transposedMatrix(build, reshaped(build, rows, [all, k])), reshaped(build, g, [all, n]))
      : sumTo(build, product(transposedMatrix(build, rows), g), build.typeOf(columns).shape);
    return [reshaped(build, sumTo(build, byRows, build.typeOf(rows).shape), left.shape), reshaped(build, byColumns, right.shape)];
  },
  examples: () => [
    {
      inputs: [tensor("f32", [2, 3], [1, 2, 3, 4, 5, 6]), tensor("f32", [3, 2], [1, 0, 0, 1, 1, 1])], attributes: {},
      expected: tensor("f32", [2, 2], [4, 5, 10, 11]),
    },
    { inputs: [tensor("i8", [3], [100, 2, 1]), tensor("i8", [3], [2, 3, 1])], attributes: {}, expected: tensor("i8", [], [-49]) },
    { inputs: [samples("i32", [7, 5]), samples("i32", [5], 1)], attributes: {} },
    { inputs: [samples("i64", [5]), samples("i64", [5, 3], 1)], attributes: {} },
    { inputs: [samples("i32", [2, 1, 3, 5]), samples("i32", [3, 5, 4], 1)], attributes: {} },
    { inputs: [samples("i16", [3, 5]), samples("i16", [2, 5, 3], 1)], attributes: {} },
    { inputs: [tensor("i32", [2], [0x00020003, -1]), tensor("i32", [2], [0x0005ffff, 0x00010002])], attributes: { pairs: true }, expected: tensor("i32", [], [4]) },
    { inputs: [samples("i32", [7, 9]), samples("i32", [9, 11], 1)], attributes: { pairs: true } },
    { inputs: [samples("f16", [5, 9]), samples("f16", [9, 3], 1)], attributes: {} },
    { inputs: [tensor("bf16", [2, 4], [1, 2, 3, 4, 0.5, 0.25, -1, 8]), tensor("bf16", [4, 1], [1, -1, 0.5, 2])], attributes: {}, expected: tensor("bf16", [2, 1], [8.5, 15.75]) },
    { inputs: [samples("f32", [3, 0]), samples("f32", [0, 2])], attributes: {} },
    { inputs: [samples("f32", [0, 3]), samples("f32", [3, 2])], attributes: {} },
  ],
};
