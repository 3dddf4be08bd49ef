/** Indices that are tensors, known only at run time: what `x[i, j]` takes, and what assigning there makes of x. */
import { isBig, sizeOf } from "../../runtime/dtype.ts";
import type { Slice } from "../graph/graph.ts";
import type { Span } from "../support/span.ts";
import { report, type Frame } from "./frame.ts";
import { broadcastTogether, coerce, emit, materialise, type Written } from "./tensors.ts";
import { int, poison, type TensorValue, type Value } from "./value.ts";

/** A dimension and the places in it that a tensor names, negative ones from its end. */
export interface Gather {
  readonly axis: number;
  readonly indices: Written<TensorValue>;
}

const isScalar = ({ indices }: Gather): boolean => indices.value.type.shape.length === 0;

/** What several tensors select together has their common shape, which stands where their dimensions were; undefined once reported. */
export function checkGathers(frame: Frame, gathers: readonly Gather[]): boolean {
  const apart = gathers.find(({ axis }, k) => k > 0 && axis !== gathers[k - 1]!.axis + 1);
  if (apart && !gathers.every(isScalar)) {
    report(frame, "not-supported", apart.indices.span, "tensors that index dimensions apart from each other are not supported yet", { help: "index one dimension at a time, x[i][:, j], or bring the dimensions side by side with transpose" });
    return false;
  }
  const other = gathers.find(({ indices }) => indices.value.type.dtype !== gathers[0]!.indices.value.type.dtype);
  if (!other) return true;
  report(frame, "dtype-mismatch", other.indices.span, `the indices of one place need one dtype, and these are ${gathers[0]!.indices.value.type.dtype} and ${other.indices.value.type.dtype}`, { help: "cast<i32>(x) converts" });
  return false;
}

/** The elements of `x` at the places; the axes are those of x. */
export function readGathers(frame: Frame, x: TensorValue, gathers: readonly Gather[], span: Span): Value {
  const [first] = gathers;
  if (gathers.length === 1) return emit(frame, "gather", [x, first!.indices.value], { axis: first!.axis }, span);
  const indices = broadcastTogether(frame, gathers.map(({ indices: each }) => each), span);
  if (!indices) return poison;
  const { shape } = indices[0]!.type;
  const axes = gathers.map(({ axis }) => axis);
  const others = x.type.shape.map((_, axis) => axis).filter((axis) => !axes.includes(axis));
  const tuples = emit(frame, "stack", indices, { axis: shape.length }, span);
  const turned = transposed(frame, x, [...axes, ...others], span);
  if (tuples.kind !== "tensor" || turned.kind !== "tensor") return poison;
  const picked = emit(frame, "gather_nd", [turned, tuples], {}, span);
  if (picked.kind !== "tensor") return poison;
  // The indices' shape stands where the first of their dimensions was.
  const before = others.filter((axis) => axis < axes[0]!).length;
  const rank = shape.length;
  return transposed(frame, picked, [...others.slice(0, before).map((_, k) => rank + k), ...shape.map((_, k) => k), ...others.slice(before).map((_, k) => rank + before + k)], span);
}

const transposed = (frame: Frame, x: TensorValue, axes: readonly number[], span: Span): Value => (axes.every((axis, k) => axis === k) ? x : emit(frame, "transpose", [x], { axes }, span));

/**
 * `base` with the places that some tensors name replaced by a value; the axes are those of base, whose other dimensions are whole.
 * Of equal places the last stays.
 */
export function writeGathers(frame: Frame, base: TensorValue, gathers: readonly Gather[], written: Written, span: Span, subject: string): Value {
  const [first] = gathers;
  return gathers.length === 1 ? scattered(frame, base, first!, written, span, subject) : scatteredTogether(frame, base, gathers, written, span, subject);
}

/** Whether what is selected is a box: scalars name where it begins, and slices of step 1. */
export const isBox = (slice: Slice, gathers: readonly Gather[]): boolean => gathers.every(isScalar) && slice.every(({ step }) => step === 1);

/** `base` with the box that a slice and scalars select replaced by a value. */
export function writeBox(frame: Frame, base: TensorValue, slice: Slice, gathers: readonly Gather[], written: Written, span: Span, subject: string): Value {
  const { dtype } = gathers[0]!.indices.value.type;
  const gatherOf = (axis: number): Gather | undefined => gathers.find((one) => one.axis === axis);
  const begins = slice.map(({ start }, axis) => {
    const gather = gatherOf(axis);
    return gather ? counted(frame, gather.indices, base.type.shape[axis]!) : materialise(frame, { value: int(start), span }, dtype);
  });
  if (!begins.every((begin) => begin.kind === "tensor")) return poison;
  const kept = slice.flatMap(({ length, drop }, axis) => (drop || gatherOf(axis) ? [] : [length]));
  const value = coerce(frame, written, { dtype: base.type.dtype, shape: kept }, subject);
  const place = emit(frame, "stack", begins as TensorValue[], { axis: 0 }, span);
  if (value.kind !== "tensor" || place.kind !== "tensor") return poison;
  const box = emit(frame, "reshape", [value], { shape: slice.map(({ length }, axis) => (gatherOf(axis) ? 1 : length)) }, span);
  return box.kind === "tensor" ? emit(frame, "dynamic_update", [base, place, box], {}, span) : poison;
}

/** Several tensors side by side: their dimensions become one, of which their places are numbers. */
function scatteredTogether(frame: Frame, base: TensorValue, gathers: readonly Gather[], written: Written, span: Span, subject: string): Value {
  const { shape } = base.type;
  const axis = gathers[0]!.axis;
  const [before, after] = [shape.slice(0, axis), shape.slice(axis + gathers.length)];
  const together = broadcastTogether(frame, gathers.map(({ indices }) => indices), span);
  const number = together && numberOf(frame, together.map((value, k) => ({ value, span: gathers[k]!.indices.span })), shape.slice(axis, axis + gathers.length), span);
  if (number?.kind !== "tensor") return poison;
  const flat = emit(frame, "reshape", [base], { shape: [...before, sizeOf(shape.slice(axis, axis + gathers.length)), ...after] }, span);
  if (flat.kind !== "tensor") return poison;
  const changed = scattered(frame, flat, { axis, indices: { value: number, span } }, written, span, subject);
  return changed.kind === "tensor" ? emit(frame, "reshape", [changed], { shape }, span) : poison;
}

/** Row-major number of the place that indices of one shape name in dimensions of these extents; of one outside, of the nearest. */
function numberOf(frame: Frame, indices: readonly Written<TensorValue>[], extents: readonly number[], span: Span): Value {
  const wide = sizeOf(extents) > 2 ** 31 ? "i64" : undefined;
  let number: Value | undefined;
  for (const [k, index] of indices.entries()) {
    const extent = extents[k]!;
    const { dtype } = index.value.type;
    const cast = wide && dtype !== wide ? emit(frame, "cast", [index.value], { dtype: wide }, span) : index.value;
    const place = cast.kind === "tensor" ? counted(frame, { value: cast, span: index.span }, extent) : poison;
    if (place.kind !== "tensor") return poison;
    const like = (value: number): Value => constantLike(frame, place, value, span);
    const inside = apply(frame, "max", [apply(frame, "min", [place, like(Math.max(0, extent - 1))], span), like(0)], span);
    number = number === undefined ? inside : apply(frame, "add", [apply(frame, "mul", [number, like(extent)], span), inside], span);
  }
  return number ?? poison;
}

function scattered(frame: Frame, base: TensorValue, { axis, indices }: Gather, written: Written, span: Span, subject: string): Value {
  const { shape } = base.type;
  const value = coerce(frame, written, { dtype: base.type.dtype, shape: [...shape.slice(0, axis), ...indices.value.type.shape, ...shape.slice(axis + 1)] }, subject);
  return value.kind === "tensor" ? emit(frame, "scatter_update", [base, indices.value, value], { axis }, span) : poison;
}

/** Indices counted from the start of their axis, which they must lie in. */
function counted(frame: Frame, { value, span }: Written<TensorValue>, extent: number): Value {
  const constant = (number: number): Value => constantLike(frame, value, number, span);
  const fromEnd = apply(frame, "add", [value, constant(extent)], span);
  const place = apply(frame, "select", [apply(frame, "lt", [value, constant(0)], span), fromEnd, value], span);
  return place.kind === "tensor" ? emit(frame, "index_below", [place], { extent }, span) : poison;
}

/** A number everywhere, of the dtype and shape of a tensor. */
const constantLike = (frame: Frame, { type }: TensorValue, value: number, span: Span): Value =>
  emit(frame, "fill", [], { value: isBig(type.dtype) ? BigInt(value) : value, dtype: type.dtype, shape: type.shape }, span);

/** An op of tensors; poison where one of them is. */
const apply = (frame: Frame, name: string, inputs: readonly Value[], span: Span): Value =>
  inputs.every((input) => input.kind === "tensor") ? emit(frame, name, inputs as readonly TensorValue[], {}, span) : poison;
