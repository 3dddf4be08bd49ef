/** Indexing: `x[i]`, `x[a:b:s]`, `x[..., 0]`, tensor indices. Slices of tensors, of compile-time tuples, and of references. */
import { isInteger } from "../../runtime/dtype.ts";
import { formatType, type Slice, type SliceDimension } from "../graph/graph.ts";
import type * as ast from "../syntax/ast.ts";
import type { Span } from "../support/span.ts";
import { report, type Frame } from "./frame.ts";
import { maxTuple } from "./limits.ts";
import { broadcastTo, coerce, emit, type Written } from "./tensors.ts";
import { checkGathers, isBox, readGathers, writeBox, writeGathers, type Gather } from "./tensor-index.ts";
import { describe, helpForTuple, poison, type TensorValue, type Value } from "./value.ts";

const whole = (extent: number): SliceDimension => ({ start: 0, length: extent, step: 1, drop: false });

/** Every dimension as it is. */
export const wholeSlice = (shape: readonly number[]): Slice => shape.map(whole);

/** The shape of what a slice selects. */
export const slicedShape = (slice: Slice): number[] => slice.filter((dimension) => !dimension.drop).map((dimension) => dimension.length);

/** A slice of a slice, as a slice of the whole. */
export function composeSlices(outer: Slice, inner: Slice): Slice {
  let next = 0;
  return outer.map((dimension) => {
    if (dimension.drop) return dimension;
    const within = inner[next++]!;
    return { start: dimension.start + within.start * dimension.step, length: within.length, step: within.drop || within.length <= 1 ? 1 : dimension.step * within.step, drop: within.drop };
  });
}

export interface Selection {
  readonly slice: Slice;
  /** Dimensions (of the tensor) that a tensor indexes: whole in `slice`. */
  readonly gathers: readonly Gather[];
}

function bound(frame: Frame, expression: ast.Expression | undefined): number | undefined | "failed" {
  if (!expression) return undefined;
  const value = frame.session.rules.expression(frame, expression);
  if (value.kind === "int") return value.value;
  if (value.kind === "poison") return "failed";
  if (value.kind === "tensor") report(frame, "not-compile-time", expression.span, "the bounds of a slice must be known when compiling", { help: "dynamic_slice(x, i, length) takes, dynamic_update(x, i, value) replaces a box that begins where a tensor says; an index may be an i32 tensor: x[i]" });
  else report(frame, "type-mismatch", expression.span, `the bounds of a slice must be ints, and this is ${describe(value)}`);
  return "failed";
}

/** What is indexed, in messages. */
type Place = (axis: number, extent: number) => string;

const dimensionName: Place = (axis, extent) => `dimension ${axis}, which has extent ${extent}`;

/** `start:stop:step` of one dimension; undefined once reported. */
function range(frame: Frame, item: Extract<ast.IndexItem, { kind: "slice" }>, extent: number, place: () => string): SliceDimension | undefined {
  const start = bound(frame, item.start);
  const stop = bound(frame, item.stop);
  const step = bound(frame, item.step) ?? 1;
  if (start === "failed" || stop === "failed" || step === "failed") return undefined;
  if (step === 0) return void report(frame, "out-of-range", item.step!.span, "the step of a slice cannot be 0");
  const resolve = (given: number | undefined, expression: ast.Expression | undefined, absent: number): number | undefined => {
    if (given === undefined) return absent;
    if (given < -extent || given > extent) return void report(frame, "out-of-range", expression!.span, `${given} is outside ${place()}`);
    return given < 0 ? given + extent : given;
  };
  const first = resolve(start, item.start, step > 0 ? 0 : extent - 1);
  const last = resolve(stop, item.stop, step > 0 ? extent : -1);
  if (first === undefined || last === undefined) return undefined;
  const from = step < 0 ? Math.min(first, extent - 1) : first;
  const length = Math.max(0, Math.ceil((last - from) / step));
  return length === 0 ? { start: 0, length: 0, step: 1, drop: false } : { start: from, length, step: length === 1 ? 1 : step, drop: false };
}

/** One index of one dimension; "whole" where a tensor indexes it. */
function at(frame: Frame, value: Value, span: Span, extent: number, place: () => string): SliceDimension | "gather" | undefined {
  switch (value.kind) {
    case "int": {
      if (value.value < -extent || value.value >= extent) return void report(frame, "out-of-range", span, `index ${value.value} is outside ${place()}`);
      return { start: value.value < 0 ? value.value + extent : value.value, length: 1, step: 1, drop: true };
    }
    case "range":
      if ([value.start, value.end].some((end) => end < 0 || end > extent)) return void report(frame, "out-of-range", span, `${value.start}..${value.end} is outside ${place()}`);
      return { start: value.start, length: Math.max(0, value.end - value.start), step: 1, drop: false };
    case "tensor":
      if (isInteger(value.type.dtype)) return "gather";
      return void report(frame, value.type.dtype === "bool" ? "not-supported" : "dtype-mismatch", span, value.type.dtype === "bool"
        ? "a bool tensor as an index would give a shape known only at run time"
        : `an index must be an integer tensor, and this is ${formatType(value.type)}`, value.type.dtype === "bool" ? { help: "select(mask, x, 0) keeps the shape; x = select(mask, 0, x) replaces elements" } : { help: "cast<i32>(x) converts" });
    case "poison": return undefined;
    default: {
      const help = helpForTuple(value);
      return void report(frame, "type-mismatch", span, `an index must be an int, a range or an integer tensor, and this is ${describe(value)}`, help === undefined ? {} : { help });
    }
  }
}

/** What `[items]` selects of a shape; undefined once reported. */
export function select(frame: Frame, items: readonly ast.IndexItem[], shape: readonly number[], span: Span, subject: string, place: Place = dimensionName): Selection | undefined {
  const ellipses = items.filter((item) => item.kind === "ellipsis").length;
  const given = items.length - ellipses;
  if (ellipses > 1) return void report(frame, "bad-argument", items.findLast((item) => item.kind === "ellipsis")!.span, "`...` can stand only once in an index");
  if (given > shape.length) {
    const broken = items.some((item) => item.kind === "at" && frame.session.rules.expression(frame, item.value).kind === "poison");
    return broken ? undefined : void report(frame, "shape-mismatch", span, `${given} indices for ${subject}, which has rank ${shape.length}`);
  }
  const slice: SliceDimension[] = [];
  const gathers: Gather[] = [];
  let failed = false;
  for (const item of items) {
    if (item.kind === "ellipsis") {
      for (let skipped = given; skipped < shape.length; skipped++) slice.push(whole(shape[slice.length]!));
      continue;
    }
    const axis = slice.length;
    const extent = shape[axis]!;
    if (item.kind === "slice") {
      const dimension = range(frame, item, extent, () => place(axis, extent));
      failed ||= !dimension;
      slice.push(dimension ?? whole(extent));
      continue;
    }
    const value = frame.session.rules.expression(frame, item.value);
    const dimension = at(frame, value, item.span, extent, () => place(axis, extent));
    failed ||= !dimension;
    if (dimension === "gather") gathers.push({ axis, indices: { value: value as TensorValue, span: item.span } });
    slice.push(dimension === "gather" || !dimension ? whole(extent) : dimension);
  }
  while (slice.length < shape.length) slice.push(whole(shape[slice.length]!));
  if (failed) return undefined;
  return checkGathers(frame, gathers) ? { slice, gathers } : undefined;
}

const isWhole = (slice: Slice, shape: readonly number[]): boolean => slice.every((dimension, k) => !dimension.drop && dimension.step === 1 && dimension.start === 0 && dimension.length === shape[k]);

const sliceAttributes = (slice: Slice) => ({ start: slice.map((d) => d.start), length: slice.map((d) => d.length), step: slice.map((d) => d.step) });

/** The tensor a slice selects. */
export function readSlice(frame: Frame, base: TensorValue, slice: Slice, span: Span): Value {
  if (isWhole(slice, base.type.shape)) return base;
  const undropped = slice.map((dimension) => ({ ...dimension, drop: false }));
  const sliced = isWhole(undropped, base.type.shape) ? base : emit(frame, "slice", [base], sliceAttributes(slice), span);
  if (sliced.kind !== "tensor" || !slice.some((dimension) => dimension.drop)) return sliced;
  return emit(frame, "reshape", [sliced], { shape: slicedShape(slice) }, span);
}

/** `base[items]`. */
export function index(frame: Frame, base: Value, items: readonly ast.IndexItem[], span: Span, subject: string): Value {
  if (base.kind === "tuple" || base.kind === "range") return indexTuple(frame, base, items, span);
  if (base.kind === "poison") return poison;
  if (base.kind !== "tensor") return report(frame, "type-mismatch", span, `${describe(base)} cannot be indexed`);
  const selection = select(frame, items, base.type.shape, span, subject);
  if (!selection) return poison;
  return readSelection(frame, base, selection, span);
}

/** What a slice, and tensors in it, select. */
export function readSelection(frame: Frame, base: TensorValue, { slice, gathers }: Selection, span: Span): Value {
  const sliced = readSlice(frame, base, slice, span);
  if (gathers.length === 0 || sliced.kind !== "tensor") return sliced;
  return readGathers(frame, sliced, placesWithin({ slice, gathers }), span);
}

/** The tensors of a selection, with the axes that are theirs in what the slice selects. */
function placesWithin({ slice, gathers }: Selection): Gather[] {
  const left = (axis: number): number => axis - slice.slice(0, axis).filter((dimension) => dimension.drop).length;
  return gathers.map(({ axis, indices }) => ({ axis: left(axis), indices }));
}

function indexTuple(frame: Frame, base: Extract<Value, { kind: "tuple" | "range" }>, items: readonly ast.IndexItem[], span: Span): Value {
  const length = base.kind === "tuple" ? base.elements.length : Math.max(0, base.end - base.start);
  const selection = select({ ...frame, build: undefined }, items, [length], span, describe(base), () => (base.kind === "tuple" ? `a tuple of ${length}` : `the range ${base.start}..${base.end}`));
  const dimension = selection?.slice[0];
  if (!dimension) return poison;
  if (base.kind === "range" && !dimension.drop && dimension.step === 1) return { kind: "range", start: base.start + dimension.start, end: base.start + dimension.start + dimension.length };
  if (dimension.length > maxTuple) return report(frame, "limit-exceeded", span, `a tuple of ${dimension.length} elements; at most ${maxTuple} are possible`);
  const element = (at: number): Value => (base.kind === "tuple" ? base.elements[at]! : { kind: "int", value: base.start + at });
  const chosen = Array.from({ length: dimension.length }, (_, k) => element(dimension.start + k * dimension.step));
  return dimension.drop ? chosen[0]! : { kind: "tuple", elements: chosen };
}

/** `base` with the slice replaced by a value (a constant or a tensor that broadcasts to it). */
function writeSlice(frame: Frame, base: TensorValue, slice: Slice, written: Written, span: Span, subject: string): Value {
  const type = { dtype: base.type.dtype, shape: slicedShape(slice) };
  const value = coerce(frame, written, type, subject);
  if (value.kind !== "tensor" || isWhole(slice, base.type.shape)) return value;
  const undropped = slice.map((dimension) => dimension.length);
  const shaped = type.shape.length === undropped.length ? broadcastTo(frame, value, undropped, span) : emit(frame, "reshape", [value], { shape: undropped }, span);
  if (shaped.kind !== "tensor") return shaped;
  return emit(frame, "update", [base, shaped], sliceAttributes(slice), span);
}

/** `base` with what a slice, and tensors in it, select replaced by a value. */
export function writeSelection(frame: Frame, base: TensorValue, selection: Selection, written: Written, span: Span, subject: string): Value {
  const { slice, gathers } = selection;
  if (gathers.length === 0) return writeSlice(frame, base, slice, written, span, subject);
  const isRow = gathers.length === 1 && isWhole(slice, base.type.shape);
  if (!isRow && isBox(slice, gathers)) return writeBox(frame, base, slice, gathers, written, span, subject);
  // The slice is taken out, changed at its places, and put back.
  const taken = readSlice(frame, base, slice, span);
  if (taken.kind !== "tensor") return poison;
  const [places, all] = [placesWithin(selection), wholeSlice(taken.type.shape)];
  const changed = places.length > 1 && isBox(all, places) ? writeBox(frame, taken, all, places, written, span, subject) : writeGathers(frame, taken, places, written, span, subject);
  return changed.kind === "tensor" ? writeSlice(frame, base, slice, { value: changed, span }, span, subject) : poison;
}
