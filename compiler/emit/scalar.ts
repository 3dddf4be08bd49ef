/**
 * Scalar arithmetic: one function per kind of expression, from codes of the operands to the code of the result. Integers
 * narrower than 32 bits are held in an i32, sign- or zero-extended; bool is an i32 of 0 or 1; f16 and bf16 are f32.
 */
import { bytesOf, dtypes, isBig, isFloat, kindOf, type DType } from "../../runtime/dtype.ts";
import { convert, limitsOf } from "../graph/tensor.ts";
import type { BinaryOp, UnaryOp } from "../kernel/kernel.ts";
import { computeDType } from "../kernel/vector-support.ts";
import { CompilerBug, unreachable } from "../support/bug.ts";
import type { Code, Module, WasmType } from "./binaryen.ts";
import { decodeHalf, encodeHalf, roundToOdd, type HalfDType } from "./half-floats.ts";
import { callHelper, callMath, divideI32, divideI64 } from "./helpers.ts";
import type { FunctionScope } from "./scope.ts";

/** The WebAssembly type a scalar of this dtype is held in, by its name in the builder. */
export function machineName(dtype: DType): "i32" | "i64" | "f32" | "f64" {
  const computed = computeDType(dtype);
  if (computed === "f32" || computed === "f64") return computed;
  return isBig(dtype) ? "i64" : "i32";
}

export const machineType = (scope: FunctionScope, dtype: DType, lanes: number): WasmType => (lanes > 1 ? scope.binaryen.v128 : scope.binaryen[machineName(dtype)]);

export const isHalf = (dtype: DType): dtype is HalfDType => dtype === "f16" || dtype === "bf16";
export const isSigned = (dtype: DType): boolean => kindOf(dtype) === "int";
const isNarrow = (dtype: DType): boolean => !isFloat(dtype) && dtype !== "bool" && bytesOf(dtype) < 4;

export function scalarConstant(module: Module, dtype: DType, value: number | bigint): Code {
  const machine = machineName(dtype);
  if (machine === "i64") return module.i64.const(BigInt.asIntN(64, BigInt(value)));
  if (machine === "i32") return module.i32.const(Number(convert(dtype, value)) | 0);
  return module[machine].const(Number(value));
}

/** Brings the low bits of an i32 into the form a narrow integer is held in. */
function wrapNarrow(module: Module, dtype: DType, code: Code): Code {
  switch (dtype) {
    case "i8": return module.i32.extend8_s(code);
    case "i16": return module.i32.extend16_s(code);
    case "u8": return module.i32.and(code, module.i32.const(0xff));
    case "u16": return module.i32.and(code, module.i32.const(0xffff));
    default: return code;
  }
}

export function scalarUnary(scope: FunctionScope, op: UnaryOp, dtype: DType, operand: Code): Code {
  const { module } = scope;
  const machine = machineName(dtype);
  if (machine === "f32" || machine === "f64") {
    const float = module[machine];
    switch (op) {
      case "neg": case "abs": case "sqrt": case "floor": case "ceil": case "trunc": case "nearest": return float[op](operand);
      case "not": case "popcount": throw new CompilerBug(`${op} of ${dtype}`);
      default: return unreachable(op);
    }
  }
  const integer = module[machine];
  const number = (value: number): Code => scalarConstant(module, isBig(dtype) ? "i64" : "i32", value);
  switch (op) {
    case "neg": return wrapNarrow(module, dtype, integer.sub(number(0), operand));
    case "not": return dtype === "bool" ? module.i32.eqz(operand) : wrapNarrow(module, dtype, integer.xor(operand, number(-1)));
    case "floor": case "ceil": case "trunc": case "nearest": return operand;
    case "abs": {
      if (!isSigned(dtype)) return operand;
      const value = scope.shared(operand, scope.binaryen[machine]);
      const negative = wrapNarrow(module, dtype, integer.sub(number(0), value.first));
      return module.select(integer.lt_s(value.again(), number(0)), negative, value.again());
    }
    case "popcount": return integer.popcnt(isSigned(dtype) && isNarrow(dtype) ? module.i32.and(operand, module.i32.const(2 ** dtypes[dtype].bits - 1)) : operand);
    case "sqrt": throw new CompilerBug(`sqrt of ${dtype}`);
    default: return unreachable(op);
  }
}

/** `plainDivision`: the divisor is known not to be −1, so that the machine's own division will do. */
export function scalarBinary(scope: FunctionScope, op: BinaryOp, dtype: DType, left: Code, right: Code, plainDivision = false): Code {
  const machine = machineName(dtype);
  if (op === "div" && plainDivision && (dtype === "i32" || dtype === "i64")) return scope.module[dtype].div_s(left, right);
  return machine === "f32" || machine === "f64"
    ? floatBinary(scope.module, op, machine, left, right)
    : integerBinary(scope, op, dtype, machine, left, right);
}

function floatBinary(module: Module, op: BinaryOp, machine: "f32" | "f64", left: Code, right: Code): Code {
  switch (op) {
    case "add": case "sub": case "mul": case "div": case "min": case "max":
    case "eq": case "ne": case "lt": case "le": case "gt": case "ge": return module[machine][op](left, right);
    // The remainder of two f32 is an f32, so nothing is rounded twice.
    case "rem":
      return machine === "f64" ? callMath(module, "rem", [left, right]) : module.f32.demote(callMath(module, "rem", [module.f64.promote(left), module.f64.promote(right)]));
    case "and": case "or": case "xor": case "shl": case "shr": case "mulhi": case "dot": throw new CompilerBug(`${op} of ${machine}`);
    default: return unreachable(op);
  }
}

function integerBinary(scope: FunctionScope, op: BinaryOp, dtype: DType, machine: "i32" | "i64", left: Code, right: Code): Code {
  const { module } = scope;
  const integer = module[machine];
  const signed = isSigned(dtype);
  switch (op) {
    case "add": case "sub": case "mul": return wrapNarrow(module, dtype, integer[op](left, right));
    case "mulhi": return module.i32.wrap(module.i64.shr_u(module.i64.mul(module.i64.extend_u(left), module.i64.extend_u(right)), module.i64.const(32n)));
    case "dot": return sumOfHalves(scope, left, right);
    case "and": case "or": case "xor": return integer[op](left, right);
    case "div":
      if (!signed) return integer.div_u(left, right);
      // The one quotient a narrow integer cannot hold is no problem for i32.
      if (isNarrow(dtype)) return wrapNarrow(module, dtype, integer.div_s(left, right));
      return callHelper(module, machine === "i32" ? divideI32 : divideI64, [left, right]);
    case "rem": return signed ? integer.rem_s(left, right) : integer.rem_u(left, right);
    case "shl": return wrapNarrow(module, dtype, integer.shl(left, shiftAmount(module, dtype, right)));
    case "shr": return signed ? integer.shr_s(left, shiftAmount(module, dtype, right)) : integer.shr_u(left, shiftAmount(module, dtype, right));
    case "min": case "max": {
      const type = scope.binaryen[machine];
      const a = scope.shared(left, type);
      const b = scope.shared(right, type);
      const order = `${op === "min" ? "lt" : "gt"}_${signed ? "s" : "u"}` as const;
      return module.select(integer[order](a.again(), b.again()), a.first, b.first);
    }
    case "eq": case "ne": return integer[op](left, right);
    case "lt": case "le": case "gt": case "ge": return signed ? integer[`${op}_s`](left, right) : integer[`${op}_u`](left, right);
    default: return unreachable(op);
  }
}

/** The product of the lower 16 bits, which have signs, and that of the upper ones. */
function sumOfHalves(scope: FunctionScope, left: Code, right: Code): Code {
  const { i32 } = scope.module;
  const a = scope.shared(left, scope.binaryen.i32);
  const b = scope.shared(right, scope.binaryen.i32);
  const upper = (word: Code): Code => i32.shr_s(word, i32.const(16));
  return i32.add(i32.mul(i32.extend16_s(a.first), i32.extend16_s(b.first)), i32.mul(upper(a.again()), upper(b.again())));
}

/** The machine takes an amount modulo its own width, which is more than that of a narrow integer. */
function shiftAmount(module: Module, dtype: DType, amount: Code): Code {
  return isNarrow(dtype) ? module.i32.and(amount, module.i32.const(dtypes[dtype].bits - 1)) : amount;
}

/** Rounds an f32 that stands for a half to what the half can hold. */
export const roundHalf = (module: Module, dtype: HalfDType, code: Code): Code => decodeHalf(module, dtype, encodeHalf(module, dtype, code));

/** The operand of a half dtype must already be rounded to it. */
export function scalarCast(scope: FunctionScope, from: DType, to: DType, operand: Code): Code {
  const { module } = scope;
  const source = computeDType(from);
  if (to === "bool") return source === "bool" ? operand : module[machineName(source)].ne(operand, scalarConstant(module, isFloat(source) ? source : isBig(source) ? "i64" : "i32", 0));
  if (to === "f16") return roundHalf(module, "f16", source === "f64" ? roundToOdd(module, operand) : scalarCast(scope, source, "f32", operand));
  if (to === "bf16") return roundHalf(module, "bf16", isBig(source) ? module.f32.demote(scalarCast(scope, source, "f64", operand)) : scalarCast(scope, source, "f32", operand));
  if (to === "f32" || to === "f64") return toFloat(module, source, to, operand);
  return source === "f32" || source === "f64" ? floatToInteger(scope, source, to, operand) : integerToInteger(module, source, to, operand);
}

function toFloat(module: Module, from: DType, to: "f32" | "f64", operand: Code): Code {
  if (from === to) return operand;
  if (from === "f32") return module.f64.promote(operand);
  if (from === "f64") return module.f32.demote(operand);
  const machine = machineName(from) as "i32" | "i64";
  return isSigned(from) || from === "bool" ? module[to].convert_s[machine](operand) : module[to].convert_u[machine](operand);
}

function floatToInteger(scope: FunctionScope, from: "f32" | "f64", to: DType, operand: Code): Code {
  const { module } = scope;
  const integer = module[machineName(to) as "i32" | "i64"];
  const saturated = isSigned(to) ? integer.trunc_s_sat[from](operand) : integer.trunc_u_sat[from](operand);
  if (!isNarrow(to)) return saturated;
  const { min, max } = limitsOf(to);
  const clampedAbove = integerBinary(scope, "min", isSigned(to) ? "i32" : "u32", "i32", saturated, module.i32.const(Number(max)));
  return isSigned(to) ? integerBinary(scope, "max", "i32", "i32", clampedAbove, module.i32.const(Number(min))) : clampedAbove;
}

function integerToInteger(module: Module, from: DType, to: DType, operand: Code): Code {
  if (isBig(to)) {
    if (isBig(from)) return operand;
    return isSigned(from) ? module.i64.extend_s(operand) : module.i64.extend_u(operand);
  }
  return wrapNarrow(module, to, isBig(from) ? module.i32.wrap(operand) : operand);
}

export function scalarBitcast(module: Module, from: DType, to: DType, operand: Code): Code {
  if (from === to) return operand;
  const bits = isHalf(from) ? encodeHalf(module, from, operand) : from === "f32" ? module.i32.reinterpret(operand) : from === "f64" ? module.i64.reinterpret(operand) : operand;
  if (isHalf(to)) return decodeHalf(module, to, module.i32.and(bits, module.i32.const(0xffff)));
  if (to === "f32") return module.f32.reinterpret(bits);
  if (to === "f64") return module.f64.reinterpret(bits);
  return wrapNarrow(module, to, bits);
}
