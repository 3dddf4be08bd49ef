/**
 * Element types, shared by the compiler and the runtime: name, size in bytes, and how one is held in JavaScript.
 * `bool` is one byte, 0 or 1. `bf16` has no typed array of its own: its bits are held in a Uint16Array.
 */
// For programs whose own `lib` is older.
/// <reference lib="esnext.float16" preserve="true" />

export const dtypes = {
  f16: { bytes: 2, kind: "float", bits: 16 },
  bf16: { bytes: 2, kind: "float", bits: 16 },
  f32: { bytes: 4, kind: "float", bits: 32 },
  f64: { bytes: 8, kind: "float", bits: 64 },
  i8: { bytes: 1, kind: "int", bits: 8 },
  i16: { bytes: 2, kind: "int", bits: 16 },
  i32: { bytes: 4, kind: "int", bits: 32 },
  i64: { bytes: 8, kind: "int", bits: 64 },
  u8: { bytes: 1, kind: "uint", bits: 8 },
  u16: { bytes: 2, kind: "uint", bits: 16 },
  u32: { bytes: 4, kind: "uint", bits: 32 },
  u64: { bytes: 8, kind: "uint", bits: 64 },
  bool: { bytes: 1, kind: "bool", bits: 8 },
} as const;

export type DType = keyof typeof dtypes;
export type DTypeKind = (typeof dtypes)[DType]["kind"];

export type TypedArray =
  | Float16Array
  | Float32Array
  | Float64Array
  | Int8Array
  | Int16Array
  | Int32Array
  | BigInt64Array
  | Uint8Array
  | Uint16Array
  | Uint32Array
  | BigUint64Array;

const arrays = {
  f16: Float16Array,
  bf16: Uint16Array,
  f32: Float32Array,
  f64: Float64Array,
  i8: Int8Array,
  i16: Int16Array,
  i32: Int32Array,
  i64: BigInt64Array,
  u8: Uint8Array,
  u16: Uint16Array,
  u32: Uint32Array,
  u64: BigUint64Array,
  bool: Uint8Array,
} as const;

export const isDType = (name: string): name is DType => Object.hasOwn(dtypes, name);
export const bytesOf = (dtype: DType): number => dtypes[dtype].bytes;
export const kindOf = (dtype: DType): DTypeKind => dtypes[dtype].kind;
export const isFloat = (dtype: DType): boolean => dtypes[dtype].kind === "float";
export const isInteger = (dtype: DType): boolean => dtypes[dtype].kind === "int" || dtypes[dtype].kind === "uint";
/** Whether one element is a bigint in JavaScript. */
export const isBig = (dtype: DType): boolean => dtype === "i64" || dtype === "u64";

/** A zeroed array of `length` elements. */
export function newArray(dtype: DType, length: number): TypedArray {
  return new arrays[dtype](length);
}

/** A typed array over existing memory; `byteOffset` must be a multiple of the element's bytes. */
export function viewArray(dtype: DType, buffer: ArrayBufferLike, byteOffset: number, length: number): TypedArray {
  return new arrays[dtype](buffer as ArrayBuffer, byteOffset, length);
}

/** How many elements a tensor of this shape has; 1 for a scalar. */
export const sizeOf = (shape: readonly number[]): number => shape.reduce((product, extent) => product * extent, 1);
