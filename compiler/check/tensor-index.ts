/** Indices that are tensors, known only at run time: what `x[i, j]` takes, and what assigning there makes of x. */
import type { DType } from "../../runtime/dtype.ts";
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
 * `base` with what the slice and the places in it select replaced by a value. One tensor may name several places, of which the
 * last of equal ones stays; several tensors name one place. Undefined where that is not supported.
 */
export function writeGathers(frame: Frame, base: TensorValue, slice: Slice, gathers: readonly Gather[], written: Written, span: Span, subject: string): Value | undefined {
  const whole = slice.every(({ start, length, step, drop }, d) => !drop && start === 0 && step === 1 && length === base.type.shape[d]);
  if (gathers.length === 1 && whole) return scattered(frame, base, gathers[0]!, written, span, subject);
  if (!gathers.every(isScalar) || slice.some(({ step }) => step !== 1)) return undefined;
  const { dtype } = gathers[0]!.indices.value.type;
  const begins = slice.map(({ start }, axis) => {
    const gather = gathers.find((one) => one.axis === axis);
    return gather ? counted(frame, gather, base.type.shape[axis]!) : materialise(frame, { value: int(start), span }, dtype);
  });
  if (!begins.every((begin) => begin.kind === "tensor")) return poison;
  const kept = slice.flatMap(({ length, drop }, axis) => (drop || gathers.some((one) => one.axis === axis) ? [] : [length]));
  const value = coerce(frame, written, { dtype: base.type.dtype, shape: kept }, subject);
  const place = emit(frame, "stack", begins as TensorValue[], { axis: 0 }, span);
  if (value.kind !== "tensor" || place.kind !== "tensor") return poison;
  const box = emit(frame, "reshape", [value], { shape: slice.map(({ length }, axis) => (gathers.some((one) => one.axis === axis) ? 1 : length)) }, span);
  return box.kind === "tensor" ? emit(frame, "dynamic_update", [base, place, box], {}, span) : poison;
}

function scattered(frame: Frame, base: TensorValue, { axis, indices }: Gather, written: Written, span: Span, subject: string): Value {
  const { shape } = base.type;
  const value = coerce(frame, written, { dtype: base.type.dtype, shape: [...shape.slice(0, axis), ...indices.value.type.shape, ...shape.slice(axis + 1)] }, subject);
  return value.kind === "tensor" ? emit(frame, "scatter_update", [base, indices.value, value], { axis }, span) : poison;
}

/** A scalar index counted from the start of its axis, which it must lie in. */
function counted(frame: Frame, { indices: { value, span } }: Gather, extent: number): Value {
  const constant = (number: number): Value => materialise(frame, { value: int(number), span }, value.type.dtype as DType);
  const [zero, size] = [constant(0), constant(extent)];
  if (zero.kind !== "tensor" || size.kind !== "tensor") return poison;
  const [negative, fromEnd] = [emit(frame, "lt", [value, zero], {}, span), emit(frame, "add", [value, size], {}, span)];
  if (negative.kind !== "tensor" || fromEnd.kind !== "tensor") return poison;
  const place = emit(frame, "select", [negative, fromEnd, value], {}, span);
  return place.kind === "tensor" ? emit(frame, "index_below", [place], { extent }, span) : poison;
}
