/**
 * Solves with one triangular matrix by substitution: the block that `triangular_solve` of std/linalg is made of. The meaning is
 * computed in f64 and rounded once. A zero on the diagonal divides by zero, as IEEE 754 says.
 */
import { sizeOf } from "../../../runtime/dtype.ts";
import { sameShape, type Attributes, type TensorType } from "../../graph/graph.ts";
import { tensor, zeros } from "../../graph/tensor.ts";
import { binary, i32 } from "../../kernel/build.ts";
import type { Expression } from "../../kernel/kernel.ts";
import type { BlockContext, Lowering } from "../../kernel/lowering.ts";
import { affineIndex } from "../../support/affine.ts";
import { dimensions } from "../lowerings.ts";
import { extentsOf, masked, matricesOf, product, putMatrix, requireMatrices, requireSquare, scaled, solved, transposed, waves } from "./matrices.ts";
import type { Op } from "../op.ts";
import { boolAttribute, refuse, requireInputs, requireSameDType, showShape } from "../rules.ts";

const name = "triangular_solve_block";

interface System {
  /** A is read as it lies, or transposed. */
  readonly flipped: boolean;
  readonly unit: boolean;
  /** The rows of X are found from the first to the last: op(A) is lower triangular. */
  readonly forward: boolean;
}

function systemOf(attributes: Attributes): System {
  const [lower, flipped, unit] = [boolAttribute(attributes, "lower"), boolAttribute(attributes, "transposed"), boolAttribute(attributes, "unit_diagonal")];
  return { flipped, unit, forward: lower !== flipped };
}

/** Solves in place, a: [n, n], x: [n, k]. */
function substitute(a: Float64Array, x: Float64Array, n: number, k: number, { flipped, unit, forward }: System): void {
  const at = (row: number, column: number): number => (flipped ? a[column * n + row]! : a[row * n + column]!);
  for (let step = 0; step < n; step++) {
    const row = forward ? step : n - 1 - step;
    for (let column = 0; column < k; column++) {
      let value = x[row * k + column]!;
      for (let before = 0; before < step; before++) {
        const known = forward ? before : n - 1 - before;
        value -= at(row, known) * x[known * k + column]!;
      }
      x[row * k + column] = unit ? value : value / at(row, row);
    }
  }
}

/** The kernel for one system; columns of X are independent and lie next to each other. */
function emitSystem({ kernel, block, load, store, reload }: BlockContext, point: readonly Expression[], n: number, { flipped, unit, forward }: System): void {
  const columns = [block[point.length]!];
  const place = (row: Expression, column: Expression): Expression[] => [...point, column, row, i32(0)];
  const element = (row: Expression, column: Expression): Expression => (flipped ? load(0, [...point, i32(0), column, row]) : load(0, [...point, i32(0), row, column]));
  const inOrder = (step: Expression): Expression => (forward ? step : binary("sub", i32(n - 1), step));
  kernel.for({ end: i32(n), name: "step" }, (step) => {
    const row = kernel.let("row", inOrder(step));
    kernel.forBox(columns, true, ([column]) => store(0, place(row, column!), load(1, place(row, column!))));
    kernel.for({ end: step, name: "before" }, (before) => {
      const known = kernel.let("known", inOrder(before));
      const factor = kernel.let("factor", element(row, known));
      kernel.forBox(columns, true, ([column]) =>
        store(0, place(row, column!), binary("sub", reload(0, place(row, column!)), binary("mul", factor, reload(0, place(known, column!))))));
    });
    if (unit) return;
    const pivot = kernel.let("pivot", element(row, row));
    kernel.forBox(columns, true, ([column]) => store(0, place(row, column!), binary("div", reload(0, place(row, column!)), pivot)));
  });
}

export const triangularSolveBlock: Op = {
  name,
  kind: "compute",
  summary: "Solves op(A) · X = B by substitution, A being triangular; `triangular_solve` cuts large ones into such blocks.",
  formula: "y = op(A)⁻¹ · B",
  signature: {
    call: name,
    module: "std/linalg",
    parameters: [
      { name: "a", kind: "tensor" }, { name: "b", kind: "tensor" }, { name: "lower", kind: "bool", default: true },
      { name: "transposed", kind: "bool", default: false }, { name: "unit_diagonal", kind: "bool", default: false },
    ],
  },
  type(inputs) {
    requireInputs(name, inputs, 2);
    const [a, b] = [inputs[0]!, inputs[1]!] as [TensorType, TensorType];
    requireSquare(name, a);
    requireMatrices(name, b);
    requireSameDType(name, a, b);
    if (!sameShape(a.shape.slice(0, -1), b.shape.slice(0, -1))) refuse("shape-mismatch", `${name} takes as many matrices, of as many rows, on both sides, not ${showShape(a.shape)} (a) and ${showShape(b.shape)} (b)`);
    return b;
  },
  evaluate(inputs, attributes, type) {
    const [result, right] = [zeros(type), [...matricesOf(inputs[1]!)]];
    const [n, k] = extentsOf(type);
    [...matricesOf(inputs[0]!)].forEach((a, place) => {
      substitute(a, right[place]!, n, k, systemOf(attributes));
      putMatrix(result, place, right[place]!);
    });
    return result;
  },
  lower(_inputs, attributes, type): Lowering[] {
    if (sizeOf(type.shape) === 0) return [];
    const [batch, [n, k]] = [type.shape.slice(0, -2), extentsOf(type)];
    const rank = batch.length + 3;
    const index = (axis: number) => affineIndex(axis, rank);
    const leading = batch.map((_, axis) => index(axis));
    const ofX = [...leading, index(rank - 2), index(rank - 3)];
    return [
      {
        name,
        space: [...dimensions("parallel", [...batch, k]), ...dimensions("serial", [n, n])],
        reads: [{ operand: 0, index: [...leading, index(rank - 2), index(rank - 1)] }, { operand: 1, index: ofX }],
        writes: [{ operand: 0, index: ofX }],
        emit: (context) => context.kernel.forBox(context.block.slice(0, batch.length), true, (point) => emitSystem(context, point, n, systemOf(attributes))),
      },
    ];
  },
  /** M. Giles, "Collected matrix derivative results for forward and reverse mode algorithmic differentiation", 2008, §2.2.3. */
  gradient(build, { inputs, attributes, result, gradient }) {
    const { flipped, unit } = systemOf(attributes);
    const lower = boolAttribute(attributes, "lower");
    const ofB = solved(build, inputs[0]!, gradient, { lower, transposed: !flipped, unit });
    const [left, right] = flipped ? [result, ofB] : [ofB, result];
    const outer = product(build, left, transposed(build, right));
    const triangle = masked(build, outer, lower ? (unit ? "gt" : "ge") : unit ? "lt" : "le");
    return [scaled(build, triangle, -1), ofB];
  },
  examples: () => [
    {
      inputs: [tensor("f64", [2, 2], [2, 7, 1, 4]), tensor("f64", [2, 1], [2, 9])], attributes: { lower: true, transposed: false, unit_diagonal: false },
      expected: tensor("f64", [2, 1], [1, 2]),
    },
    {
      inputs: [tensor("f32", [2, 2], [2, 7, 1, 4]), tensor("f32", [2, 1], [2, 9])], attributes: { lower: true, transposed: true, unit_diagonal: true },
      expected: tensor("f32", [2, 1], [-7, 9]),
    },
    ...[false, true].flatMap((lower) => [false, true].flatMap((flipped) => [false, true].map((unit) => ({
      inputs: [waves("f32", [2, 5, 5], 3), waves("f32", [2, 5, 7], 0, 2)], attributes: { lower, transposed: flipped, unit_diagonal: unit },
    })))),
    { inputs: [waves("f64", [9, 9], 4), waves("f64", [9, 3], 0, 2)], attributes: { lower: false, transposed: false, unit_diagonal: false } },
    { inputs: [waves("f32", [0, 0]), waves("f32", [0, 3])], attributes: { lower: true, transposed: false, unit_diagonal: false } },
  ],
};
