/**
 * Tensors on the host's side, and the way from whatever a host may hand over to the elements of one. Every refusal names the
 * tensor and both values.
 */
import { numberToBf16 } from "./bf16.ts";
import { dtypes, newArray, sizeOf, type DType, type TypedArray } from "./dtype.ts";
import { InputError, textOf } from "./errors.ts";

/** A dense row-major tensor of the host's own memory. `data` holds bits for bf16, and 0 or 1 for bool. */
export interface HostTensor {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly data: TypedArray;
}

export type NestedArray = readonly (number | bigint | boolean | NestedArray)[];

/**
 * What a host may give for a tensor: a HostTensor; a typed array of the dtype's own kind with as many elements; nested arrays
 * of the tensor's shape; a number, bigint or boolean for a scalar.
 */
export type HostValue = HostTensor | TypedArray | NestedArray | number | bigint | boolean;

export const describeType = (dtype: DType, shape: readonly number[]): string => (shape.length === 0 ? textOf(dtype) : `${textOf(dtype)}[${shape.join(", ")}]`);

const kinds = {
  f16: "Float16Array", bf16: "Uint16Array", f32: "Float32Array", f64: "Float64Array",
  i8: "Int8Array", i16: "Int16Array", i32: "Int32Array", i64: "BigInt64Array",
  u8: "Uint8Array", u16: "Uint16Array", u32: "Uint32Array", u64: "BigUint64Array", bool: "Uint8Array",
} as const satisfies Record<DType, string>;

/** Name of the kind of typed array, whatever realm or subclass (Buffer) it comes from; undefined for anything else. */
function kindOfArray(value: unknown): string | undefined {
  if (!ArrayBuffer.isView(value) || value instanceof DataView) return undefined;
  return (value as unknown as { readonly [Symbol.toStringTag]: string })[Symbol.toStringTag];
}

export const isTypedArray = (value: unknown): value is TypedArray => kindOfArray(value) !== undefined;

export const isHostTensor = (value: unknown): value is HostTensor =>
  typeof value === "object" && value !== null && "dtype" in value && "shape" in value && "data" in value && Array.isArray(value.shape);

/** Writes `value` into `destination`, the elements of a tensor of this dtype and shape. On an error some may be written. */
export function copyInto(destination: TypedArray, dtype: DType, shape: readonly number[], value: HostValue, name: string): void {
  if (isHostTensor(value)) {
    if (value.dtype !== dtype) {
      throw new InputError("dtype-mismatch", `${name} is ${describeType(dtype, shape)}, but the value given is ${describeType(value.dtype, value.shape)}`);
    }
    if (value.shape.length !== shape.length || value.shape.some((extent, axis) => extent !== shape[axis])) throw wrongShape(name, dtype, shape, value.shape);
    copyArray(destination, dtype, shape, value.data, name);
  } else if (isTypedArray(value)) copyArray(destination, dtype, shape, value, name);
  else if (Array.isArray(value)) copyNested(destination, dtype, shape, value as NestedArray, name);
  else if (typeof value === "number" || typeof value === "bigint" || typeof value === "boolean") {
    if (shape.length > 0) throw wrongShape(name, dtype, shape, []);
    destination[0] = element(dtype, value, name) as never;
  } else {
    throw new InputError("bad-value", `${name} is ${describeType(dtype, shape)}, but the value given is ${value === null ? "null" : `a ${typeof value}`}`);
  }
}

/** A fresh tensor from any value. */
export function toTensor(dtype: DType, shape: readonly number[], value: HostValue, name: string): HostTensor {
  const data = newArray(dtype, sizeOf(shape));
  copyInto(data, dtype, shape, value, name);
  return { dtype, shape: [...shape], data };
}

function wrongShape(name: string, dtype: DType, shape: readonly number[], given: readonly number[]): InputError {
  return new InputError("shape-mismatch", `${name} is ${describeType(dtype, shape)}, but the value given has shape [${given.join(", ")}]`);
}

function copyArray(destination: TypedArray, dtype: DType, shape: readonly number[], source: TypedArray, name: string): void {
  const kind = kindOfArray(source);
  if (kind !== kinds[dtype]) {
    throw new InputError("dtype-mismatch", `${name} is ${describeType(dtype, shape)} and takes a ${kinds[dtype]}, but a ${kind ?? typeof source} was given`);
  }
  if (source.length !== destination.length) {
    throw new InputError("shape-mismatch", `${name} is ${describeType(dtype, shape)} with ${destination.length} elements, but the ${kind} given has ${source.length}`);
  }
  if (dtype === "bool") {
    for (let at = 0; at < source.length; at++) {
      if ((source[at] as number) > 1) throw new InputError("bad-value", `${name} is ${describeType(dtype, shape)} of 0 and 1, but element ${at} is ${source[at]}`);
    }
  }
  destination.set(source as never);
}

function copyNested(destination: TypedArray, dtype: DType, shape: readonly number[], source: NestedArray, name: string): void {
  let next = 0;
  const walk = (part: NestedArray[number], axis: number): void => {
    const isArray = Array.isArray(part);
    if (isArray !== axis < shape.length || (isArray && part.length !== shape[axis])) throw wrongShape(name, dtype, shape, shapeOfNested(source, shape.length + 1));
    if (isArray) for (const inner of part as NestedArray) walk(inner, axis + 1);
    else destination[next++] = element(dtype, part as number, name) as never;
  };
  walk(source, 0);
}

/** The shape as its first elements show it; where nested arrays are ragged this is where they first differ. */
function shapeOfNested(value: NestedArray[number], depth: number): number[] {
  if (!Array.isArray(value) || depth === 0) return [];
  const inner = (value as NestedArray).map((part) => shapeOfNested(part, depth - 1));
  const first = inner[0] ?? [];
  return [value.length, ...(inner.find((shape) => shape.join() !== first.join()) ?? first)];
}

/** One element as its typed array holds it. */
function element(dtype: DType, value: number | bigint | boolean, name: string): number | bigint {
  if (typeof value !== "number" && typeof value !== "bigint" && typeof value !== "boolean") {
    throw new InputError("bad-value", `${name} has elements of dtype ${dtype}, but one given is ${value === null ? "null" : `a ${typeof value}`}`);
  }
  const { kind, bits } = dtypes[dtype];
  switch (kind) {
    case "bool":
      if (value !== true && value !== false && value !== 0 && value !== 1 && value !== 0n && value !== 1n) {
        throw new InputError("bad-value", `${name} has elements of dtype bool, but ${value} was given`);
      }
      return Number(value);
    case "float":
      if (dtype === "bf16") return numberToBf16(Number(value));
      return Number(value);
    case "int":
    case "uint": {
      if (typeof value === "number" && !Number.isSafeInteger(value)) {
        throw new InputError("bad-value", `${name} has elements of dtype ${dtype}, but ${value} is not ${Number.isInteger(value) ? "exact as a number: give a bigint" : "an integer"}`);
      }
      const exact = BigInt(value);
      const wrapped = kind === "int" ? BigInt.asIntN(bits, exact) : BigInt.asUintN(bits, exact);
      if (wrapped !== exact) throw new InputError("bad-value", `${name} has elements of dtype ${dtype}, which cannot hold ${value}`);
      return bits === 64 ? exact : Number(exact);
    }
  }
}
