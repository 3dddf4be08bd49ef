/**
 * The Cholesky factor of one matrix, row after row: the block that `cholesky` of std/linalg is made of. Only the lower triangle
 * is read. The meaning is computed in f64 and rounded once. A matrix that is not positive definite gives NaN from the first
 * row on whose pivot is not positive.
 */
import { tensor, zeros } from "../../graph/tensor.ts";
import { binary, i32, select, unary } from "../../kernel/build.ts";
import type { Expression } from "../../kernel/kernel.ts";
import type { BlockContext } from "../../kernel/lowering.ts";
import { gradientOfCholesky } from "./implied.ts";
import { number } from "../lowerings.ts";
import { extentsOf, lowerEachMatrix, matricesOf, putMatrix, requireSquare, waves } from "./matrices.ts";
import type { Example, Op } from "../op.ts";
import { requireInputs } from "../rules.ts";

const name = "cholesky_block";

const pivot = (square: number): number => (square > 0 ? Math.sqrt(square) : NaN);

/** The lower factor of a: [n, n]. */
function factor(a: Float64Array, n: number): Float64Array {
  const l = new Float64Array(n * n);
  for (let row = 0; row < n; row++) {
    for (let column = 0; column <= row; column++) {
      let rest = a[row * n + column]!;
      for (let k = 0; k < column; k++) rest -= l[row * n + k]! * l[column * n + k]!;
      l[row * n + column] = row === column ? pivot(rest) : rest / l[column * n + column]!;
    }
  }
  return l;
}

function emitFactor({ kernel, load, store, reload }: BlockContext, point: readonly Expression[], n: number): void {
  const place = (row: Expression, column: Expression): Expression[] => [...point, row, column];
  kernel.for({ end: i32(n), name: "row" }, (row) => {
    const rest = (column: Expression): Expression => {
      const sum = kernel.let("sum", number(load(0, place(row, column)).dtype, 0));
      kernel.for({ end: column, name: "k" }, (k) => kernel.set(sum, binary("add", sum, binary("mul", reload(0, place(row, k)), reload(0, place(column, k))))));
      return kernel.let("rest", binary("sub", load(0, place(row, column)), sum));
    };
    kernel.for({ end: row, name: "column" }, (column) => {
      const left = rest(column);
      store(0, place(row, column), binary("div", left, reload(0, place(column, column))));
    });
    const square = rest(row);
    store(0, place(row, row), select(binary("gt", square, number(square.dtype, 0)), unary("sqrt", square), number(square.dtype, NaN)));
    kernel.for({ start: binary("add", row, i32(1)), end: i32(n), parallel: true, name: "column" }, (column) => store(0, place(row, column), number(square.dtype, 0)));
  });
}

const positive = (dtype: "f32" | "f64", shape: readonly number[]): Example => {
  const n = shape.at(-1)!;
  return { inputs: [waves(dtype, shape, 2 * n)], attributes: {} };
};

export const choleskyBlock: Op = {
  name,
  kind: "compute",
  summary: "The lower triangular L with A = L · Lᵀ, row after row; `cholesky` cuts large matrices into such blocks.",
  formula: "y = L, A = L · Lᵀ",
  signature: { call: name, module: "std/linalg", parameters: [{ name: "a", kind: "tensor" }] },
  type(inputs) {
    requireInputs(name, inputs, 1);
    requireSquare(name, inputs[0]!);
    return inputs[0]!;
  },
  evaluate(inputs, _attributes, type) {
    const result = zeros(type);
    [...matricesOf(inputs[0]!)].forEach((a, place) => putMatrix(result, place, factor(a, extentsOf(type)[1])));
    return result;
  },
  lower: (_inputs, _attributes, type) => lowerEachMatrix(type, { name, operations: Math.ceil(extentsOf(type)[0] / 3), emit: (context, point) => emitFactor(context, point, extentsOf(type)[0]) }),
  gradient: (build, { result, gradient }) => [gradientOfCholesky(build, result, gradient)],
  examples: () => [
    { inputs: [tensor("f64", [3, 3], [4, 2, -2, 2, 10, 5, -2, 5, 9])], attributes: {}, expected: tensor("f64", [3, 3], [2, 0, 0, 1, 3, 0, -1, 2, 2]) },
    positive("f32", [7, 7]), positive("f64", [2, 3, 5, 5]), positive("f32", [1, 1]), positive("f64", [2, 0, 0]), positive("f32", [0, 3, 3]),
  ],
};
