/**
 * Vector arithmetic on one 128-bit register: one function per kind of expression, from codes of the operands to the code of
 * the result. Which forms exist is said by kernel/vector-support.ts; how values are held is said there too. Only the low
 * part of a register means anything when its lanes do not fill it.
 */
import { bytesOf, isBig, isFloat, type DType } from "../../runtime/dtype.ts";
import type { BinaryOp, ComparisonOp, UnaryOp } from "../kernel/kernel.ts";
import { computeDType, laneBytes, registerBytes } from "../kernel/vector-support.ts";
import { CompilerBug, invariant, unreachable } from "../support/bug.ts";
import { relaxedSelect, type Code } from "./binaryen.ts";
import { decodeHalfLanes, encodeHalfLanes } from "./half-floats.ts";
import { isHalf, isSigned, scalarBinary } from "./scalar.ts";
import type { FunctionScope } from "./scope.ts";

type IntegerShape = "i8x16" | "i16x8" | "i32x4" | "i64x2";
type FloatShape = "f32x4" | "f64x2";

const integerShapes: { readonly [bytes: number]: IntegerShape } = { 1: "i8x16", 2: "i16x8", 4: "i32x4", 8: "i64x2" };

export function floatShape(dtype: DType): FloatShape {
  invariant(isFloat(dtype), () => `${dtype} is no float`);
  return dtype === "f64" ? "f64x2" : "f32x4";
}

function integerShape(bytes: number): IntegerShape {
  const shape = integerShapes[bytes];
  invariant(shape !== undefined, () => `no vector has lanes of ${bytes} bytes`);
  return shape;
}

const signOf = (dtype: DType): "s" | "u" => (isSigned(dtype) ? "s" : "u");

/** The 16 bytes of a constant with the same value in every lane; of bool, the mask. */
export function constantBytes(dtype: DType, value: number | bigint): Uint8Array {
  const bytes = new Uint8Array(registerBytes);
  if (dtype === "bool") return bytes.fill(value ? 0xff : 0);
  const view = new DataView(bytes.buffer);
  const size = bytesOf(computeDType(dtype));
  for (let at = 0; at < registerBytes; at += size) {
    if (isFloat(dtype)) {
      if (size === 4) view.setFloat32(at, Number(value), true);
      else view.setFloat64(at, Number(value), true);
    } else {
      const low = BigInt.asUintN(64, BigInt(value));
      for (let byte = 0; byte < size; byte++) bytes[at + byte] = Number((low >> BigInt(8 * byte)) & 0xffn);
    }
  }
  return bytes;
}

/** The 16 bytes of 0, 1, 2, … in integer lanes. */
export function iotaBytes(dtype: DType): Uint8Array {
  const bytes = new Uint8Array(registerBytes);
  const size = bytesOf(dtype);
  for (let lane = 0; lane * size < registerBytes; lane++) bytes[lane * size] = lane;
  return bytes;
}

const everyLane = (scope: FunctionScope, dtype: DType, value: number | bigint): Code => scope.vectorConstant(constantBytes(dtype, value));
const zero = (scope: FunctionScope): Code => everyLane(scope, "u8", 0);

/** `operand` is a scalar of the dtype, as scalars are held. */
export function splat(scope: FunctionScope, dtype: DType, lanes: number, operand: Code): Code {
  const { module } = scope;
  if (isFloat(dtype)) return module[floatShape(dtype)].splat(operand);
  const shape = integerShape(laneBytes(dtype, lanes));
  if (dtype !== "bool") return module[shape].splat(operand);
  const allOrNone = module.i32.sub(module.i32.const(0), operand);
  return module[shape].splat(shape === "i64x2" ? module.i64.extend_s(allOrNone) : allOrNone);
}

/** One lane as a scalar. Not of a mask. */
export function lane(scope: FunctionScope, dtype: DType, vector: Code, index: number): Code {
  const { module } = scope;
  if (isFloat(dtype)) return module[floatShape(dtype)].extract_lane(vector, index);
  const shape = integerShape(bytesOf(dtype));
  return shape === "i8x16" || shape === "i16x8" ? module[shape][`extract_lane_${signOf(dtype)}`](vector, index) : module[shape].extract_lane(vector, index);
}

/** One lane as a scalar, also of a mask. */
export function anyLane(scope: FunctionScope, dtype: DType, lanes: number, vector: Code, index: number): Code {
  if (dtype !== "bool") return lane(scope, dtype, vector, index);
  return scope.module.i32.and(scope.module.i8x16.extract_lane_u(vector, (index * registerBytes) / lanes), scope.module.i32.const(1));
}

/** Scalars as they are held, one a lane. */
export function pack(scope: FunctionScope, dtype: DType, lanes: number, operands: readonly Code[]): Code {
  const { module } = scope;
  const shape = isFloat(dtype) ? floatShape(dtype) : dtype === "bool" ? "i8x16" : integerShape(bytesOf(dtype));
  const together = operands.slice(1).reduce((vector, operand, at) => module[shape].replace_lane(vector, at + 1, operand as never), module[shape].splat(operands[0]!));
  return dtype === "bool" ? resizeMask(scope, module.i8x16.neg(together), 1, registerBytes / lanes) : together;
}

/** ((l0 ∘ l1) ∘ (l2 ∘ l3)) …, a scalar. */
export function reduce(scope: FunctionScope, op: BinaryOp, dtype: DType, lanes: number, operand: Code): Code {
  if (dtype === "bool") return reduceMask(scope, op, lanes, operand);
  const vector = scope.shared(operand, scope.binaryen.v128);
  let level = Array.from({ length: lanes }, (_, index) => lane(scope, dtype, index === 0 ? vector.first : vector.again(), index));
  while (level.length > 1) level = Array.from({ length: level.length / 2 }, (_, pair) => scalarBinary(scope, op, dtype, level[2 * pair]!, level[2 * pair + 1]!));
  return level[0]!;
}

/** A mask fills its register whatever the number of lanes. */
function reduceMask(scope: FunctionScope, op: BinaryOp, lanes: number, mask: Code): Code {
  const { module } = scope;
  switch (op) {
    case "or": case "max": return module.v128.any_true(mask);
    case "and": case "min": return module[integerShape(registerBytes / lanes)].all_true(mask);
    case "xor": return module.i32.and(module.i32.popcnt(module[integerShape(registerBytes / lanes)].bitmask(mask)), module.i32.const(1));
    default: throw new CompilerBug(`${op} of all lanes of a mask`);
  }
}

export function vectorUnary(scope: FunctionScope, op: UnaryOp, dtype: DType, operand: Code): Code {
  const { module } = scope;
  if (op === "not") return module.v128.not(operand);
  if (isFloat(dtype)) {
    invariant(op !== "popcount", "popcount of floats");
    return module[floatShape(dtype)][op](operand);
  }
  const shape = integerShape(bytesOf(dtype));
  switch (op) {
    case "neg": return module[shape].neg(operand);
    case "abs": return isSigned(dtype) ? module[shape].abs(operand) : operand;
    case "floor": case "ceil": case "trunc": case "nearest": return operand;
    case "popcount": {
      const ofBytes = module.i8x16.popcnt(operand);
      if (shape === "i8x16") return ofBytes;
      const ofPairs = module.i16x8.extadd_pairwise_i8x16_u(ofBytes);
      if (shape === "i16x8") return ofPairs;
      invariant(shape === "i32x4", "popcount of 64-bit lanes");
      return module.i32x4.extadd_pairwise_i16x8_u(ofPairs);
    }
    case "sqrt": throw new CompilerBug(`sqrt of ${dtype}`);
    default: return unreachable(op);
  }
}

/** Both operands of one dtype. Shifts are `vectorShift`. */
export function vectorBinary(scope: FunctionScope, op: BinaryOp, dtype: DType, lanes: number, left: Code, right: Code): Code {
  const { module } = scope;
  switch (op) {
    case "eq": case "ne": case "lt": case "le": case "gt": case "ge": return compare(scope, op, dtype, lanes, left, right);
    case "and": case "or": case "xor": return module.v128[op](left, right);
    case "mulhi": return upperWords(scope, left, right);
    case "dot": return module.i32x4.dot_i16x8_s(left, right);
    case "shl": case "shr": case "rem": throw new CompilerBug(`${op} of ${dtype}×${lanes}`);
    case "add": case "sub": case "mul": case "div": case "min": case "max": break;
    default: return unreachable(op);
  }
  if (isFloat(dtype)) return op === "min" || op === "max" ? floatExtreme(scope, op, floatShape(dtype), left, right) : module[floatShape(dtype)][op](left, right);
  if (dtype === "bool") {
    invariant(op === "min" || op === "max", () => `${op} of masks`);
    return op === "min" ? module.v128.and(left, right) : module.v128.or(left, right);
  }
  const shape = integerShape(bytesOf(dtype));
  invariant(op !== "div", () => `${op} of ${dtype}×${lanes}`);
  if (op === "add" || op === "sub") return module[shape][op](left, right);
  if (op === "mul") return shape === "i8x16" ? multiplyBytes(scope, left, right) : module[shape].mul(left, right);
  if (shape !== "i64x2") return module[shape][`${op}_${signOf(dtype)}`](left, right);
  const a = scope.shared(left, scope.binaryen.v128);
  const b = scope.shared(right, scope.binaryen.v128);
  return module.v128.bitselect(a.first, b.first, compare(scope, op === "min" ? "lt" : "gt", dtype, lanes, a.again(), b.again()));
}

/**
 * The smaller or larger of floats by `pmin` and `pmax`, of which V8 makes one instruction each, and eight of `min` and `max`.
 * They give their first operand where the two are not ordered or equal. So of both orders one is NaN if an operand is, and they
 * differ beside that only for zeros of two signs: the sign of either is that of the smaller one; for the larger one it
 * is taken away again, −0 − −0, where the two differ.
 */
function floatExtreme(scope: FunctionScope, op: "min" | "max", shape: FloatShape, left: Code, right: Code): Code {
  const { module, binaryen } = scope;
  const a = scope.shared(left, binaryen.v128);
  const b = scope.shared(right, binaryen.v128);
  const choose = op === "min" ? module[shape].pmin : module[shape].pmax;
  const one = choose(a.first, b.first);
  if (op === "min") return module.v128.or(one, choose(b.again(), a.again()));
  const first = scope.shared(one, binaryen.v128);
  const second = scope.shared(choose(b.again(), a.again()), binaryen.v128);
  return module[shape].sub(module.v128.or(first.first, second.first), module.v128.xor(first.again(), second.again()));
}

/** There is no multiplication of bytes: products of 16 bits, of which the low halves are kept. */
function multiplyBytes(scope: FunctionScope, left: Code, right: Code): Code {
  const { i16x8, i8x16, v128 } = scope.module;
  const a = scope.shared(left, scope.binaryen.v128);
  const b = scope.shared(right, scope.binaryen.v128);
  const low = v128.and(i16x8.extmul_low_i8x16_u(a.first, b.first), everyLane(scope, "u16", 0xff));
  const high = v128.and(i16x8.extmul_high_i8x16_u(a.again(), b.again()), everyLane(scope, "u16", 0xff));
  return i8x16.narrow_i16x8_u(low, high);
}

/**
 * Upper words of the products of unsigned words: the odd words of four products of 64 bits. By moves within each half of the
 * products, not by a shuffle of both: some engines pair only modules without shuffles correctly.
 */
function upperWords(scope: FunctionScope, left: Code, right: Code): Code {
  const { i64x2, i8x16, v128 } = scope.module;
  const a = scope.shared(left, scope.binaryen.v128);
  const b = scope.shared(right, scope.binaryen.v128);
  const low = i8x16.swizzle(i64x2.extmul_low_i32x4_u(a.first, b.first), wordsFrom(scope, [1, 3, none, none]));
  const high = i8x16.swizzle(i64x2.extmul_high_i32x4_u(a.again(), b.again()), wordsFrom(scope, [none, none, 1, 3]));
  return v128.or(low, high);
}

/** Words of one or two vectors to their places; each place gets one of one of them. */
export function moveWords(scope: FunctionScope, vectors: readonly Code[], places: readonly (readonly (number | undefined)[])[]): Code {
  const moved = vectors.map((vector, at) => scope.module.i8x16.swizzle(vector, wordsFrom(scope, places[at]!.map((word) => word ?? none))));
  return moved.reduce((all, one) => scope.module.v128.or(all, one));
}

/** No word: its bytes become zero. */
const none = 0x80;

/** The operand of a swizzle that moves whole words. */
const wordsFrom = (scope: FunctionScope, words: readonly number[]): Code =>
  scope.vectorConstant(Uint8Array.from(words.flatMap((word) => [0, 1, 2, 3].map((byte) => (word === none ? none : 4 * word + byte)))));

/** Each lane by the same amount, an i32, taken modulo the lane's width. */
export function vectorShift(scope: FunctionScope, op: "shl" | "shr", dtype: DType, vector: Code, amount: Code): Code {
  const shape = scope.module[integerShape(bytesOf(dtype))];
  return op === "shl" ? shape.shl(vector, amount) : shape[`shr_${signOf(dtype)}`](vector, amount);
}

/** Gives a mask as bool vectors are held. */
function compare(scope: FunctionScope, op: ComparisonOp, dtype: DType, lanes: number, left: Code, right: Code): Code {
  if (dtype === "bool") return compareMasks(scope, op, left, right);
  return resizeMask(scope, comparedLanes(scope, op, dtype, left, right), laneBytes(dtype, lanes), registerBytes / lanes);
}

function comparedLanes(scope: FunctionScope, op: ComparisonOp, dtype: DType, left: Code, right: Code): Code {
  const { module } = scope;
  if (isFloat(dtype)) return module[floatShape(dtype)][op](left, right);
  const shape = integerShape(bytesOf(dtype));
  if (op === "eq" || op === "ne") return module[shape][op](left, right);
  if (shape !== "i64x2") return module[shape][`${op}_${signOf(dtype)}`](left, right);
  // Only signed comparisons exist; flipping the sign bit of both sides turns unsigned into signed order.
  const flip = (code: Code): Code => (isSigned(dtype) ? code : module.v128.xor(code, everyLane(scope, "u64", 1n << 63n)));
  return module.i64x2[`${op}_s`](flip(left), flip(right));
}

/** false < true. */
function compareMasks(scope: FunctionScope, op: ComparisonOp, left: Code, right: Code): Code {
  const { v128 } = scope.module;
  switch (op) {
    case "ne": return v128.xor(left, right);
    case "eq": return v128.not(v128.xor(left, right));
    case "gt": return v128.andnot(left, right);
    case "le": return v128.not(v128.andnot(left, right));
    // Not andnot(right, left): operands are evaluated in their order.
    case "lt": return v128.and(v128.not(left), right);
    case "ge": return v128.or(left, v128.not(right));
    default: return unreachable(op);
  }
}

/** A mask with lanes of another width. Its lanes are all ones or all zeros, so signed steps keep them so. */
export function resizeMask(scope: FunctionScope, mask: Code, from: number, to: number): Code {
  const { module } = scope;
  let code = mask;
  let bytes = from;
  for (; bytes < to; bytes *= 2) code = extendLanes(scope, code, bytes, "s");
  // A pair of 32-bit lanes that are equal becomes a pair of 16-bit lanes, which is one lane half as wide as both were.
  for (; bytes > to; bytes /= 2) code = bytes === 2 ? module.i8x16.narrow_i16x8_s(code, zero(scope)) : module.i16x8.narrow_i32x4_s(code, zero(scope));
  return code;
}

/** The low half of the lanes, each twice as wide. */
function extendLanes(scope: FunctionScope, vector: Code, bytes: number, sign: "s" | "u"): Code {
  const { module } = scope;
  switch (bytes) {
    case 1: return module.i16x8[`extend_low_i8x16_${sign}`](vector);
    case 2: return module.i32x4[`extend_low_i16x8_${sign}`](vector);
    case 4: return module.i64x2[`extend_low_i32x4_${sign}`](vector);
    default: throw new CompilerBug(`lanes of ${bytes} bytes cannot be wider`);
  }
}

/**
 * `condition` is a mask as bool vectors are held: all bits or none, so that the relaxed select has but one result. V8 makes one
 * instruction of it, three of the other.
 */
export function vectorSelect(scope: FunctionScope, dtype: DType, lanes: number, condition: Code, then: Code, otherwise: Code): Code {
  const mask = resizeMask(scope, condition, registerBytes / lanes, laneBytes(dtype, lanes));
  return scope.options.fusedMultiplyAdd ? relaxedSelect(scope.module, then, otherwise, mask) : scope.module.v128.bitselect(then, otherwise, mask);
}

/** A vector where a condition holds, and zero bits elsewhere; or the other way round. */
export function vectorWhere(scope: FunctionScope, dtype: DType, lanes: number, condition: Code, value: Code, holds: boolean): Code {
  const mask = resizeMask(scope, condition, registerBytes / lanes, laneBytes(dtype, lanes));
  return scope.module.v128[holds ? "and" : "andnot"](value, mask);
}

/** The operand of a half dtype must already be rounded to it. */
export function vectorCast(scope: FunctionScope, from: DType, to: DType, lanes: number, operand: Code): Code {
  const { module } = scope;
  const source = computeDType(from);
  const target = computeDType(to);
  if (source === "bool") return target === "bool" ? operand : maskToNumber(scope, target, lanes, operand);
  if (target === "bool") return compare(scope, "ne", source, lanes, operand, zero(scope));
  if (isHalf(to)) return roundHalfLanes(scope, to, vectorCast(scope, source, "f32", lanes, operand));
  if (source === target) return operand;
  if (isFloat(source) && isFloat(target)) return target === "f64" ? module.f64x2.promote_low_f32x4(operand) : module.f32x4.demote_f64x2_zero(operand);
  if (isFloat(target)) {
    const sign = source === "u32" ? "u" : "s";
    const words = resizeInteger(scope, operand, bytesOf(source), 4, signOf(source));
    return target === "f64" ? module.f64x2[`convert_low_i32x4_${sign}`](words) : module.f32x4[`convert_i32x4_${sign}`](words);
  }
  if (isFloat(source)) return floatToInteger(scope, source as "f32" | "f64", target, operand);
  return resizeInteger(scope, operand, bytesOf(source), bytesOf(target), signOf(source));
}

export const roundHalfLanes = (scope: FunctionScope, dtype: "f16" | "bf16", vector: Code): Code => decodeHalfLanes(scope, dtype, encodeHalfLanes(scope, dtype, vector));

function maskToNumber(scope: FunctionScope, to: DType, lanes: number, mask: Code): Code {
  const { module } = scope;
  const sized = resizeMask(scope, mask, registerBytes / lanes, bytesOf(to));
  // All ones is −1.
  return isFloat(to) ? module.v128.and(sized, everyLane(scope, to, 1)) : module[integerShape(bytesOf(to))].neg(sized);
}

/** Saturates, as the instructions do; what is narrower than 32 bits saturates once more on the way. */
function floatToInteger(scope: FunctionScope, from: "f32" | "f64", to: DType, operand: Code): Code {
  const { module } = scope;
  const truncate = (sign: "s" | "u"): Code => (from === "f32" ? module.i32x4[`trunc_sat_f32x4_${sign}`](operand) : module.i32x4[`trunc_sat_f64x2_${sign}_zero`](operand));
  const bytes = bytesOf(to);
  invariant(bytes <= 4, () => `no vector is cast from ${from} to ${to}`);
  if (bytes === 4) return truncate(signOf(to));
  const words = truncate("s");
  if (bytes === 2) return module.i16x8[`narrow_i32x4_${signOf(to)}`](words, zero(scope));
  return module.i8x16[`narrow_i16x8_${signOf(to)}`](module.i16x8.narrow_i32x4_s(words, zero(scope)), zero(scope));
}

/** Vectors of four f32 as one vector of 16-bit floats, or of integers of 8 or 16 bits, rounded or cut as a cast does: two or four of them. */
export function narrowed(scope: FunctionScope, to: DType, vectors: readonly Code[]): Code {
  const { i8x16, i16x8, i32x4 } = scope.module;
  const pairs = (sign: "s" | "u", words: readonly Code[]): Code[] => words.flatMap((word, at) => (at % 2 === 0 ? [i16x8[`narrow_i32x4_${sign}`](word, words[at + 1]!)] : []));
  // Bits of halves are sign-extended, so that nothing saturates.
  if (to === "f16" || to === "bf16") return pairs("s", vectors.map((vector) => encodeHalfLanes(scope, to, vector)))[0]!;
  const words = vectors.map((vector) => i32x4.trunc_sat_f32x4_s(vector));
  if (bytesOf(to) === 2) return pairs(signOf(to), words)[0]!;
  const [low, high] = pairs("s", words);
  return i8x16[`narrow_i16x8_${signOf(to)}`](low!, high!);
}

/** Between integers of other widths: extends by the sign given, or keeps the low bits. */
function resizeInteger(scope: FunctionScope, vector: Code, from: number, to: number, sign: "s" | "u"): Code {
  const { module } = scope;
  if (from < to) return resizeInteger(scope, extendLanes(scope, vector, from, sign), from * 2, to, sign);
  if (from === to) return vector;
  if (from === 8) return resizeInteger(scope, lowHalves(scope, vector), 4, to, sign);
  // Cut to the bits that stay, so that the saturation of narrowing has nothing to do.
  const kept = module.v128.and(vector, to === 1 && from === 2 ? everyLane(scope, "u16", 0xff) : everyLane(scope, "u32", 2 ** (8 * to) - 1));
  if (from === 2) return module.i8x16.narrow_i16x8_u(kept, zero(scope));
  const halves = module.i16x8.narrow_i32x4_u(kept, zero(scope));
  return to === 2 ? halves : module.i8x16.narrow_i16x8_u(halves, zero(scope));
}

/** The low 32 bits of both 64-bit lanes, side by side. By lane moves, not a shuffle: some engines pair only modules without shuffles correctly. */
function lowHalves(scope: FunctionScope, vector: Code): Code {
  const { i32x4 } = scope.module;
  const both = scope.shared(vector, scope.binaryen.v128);
  return i32x4.replace_lane(both.first, 1, i32x4.extract_lane(both.again(), 2));
}

/** Both vectors are of one size, and neither is of halves. */
export function vectorBitcast(from: DType, to: DType, operand: Code): Code {
  invariant(!isHalf(from) && !isHalf(to), () => `no vector is bitcast from ${from} to ${to}`);
  return operand;
}

/** The i32 amount of a shift from one lane of its right operand, a scalar as it is held. */
export const shiftAmount = (scope: FunctionScope, dtype: DType, amount: Code): Code => (isBig(dtype) ? scope.module.i32.wrap(amount) : amount);
