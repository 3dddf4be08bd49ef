/**
 * What lowerings have in common: spaces, copies of regions, fills, and constants of a dtype. A region is a box of points with
 * an affine map into a tensor; ops that move data are unions of disjoint regions.
 */
import { isBig, sizeOf, type DType } from "../../runtime/dtype.ts";
import type { TensorType } from "../graph/graph.ts";
import { convert } from "../graph/tensor.ts";
import { cast, constant, i32 } from "../kernel/build.ts";
import type { Expression } from "../kernel/kernel.ts";
import type { Access, BlockContext, Lowering, SpaceDimension } from "../kernel/lowering.ts";
import { affineIndex, identityMap, type Affine } from "../support/affine.ts";
import type { Box } from "./views/slice.ts";
import { computeDType } from "./rules.ts";

export const dimensions = (kind: SpaceDimension["kind"], extents: readonly number[]): SpaceDimension[] => extents.map((extent) => ({ extent, kind }));

/** A number as an expression of the dtype arithmetic with it is done in: f32 for the 16-bit floats. */
export function number(dtype: DType, value: number | bigint): Expression {
  const inner = computeDType(dtype);
  return constant(inner, convert(inner, isBig(inner) ? BigInt(value) : value));
}

/** A loaded element as arithmetic sees it. */
export const widened = (element: Expression): Expression => cast(computeDType(element.dtype), element);

/** Disjoint positions of one axis: `extents` to iterate, and the position they give. */
export interface AxisPiece {
  readonly extents: readonly number[];
  readonly constant: number;
  readonly coefficients: readonly number[];
}

export const run = (start: number, length: number, step = 1): AxisPiece => ({ extents: [length], constant: start, coefficients: [step] });

/** Every choice of one of each list: of a piece for each axis. */
export const choices = <T>(lists: readonly (readonly T[])[]): T[][] => lists.reduce<T[][]>((all, list) => all.flatMap((chosen) => list.map((one) => [...chosen, one])), [[]]);

/** A box of points and the element of a tensor each stands for. */
export interface Region {
  readonly extents: readonly number[];
  readonly index: readonly Affine[];
}

export function region(pieces: readonly AxisPiece[]): Region {
  const extents = pieces.flatMap((piece) => piece.extents);
  let before = 0;
  const index = pieces.map((piece) => {
    const coefficients = new Array<number>(extents.length).fill(0);
    piece.coefficients.forEach((coefficient, k) => (coefficients[before + k] = coefficient));
    before += piece.extents.length;
    return { constant: piece.constant, coefficients };
  });
  return { extents, index };
}

/** The elements of a shape outside of a box, as disjoint regions without empty ones. */
export function outside(shape: readonly number[], box: Box): Region[] {
  if (sizeOf(shape) === 0) return [];
  const whole = shape.map((extent) => run(0, extent));
  if (sizeOf(box.length) === 0) return [region(whole)];
  const inside = shape.map((_, axis) => run(box.start[axis]!, box.length[axis]!, box.step[axis]!));
  return shape.flatMap((extent, axis) => {
    const [first, length, step] = [box.start[axis]!, box.length[axis]!, Math.abs(box.step[axis]!)];
    const last = first + (length - 1) * box.step[axis]!;
    const [low, high] = [Math.min(first, last), Math.max(first, last)];
    const gaps: AxisPiece = { extents: [length - 1, step - 1], constant: low + 1, coefficients: [step, 1] };
    return [run(0, low), gaps, run(high + 1, extent - high - 1)]
      .map((piece) => region([...inside.slice(0, axis), piece, ...whole.slice(axis + 1)]))
      .filter(({ extents }) => sizeOf(extents) > 0);
  });
}

/** Copies elements: `from` and `to` are over the same points. */
export function copyLowering(name: string, extents: readonly number[], from: Access, to: readonly Affine[]): Lowering[] {
  if (sizeOf(extents) === 0) return [];
  return [
    {
      name,
      copies: true,
      space: dimensions("parallel", extents),
      reads: [from],
      writes: [{ operand: 0, index: to }],
      emit: ({ kernel, block, load, store }) => kernel.forBox(block, true, (at) => store(0, at, load(0, at))),
    },
  ];
}

/** Gives the elements of a region one value. */
export function fillLowering(name: string, { extents, index }: Region, dtype: DType, value: number | bigint): Lowering[] {
  if (sizeOf(extents) === 0) return [];
  return [
    {
      name,
      space: dimensions("parallel", extents),
      reads: [],
      writes: [{ operand: 0, index }],
      emit: ({ kernel, block, store }) => kernel.forBox(block, true, (at) => store(0, at, cast(dtype, number(dtype, value)))),
    },
  ];
}

export const wholeRegion = (shape: readonly number[]): Region => ({ extents: shape, index: identityMap(shape.length) });

/**
 * For ops whose elements depend on their own position: a kernel does not know where its block lies, so the whole space is
 * one block. Such ops have constant arguments; folding makes constants of them unless they are large.
 */
export function positionLowering(name: string, type: TensorType, value: (at: readonly Expression[]) => Expression): Lowering[] {
  if (sizeOf(type.shape) === 0) return [];
  return [
    {
      name,
      space: dimensions("serial", type.shape),
      reads: [],
      writes: [{ operand: 0, index: identityMap(type.shape.length) }],
      emit: ({ kernel, block, store }) => kernel.forBox(block, true, (at) => store(0, at, cast(type.dtype, value(at)))),
    },
  ];
}

/**
 * The space of an op that works along some axes: the other axes first (parallel), then `axes` in their order, so that the
 * innermost loop runs over the contiguous axis when that is one of them.
 */
export interface AxesSpace {
  readonly space: readonly SpaceDimension[];
  /** How many dimensions are parallel. */
  readonly outer: number;
  /** Index of the input's element. */
  readonly element: readonly Affine[];
  /** Index of the result's element when `axes` are dropped, or kept with extent 1. */
  reduced(keepdims: boolean): Affine[];
}

export function axesSpace(shape: readonly number[], axes: readonly number[], kind: "reduction" | "serial"): AxesSpace {
  const kept = [...shape.keys()].filter((axis) => !axes.includes(axis));
  const order = [...kept, ...axes];
  const rank = shape.length;
  const element = shape.map((_, axis) => affineIndex(order.indexOf(axis), rank));
  return {
    space: [...dimensions("parallel", kept.map((axis) => shape[axis]!)), ...dimensions(kind, axes.map((axis) => shape[axis]!))],
    outer: kept.length,
    element,
    reduced: (keepdims) =>
      element.flatMap((form, axis) => (!axes.includes(axis) ? [form] : keepdims ? [{ constant: 0, coefficients: new Array<number>(rank).fill(0) }] : [])),
  };
}

/** The index of a point whose last dimensions do not matter: zeros there. */
export const padded = (at: readonly Expression[], rank: number): Expression[] => [...at, ...Array.from({ length: rank - at.length }, () => i32(0))];

/** Loops over the last dimensions of a block, from `outer` on, in order. */
export function forRest(context: BlockContext, outer: readonly Expression[], parallel: boolean, body: (at: Expression[]) => void): void {
  context.kernel.forBox(context.block.slice(outer.length), parallel, (inner) => body([...outer, ...inner]));
}
