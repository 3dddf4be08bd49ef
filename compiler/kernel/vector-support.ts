/**
 * Which vector forms of a kernel can be emitted: the single truth about op × dtype × lanes. The vectoriser asks it, so that
 * whatever has no sensible instruction sequence in 128-bit WebAssembly SIMD stays scalar; the emitter relies on it.
 *
 * A vector is held in one 16-byte register. A lane has the dtype's own size, with two exceptions:
 * f16 and bf16 are computed in f32, so their lanes are 4 bytes wide (and are converted where they are loaded and stored);
 * a bool vector is a mask, all bits or none, whose lanes always fill the register: 16 / lanes bytes each.
 * A vector may fill only the low part of its register (u8×4, f32×2): what lies above is unspecified.
 */
import { bytesOf, isBig, isFloat, isInteger, type DType } from "../../runtime/dtype.ts";
import { unreachable } from "../support/bug.ts";
import type { BinaryOp, Expression, Statement, UnaryOp } from "./kernel.ts";

export const registerBytes = 16;

/** The dtype a value is computed in: f32 for the 16-bit floats, itself for all others. */
export const computeDType = (dtype: DType): DType => (dtype === "f16" || dtype === "bf16" ? "f32" : dtype);

/** Whether values are stored in 16 bits and computed in 32. */
export const isHalfFloat = (dtype: DType): boolean => computeDType(dtype) !== dtype;

/** Bytes of one lane of a vector of this dtype and so many lanes. */
export const laneBytes = (dtype: DType, lanes: number): number => (dtype === "bool" ? registerBytes / lanes : bytesOf(computeDType(dtype)));

/** The most lanes a vector of this dtype can have. */
export const maximumLanes = (dtype: DType): number => registerBytes / bytesOf(computeDType(dtype));

/** Whether a vector of this dtype and so many lanes fits a register. */
export const vectorFits = (dtype: DType, lanes: number): boolean => (lanes === 2 || lanes === 4 || lanes === 8 || lanes === 16) && lanes <= maximumLanes(dtype);

/** Whether a node and everything in it can be emitted as it stands, scalar parts included. */
export function vectorSupported(node: Expression | Statement): boolean {
  switch (node.kind) {
    case "set": return vectorSupported(node.value);
    case "store": return vectorSupported(node.value) && node.index.every(vectorSupported);
    case "for": return node.start.lanes === 1 && node.end.lanes === 1 && vectorSupported(node.start) && vectorSupported(node.end) && node.body.every(vectorSupported);
    case "while": return node.condition.lanes === 1 && vectorSupported(node.condition) && node.body.every(vectorSupported);
    case "if": return node.condition.lanes === 1 && vectorSupported(node.condition) && node.then.every(vectorSupported) && node.otherwise.every(vectorSupported);
    default: return vectorFormSupported(node) && operandsOf(node).every(vectorSupported);
  }
}

/** The same for one expression alone, whatever its operands are. Scalars are always supported. */
export function vectorFormSupported(expression: Expression): boolean {
  const { dtype, lanes } = expression;
  if (expression.kind === "reduce") return vectorFits(expression.operand.dtype, expression.operand.lanes) && reduceSupported(expression.op, expression.operand.dtype);
  if (expression.kind === "lane") return vectorFits(dtype, expression.operand.lanes);
  if (lanes === 1) return true;
  if (!vectorFits(dtype, lanes)) return false;
  switch (expression.kind) {
    case "constant": case "local": case "load": case "splat": return true;
    case "pack": return expression.operands.every((operand) => operand.lanes === 1) || isPackOfHalves(expression.operands);
    case "iota": return isInteger(dtype);
    case "unary": return unarySupported(expression.op, dtype);
    case "binary": return vectorFits(expression.left.dtype, lanes) && binarySupported(expression.op, expression.left.dtype, expression.right);
    case "select": return true;
    case "multiplyAdd": return isFloat(dtype);
    case "cast": return vectorFits(expression.operand.dtype, lanes) && castSupported(expression.operand.dtype, dtype);
    case "bitcast": return vectorFits(expression.operand.dtype, expression.operand.lanes) && bitcastSupported(expression.operand, expression);
    // Lane by lane.
    case "call": return isFloat(dtype);
    case "argument": return false;
    default: return unreachable(expression);
  }
}

/** The direct operands of an expression, indices of a load included. */
export function operandsOf(expression: Expression): readonly Expression[] {
  switch (expression.kind) {
    case "constant": case "argument": case "local": case "iota": return [];
    case "load": return expression.index;
    case "pack": return expression.operands;
    case "splat": case "reduce": case "lane": case "unary": case "cast": case "bitcast": return [expression.operand];
    case "binary": return [expression.left, expression.right];
    case "multiplyAdd": return [expression.left, expression.right, expression.sum];
    case "select": return [expression.condition, expression.then, expression.otherwise];
    case "call": return expression.args;
    default: return unreachable(expression);
  }
}

function unarySupported(op: UnaryOp, dtype: DType): boolean {
  switch (op) {
    case "neg": case "abs": return dtype !== "bool";
    case "not": return isInteger(dtype) || dtype === "bool";
    case "sqrt": return isFloat(dtype);
    // Of integers these are the value itself.
    case "floor": case "ceil": case "trunc": case "nearest": return dtype !== "bool";
    case "popcount": return isInteger(dtype) && !isBig(dtype);
    default: return unreachable(op);
  }
}

function binarySupported(op: BinaryOp, dtype: DType, right: Expression): boolean {
  switch (op) {
    case "add": case "sub": case "mul": return dtype !== "bool";
    // Integer division traps on zero, which no vector instruction does; float `rem` is a function, called for each lane.
    case "div": case "rem": return isFloat(dtype);
    case "min": case "max": return true;
    case "and": case "or": case "xor": return !isFloat(dtype);
    // One amount for all lanes.
    case "mulhi": return dtype === "u32";
    case "dot": return dtype === "i32";
    case "shl": case "shr": return isInteger(dtype) && (right.kind === "splat" || right.kind === "constant");
    case "eq": case "ne": case "lt": case "le": case "gt": case "ge": return true;
    default: return unreachable(op);
  }
}

function reduceSupported(op: BinaryOp, dtype: DType): boolean {
  switch (op) {
    case "add": case "mul": return dtype !== "bool";
    case "min": case "max": return true;
    case "and": case "or": case "xor": return !isFloat(dtype);
    default: return false;
  }
}

/** Both dtypes are known to fit the lanes. */
function castSupported(from: DType, to: DType): boolean {
  if (from === "bool" || to === "bool") return true;
  if (!isFloat(from) && !isFloat(to)) return true;
  if (isBig(from) || isBig(to)) return false;
  // Through f32 it would be rounded twice.
  if (from === "f64" && to === "f16") return false;
  return true;
}

function bitcastSupported(from: Expression, to: Expression): boolean {
  return isPlain(from.dtype) && isPlain(to.dtype) && bytesOf(from.dtype) * from.lanes === bytesOf(to.dtype) * to.lanes;
}

/** Whether lanes are held as elements are stored. */
const isPlain = (dtype: DType): boolean => dtype !== "bool" && computeDType(dtype) === dtype;

/** Two loads of half a register each. */
function isPackOfHalves(operands: readonly Expression[]): boolean {
  return operands.length === 2 && operands.every(({ kind, dtype, lanes }) => kind === "load" && isPlain(dtype) && lanes * bytesOf(dtype) === registerBytes / 2);
}
