/**
 * Householder's reduction of a few columns to a triangle: the panel that `qr` of std/linalg is made of. Each column k is
 * reflected by H = I − (2 / vᵀv) · v · vᵀ, v having zeros above k and 1 at k, onto a multiple of the k-th axis. The result has R
 * on and above the diagonal and the v below, as LAPACK's geqr2 packs them; 2 / vᵀv follows from v. Unlike there every column is
 * reflected, also one that is zero below: then v is the axis itself, and the determinant of each H is −1. The meaning is
 * computed in f64 and rounded once.
 *
 * G. Golub, C. Van Loan, "Matrix Computations", 4th edition, §5.1 and §5.2.
 */
import type { ValueId } from "../../graph/graph.ts";
import { tensor, zeros } from "../../graph/tensor.ts";
import { binary, constant, i32, select, unary } from "../../kernel/build.ts";
import type { Expression } from "../../kernel/kernel.ts";
import type { BlockContext } from "../../kernel/lowering.ts";
import { gradientOfFactors } from "./implied.ts";
import { extentsOf, lowerEachMatrix, masked, matricesOf, part, product, putMatrix, requireMatrices, scaled, solved, transposed, waves } from "./matrices.ts";
import type { GradientBuilder, Op } from "../op.ts";
import { refuse, requireInputs } from "../rules.ts";

const name = "householder_block";

/** Reduces a: [m, n] in place. */
function reduce(a: Float64Array, m: number, n: number): void {
  for (let k = 0; k < n; k++) {
    const first = a[k * n + k]!;
    let [largest, square] = [0, 0];
    for (let i = k; i < m; i++) largest = Math.max(largest, Math.abs(a[i * n + k]!));
    for (let i = k; i < m; i++) square += (a[i * n + k]! / (largest === 0 ? 1 : largest)) ** 2;
    const length = largest * Math.sqrt(square);
    const pivot = first < 0 ? length : -length;
    const head = first - pivot;
    let rest = 0;
    for (let i = k + 1; i < m; i++) {
      a[i * n + k] = head === 0 ? 0 : a[i * n + k]! / head;
      rest += a[i * n + k]! ** 2;
    }
    a[k * n + k] = pivot;
    for (let j = k + 1; j < n; j++) {
      let dot = a[k * n + j]!;
      for (let i = k + 1; i < m; i++) dot += a[i * n + k]! * a[i * n + j]!;
      const factor = (2 / (1 + rest)) * dot;
      a[k * n + j]! -= factor;
      for (let i = k + 1; i < m; i++) a[i * n + j]! -= factor * a[i * n + k]!;
    }
  }
}

/** Lengths are taken of columns over their largest element, so that squares neither overflow nor vanish. */
function emitReduction({ kernel, load, store, reload }: BlockContext, point: readonly Expression[], m: number, n: number): void {
  const place = (row: Expression, column: Expression): Expression[] => [...point, row, column];
  const at = (row: Expression, column: Expression): Expression => reload(0, place(row, column));
  const { dtype } = load(0, place(i32(0), i32(0)));
  const put = (row: Expression, column: Expression, value: Expression): void => store(0, place(row, column), value);
  const [zero, one, two] = [0, 1, 2].map((value) => constant(dtype, value)) as [Expression, Expression, Expression];
  const below = (k: Expression, body: (row: Expression) => void): void => kernel.for({ start: binary("add", k, i32(1)), end: i32(m), name: "row" }, body);
  const fold = (op: "add" | "max", start: Expression, k: Expression, term: (row: Expression) => Expression): Expression => {
    const total = kernel.let("total", start);
    below(k, (row) => kernel.set(total, binary(op, total, term(row))));
    return total;
  };
  const squared = (x: Expression): Expression => {
    const value = kernel.let("value", x);
    return binary("mul", value, value);
  };
  kernel.forBox([m, n], true, (index) => store(0, [...point, ...index], load(0, [...point, ...index])));
  kernel.for({ end: i32(n), name: "k" }, (k) => {
    const first = kernel.let("first", at(k, k));
    const largest = fold("max", unary("abs", first), k, (row) => unary("abs", at(row, k)));
    const unit = kernel.let("unit", select(binary("eq", largest, zero), one, largest));
    const square = fold("add", squared(binary("div", first, unit)), k, (row) => squared(binary("div", at(row, k), unit)));
    const length = kernel.let("length", binary("mul", largest, unary("sqrt", square)));
    const pivot = kernel.let("pivot", select(binary("lt", first, zero), length, unary("neg", length)));
    const head = kernel.let("head", binary("sub", first, pivot));
    const divisor = kernel.let("divisor", select(binary("eq", head, zero), one, head));
    below(k, (row) => put(row, k, binary("div", at(row, k), divisor)));
    put(k, k, pivot);
    const tau = kernel.let("tau", binary("div", two, fold("add", one, k, (row) => squared(at(row, k)))));
    kernel.for({ start: binary("add", k, i32(1)), end: i32(n), name: "column" }, (column) => {
      const dot = fold("add", at(k, column), k, (row) => binary("mul", at(row, k), at(row, column)));
      const factor = kernel.let("factor", binary("mul", tau, dot));
      put(k, column, binary("sub", at(k, column), factor));
      below(k, (row) => put(row, column, binary("sub", at(row, column), binary("mul", factor, at(row, k)))));
    });
  });
}

/** X · B⁻¹ for a unit lower triangular B. */
const dividedByUnit = (build: GradientBuilder, x: ValueId, b: ValueId): ValueId => transposed(build, solved(build, b, transposed(build, x), { lower: true, transposed: true, unit: true }));

/** The v of all columns, V: [m, n] with a unit diagonal, from the packed result. */
function vectorsOf(build: GradientBuilder, packed: ValueId): ValueId {
  const ones = build.fill(build.typeOf(packed), 1);
  return build.apply("add", [masked(build, packed, "gt"), masked(build, ones, "eq")]);
}

/**
 * Gradient of Q = E − V · T · V₁ᵀ and of R from that of the packed result; E is the first columns of the identity, V₁ the first
 * rows of V, and T⁻¹ = S, the upper triangle of Vᵀ · V with half its diagonal. E − Q = V · W is an LU factorisation with
 * W = T · V₁ᵀ, so what depends on V depends on Q (G. Ballard and others, "Reconstructing Householder vectors from tall-skinny
 * QR", 2014); the gradient of an LU factorisation then gives that of Q.
 */
function gradientOfQ(build: GradientBuilder, v: ValueId, s: ValueId, gradient: ValueId): ValueId {
  const [m, n] = extentsOf(build.typeOf(v));
  const dividedByW = (x: ValueId): ValueId => dividedByUnit(build, product(build, x, transposed(build, s)), top);
  const top = part(build, v, [0, n], [0, n]);
  const ofV = masked(build, gradient, "gt");
  const ofTop = part(build, ofV, [0, n], [0, n]);
  const lower = masked(build, product(build, transposed(build, top), ofTop), "gt");
  if (m === n) return scaled(build, dividedByW(solved(build, top, lower, { lower: true, transposed: true, unit: true })), -1);
  const [rest, ofRest] = [part(build, v, [n, m], [0, n]), part(build, ofV, [n, m], [0, n])];
  const upper = masked(build, product(build, transposed(build, rest), ofRest), "le");
  const above = solved(build, top, build.apply("sub", [lower, upper]), { lower: true, transposed: true, unit: true });
  return scaled(build, dividedByW(build.apply("concat", [above, ofRest], { axis: build.typeOf(v).shape.length - 2 })), -1);
}

/** The first columns of H₁ · H₂ · …: Q = E − V · S⁻¹ · V₁ᵀ. */
function firstColumns(build: GradientBuilder, v: ValueId, s: ValueId): ValueId {
  const [, n] = extentsOf(build.typeOf(v));
  const unit = masked(build, build.fill(build.typeOf(v), 1), "eq");
  const w = solved(build, s, transposed(build, part(build, v, [0, n], [0, n])), { lower: false });
  return build.apply("sub", [unit, product(build, v, w)]);
}

export const householderBlock: Op = {
  name,
  kind: "compute",
  summary: "Reflects columns onto a triangle: R on and above the diagonal, the reflections' vectors below; `qr` cuts wide matrices into such panels.",
  formula: "y = R + strictly lower V, H₁ · … · Hₙ · R = A",
  signature: { call: name, module: "std/linalg", parameters: [{ name: "a", kind: "tensor" }] },
  type(inputs) {
    requireInputs(name, inputs, 1);
    requireMatrices(name, inputs[0]!);
    const [m, n] = extentsOf(inputs[0]!);
    if (m < n) refuse("shape-mismatch", `${name} takes matrices with no more columns than rows, not ${m} × ${n}`);
    return inputs[0]!;
  },
  evaluate(inputs, _attributes, type) {
    const result = zeros(type);
    [...matricesOf(inputs[0]!)].forEach((a, place) => {
      reduce(a, ...extentsOf(type));
      putMatrix(result, place, a);
    });
    return result;
  },
  lower: (_inputs, _attributes, type) => lowerEachMatrix(type, { name, operations: 2 * extentsOf(type)[1], emit: (context, point) => emitReduction(context, point, ...extentsOf(type)) }),
  /** Through Q and R. Not defined where R is singular. */
  gradient(build, { result, gradient }) {
    const [, n] = extentsOf(build.typeOf(result));
    const v = vectorsOf(build, result);
    const products = product(build, transposed(build, v), v);
    const s = build.apply("sub", [masked(build, products, "le"), scaled(build, masked(build, products, "eq"), 0.5)]);
    const [q, r] = [firstColumns(build, v, s), masked(build, part(build, result, [0, n], [0, n]), "le")];
    const ofQ = gradientOfQ(build, v, s, gradient);
    const ofR = masked(build, part(build, gradient, [0, n], [0, n]), "le");
    return [gradientOfFactors(build, q, r, ofQ, ofR)];
  },
  examples: () => [
    // |(3, 4)| = 5, reflected to −5; v = (1, 4 / 8).
    { inputs: [tensor("f64", [2, 1], [3, 4])], attributes: {}, expected: tensor("f64", [2, 1], [-5, 0.5]) },
    { inputs: [tensor("f32", [2, 2], [-1, 0, 0, 1])], attributes: {}, expected: tensor("f32", [2, 2], [1, 0, 0, -1]) },
    { inputs: [waves("f32", [9, 5])], attributes: {} }, { inputs: [waves("f64", [2, 3, 7, 7], 1)], attributes: {} },
    { inputs: [waves("f32", [11, 1])], attributes: {} }, { inputs: [waves("f32", [3, 0])], attributes: {} }, { inputs: [waves("f64", [0, 3, 2])], attributes: {} },
  ],
};
