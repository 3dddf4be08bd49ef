/**
 * What type rules and signatures have in common: reading attributes, checking dtypes and shapes, normalising axes.
 * A refusal is a RuleError, which the checker shows at the call. An attribute of the wrong kind is our own mistake.
 */
import { isDType, isFloat, isInteger, type DType } from "../../runtime/dtype.ts";
import { sameShape, type Attributes, type TensorType } from "../graph/graph.ts";
import { invariant } from "../support/bug.ts";
import type { ProblemName } from "../support/problems.ts";
import { RuleError, type ConstantValue, type Signature } from "./op.ts";

export function refuse(problem: ProblemName, message: string, help?: string): never {
  throw new RuleError(problem, message, help);
}

export const showShape = (shape: readonly number[]): string => `[${shape.join(", ")}]`;

// Attributes of nodes

export function intAttribute(attributes: Attributes, name: string): number {
  const value = attributes[name];
  invariant(typeof value === "number" && Number.isInteger(value), () => `attribute ${name} is no int: ${String(value)}`);
  return value;
}

export function numberAttribute(attributes: Attributes, name: string): number {
  const value = attributes[name];
  invariant(typeof value === "number" || typeof value === "bigint", () => `attribute ${name} is no number: ${String(value)}`);
  return Number(value);
}

export function boolAttribute(attributes: Attributes, name: string): boolean {
  const value = attributes[name];
  invariant(typeof value === "boolean", () => `attribute ${name} is no bool: ${String(value)}`);
  return value;
}

export function intsAttribute(attributes: Attributes, name: string): readonly number[] {
  const value = attributes[name];
  invariant(Array.isArray(value) && value.every(Number.isInteger), () => `attribute ${name} is no list of ints: ${String(value)}`);
  return value as readonly number[];
}

export function dtypeAttribute(attributes: Attributes): DType {
  const value = attributes["dtype"];
  invariant(typeof value === "string" && isDType(value), () => `attribute dtype is no dtype: ${String(value)}`);
  return value;
}

// Arguments of calls

export function intArgument(value: ConstantValue | undefined, what: string): number {
  if (typeof value === "bigint") return Number(value);
  if (typeof value !== "number" || !Number.isInteger(value)) refuse("bad-argument", `${what} must be an int`);
  return value;
}

/** An int or a tuple of ints. */
export function intsArgument(value: ConstantValue | undefined, what: string): number[] {
  return Array.isArray(value) ? value.map((item) => intArgument(item as ConstantValue, what)) : [intArgument(value, what)];
}

/** A shape as it is written, every extent an int ≥ 0. */
export function shapeArgument(value: ConstantValue | undefined, what: string): number[] {
  const shape = intsArgument(value ?? [], what);
  for (const extent of shape) if (extent < 0) refuse("out-of-range", `an extent of ${what} is negative: ${extent}`);
  return shape;
}

/** Counted from the end when negative. */
export function axisArgument(value: ConstantValue | undefined, rank: number, what: string): number {
  const axis = intArgument(value, `the axis of ${what}`);
  if (axis < -rank || axis >= rank) {
    refuse("out-of-range", rank === 0 ? `${what} needs a dimension, but the tensor is a scalar` : `axis ${axis} of ${what} is outside -${rank}..${rank - 1}, the tensor has rank ${rank}`, rank === 0 ? `the tensor is the first argument of ${what}` : undefined);
  }
  return axis < 0 ? axis + rank : axis;
}

/** A call of tensors along an axis, which is the last where none is given. */
export const signatureAlong = (call: string, module: Signature["module"], tensors: readonly string[] = ["x"]): Signature => ({
  call,
  module,
  parameters: [...tensors.map((name) => ({ name, kind: "tensor" as const })), { name: "axis", kind: "axis", default: -1 }],
  attributes: (args, inputs) => ({ axis: axisArgument(args["axis"], inputs[0]!.shape.length, call) }),
});

/** One axis, a tuple of axes, or null for all; sorted, each once. */
export function axesArgument(value: ConstantValue | undefined, rank: number, what: string): number[] {
  if (value === null || value === undefined) return Array.from({ length: rank }, (_, axis) => axis);
  const axes = intsArgument(value, `the axis of ${what}`).map((axis) => axisArgument(axis, rank, what));
  axes.forEach((axis, position) => {
    if (axes.indexOf(axis) !== position) refuse("bad-argument", `axis ${axis} is given twice to ${what}`);
  });
  return axes.sort((a, b) => a - b);
}

// Dtypes and shapes of operands

export type DTypeClass = "any" | "number" | "float" | "integer" | "bits" | "bool";

const classes: Record<DTypeClass, { readonly words: string; readonly has: (dtype: DType) => boolean }> = {
  any: { words: "any element", has: () => true },
  number: { words: "numbers", has: (dtype) => dtype !== "bool" },
  float: { words: "floats", has: isFloat },
  integer: { words: "integers", has: isInteger },
  bits: { words: "integers or bool", has: (dtype) => isInteger(dtype) || dtype === "bool" },
  bool: { words: "bool", has: (dtype) => dtype === "bool" },
};

export function requireClass(what: string, wanted: DTypeClass, type: TensorType): void {
  if (classes[wanted].has(type.dtype)) return;
  const help =
    wanted === "bool" ? "compare with 0 to get bool: x != 0"
    : wanted === "float" ? "cast<f32>(x) converts"
    : wanted === "number" ? "bool is no number; cast<i32>(x) converts"
    : undefined;
  refuse("dtype-mismatch", `${what} takes ${classes[wanted].words}, not ${type.dtype}`, help);
}

export function requireSameDType(what: string, a: TensorType, b: TensorType, names: readonly [string, string] = ["a", "b"]): void {
  if (a.dtype === b.dtype) return;
  refuse("dtype-mismatch", `the dtypes of ${what} differ, ${a.dtype} (${names[0]}) and ${b.dtype} (${names[1]})`, `cast<${a.dtype}>(…) converts`);
}

export function requireSameShape(what: string, a: TensorType, b: TensorType, names: readonly [string, string] = ["a", "b"]): void {
  if (sameShape(a.shape, b.shape)) return;
  refuse("shape-mismatch", `the shapes of ${what} differ, ${showShape(a.shape)} (${names[0]}) and ${showShape(b.shape)} (${names[1]})`);
}

export function requireRank(what: string, type: TensorType, rank: number): void {
  if (type.shape.length !== rank) refuse("shape-mismatch", `${what} must have rank ${rank}, but has shape ${showShape(type.shape)}`);
}

/** Rules of the node itself, which the checker cannot get wrong for the user. */
export function requireInputs(what: string, inputs: readonly unknown[], count: number): void {
  invariant(inputs.length === count, () => `${what} takes ${count} inputs, not ${inputs.length}`);
}

/** The shape without `axes`, or with extent 1 there. */
export function reducedShape(shape: readonly number[], axes: readonly number[], keepdims: boolean): number[] {
  return keepdims ? shape.map((extent, axis) => (axes.includes(axis) ? 1 : extent)) : shape.filter((_, axis) => !axes.includes(axis));
}

/** NumPy's rule: aligned at the right, extents equal or 1. Undefined where they do not fit. */
export function broadcastShapes(a: readonly number[], b: readonly number[]): number[] | undefined {
  const rank = Math.max(a.length, b.length);
  const shape: number[] = [];
  for (let k = 0; k < rank; k++) {
    const left = a[a.length - rank + k] ?? 1;
    const right = b[b.length - rank + k] ?? 1;
    if (left !== right && left !== 1 && right !== 1) return undefined;
    shape.push(left === 1 ? right : left);
  }
  return shape;
}

export { computeDType } from "../kernel/vector-support.ts";
