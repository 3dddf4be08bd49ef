/**
 * The meaning of every scalar operation, one function per op and dtype: what the interpreter runs, what folding uses, what
 * the code generator is tested against. Arguments must already be values of the dtype (f16 and bf16: of f32).
 */
import { mathFunctions } from "../../runtime/math.ts";
import { dtypes, isBig, isFloat, newArray, viewArray, type DType } from "../../runtime/dtype.ts";
import { bf16ToNumber, numberToBf16 } from "../../runtime/bf16.ts";
import { castValue, convert, limitsOf } from "../graph/tensor.ts";
import { CompilerBug, invariant, unreachable } from "../support/bug.ts";
import type { BinaryOp, MathFunction, UnaryOp } from "./kernel.ts";

export type Scalar = number | bigint;

/** Thrown by integer division by zero; whoever evaluates knows the place. */
export class DivisionByZero extends Error {
  override readonly name = "DivisionByZero";
}

/** What a computed value is rounded or wrapped to: f16 and bf16 compute in f32. */
function rounder(dtype: DType): (value: Scalar) => Scalar {
  switch (dtype) {
    case "f64": return (value) => value;
    case "f32": case "f16": case "bf16": return (value) => Math.fround(value as number);
    case "i32": return (value) => (value as number) | 0;
    case "u32": return (value) => (value as number) >>> 0;
    case "i16": return (value) => ((value as number) << 16) >> 16;
    case "i8": return (value) => ((value as number) << 24) >> 24;
    case "u16": return (value) => (value as number) & 0xffff;
    case "u8": return (value) => (value as number) & 0xff;
    case "bool": return (value) => (value ? 1 : 0);
    case "i64": return (value) => BigInt.asIntN(64, value as bigint);
    case "u64": return (value) => BigInt.asUintN(64, value as bigint);
  }
}

/** Ties to even. */
function nearest(value: number): number {
  if (!Number.isFinite(value) || Math.abs(value) >= 2 ** 52) return value;
  const floor = Math.floor(value);
  const above = value - floor;
  const result = above < 0.5 || (above === 0.5 && floor % 2 === 0) ? floor : floor + 1;
  return result === 0 && (value < 0 || Object.is(value, -0)) ? -0 : result;
}

function countBits(value: bigint): number {
  let count = 0;
  for (let rest = value; rest !== 0n; rest &= rest - 1n) count++;
  return count;
}

export function unaryFunction(op: UnaryOp, dtype: DType): (operand: Scalar) => Scalar {
  const round = rounder(dtype);
  const float = isFloat(dtype);
  switch (op) {
    case "neg": return float ? (x) => -(x as number) : (x) => round(-x);
    case "abs": return float ? (x) => Math.abs(x as number) : (x) => (x < 0 ? round(-x) : x);
    case "not": return dtype === "bool" ? (x) => (x ? 0 : 1) : (x) => round(~x);
    case "sqrt": return (x) => round(Math.sqrt(x as number));
    case "floor": return float ? (x) => Math.floor(x as number) : (x) => x;
    case "ceil": return float ? (x) => Math.ceil(x as number) : (x) => x;
    case "trunc": return float ? (x) => Math.trunc(x as number) : (x) => x;
    case "nearest": return float ? (x) => nearest(x as number) : (x) => x;
    case "popcount": return (x) => convert(dtype, countBits(BigInt.asUintN(dtypes[dtype].bits, BigInt(x))));
    default: return unreachable(op);
  }
}

const bool = (value: boolean): number => (value ? 1 : 0);

/** Integer `div` and `rem` throw DivisionByZero. */
export function binaryFunction(op: BinaryOp, dtype: DType): (left: Scalar, right: Scalar) => Scalar {
  if (isBig(dtype)) return bigFunction(op, dtype) as (left: Scalar, right: Scalar) => Scalar;
  return numberFunction(op, dtype) as (left: Scalar, right: Scalar) => Scalar;
}

function numberFunction(op: BinaryOp, dtype: DType): (left: number, right: number) => number {
  const round = rounder(dtype) as (value: number) => number;
  const float = isFloat(dtype);
  const amount = dtypes[dtype].bits - 1;
  switch (op) {
    case "add": return (a, b) => round(a + b);
    case "sub": return (a, b) => round(a - b);
    case "mul": return float ? (a, b) => round(a * b) : (a, b) => round(Math.imul(a, b));
    case "mulhi": return (a, b) => Number((BigInt(a) * BigInt(b)) >> 32n);
    // Of two products of 2³⁰ the sum wraps.
    case "dot": return (a, b) => (Math.imul((a << 16) >> 16, (b << 16) >> 16) + Math.imul(a >> 16, b >> 16)) | 0;
    case "div": return float ? (a, b) => round(a / b) : (a, b) => round(Math.trunc(a / divisor(b)));
    case "rem": return float ? (a, b) => round(a % b) : (a, b) => round(a % divisor(b));
    case "min": return (a, b) => Math.min(a, b);
    case "max": return (a, b) => Math.max(a, b);
    case "and": return (a, b) => round(a & b);
    case "or": return (a, b) => round(a | b);
    case "xor": return (a, b) => round(a ^ b);
    case "shl": return (a, b) => round(a << (b & amount));
    case "shr": return dtype === "u32" ? (a, b) => a >>> (b & amount) : (a, b) => round(a >> (b & amount));
    case "eq": return (a, b) => bool(a === b);
    case "ne": return (a, b) => bool(a !== b);
    case "lt": return (a, b) => bool(a < b);
    case "le": return (a, b) => bool(a <= b);
    case "gt": return (a, b) => bool(a > b);
    case "ge": return (a, b) => bool(a >= b);
    default: return unreachable(op);
  }
}

function divisor(value: number): number {
  if (value === 0) throw new DivisionByZero();
  return value;
}

function bigFunction(op: BinaryOp, dtype: DType): (left: bigint, right: bigint) => Scalar {
  const round = rounder(dtype) as (value: bigint) => bigint;
  const check = (value: bigint): bigint => {
    if (value === 0n) throw new DivisionByZero();
    return value;
  };
  switch (op) {
    case "add": return (a, b) => round(a + b);
    case "sub": return (a, b) => round(a - b);
    case "mul": return (a, b) => round(a * b);
    case "mulhi": case "dot": throw new CompilerBug(`mulhi of ${dtype}`);
    case "div": return (a, b) => round(a / check(b));
    case "rem": return (a, b) => a % check(b);
    case "min": return (a, b) => (a < b ? a : b);
    case "max": return (a, b) => (a > b ? a : b);
    case "and": return (a, b) => a & b;
    case "or": return (a, b) => a | b;
    case "xor": return (a, b) => a ^ b;
    case "shl": return (a, b) => round(a << (b & 63n));
    case "shr": return (a, b) => a >> (b & 63n);
    case "eq": return (a, b) => bool(a === b);
    case "ne": return (a, b) => bool(a !== b);
    case "lt": return (a, b) => bool(a < b);
    case "le": return (a, b) => bool(a <= b);
    case "gt": return (a, b) => bool(a > b);
    case "ge": return (a, b) => bool(a >= b);
    default: return unreachable(op);
  }
}

/** What f16 and bf16 values are rounded to where they are stored or cast; all other dtypes hold their values exactly. */
function storedRounder(dtype: DType): ((value: Scalar) => Scalar) | undefined {
  if (dtype === "f16") return (value) => Math.f16round(value as number);
  if (dtype === "bf16") return (value) => bf16ToNumber(numberToBf16(value as number));
  return undefined;
}

export function castFunction(from: DType, to: DType): (value: Scalar) => Scalar {
  const stored = storedRounder(from);
  if (stored !== undefined) {
    const widened = castFunction("f32", to);
    return (value) => widened(stored(value));
  }
  if (isFloat(from) && to === "i32") return (value) => saturateToI32(value as number);
  if (to === "f32" && !isBig(from)) return (value) => Math.fround(value as number);
  if (to === "f64" && !isBig(from)) return (value) => value;
  if (!isFloat(to) && !isFloat(from) && !isBig(from) && !isBig(to)) return rounder(to);
  if (to === "f32" && isBig(from)) return (value) => bigToF32(value as bigint);
  return (value) => castValue(from, to, value);
}

function saturateToI32(value: number): number {
  if (value >= 2147483647) return 2147483647;
  if (value <= -2147483648) return -2147483648;
  return value | 0;
}

/** One rounding, not two as through f64: 40 bits and "were there more" are exact in f64, and enough for f32. */
function bigToF32(value: bigint): number {
  const size = value < 0n ? -value : value;
  const excess = Math.max(0, size.toString(2).length - 40);
  const high = size >> BigInt(excess);
  const sticky = high << BigInt(excess) === size ? high : high | 1n;
  const rounded = Math.fround(Number(sticky)) * 2 ** excess;
  return value < 0n ? -rounded : rounded;
}

/** The same bits as another dtype of equal size. */
export function bitcastFunction(from: DType, to: DType): (value: Scalar) => Scalar {
  invariant(dtypes[from].bytes === dtypes[to].bytes, () => `bitcast from ${from} to ${to}, which differ in size`);
  const source = newArray(from, 1);
  const target = viewArray(to, source.buffer, 0, 1);
  return (value) => {
    source[0] = from === "bf16" ? numberToBf16(value as number) : value;
    const result = target[0];
    if (result === undefined) throw new CompilerBug("bitcast of nothing");
    return to === "bf16" ? bf16ToNumber(result as number) : result;
  };
}

/** Computed in f64, then rounded once. */
export function mathFunction(name: MathFunction, dtype: DType): (x: Scalar, y: Scalar) => Scalar {
  invariant(isFloat(dtype), () => `${name} of ${dtype}`);
  const exact = mathFunctions[name] as (x: number, y: number) => number;
  return dtype === "f64" ? (x, y) => exact(x as number, y as number) : (x, y) => Math.fround(exact(x as number, y as number));
}

/** The value that an associative operation combines with another without changing it. For floats −0 + x is x, also for x = −0. */
export function identityOf(op: BinaryOp, dtype: DType): Scalar {
  const whole = (value: bigint): Scalar => (isBig(dtype) ? value : Number(value));
  switch (op) {
    case "add": return isFloat(dtype) ? -0 : whole(0n);
    case "mul": return whole(1n);
    case "or": case "xor": return whole(0n);
    case "and": return dtype === "bool" ? 1 : whole(limitsOf(dtype).min < 0n ? -1n : limitsOf(dtype).max);
    case "min": return dtype === "bool" ? 1 : isFloat(dtype) ? Infinity : whole(limitsOf(dtype).max);
    case "max": return dtype === "bool" ? 0 : isFloat(dtype) ? -Infinity : whole(limitsOf(dtype).min);
    default: throw new CompilerBug(`${op} has no identity`);
  }
}
