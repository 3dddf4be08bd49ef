/**
 * Results of factorisations cut into blocks, with the gradients that follow from what defines them: each is its first input, and
 * a gradient does not go back through the blocks but to the matrix that was factored. What the gradients are made of are
 * such ops again, so that gradients of gradients are right. `simplify-algebra` removes these ops, since gradients are built before.
 */
import type { TensorType, ValueId } from "../../graph/graph.ts";
import { sameShape } from "../../graph/graph.ts";
import { tensor, type Tensor } from "../../graph/tensor.ts";
import { identityMap } from "../../support/affine.ts";
import { copyLowering } from "../lowerings.ts";
import { extentsOf, halved, masked, product, requireMatrices, scaled, solved, transposed, waves } from "./matrices.ts";
import type { GradientBuilder, GradientSite, Op, OpParameter } from "../op.ts";
import { boolAttribute, refuse, requireInputs, showShape } from "../rules.ts";

export interface Implied {
  readonly name: string;
  readonly summary: string;
  readonly formula: string;
  /** The result first. */
  readonly operands: readonly string[];
  readonly options?: readonly OpParameter[];
  /** Throws when the shapes do not go together. */
  check(inputs: readonly TensorType[]): void;
  readonly gradient: NonNullable<Op["gradient"]>;
  readonly examples: () => readonly (readonly Tensor[])[];
  readonly attributes?: { readonly [name: string]: boolean };
}

/** A = Q · R with orthonormal columns of Q: [m, n] and the triangle R: [n, n]. */
function requireFactors(what: string, a: TensorType, q: TensorType, r: TensorType): void {
  for (const matrix of [a, q, r]) requireMatrices(what, matrix);
  const [, n] = extentsOf(a);
  if (!sameShape(a.shape, q.shape) || !sameShape(r.shape, [...a.shape.slice(0, -2), n, n])) {
    refuse("shape-mismatch", `${what} takes factors of ${showShape(a.shape)}, not ${showShape(q.shape)} (q) and ${showShape(r.shape)} (r)`);
  }
}

export function implied({ name, summary, formula, operands, options = [], check, gradient, examples, attributes = {} }: Implied): Op {
  return {
    name,
    kind: "compute",
    summary,
    formula,
    signature: { call: name, module: "std/linalg", parameters: [...operands.map((operand) => ({ name: operand, kind: "tensor" as const })), ...options] },
    type(inputs) {
      requireInputs(name, inputs, operands.length);
      check(inputs);
      return inputs[0]!;
    },
    evaluate: (inputs) => inputs[0]!,
    lower: (_inputs, _attributes, { shape }) => copyLowering(name, shape, { operand: 0, index: identityMap(shape.length) }, identityMap(shape.length)),
    gradient,
    examples: () => examples().map((inputs) => ({ inputs, attributes, expected: inputs[0]! })),
  };
}

/** X · R⁻ᵀ for an upper triangular R. */
const dividedByTransposed = (build: GradientBuilder, x: ValueId, r: ValueId): ValueId => transposed(build, solved(build, r, transposed(build, x), { lower: false }));

/**
 * Gradient by A of what depends on Q and R, A = Q · R; absent is 0. S. Walter, L. Lehmann, "Algorithmic differentiation of linear
 * algebra functions", 2010, §3. Not defined where R is singular.
 */
export function gradientOfFactors(build: GradientBuilder, q: ValueId, r: ValueId, ofQ: ValueId | undefined, ofR: ValueId | undefined): ValueId {
  const left = ofR === undefined ? undefined : product(build, r, transposed(build, ofR));
  const right = ofQ === undefined ? undefined : scaled(build, product(build, transposed(build, ofQ), q), -1);
  const m = left === undefined ? right! : right === undefined ? left : build.apply("add", [left, right]);
  const symmetric = build.apply("add", [masked(build, m, "ge"), transposed(build, masked(build, m, "gt"))]);
  const along = product(build, q, symmetric);
  return dividedByTransposed(build, ofQ === undefined ? along : build.apply("add", [ofQ, along]), r);
}

const factors = (dtype: "f32" | "f64", m: number, n: number): [a: Tensor, q: Tensor, r: Tensor] => [waves(dtype, [m, n], 3), waves(dtype, [m, n], 1, 2), waves(dtype, [n, n], 2, 3)];

type Factors = Readonly<Record<"a" | "q" | "r", ValueId>>;

/** The factors of A with their gradients by it. */
const again = (build: GradientBuilder, { a, q, r }: Factors): Factors => ({ a, q: build.apply("implied_q", [q, a, r]), r: build.apply("implied_r", [r, a, q]) });

const upper = (build: GradientBuilder, x: ValueId): ValueId => masked(build, x, "le");

export const implications: readonly Op[] = [
  implied({
    name: "implied_q",
    summary: "Q, with the gradient by A that A = Q · R gives it.",
    formula: "y = Q",
    operands: ["q", "a", "r"],
    check: ([q, a, r]) => requireFactors("implied_q", a!, q!, r!),
    gradient(build, { inputs, result, gradient }) {
      const { r } = again(build, { q: inputs[0]!, a: inputs[1]!, r: inputs[2]! });
      return [undefined, gradientOfFactors(build, result, r, gradient, undefined), undefined];
    },
    examples: () => [factors("f64", 3, 3), factors("f32", 5, 2)].map(([a, q, r]) => [q, a, r]),
  }),
  implied({
    name: "implied_r",
    summary: "R, with the gradient by A that A = Q · R gives it.",
    formula: "y = R",
    operands: ["r", "a", "q"],
    check: ([r, a, q]) => requireFactors("implied_r", a!, q!, r!),
    gradient(build, { inputs, result, gradient }) {
      const { q } = again(build, { r: inputs[0]!, a: inputs[1]!, q: inputs[2]! });
      return [undefined, gradientOfFactors(build, q, result, undefined, upper(build, gradient)), undefined];
    },
    examples: () => [factors("f64", 3, 3), factors("f32", 5, 2)].map(([a, q, r]) => [r, a, q]),
  }),
  implied({
    name: "implied_solution",
    summary: "X, with the gradients by A and B that the least |A · X − B| gives it; A = Q · R.",
    formula: "y = X",
    operands: ["x", "a", "b", "q", "r"],
    check([x, a, b, q, r]) {
      requireFactors("implied_solution", a!, q!, r!);
      const [, n] = extentsOf(a!);
      const [rows, k] = [a!.shape.slice(0, -1), b!.shape.at(-1)!];
      if (!sameShape(b!.shape, [...rows, k]) || !sameShape(x!.shape, [...rows.slice(0, -1), n, k])) refuse("shape-mismatch", `${showShape(x!.shape)} (x) does not solve ${showShape(a!.shape)} (a) and ${showShape(b!.shape)} (b)`);
    },
    /**
     * M. Giles, "Collected matrix derivative results", 2008, §2.2.3: by B it is A⁻ᵀ · G, A⁻ᵀ being Q · R⁻ᵀ. With more rows than
     * columns A⁻ is the pseudo-inverse (AᵀA)⁻¹ · Aᵀ (G. Golub, V. Pereyra, "The differentiation of pseudo-inverses and nonlinear
     * least squares problems whose variables separate", 1973), and what is left, B − A · X, counts too.
     */
    gradient(build, { inputs, result, gradient }) {
      const [, a, b, ...factored] = inputs as [ValueId, ValueId, ValueId, ValueId, ValueId];
      const { q, r } = again(build, { a, q: factored[0], r: factored[1] });
      const half = solved(build, r, gradient, { lower: false, transposed: true });
      const ofB = product(build, q, half);
      const along = scaled(build, product(build, ofB, transposed(build, result)), -1);
      const [m, n] = extentsOf(build.typeOf(a));
      if (m === n) return [undefined, along, ofB, undefined, undefined];
      const left = build.apply("sub", [b, product(build, a, result)]);
      const across = product(build, left, transposed(build, solved(build, r, half, { lower: false })));
      return [undefined, build.apply("add", [along, across]), ofB, undefined, undefined];
    },
    examples: () => ([[1, 1], [2, 2], [5, 5], [5, 3]] as const).map(([m, n]) => {
      const dtype = n === 2 ? "f32" : "f64";
      const [a, q, r] = factors(dtype, m, n);
      return [waves(dtype, [n, 2]), a, waves(dtype, [m, 2], 1), q, r];
    }),
  }),
  implied({
    name: "implied_determinant",
    summary: "A determinant or the logarithm of its absolute value, with the gradient by A; A = Q · R.",
    formula: "y = |A|, or y = ln |A|",
    operands: ["value", "a", "q", "r"],
    options: [{ name: "logarithm", kind: "bool", default: false }],
    attributes: { logarithm: false },
    check([value, a, q, r]) {
      requireFactors("implied_determinant", a!, q!, r!);
      if (!sameShape(value!.shape, a!.shape.slice(0, -2))) refuse("shape-mismatch", `${showShape(value!.shape)} are no determinants of ${showShape(a!.shape)}`);
    },
    /** M. Giles, §2.2.4: |A| · A⁻ᵀ. */
    gradient(build, { inputs, attributes, result, gradient }: GradientSite) {
      const a = inputs[1]!;
      const { q, r } = again(build, { a, q: inputs[2]!, r: inputs[3]! });
      const { shape } = build.typeOf(a);
      const factor = boolAttribute(attributes, "logarithm") ? gradient : build.apply("mul", [gradient, result]);
      const spread = build.apply("broadcast", [build.apply("reshape", [factor], { shape: [...shape.slice(0, -2), 1, 1] })], { shape: [...shape] });
      return [undefined, build.apply("mul", [spread, dividedByTransposed(build, q, r)]), undefined, undefined];
    },
    examples: () => [[tensor("f64", [], [-3]), ...factors("f64", 3, 3)], [tensor("f32", [], [0.5]), ...factors("f32", 2, 2)]],
  }),
  implied({
    name: "implied_cholesky",
    summary: "L, with the gradient by A that A = L · Lᵀ gives it.",
    formula: "y = L",
    operands: ["l", "a"],
    check([l, a]) {
      for (const matrix of [l!, a!]) requireMatrices("implied_cholesky", matrix);
      if (!sameShape(l!.shape, a!.shape)) refuse("shape-mismatch", `${showShape(l!.shape)} (l) is no factor of ${showShape(a!.shape)} (a)`);
    },
    gradient: (build, { result, gradient }) => [undefined, gradientOfCholesky(build, result, gradient)],
    examples: () => [[waves("f64", [3, 3], 1), waves("f64", [3, 3], 3)], [waves("f32", [2, 5, 5], 1), waves("f32", [2, 5, 5], 3)]],
  }),
];

/** Gradient by the lower triangle of A, which is what is read. I. Murray, "Differentiation of the Cholesky decomposition", 2016, eq. 8 to 10. */
export function gradientOfCholesky(build: GradientBuilder, l: ValueId, gradient: ValueId): ValueId {
  const middle = halved(build, product(build, transposed(build, l), gradient));
  const half = solved(build, l, middle, { lower: true, transposed: true });
  const whole = transposed(build, solved(build, l, transposed(build, half), { lower: true, transposed: true }));
  return halved(build, build.apply("add", [whole, transposed(build, whole)]));
}
