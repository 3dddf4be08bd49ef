/**
 * How `print` shows a tensor: a scalar as the shortest decimal that names it, a tensor in nested brackets with its columns
 * aligned, a large one by the first and last three of each dimension.
 */
import { bf16ToNumber } from "./bf16.ts";
import { dtypes, sizeOf, type DType } from "./dtype.ts";
import type { HostTensor } from "./host.ts";

/** Tensors of more elements are shown in part. */
const wholeUpTo = 1000;
const edge = 3;

/** `indent`: the column where the text will begin, so that the lines of a matrix stand below each other. */
export function formatTensor(tensor: HostTensor, indent = 0): string {
  const { dtype, shape } = tensor;
  if (shape.length === 0) return formatNumber(dtype, elementAt(tensor, 0));
  const size = sizeOf(shape);
  if (size === 0) return "[]";
  const cut = size > wholeUpTo;
  const shown = shape.map((extent) => indicesShown(extent, cut));
  const cells = new Map<number, string>();
  const offsets = offsetsShown(shape, shown);
  const format = formatterFor(dtype, offsets.map((offset) => elementAt(tensor, offset)));
  for (const offset of offsets) cells.set(offset, format(elementAt(tensor, offset)));
  const width = Math.max(...[...cells.values()].map((cell) => cell.length));
  const strides = rowMajorStrides(shape);

  const block = (axis: number, base: number): string => {
    if (axis === shape.length) return cells.get(base)!.padStart(width);
    const parts = shown[axis]!.map((index) => (index === gap ? "..." : block(axis + 1, base + index * strides[axis]!)));
    const deep = shape.length - 1 - axis;
    const separator = deep === 0 ? " " : "\n".repeat(Math.min(deep, 2)) + " ".repeat(indent + axis + 1);
    return `[${parts.join(separator)}]`;
  };
  return block(0, 0);
}

const gap = -1;

function indicesShown(extent: number, cut: boolean): number[] {
  if (!cut || extent <= 2 * edge) return Array.from({ length: extent }, (_, index) => index);
  return [0, 1, 2, gap, extent - 3, extent - 2, extent - 1];
}

function offsetsShown(shape: readonly number[], shown: readonly (readonly number[])[]): number[] {
  return shown.reduce<number[]>((offsets, indices, axis) => offsets.flatMap((offset) => indices.filter((index) => index !== gap).map((index) => offset * shape[axis]! + index)), [0]);
}

function rowMajorStrides(shape: readonly number[]): number[] {
  const strides: number[] = new Array(shape.length).fill(1);
  for (let axis = shape.length - 2; axis >= 0; axis--) strides[axis] = strides[axis + 1]! * shape[axis + 1]!;
  return strides;
}

function elementAt(tensor: HostTensor, index: number): number | bigint {
  const raw = tensor.data[index]!;
  return tensor.dtype === "bf16" ? bf16ToNumber(raw as number) : raw;
}

/** One number as the shortest text that gives it back in its dtype. */
export function formatNumber(dtype: DType, value: number | bigint): string {
  if (dtypes[dtype].kind === "bool") return value ? "true" : "false";
  if (dtypes[dtype].kind !== "float" || typeof value === "bigint") return String(value);
  if (!Number.isFinite(value)) return namedNumber(value);
  if (Object.is(value, -0)) return "-0";
  if (dtype === "f64") return String(value);
  const round = dtype === "f32" ? Math.fround : dtype === "f16" ? Math.f16round : (each: number): number => each;
  for (let digits = 1; digits < 9; digits++) {
    const short = Number(value.toPrecision(digits));
    if (round(short) === value) return String(short);
  }
  return String(Number(value.toPrecision(9)));
}

const namedNumber = (value: number): string => (Number.isNaN(value) ? "nan" : value > 0 ? "inf" : "-inf");

/** The elements of one tensor alike: at most four decimals, or exponents when their sizes differ too much for that. */
function formatterFor(dtype: DType, values: readonly (number | bigint)[]): (value: number | bigint) => string {
  if (dtypes[dtype].kind !== "float") return (value) => formatNumber(dtype, value);
  const sizes = values.map((value) => Math.abs(Number(value))).filter((size) => Number.isFinite(size) && size > 0);
  const exponents = sizes.some((size) => size >= 1e8) || (sizes.length > 0 && Math.min(...sizes) < 1e-4);
  const text = (value: number, decimals: number): string => (exponents ? value.toExponential(decimals) : value.toFixed(decimals));
  const finite = values.map(Number).filter(Number.isFinite);
  let decimals = 4;
  while (decimals > 0 && finite.every((value) => Number(text(value, decimals - 1)) === Number(text(value, 4)))) decimals--;
  return (value) => (Number.isFinite(Number(value)) ? text(Number(value), decimals) : namedNumber(Number(value)));
}
