/**
 * Eigenvalues and singular values with their vectors, and the gradients that follow from what defines them, as in implied.ts:
 * each op is its first input, and its gradient goes to the matrix alone. What a gradient is made of are such ops again, so that
 * gradients of gradients are right. Where two values are equal their vectors are not
 * defined, and nor is a gradient by them: its terms with 1 / 0 are left out.
 */
import type { TensorType, ValueId } from "../../graph/graph.ts";
import { sameShape } from "../../graph/graph.ts";
import { tensor, type Tensor } from "../../graph/tensor.ts";
import { implied } from "./implied.ts";
import { extentsOf, halved, product, requireMatrices, requireSquare, transposed, waves } from "./matrices.ts";
import type { GradientBuilder, Op } from "../op.ts";
import { refuse, requireSameDType, showShape } from "../rules.ts";

/** The values of matrices [..., m, n], as a row [..., 1, k] or a column [..., k, 1] spread over the shape. */
function spread(build: GradientBuilder, values: ValueId, along: "rows" | "columns", shape: readonly number[]): ValueId {
  const { shape: own } = build.typeOf(values);
  const line = build.apply("reshape", [values], { shape: [...own.slice(0, -1), ...(along === "rows" ? [1, own.at(-1)!] : [own.at(-1)!, 1])] });
  return build.apply("broadcast", [line], { shape: [...shape] });
}

/** Each column of a matrix times or over its value. */
const columnsBy = (build: GradientBuilder, op: "mul" | "div", x: ValueId, values: ValueId): ValueId => build.apply(op, [x, spread(build, values, "rows", build.typeOf(x).shape)]);
const rowsBy = (build: GradientBuilder, op: "mul" | "div", x: ValueId, values: ValueId): ValueId => build.apply(op, [x, spread(build, values, "columns", build.typeOf(x).shape)]);

/** x[i, j] / (values[j] − values[i]), 0 where these are equal. */
function overDifferences(build: GradientBuilder, x: ValueId, values: ValueId): ValueId {
  const type = build.typeOf(x);
  const difference = build.apply("sub", [spread(build, values, "rows", type.shape), spread(build, values, "columns", type.shape)]);
  const equal = build.apply("eq", [difference, build.fill(type, 0)]);
  return build.apply("select", [equal, build.fill(type, 0), build.apply("div", [x, build.apply("select", [equal, build.fill(type, 1), difference])])]);
}

const minus = (build: GradientBuilder, a: ValueId, b: ValueId): ValueId => build.apply("sub", [a, b]);
const plus = (build: GradientBuilder, a: ValueId, b: ValueId): ValueId => build.apply("add", [a, b]);

/** The part of the columns of x that is orthogonal to those of q, which are orthonormal. */
const orthogonalPart = (build: GradientBuilder, x: ValueId, q: ValueId): ValueId => minus(build, x, product(build, q, product(build, transposed(build, q), x)));

/** By the lower triangle, which is what is read of a symmetric matrix. */
const byTriangle = (build: GradientBuilder, gradient: ValueId): ValueId => halved(build, plus(build, gradient, transposed(build, gradient)));

function requireEigen(what: string, a: TensorType, v: TensorType, values: TensorType): void {
  requireSquare(what, a);
  if (!sameShape(a.shape, v.shape) || !sameShape(values.shape, a.shape.slice(0, -1))) refuse("shape-mismatch", `${what} takes eigenvalues and eigenvectors of ${showShape(a.shape)}, not ${showShape(values.shape)} and ${showShape(v.shape)}`);
  for (const other of [v, values]) requireSameDType(what, a, other);
}

function requireSingular(what: string, a: TensorType, u: TensorType, s: TensorType, vt: TensorType): void {
  requireMatrices(what, a);
  const [m, n] = extentsOf(a);
  const [stack, k] = [a.shape.slice(0, -2), Math.min(m, n)];
  const fits = sameShape(u.shape, [...stack, m, k]) && sameShape(s.shape, [...stack, k]) && sameShape(vt.shape, [...stack, k, n]);
  if (!fits) refuse("shape-mismatch", `${what} takes factors of ${showShape(a.shape)}, not ${showShape(u.shape)} (u), ${showShape(s.shape)} (s) and ${showShape(vt.shape)} (vt)`);
  for (const other of [u, s, vt]) requireSameDType(what, a, other);
}

const falling = (dtype: "f32" | "f64", n: number): Tensor => tensor(dtype, [n], Array.from({ length: n }, (_, k) => n - k));
const eigen = (dtype: "f32" | "f64", n: number): [a: Tensor, v: Tensor, values: Tensor] => [waves(dtype, [n, n], 3), waves(dtype, [n, n], 1, 2), falling(dtype, n)];
const singular = (dtype: "f32" | "f64", m: number, n: number): [a: Tensor, u: Tensor, s: Tensor, vt: Tensor] => {
  const k = Math.min(m, n);
  return [waves(dtype, [m, n], 3), waves(dtype, [m, k], 1, 2), falling(dtype, k), waves(dtype, [k, n], 2, 3)];
};

export const spectra: readonly Op[] = [
  implied({
    name: "implied_eigenvalues",
    summary: "Eigenvalues, with the gradient by the lower triangle of A that A = V · diag(values) · Vᵀ gives them.",
    formula: "y = values",
    operands: ["values", "a", "v"],
    check: ([values, a, v]) => requireEigen("implied_eigenvalues", a!, v!, values!),
    /** M. Giles, "Collected matrix derivative results", 2008, §3.1. */
    gradient(build, { inputs, gradient }) {
      const [values, a, vectors] = inputs as [ValueId, ValueId, ValueId];
      const v = build.apply("implied_eigenvectors", [vectors, a, values]);
      return [undefined, byTriangle(build, product(build, columnsBy(build, "mul", v, gradient), transposed(build, v))), undefined];
    },
    examples: () => [eigen("f64", 3), eigen("f32", 2)].map(([a, v, values]) => [values, a, v]),
  }),
  implied({
    name: "implied_eigenvectors",
    summary: "Eigenvectors, with the gradient by the lower triangle of A that A = V · diag(values) · Vᵀ gives them.",
    formula: "y = V",
    operands: ["v", "a", "values"],
    check: ([v, a, values]) => requireEigen("implied_eigenvectors", a!, v!, values!),
    /** M. Giles, §3.1. */
    gradient(build, { inputs, result: v, gradient }) {
      const [vectors, a, values] = inputs as [ValueId, ValueId, ValueId];
      const middle = overDifferences(build, product(build, transposed(build, v), gradient), build.apply("implied_eigenvalues", [values, a, vectors]));
      return [undefined, byTriangle(build, product(build, product(build, v, middle), transposed(build, v))), undefined];
    },
    examples: () => [eigen("f64", 3), eigen("f32", 2)].map(([a, v, values]) => [v, a, values]),
  }),
  implied({
    name: "implied_singular_values",
    summary: "Singular values, with the gradient by A that A = U · diag(s) · Vᵀ gives them.",
    formula: "y = s",
    operands: ["s", "a", "u", "vt"],
    check: ([s, a, u, vt]) => requireSingular("implied_singular_values", a!, u!, s!, vt!),
    /** J. Townsend, "Differentiating the singular value decomposition", 2016. */
    gradient(build, { inputs, gradient }) {
      const { u, vt } = again(build, { s: inputs[0]!, a: inputs[1]!, u: inputs[2]!, vt: inputs[3]! });
      return [undefined, product(build, columnsBy(build, "mul", u, gradient), vt), undefined, undefined];
    },
    examples: () => [singular("f64", 3, 3), singular("f32", 4, 2), singular("f64", 2, 3)].map(([a, u, s, vt]) => [s, a, u, vt]),
  }),
  implied({
    name: "implied_left_vectors",
    summary: "U, with the gradient by A that A = U · diag(s) · Vᵀ gives it.",
    formula: "y = U",
    operands: ["u", "a", "s", "vt"],
    check: ([u, a, s, vt]) => requireSingular("implied_left_vectors", a!, u!, s!, vt!),
    /** J. Townsend, 2016. */
    gradient(build, { inputs, result: u, gradient }) {
      const { s, vt } = again(build, { u: inputs[0]!, a: inputs[1]!, s: inputs[2]!, vt: inputs[3]! });
      const turned = turning(build, u, gradient, s);
      const [m, k] = extentsOf(build.typeOf(u));
      const within = product(build, u, columnsBy(build, "mul", turned, s));
      const whole = m === k ? within : plus(build, within, columnsBy(build, "div", orthogonalPart(build, gradient, u), s));
      return [undefined, product(build, whole, vt), undefined, undefined];
    },
    examples: () => [singular("f64", 3, 3), singular("f32", 4, 2), singular("f64", 2, 3)].map(([a, u, s, vt]) => [u, a, s, vt]),
  }),
  implied({
    name: "implied_right_vectors",
    summary: "Vᵀ, with the gradient by A that A = U · diag(s) · Vᵀ gives it.",
    formula: "y = Vᵀ",
    operands: ["vt", "a", "u", "s"],
    check: ([vt, a, u, s]) => requireSingular("implied_right_vectors", a!, u!, s!, vt!),
    /** J. Townsend, 2016. */
    gradient(build, { inputs, result: vt, gradient }) {
      const { u, s } = again(build, { vt: inputs[0]!, a: inputs[1]!, u: inputs[2]!, s: inputs[3]! });
      const [v, byV] = [transposed(build, vt), transposed(build, gradient)];
      const [n, k] = extentsOf(build.typeOf(v));
      const within = product(build, rowsBy(build, "mul", turning(build, v, byV, s), s), vt);
      const whole = n === k ? within : plus(build, within, rowsBy(build, "div", transposed(build, orthogonalPart(build, byV, v)), s));
      return [undefined, product(build, u, whole), undefined, undefined];
    },
    examples: () => [singular("f64", 3, 3), singular("f32", 4, 2), singular("f64", 2, 3)].map(([a, u, s, vt]) => [vt, a, u, s]),
  }),
];

type Factors = Readonly<Record<"a" | "u" | "s" | "vt", ValueId>>;

/** The factors of A with their gradients by it. */
const again = (build: GradientBuilder, { a, u, s, vt }: Factors): Factors => ({
  a,
  u: build.apply("implied_left_vectors", [u, a, s, vt]),
  s: build.apply("implied_singular_values", [s, a, u, vt]),
  vt: build.apply("implied_right_vectors", [vt, a, u, s]),
});

/** F ∘ (Xᵀ · G − Gᵀ · X), F[i, j] = 1 / (s[j]² − s[i]²). */
function turning(build: GradientBuilder, x: ValueId, gradient: ValueId, s: ValueId): ValueId {
  const along = product(build, transposed(build, x), gradient);
  return overDifferences(build, minus(build, along, transposed(build, along)), build.apply("mul", [s, s]));
}
