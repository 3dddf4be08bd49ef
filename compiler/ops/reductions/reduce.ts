/**
 * Elements combined along axes. The meaning of a float sum or product is the exact one of the f64 partial results, taken in
 * row-major order and rounded once; the order in which an executable combines is its own, and 16-bit floats accumulate in
 * f32. Sums of integers wrap in their dtype.
 */
import { isBig, isFloat, isInteger, sizeOf, type DType } from "../../../runtime/dtype.ts";
import { flatIndex, forEachIndex, get, limitsOf, put, tensor, zeros, type Tensor } from "../../graph/tensor.ts";
import type { Attributes, TensorType, ValueId } from "../../graph/graph.ts";
import { binary, cast, constant } from "../../kernel/build.ts";
import type { Expression } from "../../kernel/kernel.ts";
import type { BlockContext, Lowering } from "../../kernel/lowering.ts";
import { invariant, unreachable } from "../../support/bug.ts";
import { samples } from "../elementwise/elementwise.ts";
import { axesSpace, fillLowering, forRest, number, padded, wholeRegion, widened } from "../lowerings.ts";
import { expandReduced, formulas, reshaped, summed } from "../gradients.ts";
import type { GradientBuilder, GradientSite, Op, Signature } from "../op.ts";
import { axesArgument, boolAttribute, computeDType, intsAttribute, reducedShape, refuse, requireClass, requireInputs, showShape } from "../rules.ts";

const reductionOps = ["add", "mul", "min", "max", "and", "or"] as const;
export type ReductionOp = (typeof reductionOps)[number];

const words: Record<ReductionOp, string> = { add: "sum", mul: "prod", min: "min", max: "max", and: "all", or: "any" };

export function reductionOpOf(attributes: Attributes): ReductionOp {
  const op = attributes["op"];
  invariant(reductionOps.some((known) => known === op), () => `reduce with ${String(op)}`);
  return op as ReductionOp;
}

/** What changes nothing when combined; a bigint where the dtype's values are. */
export function identityOf(op: ReductionOp, dtype: DType): number | bigint {
  const whole = (value: bigint): number | bigint => (isBig(dtype) ? value : Number(value));
  switch (op) {
    case "add": case "or": return whole(0n);
    case "mul": return whole(1n);
    case "and": return dtype === "bool" ? 1 : whole(-1n);
    case "min": return isFloat(dtype) ? Infinity : whole(limitsOf(dtype).max);
    case "max": return isFloat(dtype) ? -Infinity : whole(limitsOf(dtype).min);
    default: return unreachable(op);
  }
}

export function combineFloats(op: ReductionOp, a: number, b: number): number {
  switch (op) {
    case "add": return a + b;
    case "mul": return a * b;
    case "min": return Math.min(a, b);
    case "max": return Math.max(a, b);
    case "and": case "or": throw new TypeError("no bits in floats");
    default: return unreachable(op);
  }
}

export function combineIntegers(op: ReductionOp, a: bigint, b: bigint): bigint {
  switch (op) {
    case "add": return a + b;
    case "mul": return a * b;
    case "min": return a < b ? a : b;
    case "max": return a > b ? a : b;
    case "and": return a & b;
    case "or": return a | b;
    default: return unreachable(op);
  }
}

/** Type of a reduction of any kind: axes in range, and nothing empty that has no identity. */
export function reducedType(what: string, input: TensorType, attributes: Attributes, needsElements: boolean): TensorType {
  const axes = axesArgument(intsAttribute(attributes, "axes"), input.shape.length, what);
  const shape = reducedShape(input.shape, axes, boolAttribute(attributes, "keepdims"));
  if (needsElements && sizeOf(shape) > 0 && axes.some((axis) => input.shape[axis] === 0)) {
    refuse("shape-mismatch", `${what} over no elements: ${showShape(input.shape)} is empty along the reduced axes`);
  }
  return { dtype: input.dtype, shape };
}

/** Calls `visit` with the position in the input and in the result, in row-major order of the input. */
export function forEachReduced(shape: readonly number[], axes: readonly number[], visit: (from: number, to: number) => void): void {
  const kept = reducedShape(shape, axes, true);
  forEachIndex(shape, (index, flat) => visit(flat, flatIndex(kept, index.map((i, axis) => (axes.includes(axis) ? 0 : i)))));
}

export function reduceTensor(x: Tensor, op: ReductionOp, axes: readonly number[], type: TensorType): Tensor {
  const result = zeros(type);
  const start = identityOf(op, type.dtype);
  const totals = new Array<number | bigint>(result.data.length).fill(isFloat(type.dtype) ? Number(start) : BigInt(start));
  forEachReduced(x.type.shape, axes, (from, to) => {
    const total = totals[to]!;
    totals[to] = typeof total === "number" ? combineFloats(op, total, Number(get(x, from))) : combineIntegers(op, total, BigInt(get(x, from)));
  });
  totals.forEach((total, flat) => put(result, flat, total));
  return result;
}

/** What is reduced: so many operands of one shape, of which `element` makes what is combined at a point. */
export interface Reduced {
  readonly name: string;
  readonly shape: readonly number[];
  readonly operands: number;
  element(context: BlockContext, at: readonly Expression[]): Expression;
}

/**
 * The lowering of every reduction, along `axes` and with `keepdims`; `finish` makes a block's result of its total. Partial results
 * may be combined when rounding them to the result's dtype loses nothing, that is, not for 16-bit floats.
 */
export function reduceLowering(
  { name, shape, operands, element }: Reduced, attributes: Attributes, type: TensorType, op: ReductionOp, finish: (total: Expression) => Expression = (total) => total,
): Lowering[] {
  if (sizeOf(type.shape) === 0) return [];
  if (sizeOf(shape) === 0) return fillLowering(name, wholeRegion(type.shape), type.dtype, identityOf(op, type.dtype));
  const { space, outer, element: index, reduced } = axesSpace(shape, intsAttribute(attributes, "axes"), "reduction");
  const inner = computeDType(type.dtype);
  return [
    {
      name,
      space,
      reads: Array.from({ length: operands }, (_, operand) => ({ operand, index })),
      writes: [{ operand: 0, index: reduced(boolAttribute(attributes, "keepdims")) }],
      ...(inner === type.dtype ? { combine: op } : {}),
      emit(context) {
        const { kernel, block, store } = context;
        kernel.forBox(block.slice(0, outer), true, (point) => {
          const total = kernel.let(words[op], type.dtype === "bool" ? constant("bool", Number(identityOf(op, "bool"))) : number(type.dtype, identityOf(op, type.dtype)));
          forRest(context, point, false, (at) => kernel.set(total, binary(op, total, element(context, at))));
          store(0, padded(point, space.length), cast(type.dtype, finish(total)));
        });
      },
    },
  ];
}

/** The elements of one operand, as they are. */
const elements = (name: string, { shape }: TensorType): Reduced => ({ name, shape, operands: 1, element: ({ load }, at) => widened(load(0, at)) });

export const axesParameters = [
  { name: "x", kind: "tensor" },
  { name: "axis", kind: "axes", default: null },
  { name: "keepdims", kind: "bool", default: false },
] as const;

export const axesAttributes = (what: string, args: Parameters<NonNullable<Signature["attributes"]>>[0], inputs: readonly TensorType[]): Attributes => ({
  axes: axesArgument(args["axis"], inputs[0]!.shape.length, what),
  keepdims: args["keepdims"] === true,
});

const signatureOf = (op: ReductionOp): Signature => ({
  call: words[op],
  module: "core",
  parameters: axesParameters,
  attributes: (args, inputs) => ({ op, ...axesAttributes(words[op], args, inputs) }),
});

export function requireReducible(op: ReductionOp, input: TensorType): void {
  if (op === "and" || op === "or") requireClass(words[op], isInteger(input.dtype) ? "integer" : "bool", input);
  else requireClass(words[op], "number", input);
}

/** The largest (or smallest) elements have the gradient; several equal ones share it. */
function extremeGradient(build: GradientBuilder, { inputs: [x], attributes, result, gradient }: GradientSite): ValueId {
  const type = build.typeOf(x!);
  const axes = intsAttribute(attributes, "axes");
  const f = formulas(build, type);
  const spread = (value: ValueId): ValueId => expandReduced(build, value, type.shape, axes);
  const chosen = f.select(f.of("eq", x!, spread(result)), f.number(1), f.number(0));
  return f.mul(chosen, spread(build.apply("div", [gradient, reshaped(build, summed(build, chosen, axes), build.typeOf(result).shape)])));
}

/** Each element has the product of the others: of those before it, and of those behind it. Nothing is divided, so 0 is no exception. */
function productGradient(build: GradientBuilder, { inputs: [x], attributes, gradient }: GradientSite): ValueId {
  const { dtype, shape } = build.typeOf(x!);
  const axes = intsAttribute(attributes, "axes");
  const kept = [...shape.keys()].filter((axis) => !axes.includes(axis));
  const order = [...kept, ...axes];
  const row = [sizeOf(kept.map((axis) => shape[axis]!)), sizeOf(axes.map((axis) => shape[axis]!))] as const;
  const rows = reshaped(build, build.apply("transpose", [x!], { axes: order }), row);
  const allButLast = { start: [0, 0], length: [row[0], Math.max(0, row[1] - 1)], step: [1, 1] };
  const ones = formulas(build, { dtype, shape: [row[0], Math.min(1, row[1])] }).number(1);
  const before = (value: ValueId): ValueId => build.apply("concat", [ones, build.apply("slice", [build.apply("cum_prod", [value], { axis: 1 })], allButLast)], { axis: 1 });
  const backwards = (value: ValueId): ValueId => build.apply("reverse", [value], { axes: [1] });
  const others = build.apply("mul", [before(rows), backwards(before(backwards(rows)))]);
  const placed = build.apply("transpose", [reshaped(build, others, order.map((axis) => shape[axis]!))], { axes: order.map((_, axis) => order.indexOf(axis)) });
  return build.apply("mul", [expandReduced(build, gradient, shape, axes), placed]);
}

export const reduce: Op = {
  name: "reduce",
  kind: "compute",
  stores: "once",
  summary: "Elements combined along axes, all when none is given: sum, prod, min, max, all, any.",
  formula: "y = x₀ ∘ x₁ ∘ …",
  signature: signatureOf("add"),
  otherSignatures: reductionOps.slice(1).map(signatureOf),
  type(inputs, attributes) {
    requireInputs("reduce", inputs, 1);
    const op = reductionOpOf(attributes);
    requireReducible(op, inputs[0]!);
    return reducedType(words[op], inputs[0]!, attributes, op === "min" || op === "max");
  },
  evaluate: (inputs, attributes, type) => reduceTensor(inputs[0]!, reductionOpOf(attributes), intsAttribute(attributes, "axes"), type),
  lower(inputs, attributes, type) {
    const op = reductionOpOf(attributes);
    return reduceLowering(elements(words[op], inputs[0]!), attributes, type, op);
  },
  gradient(build, site) {
    const op = reductionOpOf(site.attributes);
    if (op === "add") return [expandReduced(build, site.gradient, build.typeOf(site.inputs[0]!).shape, intsAttribute(site.attributes, "axes"))];
    return [op === "mul" ? productGradient(build, site) : extremeGradient(build, site)];
  },
  examples: () => [
    { inputs: [tensor("f32", [2, 3], [1, 2, 3, 4, 5, 6])], attributes: { op: "add", axes: [1], keepdims: false }, expected: tensor("f32", [2], [6, 15]) },
    { inputs: [tensor("u8", [3], [200, 100, 1])], attributes: { op: "add", axes: [0], keepdims: true }, expected: tensor("u8", [1], [45]) },
    { inputs: [tensor("f32", [3], [1, NaN, 3])], attributes: { op: "max", axes: [0], keepdims: false }, expected: tensor("f32", [], [NaN]) },
    { inputs: [tensor("i64", [3], [3, -5, 7])], attributes: { op: "mul", axes: [0], keepdims: false }, expected: tensor("i64", [], [-105]) },
    { inputs: [tensor("bool", [2, 2], [1, 0, 1, 1])], attributes: { op: "and", axes: [1], keepdims: false }, expected: tensor("bool", [2], [0, 1]) },
    { inputs: [tensor("bool", [2, 2], [0, 0, 1, 0])], attributes: { op: "or", axes: [1], keepdims: false }, expected: tensor("bool", [2], [0, 1]) },
    { inputs: [tensor("f16", [40], new Array<number>(40).fill(100.0625))], attributes: { op: "add", axes: [0], keepdims: false }, expected: tensor("f16", [], [4002.5]) },
    { inputs: [samples("i32", [7, 5, 3])], attributes: { op: "add", axes: [0, 2], keepdims: true } },
    { inputs: [samples("i8", [5, 7])], attributes: { op: "min", axes: [0], keepdims: false } },
    { inputs: [samples("u32", [4, 5])], attributes: { op: "and", axes: [1], keepdims: false } },
    { inputs: [samples("f32", [])], attributes: { op: "add", axes: [], keepdims: false } },
    { inputs: [samples("f32", [3, 0])], attributes: { op: "mul", axes: [1], keepdims: false } },
    { inputs: [samples("f32", [0, 3])], attributes: { op: "max", axes: [1], keepdims: false } },
  ],
};

/** The sum in f64 over the number of elements, rounded once. */
export function meanTensor(x: Tensor, axes: readonly number[], type: TensorType): Tensor {
  const count = sizeOf(axes.map((axis) => x.type.shape[axis]!));
  const total = reduceTensor(x, "add", axes, { dtype: "f64", shape: type.shape });
  const result = zeros(type);
  for (let flat = 0; flat < result.data.length; flat++) put(result, flat, Number(total.data[flat]) / count);
  return result;
}

/** Each block divides its own sum, so that partial means add up. */
export function meanLowering(reduced: Reduced, attributes: Attributes, type: TensorType): Lowering[] {
  const count = sizeOf(intsAttribute(attributes, "axes").map((axis) => reduced.shape[axis]!));
  return reduceLowering(reduced, attributes, type, "add", (total) => binary("div", total, number(type.dtype, count)));
}

export const mean: Op = {
  name: "mean",
  kind: "compute",
  stores: "once",
  summary: "Average along axes, of all elements when none is given.",
  formula: "y = (x₀ + x₁ + …) / n",
  signature: { call: "mean", module: "core", parameters: axesParameters, attributes: (args, inputs) => axesAttributes("mean", args, inputs) },
  type(inputs, attributes) {
    requireInputs("mean", inputs, 1);
    requireClass("mean", "float", inputs[0]!);
    return reducedType("mean", inputs[0]!, attributes, true);
  },
  evaluate: (inputs, attributes, type) => meanTensor(inputs[0]!, intsAttribute(attributes, "axes"), type),
  lower: (inputs, attributes, type) => meanLowering(elements("mean", inputs[0]!), attributes, type),
  gradient(build, { inputs: [x], attributes, gradient }) {
    const { shape } = build.typeOf(x!);
    const axes = intsAttribute(attributes, "axes");
    const count = sizeOf(axes.map((axis) => shape[axis]!));
    return [expandReduced(build, formulas(build, build.typeOf(gradient)).times(gradient, 1 / count), shape, axes)];
  },
  examples: () => [
    { inputs: [tensor("f32", [2, 3], [1, 2, 3, 4, 5, 9])], attributes: { axes: [1], keepdims: false }, expected: tensor("f32", [2], [2, 6]) },
    { inputs: [tensor("bf16", [3, 5], Array.from({ length: 15 }, (_, i) => i))], attributes: { axes: [0, 1], keepdims: true }, expected: tensor("bf16", [1, 1], [7]) },
    { inputs: [tensor("f64", [], [3])], attributes: { axes: [], keepdims: false } },
    { inputs: [tensor("f32", [0, 3], [])], attributes: { axes: [1], keepdims: false } },
  ],
};
