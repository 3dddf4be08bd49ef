/** Expressions of a kernel to code: which function of `scalar.ts`, `vector.ts` or `memory.ts` each kind takes. */
import type { MathFunctionName } from "../../runtime/math.ts";
import { bytesOf, isFloat, isInteger, type DType } from "../../runtime/dtype.ts";
import type { Expression, LocalId, UnaryOp } from "../kernel/kernel.ts";
import { computeDType, vectorFormSupported } from "../kernel/vector-support.ts";
import { neverMinusZero } from "../kernel/zeros.ts";
import { CompilerBug, invariant, unreachable } from "../support/bug.ts";
import { relaxedMultiplyAdd, type Code } from "./binaryen.ts";
import { callMath } from "./helpers.ts";
import type { Memory } from "./memory.ts";
import { isHalf, machineName, machineType, roundHalf, scalarBinary, scalarBitcast, scalarCast, scalarConstant, scalarUnary } from "./scalar.ts";
import type { FunctionScope, Value } from "./scope.ts";
import { anyLane, constantBytes, floatShape, iotaBytes, lane, moveWords, pack, reduce, roundHalfLanes, shiftAmount, splat, vectorBinary, vectorBitcast, vectorCast, vectorSelect, vectorShift, vectorUnary, vectorWhere } from "./vector.ts";

/** What expressions are emitted into. */
export interface ExpressionContext {
  readonly scope: FunctionScope;
  readonly memory: Memory;
  /** Vector locals with the same value in each lane, always. */
  readonly uniformLocals: ReadonlySet<LocalId>;
  readLocal(local: LocalId): Value;
  /** The function that traps for a division by zero in the current statement; undefined where the kernel has no places but its own. */
  divides(op: "div" | "rem"): string | undefined;
}

type Of<Kind extends Expression["kind"]> = Extract<Expression, { kind: Kind }>;

export function emitExpression(context: ExpressionContext, expression: Expression): Value {
  const { scope } = context;
  invariant(vectorFormSupported(expression) || isUniformShift(context, expression), () => `${expression.kind} of ${expression.dtype}×${expression.lanes} cannot be emitted`);
  return scope.nested(() => emitKind(context, expression));
}

function emitKind(context: ExpressionContext, expression: Expression): Value {
  const { scope, memory } = context;
  const { dtype, lanes } = expression;
  const type = machineType(scope, dtype, lanes);
  const emit = (operand: Expression): Value => emitExpression(context, operand);
  switch (expression.kind) {
    case "constant":
      return { code: lanes === 1 ? scalarConstant(scope.module, dtype, expression.value) : scope.vectorConstant(constantBytes(dtype, expression.value)), type, level: 0, cheap: true };
    case "iota": return { code: scope.vectorConstant(iotaBytes(dtype)), type, level: 0, cheap: true };
    case "argument": throw new CompilerBug("a kernel has no arguments");
    case "local": return context.readLocal(expression.local);
    case "load": return lanes === 1 ? memory.loadScalar(expression.buffer, expression.index) : memory.loadVector(expression.buffer, expression.index, lanes);
    case "splat": return emitSplat(context, expression);
    case "pack": return emitPack(context, expression);
    case "lane": {
      const { index, operand } = expression;
      return scope.operation(type, [emit(operand)], (code) => anyLane(scope, dtype, operand.lanes, code, index));
    }
    case "reduce": {
      const { op, operand } = expression;
      return scope.operation(type, [emit(operand)], (code) => reduce(scope, op, operand.dtype, operand.lanes, code));
    }
    case "unary": {
      const { op } = expression;
      return scope.operation(type, [emit(expression.operand)], (code) => (lanes === 1 ? scalarUnary(scope, op, dtype, code) : vectorUnary(scope, op, dtype, code)));
    }
    case "binary": return emitBinary(context, expression);
    case "multiplyAdd": return emitMultiplyAdd(context, expression);
    case "select": {
      const { condition, then, otherwise } = expression;
      if (lanes > 1 && isFloat(dtype) && isLarger(expression)) return scope.operation(type, [emit(otherwise), emit(then)], (value, other) => scope.module[floatShape(dtype)].pmax(value, other));
      if (condition.lanes > 1 && (isZero(then) || isZero(otherwise))) {
        const holds = isZero(otherwise);
        return scope.operation(type, [emit(holds ? then : otherwise), emit(condition)], (value, flag) => vectorWhere(scope, dtype, lanes, flag, value, holds));
      }
      return scope.operation(type, [emit(then), emit(otherwise), emit(condition)], (yes, no, flag) =>
        condition.lanes === 1 ? scope.module.select(flag, yes, no) : vectorSelect(scope, dtype, lanes, flag, yes, no));
    }
    case "cast": return emitCast(context, expression);
    case "bitcast": {
      const from = expression.operand.dtype;
      return scope.operation(type, [emit(expression.operand)], (code) => (lanes === 1 ? scalarBitcast(scope.module, from, dtype, code) : vectorBitcast(from, dtype, code)));
    }
    case "call": return emitCall(context, expression.function, expression.args, expression);
    default: return unreachable(expression);
  }
}

/** Functions are called in f64. Of a vector, lane by lane. */
function emitCall(context: ExpressionContext, name: MathFunctionName, args: readonly Expression[], { dtype, lanes }: Expression): Value {
  const { scope } = context;
  const { module, binaryen } = scope;
  const inner = computeDType(dtype);
  const called = (codes: readonly Code[]): Code => scalarCast(scope, "f64", inner, callMath(module, name, codes.map((code) => scalarCast(scope, inner, "f64", code))));
  const operands = args.map((argument) => emitExpression(context, argument));
  if (lanes === 1) return scope.operation(machineType(scope, dtype, 1), operands, (...codes) => called(codes));
  return scope.operation(binaryen.v128, operands, (...codes) => {
    const vectors = codes.map((code) => scope.shared(code, binaryen.v128));
    let result = splat(scope, inner, lanes, called(vectors.map(({ first }) => lane(scope, inner, first, 0))));
    for (let at = 1; at < lanes; at++) result = module[floatShape(inner)].replace_lane(result, at, called(vectors.map(({ again }) => lane(scope, inner, again(), at))));
    return result;
  });
}

/** Whether all its bits are zero. */
const isZero = (expression: Expression): boolean => expression.kind === "constant" && (Object.is(expression.value, 0) || expression.value === 0n);

/** Whether it is what `pmax` computes of two locals: the second where the first is less. */
function isLarger({ condition, then, otherwise }: Of<"select">): boolean {
  if (condition.kind !== "binary" || condition.op !== "lt") return false;
  const isSame = (a: Expression, b: Expression): boolean => a.kind === "local" && b.kind === "local" && a.local === b.local;
  return isSame(condition.left, otherwise) && isSame(condition.right, then);
}

function emitSplat(context: ExpressionContext, { dtype, lanes, operand }: Of<"splat">): Value {
  if (operand.kind === "load" && dtype !== "bool" && !isHalf(dtype)) return context.memory.loadSplat(operand.buffer, operand.index, lanes);
  const { scope } = context;
  const { v128 } = scope.binaryen;
  // A word of a vector stays in it.
  if (operand.kind === "lane" && lanes === 4 && operand.operand.lanes === 4 && (dtype === "f32" || dtype === "i32" || dtype === "u32")) {
    return scope.operation(v128, [emitExpression(context, operand.operand)], (code) => moveWords(scope, [code], [[0, 1, 2, 3].map(() => operand.index)]));
  }
  return scope.operation(v128, [emitExpression(context, operand)], (code) => splat(scope, dtype, lanes, code));
}

/** Elements are loaded into their lanes one by one, or half a vector at a time; words of one or two vectors are moved at once, other scalars one by one. */
function emitPack(context: ExpressionContext, { dtype, lanes, operands }: Of<"pack">): Value {
  const { scope, memory } = context;
  const loads = operands.filter((operand) => operand.kind === "load");
  if (loads.length === operands.length) return memory.loadLanes(dtype, loads, lanes);
  const words = wordsOf(operands);
  if (words !== undefined) return scope.operation(scope.binaryen.v128, words.map(({ vector }) => emitExpression(context, vector)), (...codes) => moveWords(scope, codes, words.map(({ places }) => places)));
  return scope.operation(scope.binaryen.v128, operands.map((operand) => emitExpression(context, operand)), (...codes) => pack(scope, dtype, lanes, codes));
}

/** Of scalars that are words of one or two vectors: these, and which of their words goes to which place. */
function wordsOf(operands: readonly Expression[]): { readonly vector: Expression; readonly places: readonly (number | undefined)[] }[] | undefined {
  const vectors = new Map<LocalId, Expression>();
  const sources = operands.map((operand) => {
    if (operand.kind !== "lane" || operand.dtype === "bool" || bytesOf(computeDType(operand.dtype)) !== 4 || operand.operand.kind !== "local") return undefined;
    vectors.set(operand.operand.local, operand.operand);
    return { local: operand.operand.local, index: operand.index };
  });
  if (sources.length !== 4 || vectors.size > 2 || sources.includes(undefined)) return undefined;
  return [...vectors].map(([local, vector]) => ({ vector, places: sources.map((source) => (source!.local === local ? source!.index : undefined)) }));
}

function emitBinary(context: ExpressionContext, expression: Of<"binary">): Value {
  const { scope } = context;
  const { op, left, right, lanes } = expression;
  const { dtype } = left;
  const type = machineType(scope, expression.dtype, lanes);
  const emit = (operand: Expression): Value => emitExpression(context, operand);
  if (lanes === 1) {
    const traps = isInteger(dtype) && (op === "div" || op === "rem");
    const divisor = traps && right.kind === "constant" ? Number(right.value) : undefined;
    const plainDivision = divisor !== undefined && divisor !== -1;
    const trap = traps && divisor === undefined ? context.divides(op) : undefined;
    if (trap !== undefined) {
      return scope.operation(type, [emit(left), emit(right)], (a, b) => {
        const { first, again } = scope.shared(b, machineType(scope, dtype, 1));
        return scalarBinary(scope, op, dtype, a, nonZero(scope, dtype, first, again(), trap), false);
      }, true);
    }
    return scope.operation(type, [emit(left), emit(right)], (a, b) => scalarBinary(scope, op, dtype, a, b, plainDivision), traps && !divisor);
  }
  if (op === "shl" || op === "shr") {
    return scope.operation(type, [emit(left), emitAmount(context, right)], (vector, amount) => vectorShift(scope, op, dtype, vector, amount));
  }
  if (op === "rem") return emitCall(context, "rem", [left, right], expression);
  return emitExtreme(context, expression) ?? scope.operation(type, [emit(left), emit(right)], (a, b) => vectorBinary(scope, op, dtype, lanes, a, b));
}

/** A divisor, once it has been seen not to be zero. */
function nonZero({ module, binaryen }: FunctionScope, dtype: DType, divisor: Code, again: Code, trap: string): Code {
  const machine = machineName(dtype) === "i64" ? "i64" : "i32";
  return module.block(null, [module.if(module[machine].eqz(divisor), module.call(trap, [], binaryen.none)), again], binaryen[machine]);
}

/**
 * The larger or smaller of floats and a constant, by the instruction that compares and chooses, `pmin` or `pmax`: V8 makes one
 * instruction of it, eight of `min` or `max`. It keeps its first operand where the two are not ordered, or are zeros of either
 * sign; the only case where that is not the result, max(−0, +0), is put right by adding +0, where it is not known not to happen.
 */
function emitExtreme(context: ExpressionContext, { op, dtype, left, right }: Of<"binary">): Value | undefined {
  if ((op !== "min" && op !== "max") || !isFloat(dtype)) return undefined;
  const [limit, other] = right.kind === "constant" ? [right, left] : left.kind === "constant" ? [left, right] : [];
  if (limit === undefined || other === undefined) return undefined;
  const held = computeDType(dtype) === "f32" ? Math.fround(Number(limit.value)) : Number(limit.value);
  if (Number.isNaN(held) || (op === "min" && Object.is(held, -0))) return undefined;
  const { scope } = context;
  const shape = scope.module[floatShape(dtype)];
  const { v128 } = scope.binaryen;
  const chosen = scope.operation(v128, [other, limit].map((operand) => emitExpression(context, operand)), (value, constant) => shape[op === "min" ? "pmin" : "pmax"](value!, constant!));
  if (op === "min" || !Object.is(held, 0) || neverMinusZero(other)) return chosen;
  return scope.operation(v128, [chosen, emitExpression(context, limit)], (value, zero) => shape.add(value!, zero!));
}

/** Whether a vector is shifted by a local that was a splat before it was hoisted out of a loop. */
const isUniformShift = ({ uniformLocals }: ExpressionContext, expression: Expression): boolean =>
  expression.kind === "binary" && (expression.op === "shl" || expression.op === "shr") && expression.right.kind === "local" && uniformLocals.has(expression.right.local);

/** The one amount by which all lanes are shifted, an i32. What is constant is written so: some engines pair only such shifts. */
function emitAmount(context: ExpressionContext, right: Expression): Value {
  const { scope } = context;
  const { i32 } = scope.binaryen;
  if (right.kind === "constant") return emitExpression(context, { kind: "constant", dtype: "i32", lanes: 1, value: Number(BigInt.asIntN(32, BigInt(right.value))) });
  if (right.kind === "splat") return scope.operation(i32, [emitExpression(context, right.operand)], (amount) => shiftAmount(scope, right.dtype, amount));
  return scope.operation(i32, [emitExpression(context, right)], (vector) => shiftAmount(scope, right.dtype, lane(scope, right.dtype, vector, 0)));
}

/**
 * A vector sum that a product is added to or taken from, `sum + a · b` or `sum − a · b`, as one instruction, where the options
 * allow it. Of the new value of `sum` in a loop; undefined for anything else.
 */
export function emitAccumulation(context: ExpressionContext, sum: LocalId, value: Expression): Value | undefined {
  const { scope } = context;
  if (!scope.options.fusedMultiplyAdd || value.kind !== "binary" || value.lanes === 1 || (value.op !== "add" && value.op !== "sub") || isInteger(value.dtype)) return undefined;
  const { op, dtype, left, right } = value;
  const isSum = (operand: Expression): boolean => operand.kind === "local" && operand.local === sum;
  const isProduct = (operand: Expression): operand is Of<"binary"> => operand.kind === "binary" && operand.op === "mul";
  const product = isSum(left) && isProduct(right) ? right : op === "add" && isSum(right) && isProduct(left) ? left : undefined;
  if (product === undefined) return undefined;
  const operands = [product.left, product.right, product === right ? left : right].map((operand) => emitExpression(context, operand));
  return scope.operation(scope.binaryen.v128, operands, (a, b, c) => relaxedMultiplyAdd(scope.module, floatShape(dtype), op === "sub", a!, b!, c!));
}

/** Where the options allow it one instruction, which only vectors have: scalars are computed in the first lane, so that they have the same bits. */
function emitMultiplyAdd(context: ExpressionContext, expression: Of<"multiplyAdd">): Value {
  const { scope } = context;
  const { op, dtype, lanes, left, right, sum } = expression;
  const emit = (operand: Expression): Value => emitExpression(context, operand);
  const type = machineType(scope, dtype, lanes);
  const twice = (multiply: (a: Code, b: Code) => Code, add: (a: Code, b: Code) => Code): Value => scope.operation(type, [sum, left, right].map(emit), (c, a, b) => add(c!, multiply(a!, b!)));
  if (scope.options.fusedMultiplyAdd) {
    if (lanes === 1) return scope.operation(type, [emitInLane(context, expression)], (vector) => lane(scope, dtype, vector!, 0));
    return scope.operation(type, [left, right, sum].map(emit), (a, b, c) => relaxedMultiplyAdd(scope.module, floatShape(dtype), op === "sub", a!, b!, c!));
  }
  if (lanes === 1) return twice((a, b) => scalarBinary(scope, "mul", dtype, a, b, false), (a, b) => scalarBinary(scope, op, dtype, a, b, false));
  return twice((a, b) => vectorBinary(scope, "mul", dtype, lanes, a, b), (a, b) => vectorBinary(scope, op, dtype, lanes, a, b));
}

/** A scalar float as the first lane of a vector, computed there as far as its own operations go. */
function emitInLane(context: ExpressionContext, expression: Expression): Value {
  const { scope } = context;
  const { dtype } = expression;
  const { v128 } = scope.binaryen;
  const lanes = dtype === "f64" ? 2 : 4;
  const emit = (operand: Expression): Value => emitInLane(context, operand);
  if (expression.kind === "constant") return { code: scope.vectorConstant(constantBytes(dtype, expression.value)), type: v128, level: 0, cheap: true };
  if (expression.kind === "multiplyAdd") {
    const { op, left, right, sum } = expression;
    return scope.nested(() => scope.operation(v128, [left, right, sum].map(emit), (a, b, c) => relaxedMultiplyAdd(scope.module, floatShape(dtype), op === "sub", a!, b!, c!)));
  }
  if (expression.kind === "binary" && (expression.op === "add" || expression.op === "sub" || expression.op === "mul")) {
    const { op, left, right } = expression;
    return scope.nested(() => scope.operation(v128, [left, right].map(emit), (a, b) => vectorBinary(scope, op, dtype, lanes, a!, b!)));
  }
  return scope.operation(v128, [emitExpression(context, expression)], (code) => splat(scope, dtype, lanes, code!));
}

function emitCast(context: ExpressionContext, { dtype, lanes, operand }: Of<"cast">): Value {
  const { scope, memory } = context;
  const type = machineType(scope, dtype, lanes);
  const from = operand.dtype;
  if (lanes > 1 && operand.kind === "load" && isInteger(from) && dtype !== "bool" && bytesOf(from) * lanes === 8 && bytesOf(computeDType(dtype)) > bytesOf(from) && (bytesOf(from) < 4 || isInteger(dtype))) {
    const extended = memory.loadExtended(operand.buffer, operand.index, lanes);
    return scope.operation(type, [extended], (code) => vectorCast(scope, twiceAsWide(from), dtype, lanes, code));
  }
  const value = isHalf(from) ? emitRounded(context, operand, from) : emitExpression(context, operand);
  return scope.operation(type, [value], (code) => (lanes === 1 ? scalarCast(scope, from, dtype, code) : vectorCast(scope, from, dtype, lanes, code)));
}

const twiceAsWide = (dtype: DType): DType => ({ i8: "i16", u8: "u16", i16: "i32", u16: "u32", i32: "i64", u32: "u64" } as const)[dtype as "i8"];

/** An expression of a half dtype, rounded to it as a cast demands. */
function emitRounded(context: ExpressionContext, operand: Expression, dtype: "f16" | "bf16"): Value {
  const { scope } = context;
  const value = emitExpression(context, operand);
  if (isRounded(operand)) return value;
  return scope.operation(value.type, [value], (code) => (operand.lanes === 1 ? roundHalf(scope.module, dtype, code) : roundHalfLanes(scope, dtype, code)));
}

const exactOps: ReadonlySet<UnaryOp> = new Set(["neg", "abs", "floor", "ceil", "trunc", "nearest"]);

/** Whether an expression of a half dtype can only have values of it, so that rounding would change nothing. */
function isRounded(expression: Expression): boolean {
  switch (expression.kind) {
    case "load": case "cast": case "bitcast": return true;
    case "splat": case "lane": return isRounded(expression.operand);
    case "pack": return expression.operands.every(isRounded);
    case "unary": return exactOps.has(expression.op) && isRounded(expression.operand);
    case "binary": return (expression.op === "min" || expression.op === "max") && isRounded(expression.left) && isRounded(expression.right);
    case "select": return isRounded(expression.then) && isRounded(expression.otherwise);
    default: return false;
  }
}

/** An expression about to be stored: a cast to a half is left to the store, which rounds anyway. */
export function withoutRounding(expression: Expression): Expression {
  if (expression.kind !== "cast" || !isHalf(expression.dtype) || machineName(expression.operand.dtype) === "f64" || machineName(expression.operand.dtype) === "i64") return expression;
  return expression.operand.dtype === "f32" ? expression.operand : { ...expression, dtype: "f32" };
}
