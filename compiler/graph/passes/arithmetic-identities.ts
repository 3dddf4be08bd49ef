/** Identities of arithmetic for `simplify-algebra`, by op. A constant operand is a `fill`; each rule says which values it holds for. */
import { dtypes, isBig, isFloat, isInteger, type DType } from "../../../runtime/dtype.ts";
import { implications } from "../../ops/linalg/implied.ts";
import { spectra } from "../../ops/linalg/implied-spectra.ts";
import type { Range } from "../../kernel/ranges.ts";
import { fillAttributes, fillValue } from "../constants.ts";
import type { Node, ValueId } from "../graph.ts";
import type { Rewriting } from "../rewrite.ts";
import { convert, limitsOf } from "../tensor.ts";
import { rangeOf } from "../value-ranges.ts";
import type { Identity, Simplified } from "./identity.ts";

type Known = number | bigint | undefined;

/** The operands of a node with two, what is known of them, and their dtype. */
interface Operands {
  readonly node: Node;
  readonly at: Rewriting;
  readonly x: ValueId;
  readonly y: ValueId;
  readonly left: Known;
  readonly right: Known;
  readonly dtype: DType;
}

const withOperands =
  (rule: (operands: Operands) => Simplified): Identity =>
  (node, at) => {
    const [x, y] = node.inputs as [ValueId, ValueId];
    return rule({ node, at, x, y, left: fillValue(at.definition(x)), right: fillValue(at.definition(y)), dtype: at.type(x).dtype });
  };

const isPlusZero = (value: Known): boolean => value !== undefined && Object.is(Number(value), 0);
const isMinusZero = (value: Known): boolean => value !== undefined && Object.is(Number(value), -0);
const isOne = (value: Known): boolean => value !== undefined && Number(value) === 1;

/** All bits set: true for bool, -1 or the largest value for an integer. */
function isAllOnes(value: Known, dtype: DType): boolean {
  if (value === undefined) return false;
  if (dtype === "bool") return Number(value) === 1;
  const { min, max } = limitsOf(dtype);
  return BigInt(value) === (min < 0n ? -1n : max);
}

function fillLike(node: Node, at: Rewriting, value: number): Node {
  const type = at.type(node.outputs[0]!);
  return { ...node, op: "fill", inputs: [], attributes: fillAttributes(isBig(type.dtype) ? BigInt(value) : value, type) };
}

/** The node whose result this is, if it is of this op. */
function definedBy(op: string, value: ValueId, at: Rewriting): Node | undefined {
  const definition = at.definition(value);
  return definition?.op === op ? definition : undefined;
}

/** f(f(x)) = x. */
const involution: Identity = (node, at) => {
  const inner = definedBy(node.op, node.inputs[0]!, at);
  return inner && [inner.inputs[0]!];
};

/** f(f(x)) = f(x). */
const idempotent: Identity = (node, at) => definedBy(node.op, node.inputs[0]!, at)?.outputs;

const add = withOperands(({ node, at, x, y, left, right, dtype }) => {
  // For floats only -0 is neutral: 0 + -0 is 0.
  const isNeutral = isFloat(dtype) ? isMinusZero : isPlusZero;
  if (isNeutral(right)) return [x];
  if (isNeutral(left)) return [y];
  const negated = definedBy("neg", y, at);
  return negated && { ...node, op: "sub", inputs: [x, negated.inputs[0]!] };
});

const subtract = withOperands(({ node, at, x, y, right, dtype }) => {
  if (isPlusZero(right)) return [x];
  if (isInteger(dtype) && x === y) return fillLike(node, at, 0);
  const negated = definedBy("neg", y, at);
  return negated && { ...node, op: "add", inputs: [x, negated.inputs[0]!] };
});

const multiply = withOperands(({ x, y, left, right, dtype }) => {
  if (isOne(right)) return [x];
  if (isOne(left)) return [y];
  // For floats 0 · x may be -0 or NaN.
  if (isInteger(dtype) && isPlusZero(right)) return [y];
  if (isInteger(dtype) && isPlusZero(left)) return [x];
  return undefined;
});

const divide = withOperands(({ node, at, x, y, right, dtype }) => {
  if (isOne(right)) return [x];
  const reciprocal = isFloat(dtype) && right !== undefined ? exactReciprocal(Number(right), dtype) : undefined;
  if (reciprocal === undefined) return undefined;
  // Both are the same real number rounded once.
  return { ...node, op: "mul", inputs: [x, at.add("fill", [], fillAttributes(reciprocal, at.type(y)), at.type(y), node.origin)] };
});

/** 1/value where both are powers of two that the dtype holds as normal numbers. */
function exactReciprocal(value: number, dtype: DType): number | undefined {
  const smallestNormal = { f16: 2 ** -14, bf16: 2 ** -126, f32: 2 ** -126, f64: 2 ** -1022 }[dtype as "f16"];
  const reciprocal = 1 / value;
  if (!Number.isInteger(Math.log2(Math.abs(value))) || 2 ** Math.log2(Math.abs(value)) !== Math.abs(value)) return undefined;
  const fits = [value, reciprocal].every((each) => Math.abs(each) >= smallestNormal && Object.is(convert(dtype, each), each));
  return fits ? reciprocal : undefined;
}

const remainder = withOperands(({ node, at, right, dtype }) => (isInteger(dtype) && isOne(right) ? fillLike(node, at, 0) : undefined));

const and = withOperands(({ x, y, left, right, dtype }) => {
  if (x === y || isAllOnes(right, dtype) || isPlusZero(left)) return [x];
  return isAllOnes(left, dtype) || isPlusZero(right) ? [y] : undefined;
});

const or = withOperands(({ x, y, left, right, dtype }) => {
  if (x === y || isPlusZero(right) || isAllOnes(left, dtype)) return [x];
  return isPlusZero(left) || isAllOnes(right, dtype) ? [y] : undefined;
});

const xor = withOperands(({ node, at, x, y, left, right }) => {
  if (x === y) return fillLike(node, at, 0);
  return isPlusZero(right) ? [x] : isPlusZero(left) ? [y] : undefined;
});

const shift = withOperands(({ x, right }) => (isPlusZero(right) ? [x] : undefined));

const extreme = withOperands(({ x, y }) => (x === y ? [x] : undefined));

const power = withOperands(({ x, right }) => (isOne(right) ? [x] : undefined));

const select: Identity = (node, at) => {
  const [condition, then, otherwise] = node.inputs as [ValueId, ValueId, ValueId];
  if (then === otherwise) return [then];
  const known = fillValue(at.definition(condition));
  if (known !== undefined) return [Number(known) !== 0 ? then : otherwise];
  const negated = definedBy("not", condition, at);
  return negated && { ...node, inputs: [negated.inputs[0]!, otherwise, then] };
};

const cast: Identity = (node, at) => {
  const [input] = node.inputs as [ValueId];
  const to = at.type(node.outputs[0]!).dtype;
  if (at.type(input).dtype === to) return [input];
  const inner = definedBy("cast", input, at);
  if (inner === undefined) return undefined;
  const from = at.type(inner.inputs[0]!).dtype;
  return castsJoin(from, at.type(input).dtype, to) ? { ...node, inputs: inner.inputs } : undefined;
};

/** Whether casting `from` → `to` gives what casting `from` → `through` → `to` gives. */
function castsJoin(from: DType, through: DType, to: DType): boolean {
  if (!holdsEvery(through, from)) return false;
  // Integers wrap and floats saturate: which of them it is must not change, unless nothing is lost in either way.
  return isFloat(to) || to === "bool" || isFloat(through) === isFloat(from) || holdsEvery(to, from);
}

const significantBits = { f16: 11, bf16: 8, f32: 24, f64: 53 } as const;
const exponentBits = { f16: 5, bf16: 8, f32: 8, f64: 11 } as const;

/** Whether every value of `from` is a value of `to`. */
function holdsEvery(to: DType, from: DType): boolean {
  if (to === from || from === "bool") return true;
  if (to === "bool") return false;
  if (isFloat(from)) return isFloat(to) && significantBits[to as "f16"] >= significantBits[from as "f16"] && exponentBits[to as "f16"] >= exponentBits[from as "f16"];
  // The largest f16 is 65,504, so it holds only the 8-bit integers; the others hold what their significand holds.
  const magnitudeBits = dtypes[from].bits - (dtypes[from].kind === "int" ? 1 : 0);
  if (isFloat(to)) return magnitudeBits <= significantBits[to as "f16"];
  const [inner, outer] = [limitsOf(from), limitsOf(to)];
  return outer.min <= inner.min && inner.max <= outer.max;
}

/** Integers that lie between the limits. */
const clamp: Identity = (node, at) => {
  const [x, low, high] = node.inputs.map((input) => rangeOf(input, at)) as [Range | undefined, Range | undefined, Range | undefined];
  return x && x.min >= low!.max && x.max <= high!.min ? [node.inputs[0]!] : undefined;
};

export const arithmeticIdentities: ReadonlyMap<string, Identity> = new Map<string, Identity>([
  ["add", add],
  ["sub", subtract],
  ["mul", multiply],
  ["div", divide],
  ["rem", remainder],
  ["and", and],
  ["or", or],
  ["xor", xor],
  ["shl", shift],
  ["shr", shift],
  ["min", extreme],
  ["max", extreme],
  ["clamp", clamp],
  ["pow", power],
  ["neg", involution],
  ["not", involution],
  ["abs", idempotent],
  ["floor", idempotent],
  ["ceil", idempotent],
  ["round", idempotent],
  ["trunc", idempotent],
  ["select", select],
  ["cast", cast],
  // Gradients are built before this pass.
  ["stop_gradient", (node) => node.inputs],
  ["with_slope", (node) => node.inputs.slice(0, 1)],
  ...[...implications, ...spectra].map(({ name }): [string, Identity] => [name, (node) => node.inputs.slice(0, 1)]),
]);
