/**
 * Variance, deviation, norms and quantiles: formulas over whole tensors, made of other ops where they are called, which fuse into the
 * reductions. They are ops and not functions of the library because their shape depends on which axes are given. 16-bit
 * floats are computed in f32 and rounded once.
 */
import { sizeOf } from "../../../runtime/dtype.ts";
import type { Attributes, TensorType, ValueId } from "../../graph/graph.ts";
import { get, put, tensor, zeros, type Tensor } from "../../graph/tensor.ts";
import { samples } from "../elementwise/elementwise.ts";
import { broadcastTo, reshaped } from "../gradients.ts";
import type { ConstantValue, NodeBuilder, Op, Signature } from "../op.ts";
import { axesAttributes, axesParameters, forEachReduced, reducedType } from "./reduce.ts";
import { boolAttribute, computeDType, intsAttribute, intArgument, numberAttribute, refuse, requireClass, requireInputs, showShape } from "../rules.ts";

const axesOf = (attributes: Attributes): readonly number[] => intsAttribute(attributes, "axes");
const countOf = (x: TensorType, attributes: Attributes): number => sizeOf(axesOf(attributes).map((axis) => x.shape[axis]!));

/** Computes in f32 what is of 16 bits: `formula` sees the wider value and its result is rounded back. */
function widely(build: NodeBuilder, x: ValueId, formula: (x: ValueId) => ValueId): ValueId {
  const { dtype } = build.typeOf(x);
  const inner = computeDType(dtype);
  if (inner === dtype) return formula(x);
  return build.apply("cast", [formula(build.apply("cast", [x], { dtype: inner }))], { dtype });
}

/** A value with every element `number`, of the type of another. */
const like = (build: NodeBuilder, value: ValueId, number: number): ValueId => build.fill(build.typeOf(value), number);

const reduced = (build: NodeBuilder, x: ValueId, op: "add" | "max", attributes: Attributes): ValueId =>
  build.apply("reduce", [x], { op, axes: [...axesOf(attributes)], keepdims: boolAttribute(attributes, "keepdims") });

function composeVariance(build: NodeBuilder, x: ValueId, attributes: Attributes): ValueId {
  const type = build.typeOf(x);
  const average = build.apply("mean", [x], { axes: [...axesOf(attributes)], keepdims: true });
  const error = build.apply("sub", [x, broadcastTo(build, average, type.shape)]);
  const total = reduced(build, build.apply("mul", [error, error]), "add", attributes);
  return build.apply("div", [total, like(build, total, countOf(type, attributes) - numberAttribute(attributes, "correction"))]);
}

function composeNorm(build: NodeBuilder, x: ValueId, attributes: Attributes): ValueId {
  const order = numberAttribute(attributes, "order");
  if (order === 2) return build.apply("sqrt", [reduced(build, build.apply("mul", [x, x]), "add", attributes)]);
  const sizes = build.apply("abs", [x]);
  if (order === Infinity) return reduced(build, sizes, "max", attributes);
  if (order === 1) return reduced(build, sizes, "add", attributes);
  const total = reduced(build, build.apply("pow", [sizes, like(build, sizes, order)]), "add", attributes);
  return build.apply("pow", [total, like(build, total, 1 / order)]);
}

/** Lists of the elements that each element of the result is made of. */
function groups(x: Tensor, attributes: Attributes, type: TensorType): number[][] {
  const lists = Array.from({ length: sizeOf(type.shape) }, (): number[] => []);
  forEachReduced(x.type.shape, axesOf(attributes), (from, to) => lists[to]!.push(Number(get(x, from))));
  return lists;
}

function fromGroups(x: Tensor, attributes: Attributes, type: TensorType, formula: (elements: readonly number[]) => number): Tensor {
  const result = zeros(type);
  groups(x, attributes, type).forEach((elements, flat) => put(result, flat, formula(elements)));
  return result;
}

function variance(elements: readonly number[], correction: number): number {
  const average = elements.reduce((sum, x) => sum + x, 0) / elements.length;
  return elements.reduce((sum, x) => sum + (x - average) ** 2, 0) / (elements.length - correction);
}

function deviation(name: "var" | "std", summary: string, formula: string, finish: (variance: number) => number, expected: readonly number[]): Op {
  const attributes = (more: Attributes): Attributes => ({ keepdims: false, correction: 0, ...more });
  return {
    name,
    kind: "compute",
    summary,
    formula,
    signature: {
      call: name,
      module: "core",
      parameters: [...axesParameters, { name: "correction", kind: "int", default: 0 }],
      attributes: (args, inputs) => ({ ...axesAttributes(name, args, inputs), correction: intArgument(args["correction"] ?? 0, `the correction of ${name}`) }),
    },
    type(inputs, given) {
      requireInputs(name, inputs, 1);
      const x = inputs[0]!;
      requireClass(name, "float", x);
      const type = reducedType(name, x, given, true);
      const [count, correction] = [countOf(x, given), numberAttribute(given, "correction")];
      if (correction < 0 || (correction >= count && sizeOf(type.shape) > 0)) refuse("out-of-range", `the correction of ${name} is ${correction}, but there are ${count} elements for each result, of ${showShape(x.shape)}`);
      return type;
    },
    evaluate: (inputs, given, type) => fromGroups(inputs[0]!, given, type, (elements) => finish(variance(elements, numberAttribute(given, "correction")))),
    compose: (build, [x], given) => widely(build, x!, (wide) => {
      const squared = composeVariance(build, wide, given);
      return name === "std" ? build.apply("sqrt", [squared]) : squared;
    }),
    examples: () => [
      { inputs: [tensor("f64", [2, 3], [1, 2, 4, 10, 20, 60])], attributes: attributes({ axes: [1], correction: 1 }), expected: tensor("f64", [2], expected) },
      { inputs: [tensor("f32", [2, 4], [1, 2, 3, 4, 5, 6, 7, 8])], attributes: attributes({ axes: [0, 1], keepdims: true }), expected: tensor("f32", [1, 1], [finish(5.25)]) },
      { inputs: [tensor("f16", [3, 5], Array.from({ length: 15 }, (_, k) => 300 + 7 * ((k * k) % 11)))], attributes: attributes({ axes: [1] }) },
      { inputs: [tensor("f64", [2, 3, 2], Array.from({ length: 12 }, (_, k) => Math.sin(k)))], attributes: attributes({ axes: [0, 2] }) },
      { inputs: [samples("bf16", [4, 4])], attributes: attributes({ axes: [0] }) },
      { inputs: [tensor("f32", [0, 3], [])], attributes: attributes({ axes: [1] }) },
    ],
  };
}

export const varianceOp = deviation("var", "Variance along axes, of all elements when none is given; the sum of squares is divided by n - correction.", "y = Σ (x - mean x)² / (n - correction)", (value) => value, [2.3333333333333335, 700]);
export const standardDeviation = deviation("std", "Standard deviation along axes, of all elements when none is given; the root of `var`.", "y = √(Σ (x - mean x)² / (n - correction))", Math.sqrt, [1.5275252316519468, 26.457513110645905]);

function normOf(elements: readonly number[], order: number): number {
  if (order === Infinity) return elements.reduce((most, x) => Math.max(most, Math.abs(x)), -Infinity);
  return elements.reduce((sum, x) => sum + Math.abs(x) ** order, 0) ** (1 / order);
}

export const norm: Op = {
  name: "norm",
  kind: "compute",
  summary: "Length of vectors along axes, of all elements when none is given: the root of the sum of squares, or that of another order above 0; infinity, 1.0 / 0.0, gives the largest size.",
  formula: "y = (Σ |x|^order)^(1 / order)",
  signature: {
    call: "norm",
    module: "core",
    parameters: [...axesParameters, { name: "order", kind: "float", default: 2 }],
    attributes: (args, inputs) => ({ ...axesAttributes("norm", args, inputs), order: Number(args["order"] ?? 2) }),
  },
  type(inputs, attributes) {
    requireInputs("norm", inputs, 1);
    requireClass("norm", "float", inputs[0]!);
    const order = numberAttribute(attributes, "order");
    if (!(order > 0)) refuse("out-of-range", `the order of norm must be above 0, and is ${order}`);
    return reducedType("norm", inputs[0]!, attributes, order === Infinity);
  },
  evaluate: (inputs, attributes, type) => fromGroups(inputs[0]!, attributes, type, (elements) => normOf(elements, numberAttribute(attributes, "order"))),
  compose: (build, [x], attributes) => widely(build, x!, (wide) => composeNorm(build, wide, attributes)),
  examples: () => [
    { inputs: [tensor("f64", [2, 3], [1, -2, 2, 0, 3, -4])], attributes: { axes: [1], keepdims: false, order: 2 }, expected: tensor("f64", [2], [3, 5]) },
    { inputs: [tensor("f64", [3], [1, -2, 3])], attributes: { axes: [0], keepdims: true, order: 3 }, expected: tensor("f64", [1], [3.3019272488946263]) },
    { inputs: [tensor("f32", [2, 2], [1, -2, 3, -4])], attributes: { axes: [0, 1], keepdims: false, order: 1 }, expected: tensor("f32", [], [10]) },
    { inputs: [tensor("f64", [2, 2], [1, -2, 3, -4])], attributes: { axes: [0], keepdims: false, order: Infinity }, expected: tensor("f64", [2], [3, 4]) },
    { inputs: [tensor("f16", [3, 5], Array.from({ length: 15 }, (_, k) => 300 + 7 * ((k * k) % 11)))], attributes: { axes: [1], keepdims: false, order: 2 } },
    { inputs: [samples("f32", [0, 3])], attributes: { axes: [0], keepdims: false, order: 2 } },
  ],
};

/** The elements of some axes side by side, behind the others: [others…, n]. */
function lastOf(build: NodeBuilder, x: ValueId, axes: readonly number[]): ValueId {
  const { shape } = build.typeOf(x);
  const others = [...shape.keys()].filter((axis) => !axes.includes(axis));
  const moved = build.apply("transpose", [x], { axes: [...others, ...axes] });
  return reshaped(build, moved, [...others.map((axis) => shape[axis]!), sizeOf(axes.map((axis) => shape[axis]!))]);
}

/** Of elements in order, which are NaN at the end if one is. */
function composeQuantile(build: NodeBuilder, x: ValueId, attributes: Attributes): ValueId {
  const type = reducedType("quantile", build.typeOf(x), attributes, true);
  const rows = lastOf(build, x, axesOf(attributes));
  const axis = build.typeOf(rows).shape.length - 1;
  const ordered = build.apply("sort", [rows], { axis, descending: false });
  const { shape } = build.typeOf(ordered);
  const at = (place: number): ValueId => {
    const one = build.apply("slice", [ordered], { start: shape.map((_, d) => (d === axis ? place : 0)), length: shape.with(axis, 1), step: shape.map(() => 1) });
    return reshaped(build, one, type.shape);
  };
  const { below, rest } = placeOf(attributes, shape[axis]!);
  const [low, last] = [at(below), at(shape[axis]! - 1)];
  const between = rest === 0 ? low : build.apply("add", [low, build.apply("mul", [like(build, low, rest), build.apply("sub", [at(below + 1), low])])]);
  return build.apply("select", [build.apply("eq", [last, last]), between, like(build, low, NaN)]);
}

/** The element before which a share of `count` lies, and how far behind it. */
function placeOf(attributes: Attributes, count: number): { readonly below: number; readonly rest: number } {
  const place = numberAttribute(attributes, "q") * (count - 1);
  return { below: Math.floor(place), rest: place - Math.floor(place) };
}

function quantileOf(elements: readonly number[], attributes: Attributes): number {
  if (elements.some(Number.isNaN)) return NaN;
  const ordered = elements.toSorted((a, b) => a - b);
  const { below, rest } = placeOf(attributes, ordered.length);
  return rest === 0 ? ordered[below]! : ordered[below]! + rest * (ordered[below + 1]! - ordered[below]!);
}

function quantiles(name: "quantile" | "median", summary: string, formula: string, signature: Pick<Signature, "parameters"> & { share(args: { readonly [name: string]: ConstantValue }): number }, expected: readonly number[]): Op {
  const [q, attributes] = [name === "median" ? 0.5 : 0.3, (axes: readonly number[], keepdims = false): Attributes => ({ axes, keepdims, q: name === "median" ? 0.5 : 0.3 })];
  return {
    name,
    kind: "compute",
    summary,
    formula,
    signature: { call: name, module: "core", parameters: signature.parameters, attributes: (args, inputs) => ({ ...axesAttributes(name, args, inputs), q: signature.share(args) }) },
    type(inputs, given) {
      requireInputs(name, inputs, 1);
      requireClass(name, "float", inputs[0]!);
      const share = numberAttribute(given, "q");
      if (!(share >= 0 && share <= 1)) refuse("out-of-range", `the share of ${name} is from 0 to 1, and not ${share}`);
      return reducedType(name, inputs[0]!, given, true);
    },
    evaluate: (inputs, given, type) => fromGroups(inputs[0]!, given, type, (elements) => quantileOf(elements, given)),
    compose: (build, [x], given) => widely(build, x!, (wide) => composeQuantile(build, wide, given)),
    examples: () => [
      { inputs: [tensor("f64", [2, 4], [4, 1, 3, 2, 10, 40, 20, 80])], attributes: attributes([1]), expected: tensor("f64", [2], expected) },
      { inputs: [tensor("f32", [2, 3], [1, NaN, 3, 4, 5, 6])], attributes: attributes([1], true), expected: tensor("f32", [2, 1], [NaN, 4 + 2 * q]) },
      { inputs: [samples("f32", [3, 5, 2])], attributes: attributes([0, 2]) },
      { inputs: [tensor("f16", [3, 5], Array.from({ length: 15 }, (_, k) => 300 + 7 * ((k * k) % 11)))], attributes: attributes([0, 1]) },
      { inputs: [samples("f64", [1, 7])], attributes: attributes([0], true) },
      { inputs: [tensor("f32", [0, 3], [])], attributes: attributes([1]) },
    ],
  };
}

export const quantile = quantiles(
  "quantile", "The number below which a share q, from 0 to 1, of the elements along axes lies, of all when none is given: one of them, or on the line between two; NaN where there is one.", "y = x₍ᵢ₎ + (q·(n - 1) - i) · (x₍ᵢ₊₁₎ - x₍ᵢ₎), i = ⌊q·(n - 1)⌋, of x in order",
  { parameters: [axesParameters[0], { name: "q", kind: "float" }, ...axesParameters.slice(1)], share: (args) => Number(args["q"]) }, [1.9, 19],
);
export const median = quantiles("median", "The middle element along axes, put in order, or the mean of the two in the middle; of all elements when no axis is given; NaN where there is one.", "y = quantile(x, 1/2)", { parameters: axesParameters, share: () => 0.5 }, [2.5, 30]);
