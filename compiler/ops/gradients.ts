/** What gradient rules have in common: formulas on values of one type, and shapes that were broadcast or reduced. */
import { sameShape, type TensorType, type ValueId } from "../graph/graph.ts";
import type { GradientBuilder, GradientSite, NodeBuilder, Op } from "./op.ts";
import { reducedShape } from "./rules.ts";

/** Builds formulas whose values all have one type. */
export interface Formulas {
  number(value: number): ValueId;
  add(a: ValueId, b: ValueId): ValueId;
  sub(a: ValueId, b: ValueId): ValueId;
  mul(a: ValueId, b: ValueId): ValueId;
  div(a: ValueId, b: ValueId): ValueId;
  neg(x: ValueId): ValueId;
  /** x times a number. */
  times(x: ValueId, factor: number): ValueId;
  square(x: ValueId): ValueId;
  /** An elementwise op by name: a function, or a comparison. */
  of(op: string, ...args: readonly ValueId[]): ValueId;
  select(condition: ValueId, a: ValueId, b: ValueId): ValueId;
  /** What is piecewise constant, such as a sign: gradients of a gradient do not go through it. */
  constant(x: ValueId): ValueId;
}

export function formulas(build: GradientBuilder, type: TensorType): Formulas {
  const of = (op: string, ...args: readonly ValueId[]): ValueId => build.apply(op, args);
  const number = (value: number): ValueId => build.fill(type, value);
  return {
    of, number,
    add: (a, b) => of("add", a, b), sub: (a, b) => of("sub", a, b), mul: (a, b) => of("mul", a, b), div: (a, b) => of("div", a, b),
    neg: (x) => of("neg", x),
    times: (x, factor) => of("mul", x, number(factor)),
    square: (x) => of("mul", x, x),
    select: (condition, a, b) => of("select", condition, a, b),
    constant: (x) => of("stop_gradient", x),
  };
}

/** What the rule of an elementwise op sees: its inputs, its result, and the gradient by that. */
export interface ElementwiseSite {
  readonly args: readonly ValueId[];
  readonly y: ValueId;
  readonly g: ValueId;
}

/** A gradient rule of an elementwise op on floats of one type. */
export const byFormulas = (rule: (f: Formulas, site: ElementwiseSite, build: GradientBuilder) => readonly (ValueId | undefined)[]): NonNullable<Op["gradient"]> =>
  (build, { inputs, result, gradient }: GradientSite) => rule(formulas(build, build.typeOf(result)), { args: inputs, y: result, g: gradient }, build);

/** The value in another shape with as many elements; itself when it has that shape. */
export function reshaped(build: NodeBuilder, value: ValueId, shape: readonly number[]): ValueId {
  return sameShape(build.typeOf(value).shape, shape) ? value : build.apply("reshape", [value], { shape: [...shape] });
}

export function broadcastTo(build: NodeBuilder, value: ValueId, shape: readonly number[]): ValueId {
  return sameShape(build.typeOf(value).shape, shape) ? value : build.apply("broadcast", [value], { shape: [...shape] });
}

export function summed(build: NodeBuilder, value: ValueId, axes: readonly number[], keepdims = false): ValueId {
  return axes.length === 0 ? value : build.apply("reduce", [value], { op: "add", axes: [...axes], keepdims });
}

/** The places of an axis, 0, 1, …, as i32 of a shape. */
export function numbersAlong(build: NodeBuilder, shape: readonly number[], axis: number): ValueId {
  const numbers = build.apply("iota", [], { length: shape[axis]!, dtype: "i32" });
  return broadcastTo(build, reshaped(build, numbers, shape.map((extent, d) => (d === axis ? extent : 1))), shape);
}

/** The gradient by what was broadcast: the sum over where it was seen. */
export function sumTo(build: NodeBuilder, value: ValueId, shape: readonly number[]): ValueId {
  const from = build.typeOf(value).shape;
  const added = from.length - shape.length;
  const axes = [...from.keys()].filter((axis) => axis < added || (shape[axis - added] === 1 && from[axis] !== 1));
  return reshaped(build, summed(build, value, axes), shape);
}

/** What belongs to a reduction's result, seen at every element of its input. */
export function expandReduced(build: GradientBuilder, value: ValueId, shape: readonly number[], axes: readonly number[]): ValueId {
  return broadcastTo(build, reshaped(build, value, reducedShape(shape, axes, true)), shape);
}

/** The dimensions of a matrix, or of a stack of them, with the last two exchanged. */
export function transposedMatrix(build: GradientBuilder, value: ValueId): ValueId {
  const rank = build.typeOf(value).shape.length;
  const axes = Array.from({ length: rank }, (_, axis) => axis);
  return build.apply("transpose", [value], { axes: [...axes.slice(0, -2), rank - 1, rank - 2] });
}
