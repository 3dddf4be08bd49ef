/** A tensor with its elements, in row-major order: what the interpreter computes with, and what tests compare. */
import { bf16ToNumber, numberToBf16 } from "../../runtime/bf16.ts";
import { isBig, isFloat, newArray, sizeOf, type DType, type TypedArray } from "../../runtime/dtype.ts";
import { invariant } from "../support/bug.ts";
import type { TensorType } from "./graph.ts";

export interface Tensor {
  readonly type: TensorType;
  /** For bf16 the bits, in a Uint16Array. */
  readonly data: TypedArray;
}

/** The value rounded (floats) or wrapped (integers) to the dtype. */
export function convert(dtype: DType, value: number | bigint): number | bigint {
  switch (dtype) {
    case "f64": return Number(value);
    case "f32": return Math.fround(Number(value));
    case "f16": return Math.f16round(Number(value));
    case "bf16": return bf16ToNumber(numberToBf16(Number(value)));
    case "i64": return BigInt.asIntN(64, BigInt(value));
    case "u64": return BigInt.asUintN(64, BigInt(value));
    case "bool": return value ? 1 : 0;
    case "i8": return (Number(BigInt.asIntN(32, BigInt(value))) << 24) >> 24;
    case "i16": return (Number(BigInt.asIntN(32, BigInt(value))) << 16) >> 16;
    case "i32": return Number(BigInt.asIntN(32, BigInt(value)));
    case "u8": return Number(BigInt.asUintN(8, BigInt(value)));
    case "u16": return Number(BigInt.asUintN(16, BigInt(value)));
    case "u32": return Number(BigInt.asUintN(32, BigInt(value)));
  }
}

/** The meaning of `cast`: float to integer truncates and saturates, NaN gives 0; integers wrap; to bool: is it non-zero. */
export function castValue(from: DType, to: DType, value: number | bigint): number | bigint {
  if (to === "bool") return value != 0 ? 1 : 0;
  if (isFloat(to) || !isFloat(from) || typeof value === "bigint") return convert(to, value);
  if (Number.isNaN(value)) return convert(to, 0n);
  const { min, max } = limitsOf(to);
  const truncated = value === Infinity ? max : value === -Infinity ? min : BigInt(Math.trunc(value));
  return convert(to, truncated < min ? min : truncated > max ? max : truncated);
}

/** Smallest and largest value of an integer dtype. */
export function limitsOf(dtype: DType): { min: bigint; max: bigint } {
  const width = { i8: 8, i16: 16, i32: 32, i64: 64, u8: 8, u16: 16, u32: 32, u64: 64 }[dtype as "i8"];
  invariant(width, `${dtype} has no integer limits`);
  const signed = dtype.startsWith("i");
  return signed ? { min: -(1n << BigInt(width - 1)), max: (1n << BigInt(width - 1)) - 1n } : { min: 0n, max: (1n << BigInt(width)) - 1n };
}

export const zeros = (type: TensorType): Tensor => ({ type, data: newArray(type.dtype, sizeOf(type.shape)) });

/** Element by flat row-major index. */
export function get(tensor: Tensor, index: number): number | bigint {
  const raw = tensor.data[index];
  invariant(raw !== undefined, () => `element ${index} of ${tensor.data.length}`);
  return tensor.type.dtype === "bf16" ? bf16ToNumber(raw as number) : raw;
}

/** Stores a value, rounded or wrapped to the dtype. */
export function put(tensor: Tensor, index: number, value: number | bigint): void {
  invariant(index >= 0 && index < tensor.data.length, () => `element ${index} of ${tensor.data.length}`);
  const { dtype } = tensor.type;
  tensor.data[index] = dtype === "bf16" ? numberToBf16(Number(value)) : convert(dtype, value);
}

/** A tensor from a flat list of numbers. */
export function tensor(dtype: DType, shape: readonly number[], values: readonly (number | bigint)[]): Tensor {
  const result = zeros({ dtype, shape });
  invariant(values.length === result.data.length, () => `${values.length} values for shape [${shape.join(", ")}]`);
  values.forEach((value, index) => put(result, index, isBig(dtype) ? BigInt(value) : value));
  return result;
}

/** Calls `visit` with every index of a shape, in row-major order, and the flat position. The array is reused. */
export function forEachIndex(shape: readonly number[], visit: (index: readonly number[], flat: number) => void): void {
  const size = sizeOf(shape);
  const index = new Array<number>(shape.length).fill(0);
  for (let flat = 0; flat < size; flat++) {
    visit(index, flat);
    for (let dimension = shape.length - 1; dimension >= 0; dimension--) {
      index[dimension]! += 1;
      if (index[dimension]! < shape[dimension]!) break;
      index[dimension] = 0;
    }
  }
}

/** Flat row-major position of an index. */
export const flatIndex = (shape: readonly number[], index: readonly number[]): number => shape.reduce((flat, extent, k) => flat * extent + index[k]!, 0);
