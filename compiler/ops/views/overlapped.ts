/** The way back from windows that slide along an axis: what belongs to each element is added up. */
import { sizeOf } from "../../../runtime/dtype.ts";
import type { ValueId } from "../../graph/graph.ts";
import { reshaped } from "../gradients.ts";
import type { NodeBuilder } from "../op.ts";
import type { Box } from "./slice.ts";

export interface Sliding {
  readonly axis: number;
  readonly size: number;
  /** From one window to the next, and between neighbours of a window. */
  readonly step: number;
  readonly dilation: number;
}

/** More than so many parts are added element by element, and no more than so many at once. */
const [mostParts, mostInBlocks] = [32, 6];

/** A tensor of a shape in which each element is the sum of what belongs to it in windows: where none has it, 0. */
export function overlapped(build: NodeBuilder, held: ValueId, shape: readonly number[], sliding: Sliding): ValueId {
  const zero = build.apply("fill", [], { value: 0, dtype: build.typeOf(held).dtype, shape: [...shape] });
  const { axis, size, step, dilation } = sliding;
  if (sizeOf(shape) === 0) return zero;
  // Elements of a window that lie side by side go beside those of the next window, as far as these are away.
  const width = dilation === 1 ? step : 1;
  const parts = Math.ceil(size / width);
  if (parts > mostParts) return addedByIndices(build, held, zero, sliding);
  if (dilation === 1 && parts <= mostInBlocks) return inBlocks(build, held, shape, sliding);
  let sum: ValueId | undefined;
  for (let first = 0; first < size; first += width) {
    const part = dilation === 1 ? sideBySide(build, held, first, sliding, shape[axis]! - first) : ofEach(build, held, first, axis);
    const { shape: length } = build.typeOf(part);
    const box = { start: shape.map((_, d) => (d === axis ? first * dilation : 0)), length: [...length], step: shape.map((_, d) => (d === axis && dilation !== 1 ? step : 1)) };
    sum = sum === undefined ? alone(build, part, zero, box) : build.apply("update", [sum, build.apply("add", [build.apply("slice", [sum], box), part])], box);
  }
  return sum!;
}

const range = (start: number, end: number): number[] => Array.from({ length: Math.max(0, end - start) }, (_, k) => start + k);

/**
 * In blocks of as many elements as windows are apart: block b has part p of window b - p. All parts that a block has are added at
 * once, those of all blocks between the first and the last windows in one map.
 */
function inBlocks(build: NodeBuilder, held: ValueId, shape: readonly number[], { axis, size, step }: Sliding): ValueId {
  const parts = range(0, Math.ceil(size / step)).map((part) => partOf(build, held, part * step, axis, size, step));
  const { dtype, shape: [...block] } = build.typeOf(parts[0]!);
  const count = block[axis]!;
  const some = (part: ValueId, from: number, to: number): ValueId => build.apply("slice", [part], { start: block.map((_, d) => (d === axis ? from : 0)), length: block.with(axis, to - from), step: block.map(() => 1) });
  // Where the parts that a block has change: behind each of the first windows, and from each of the last.
  const ends = [...new Set([...range(0, parts.length), ...range(count, count + parts.length)])].toSorted((a, b) => a - b);
  const pieces = ends.slice(0, -1).map((from, k) => {
    const to = ends[k + 1]!;
    return range(Math.max(0, from - count + 1), Math.min(parts.length - 1, from) + 1).map((p) => some(parts[p]!, from - p, to - p)).reduce((sum, part) => build.apply("add", [sum, part]));
  });
  const left = Math.ceil(shape[axis]! / step) - ends.at(-1)!;
  if (left > 0) pieces.push(build.apply("fill", [], { value: 0, dtype, shape: block.with(axis, left) }));
  const all = pieces.length === 1 ? pieces[0]! : build.apply("concat", pieces, { axis });
  const whole = shape.with(axis, build.typeOf(all).shape[axis]! * step);
  const flat = reshaped(build, all, whole);
  return whole[axis] === shape[axis] ? flat : build.apply("slice", [flat], { start: shape.map(() => 0), length: [...shape], step: shape.map(() => 1) });
}

/** What windows hold at the next `step` places, zeros behind the last, beside the axis of the windows. */
function partOf(build: NodeBuilder, held: ValueId, first: number, axis: number, size: number, step: number): ValueId {
  const count = Math.min(step, size - first);
  const places = placesOf(build, held, first, count);
  const { shape } = build.typeOf(places);
  const last = shape.length - 1;
  const widened = count === step ? places : build.apply("pad", [places], { before: shape.map(() => 0), after: shape.map((_, d) => (d === last ? step - count : 0)), value: 0, mode: "constant" });
  return build.apply("transpose", [widened], { axes: behindAxis(last, axis) });
}

/** A part with zeros around it, or between its elements. */
function alone(build: NodeBuilder, part: ValueId, zero: ValueId, { start, length, step }: Box): ValueId {
  if (step.some((each) => each !== 1)) return build.apply("update", [zero, part], { start, length, step });
  const { shape } = build.typeOf(zero);
  return build.apply("pad", [part], { before: start, after: shape.map((extent, d) => extent - start[d]! - length[d]!), value: 0, mode: "constant" });
}

/** What every window holds at one place. */
function ofEach(build: NodeBuilder, held: ValueId, place: number, axis: number): ValueId {
  const one = placesOf(build, held, place, 1);
  const { shape } = build.typeOf(one);
  return reshaped(build, one, shape.slice(0, Math.max(axis + 1, shape.length - 1)));
}

/** What windows hold at the next `step` places, one behind the other along the axis, of which `most` are wanted. */
function sideBySide(build: NodeBuilder, held: ValueId, first: number, { axis, size, step }: Sliding, most: number): ValueId {
  const part = partOf(build, held, first, axis, size, step);
  const { shape } = build.typeOf(part);
  const merged = shape.toSpliced(axis, 2, shape[axis]! * step);
  return build.apply("slice", [reshaped(build, part, merged)], { start: merged.map(() => 0), length: merged.with(axis, Math.min(most, merged[axis]!)), step: merged.map(() => 1) });
}

function placesOf(build: NodeBuilder, held: ValueId, first: number, count: number): ValueId {
  const { shape } = build.typeOf(held);
  const last = shape.length - 1;
  return build.apply("slice", [held], { start: shape.map((_, d) => (d === last ? first : 0)), length: shape.with(last, count), step: shape.map(() => 1) });
}

/** The order of axes in which the last one stands behind another. */
const behindAxis = (last: number, axis: number): number[] => Array.from({ length: last }, (_, d) => d).toSpliced(axis + 1, 0, last);

function addedByIndices(build: NodeBuilder, held: ValueId, zero: ValueId, { axis, size, step, dilation }: Sliding): ValueId {
  const { shape } = build.typeOf(held);
  const [count, last] = [shape[axis]!, shape.length - 1];
  const numbers = (length: number, factor: number, of: readonly number[]): ValueId => {
    const each = build.apply("mul", [build.apply("iota", [], { length, dtype: "i32" }), build.apply("fill", [], { value: factor, dtype: "i32", shape: [length] })]);
    return build.apply("broadcast", [reshaped(build, each, of)], { shape: [count, size] });
  };
  const indices = build.apply("add", [numbers(count, step, [count, 1]), numbers(size, dilation, [1, size])]);
  return build.apply("scatter_add", [zero, indices, build.apply("transpose", [held], { axes: behindAxis(last, axis) })], { axis });
}
