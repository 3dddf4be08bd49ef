/**
 * Conversions between f32 and the 16-bit floats, which WebAssembly does not have: f16 (IEEE binary16) and bf16, the upper
 * half of an f32. Rounding is to nearest, ties to even; subnormals, infinities and NaN are kept. Scalars by helper functions,
 * vectors by other steps, without branches.
 *
 * The f16 conversions of scalars follow Fabian Giesen's public-domain "half_to_float" and "float_to_half_fast3_rtne"
 * (https://gist.github.com/rygorous/2156668): scaling by a power of two does the work for subnormals, adding the exponent's
 * difference with a rounding bias for all others.
 */
import { loadedBinaryen, type Code, type Module } from "./binaryen.ts";
import { callHelper, type Helper } from "./helpers.ts";
import type { FunctionScope } from "./scope.ts";

export type HalfDType = "f16" | "bf16";

const halfInfinity = 0x7c00;
const halfNaN = 0x7e00;
const signBit = 0x8000_0000 | 0;
const floatInfinity = 0x7f80_0000;
/** 2^112: the ratio of the exponents' scales, 127 − 15. */
const exponentScale = 2 ** 112;
/** What an infinite f16 would be if its exponent meant a number. */
const halfOverflow = 2 ** 16;
/** The smallest f32 that overflows f16 whatever the rounding, 2^16, and the smallest that is normal in f16, 2^−14. */
const overflowBits = 0x4780_0000;
const smallestNormalBits = 0x3880_0000;
/** 0.5, whose last bit weighs 2^−24 like that of a subnormal f16. */
const subnormalMagic = 0x3f00_0000;
/** The exponent's difference, and half of what is cut off less one. */
const roundingBias = (((15 - 127) << 23) + 0xfff) | 0;

const halfToFloat: Helper = {
  name: "f16_to_f32",
  parameters: ["i32"],
  result: "f32",
  locals: ["i32"],
  body(module) {
    const { i32, f32, local } = module;
    const t = loadedBinaryen();
    const bits = (): Code => local.get(0, t.i32);
    const shifted = (): Code => local.get(1, t.i32);
    const finite = i32.reinterpret(f32.mul(f32.reinterpret(shifted()), f32.const(exponentScale)));
    const special = i32.or(shifted(), i32.const(floatInfinity));
    return module.block(null, [
      local.set(1, i32.shl(i32.and(bits(), i32.const(0x7fff)), i32.const(13))),
      f32.reinterpret(i32.or(
        module.if(i32.ge_u(i32.and(bits(), i32.const(0x7fff)), i32.const(halfInfinity)), special, finite),
        i32.shl(i32.and(bits(), i32.const(0x8000)), i32.const(16)),
      )),
    ], t.f32);
  },
};

const floatToHalf: Helper = {
  name: "f32_to_f16",
  parameters: ["f32"],
  result: "i32",
  locals: ["i32", "i32"],
  body(module) {
    const { i32, f32, local } = module;
    const t = loadedBinaryen();
    const size = (): Code => local.get(1, t.i32);
    const sign = (): Code => local.get(2, t.i32);
    const special = module.select(i32.gt_u(size(), i32.const(floatInfinity)), i32.const(halfNaN), i32.const(halfInfinity));
    const subnormal = i32.sub(i32.reinterpret(f32.add(f32.reinterpret(size()), f32.const(0.5))), i32.const(subnormalMagic));
    const odd = i32.and(i32.shr_u(size(), i32.const(13)), i32.const(1));
    const normal = i32.shr_u(i32.add(i32.add(size(), i32.const(roundingBias)), odd), i32.const(13));
    return module.block(null, [
      local.set(1, i32.reinterpret(local.get(0, t.f32))),
      local.set(2, i32.and(size(), i32.const(signBit))),
      local.set(1, i32.xor(size(), sign())),
      i32.or(
        module.if(i32.ge_u(size(), i32.const(overflowBits)), special, module.if(i32.lt_u(size(), i32.const(smallestNormalBits)), subnormal, normal)),
        i32.shr_u(sign(), i32.const(16)),
      ),
    ], t.i32);
  },
};

const floatToBrain: Helper = {
  name: "f32_to_bf16",
  parameters: ["f32"],
  result: "i32",
  locals: ["i32"],
  body(module) {
    const { i32, f32, local } = module;
    const t = loadedBinaryen();
    const value = (): Code => local.get(0, t.f32);
    const bits = (): Code => local.get(1, t.i32);
    const high = (): Code => i32.shr_u(bits(), i32.const(16));
    const rounded = i32.shr_u(i32.add(i32.add(bits(), i32.const(0x7fff)), i32.and(high(), i32.const(1))), i32.const(16));
    return module.block(null, [
      local.set(1, i32.reinterpret(value())),
      module.if(f32.ne(value(), value()), i32.or(high(), i32.const(0x40)), rounded),
    ], t.i32);
  },
};

/**
 * f64 to f32 rounded to odd: truncated, with the last bit set when anything was cut off. Rounding that once more to a
 * narrower float gives what rounding the f64 directly would (Boldo and Melquiond, "When double rounding is odd", 2005).
 */
const doubleToFloatOdd: Helper = {
  name: "f64_to_f32_odd",
  parameters: ["f64"],
  result: "f32",
  locals: ["f32"],
  body(module) {
    const { i32, f32, f64, local } = module;
    const t = loadedBinaryen();
    const value = (): Code => local.get(0, t.f64);
    const near = (): Code => local.get(1, t.f32);
    const tooLarge = f64.gt(f64.promote(f32.abs(near())), f64.abs(value()));
    return module.block(null, [
      local.set(1, f32.demote(value())),
      module.if(
        f64.eq(f64.promote(near()), value()),
        near(),
        f32.reinterpret(i32.or(i32.sub(i32.reinterpret(near()), tooLarge), i32.const(1))),
      ),
    ], t.f32);
  },
};

export const roundToOdd = (module: Module, code: Code): Code => callHelper(module, doubleToFloatOdd, [code]);

/** 16 bits in an i32 to the f32 they mean. */
export function decodeHalf(module: Module, dtype: HalfDType, bits: Code): Code {
  if (dtype === "bf16") return module.f32.reinterpret(module.i32.shl(bits, module.i32.const(16)));
  return callHelper(module, halfToFloat, [bits]);
}

/** An f32 to the 16 bits of the nearest half, in an i32. */
export function encodeHalf(module: Module, dtype: HalfDType, value: Code): Code {
  return callHelper(module, dtype === "f16" ? floatToHalf : floatToBrain, [value]);
}

type Shared = ReturnType<FunctionScope["shared"]>;

function everyLane(scope: FunctionScope, value: number): Code {
  return scope.vectorConstant(new Uint8Array(new Int32Array(4).fill(value).buffer));
}

function everyFloat(scope: FunctionScope, value: number): Code {
  return scope.vectorConstant(new Uint8Array(new Float32Array(4).fill(value).buffer));
}

/** Four lanes of 16 bits, each sign-extended to 32, to f32×4. */
export function decodeHalfLanes(scope: FunctionScope, dtype: HalfDType, bits: Code): Code {
  const { module, binaryen } = scope;
  const { v128, i32x4, f32x4, i32 } = module;
  if (dtype === "bf16") return i32x4.shl(bits, i32.const(16));
  // The sign stays where it was extended to; of the three bits between it and the exponent nothing is left.
  const placed = v128.and(i32x4.shl(bits, i32.const(13)), everyLane(scope, 0x8fff_e000 | 0));
  const scaled = scope.shared(f32x4.mul(placed, everyFloat(scope, exponentScale)), binaryen.v128);
  // Of a special the scaled exponent is not yet all ones; of everything finite it stays below.
  const special = f32x4.ge(f32x4.abs(scaled.first), everyFloat(scope, halfOverflow));
  return v128.or(v128.and(special, everyLane(scope, floatInfinity)), scaled.again());
}

/** f32×4 to the 16 bits of the nearest halves, each sign-extended to 32. */
export function encodeHalfLanes(scope: FunctionScope, dtype: HalfDType, value: Code): Code {
  const word = scope.shared(value, scope.binaryen.v128);
  return dtype === "bf16" ? encodeBrainLanes(scope, word) : encodeIeeeLanes(scope, word);
}

/** Half of what is cut off less one, and one if what stays is odd, is added before; a NaN keeps its upper half, made quiet. */
function encodeBrainLanes(scope: FunctionScope, word: Shared): Code {
  const { v128, i32x4, f32x4, i32 } = scope.module;
  const odd = v128.and(i32x4.shr_u(word.first, i32.const(16)), everyLane(scope, 1));
  const isNaN = scope.shared(f32x4.ne(word.again(), word.again()), scope.binaryen.v128);
  const rounding = v128.andnot(i32x4.add(odd, everyLane(scope, 0x7fff)), isNaN.first);
  const quiet = v128.and(isNaN.again(), everyLane(scope, 0x40_0000));
  return i32x4.shr_s(v128.or(i32x4.add(rounding, word.again()), quiet), i32.const(16));
}

/**
 * Adding a power of two whose last bit weighs what the last of the result does lets the machine round; the power comes from the
 * number's own exponent, but for what is subnormal in f16 (Marat Dukhan's FP16, `fp16_ieee_from_fp32_value`,
 * https://github.com/Maratyszcza/FP16). Scaling up and down before makes what is too large infinite. The sum's exponent and
 * mantissa then lie in its two halves, which one instruction multiplies by 8 and 1 and adds.
 */
function encodeIeeeLanes(scope: FunctionScope, word: Shared): Code {
  const { v128, i32x4, f32x4, i32 } = scope.module;
  const scaled = f32x4.mul(f32x4.mul(f32x4.abs(word.first), everyFloat(scope, exponentScale)), everyFloat(scope, 2 ** -110));
  const exponent = i32x4.max_s(v128.and(word.again(), everyLane(scope, floatInfinity)), everyLane(scope, smallestNormalBits));
  const sum = f32x4.add(scaled, i32x4.add(exponent, everyLane(scope, 15 << 23)));
  const size = v128.and(i32x4.dot_i16x8_s(sum, everyLane(scope, (8 << 16) | 1)), everyLane(scope, 0x7fff));
  const nan = v128.and(f32x4.ne(word.again(), word.again()), everyLane(scope, halfNaN));
  const sign = v128.and(i32x4.shr_s(word.again(), i32.const(16)), everyLane(scope, -0x8000));
  return v128.or(v128.or(size, nan), sign);
}
