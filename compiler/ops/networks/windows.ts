/**
 * Sliding windows along the axes of an image, for convolution and pooling, and the way back from the windows' positions to
 * the image. The border is not in memory, so an axis is cut into runs of positions whose windows meet the same elements; in
 * a run every access is affine and in bounds.
 */
import type { Attributes } from "../../graph/graph.ts";
import { affineIndex, type Affine } from "../../support/affine.ts";
import { intsArgument, intsAttribute, refuse } from "../rules.ts";
import type { ConstantValue } from "../op.ts";

export interface Window {
  readonly size: number;
  readonly stride: number;
  /** Between neighbours of the window, in elements of the image. */
  readonly dilation: number;
  /** Zeros before the image. */
  readonly before: number;
  /** And behind it; negative where the last elements are not looked at. */
  readonly after: number;
}

/** An arithmetic progression. */
export interface Progression {
  readonly start: number;
  readonly step: number;
  readonly count: number;
}

/** Positions whose windows use the same elements, and where position q and element t of these meet the other side. */
export interface WindowRun {
  readonly positions: Progression;
  readonly elements: Progression;
  readonly at: { readonly constant: number; readonly position: number; readonly element: number };
}

/** What an axis of a window op is: how the extents of its sides depend on each other, and which of their elements meet. */
export interface Direction {
  /** The element of the input that output position `i` meets at element `u` of the window; undefined outside. */
  meets(window: Window, extent: number, i: number, u: number): number | undefined;
  runs(window: Window, extent: number, count: number): WindowRun[];
}

/** From an image to the positions of windows: convolution, pooling. */
export const forwards: Direction = {
  meets({ stride, dilation, before }, extent, i, u) {
    const place = i * stride + u * dilation - before;
    return place >= 0 && place < extent ? place : undefined;
  },
  runs(window, extent, count) {
    const { size, stride, dilation, before } = window;
    return joined(count, (i) => {
      const first = i * stride - before;
      const from = Math.min(size, Math.max(0, Math.ceil(-first / dilation)));
      const to = Math.max(from, Math.min(size, Math.ceil((extent - first) / dilation)));
      return { start: from, step: 1, count: to - from };
    }, 1).map(({ positions, elements }) => ({
      positions, elements, at: { constant: positions.start * stride - before + elements.start * dilation, position: stride, element: dilation },
    }));
  },
};

/** From positions of windows back to the image: each of its elements meets the windows that it is in. */
export const backwards: Direction = {
  meets({ stride, dilation, before }, extent, i, u) {
    const place = (i + before - u * dilation) / stride;
    return Number.isInteger(place) && place >= 0 && place < extent ? place : undefined;
  },
  runs(window, extent, count) {
    const { size, stride, dilation, before } = window;
    const common = greatestCommonDivisor(stride, dilation);
    const step = stride / common;
    return joined(count, (i) => {
      const ahead = i + before;
      let first = 0;
      while (first < step && (ahead - first * dilation) % stride !== 0) first++;
      if (first === step) return { start: 0, step, count: 0 };
      const least = Math.max(0, Math.ceil((ahead - stride * (extent - 1)) / dilation));
      const start = first + step * Math.max(0, Math.ceil((least - first) / step));
      const end = Math.min(size, Math.floor(ahead / dilation) + 1);
      return { start, step, count: Math.max(0, Math.ceil((end - start) / step)) };
    }, stride).map(({ positions, elements }) => ({
      positions, elements,
      at: { constant: elements.count === 0 ? 0 : (positions.start + before - elements.start * dilation) / stride, position: 1, element: -dilation / common },
    }));
  },
};

const greatestCommonDivisor = (a: number, b: number): number => (b === 0 ? a : greatestCommonDivisor(b, a % b));

/** Joins positions `step` apart that use the same elements. */
function joined(count: number, elementsAt: (position: number) => Progression, step: number): Pick<WindowRun, "positions" | "elements">[] {
  return Array.from({ length: Math.min(step, count) }, (_, phase) => {
    const runs: Pick<WindowRun, "positions" | "elements">[] = [];
    for (let position = phase; position < count; position += step) {
      const elements = elementsAt(position);
      const last = runs.at(-1);
      if (last && last.elements.start === elements.start && last.elements.count === elements.count) {
        runs[runs.length - 1] = { ...last, positions: { ...last.positions, count: last.positions.count + 1 } };
      } else runs.push({ positions: { start: position, step, count: 1 }, elements: elements.count === 0 ? { ...elements, start: 0 } : elements });
    }
    return runs;
  }).flat();
}

/** A progression over a dimension of a space of so many. */
export const progression = ({ start, step }: Progression, dimension: number, rank: number): Affine => affineIndex(dimension, rank, step, start);

/** Where a run meets the other side, over the dimensions of positions and of elements. */
export function meeting({ at }: WindowRun, position: number, element: number, rank: number): Affine {
  return { constant: at.constant, coefficients: Array.from({ length: rank }, (_, k) => (k === position ? at.position : k === element ? at.element : 0)) };
}

const axisNames = [["long"], ["high", "wide"], ["deep", "high", "wide"]] as const;

/** How many positions a window has along each axis. */
export function windowPositions(what: string, extents: readonly number[], windows: readonly Window[]): number[] {
  return extents.map((extent, axis) => {
    const { size, stride, dilation, before, after } = windows[axis]!;
    if (size < 1 || stride < 1) refuse("out-of-range", `the window and stride of ${what} must be at least 1, they are ${size} and ${stride}`);
    if (dilation < 1) refuse("out-of-range", `the dilation of ${what} must be at least 1, it is ${dilation}`);
    const [padded, reach] = [extent + before + after, dilation * (size - 1) + 1];
    if (padded < reach) refuse("shape-mismatch", `the window of ${what} is ${reach} ${axisNames[extents.length - 1]![axis]}, but the padded image has only ${padded}`);
    return Math.floor((padded - reach) / stride) + 1;
  });
}

/** The extents an image needs to have so many positions, with `extra` that no window may meet. */
export const imageExtents = (positions: readonly number[], windows: readonly Window[], extra: readonly number[]): number[] =>
  positions.map((count, axis) => {
    const { size, stride, dilation, before, after } = windows[axis]!;
    return (count - 1) * stride + dilation * (size - 1) + 1 - before - after + extra[axis]!;
  });

/** Windows of these sizes from the attributes `stride`, `padding` and `dilation`; padding is that of both ends, or all befores and then all afters. */
export function windowsOf(sizes: readonly number[], attributes: Attributes): Window[] {
  const rank = sizes.length;
  const [stride, padding] = [intsAttribute(attributes, "stride"), intsAttribute(attributes, "padding")];
  const dilation = attributes["dilation"] === undefined ? sizes.map(() => 1) : intsAttribute(attributes, "dilation");
  return sizes.map((size, axis) => ({ size, stride: stride[axis]!, dilation: dilation[axis]!, before: padding[axis]!, after: padding[padding.length === 2 * rank ? rank + axis : axis]! }));
}

/** One int for every axis, or one for each. */
export function axesInts(value: ConstantValue | undefined, rank: number, what: string): number[] {
  const list = intsArgument(value, what);
  if (list.length !== 1 && list.length !== rank) refuse("bad-argument", `${what} takes ${rank === 1 ? "one int" : `one int or ${rank}`}, not ${list.length}`);
  return list.length === rank ? list : Array.from({ length: rank }, () => list[0]!);
}

/** What the rules for padding need to know of each axis. */
export interface PaddedAxes {
  /** Of the side that `same` looks at: the image of a convolution or pool, the positions that its transpose comes from. */
  readonly extents: readonly number[];
  readonly sizes: readonly number[];
  readonly stride: readonly number[];
  readonly dilation: readonly number[];
  /** Of a transpose: elements of the result that no window may meet. Absent for other ops. */
  readonly extra?: readonly number[];
}

/**
 * The attribute `padding`: of one int, one for each axis, or those before every axis and then those behind; or of a rule. "valid"
 * is none; with "same" there are as many positions as the image has elements, divided by the stride and rounded up, and of a
 * transpose as many elements as positions times the stride. What is odd is added behind, with "same_lower" before.
 */
export function paddingArgument(value: ConstantValue | undefined, what: string, axes: PaddedAxes): number[] {
  const rank = axes.stride.length;
  if (typeof value === "string") return paddingByRule(value, what, axes);
  const list = intsArgument(value, what);
  for (const padding of list) if (padding < 0) refuse("out-of-range", `${what} is negative: ${padding}`);
  if (list.length === 2 * rank) return list;
  if (list.length !== 1 && list.length !== rank) refuse("bad-argument", `${what} takes one int, ${rank > 1 ? `${rank} or ` : "or "}${2 * rank}, not ${list.length}`);
  return list.length === rank ? list : Array.from({ length: rank }, () => list[0]!);
}

function paddingByRule(rule: string, what: string, { extents, sizes, stride, dilation, extra }: PaddedAxes): number[] {
  if (rule === "valid") return stride.map(() => 0);
  if (rule !== "same" && rule !== "same_lower") refuse("bad-argument", `${what} is ints, "same", "same_lower" or "valid", not ${JSON.stringify(rule)}`);
  // Operands of another rank are refused by the op itself, and so are steps below 1.
  if (extents.length !== stride.length || sizes.length !== stride.length || Math.min(...stride, ...dilation) < 1) return stride.map(() => 0);
  const totals = stride.map((step, axis) => {
    const reach = dilation[axis]! * (sizes[axis]! - 1) + 1;
    const total = extra ? reach + extra[axis]! - step : (Math.ceil(extents[axis]! / step) - 1) * step + reach - extents[axis]!;
    if (extra && total < 0) refuse("out-of-range", `${what} is ${JSON.stringify(rule)}, but the window, ${reach}, and the output_padding, ${extra[axis]}, are less than the stride, ${step}`);
    return Math.max(0, total);
  });
  const before = totals.map((total) => (rule === "same" ? Math.floor(total / 2) : Math.ceil(total / 2)));
  return [...before, ...totals.map((total, axis) => total - before[axis]!)];
}
