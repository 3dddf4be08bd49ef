/** Splits of an op's index space: after the blocks of its result, evenly, and along a reduction. */
import { bytesOf, sizeOf } from "../../../runtime/dtype.ts";
import { forEachIndex } from "../../graph/tensor.ts";
import { rowMajor } from "../../kernel/kernel.ts";
import type { Access, Lowering } from "../../kernel/lowering.ts";
import { affineRange, composeMap, type Affine } from "../../support/affine.ts";
import { roundUp } from "../../support/parts.ts";
import { blockCount, evenDistribution, recognisePlacement, tileOf } from "../distribution.ts";
import type { Split } from "../families.ts";
import type { Tensors, TensorView } from "../tensors.ts";
import type { Distribution } from "../tiled.ts";

export const workOf = (lowering: Pick<Lowering, "space">): number => sizeOf(lowering.space.map((dimension) => dimension.extent));

/** The split under which vertex k writes block k of the result, or undefined where blocks and space do not line up. */
export function splitLikeResult(lowering: Lowering, result: TensorView, distribution: Distribution, shape: readonly number[]): Split | undefined {
  return splitLike(lowering, composeMap(result.map, lowering.writes[0]!.index, lowering.space.length), distribution, shape);
}

/** `map`: index of a tensor of this distribution for each index of the space. */
function splitLike(lowering: Lowering, map: readonly Affine[], distribution: Distribution, shape: readonly number[]): Split | undefined {
  const dimensions: number[] = [];
  for (const [t, form] of map.entries()) {
    const used = form.coefficients.flatMap((coefficient, d) => (coefficient === 0 ? [] : [d]));
    if (distribution.grid[t] === 1) {
      // Any dimension not split otherwise will do; -1 stands for "none".
      dimensions.push(-1);
      continue;
    }
    const d = used[0];
    if (used.length !== 1 || form.coefficients[d!] !== 1 || form.constant !== 0) return undefined;
    if (lowering.space[d!]!.kind !== "parallel" || lowering.space[d!]!.extent !== shape[t]) return undefined;
    dimensions.push(d!);
  }
  const kept = dimensions.flatMap((d, t) => (d === -1 ? [] : [t]));
  return {
    grid: kept.map((t) => distribution.grid[t]!),
    dimensions: kept.map((t) => dimensions[t]!),
    block: kept.map((t) => distribution.block[t]!),
    placement: distribution.placement,
  };
}

/** How what a lowering writes lies along one axis of the result. */
export interface Along {
  /** The parallel dimension of the space that alone decides in which step it is; −1 where there is none. */
  readonly dimension: number;
  /** Elements of the result that a point of that dimension moves by, and how many of these steps are before its point 0. */
  readonly step: number;
  readonly from: number;
  /** The first and the last element that is written. */
  readonly first: number;
  readonly last: number;
}

/** Along each axis of the tensor that a result is, or is a part of. */
export function alongAxes(lowering: Lowering, result: TensorView): Along[] {
  const extents = lowering.space.map(({ extent }) => extent);
  return composeMap(result.map, lowering.writes[0]!.index, extents.length).map((form) => {
    const { min: first, max: last } = affineRange(form, extents);
    const moving = form.coefficients.flatMap((step, dimension) => (step > 0 && extents[dimension]! > 1 && lowering.space[dimension]!.kind === "parallel" ? [{ dimension, step }] : []));
    for (const { dimension, step } of moving.toSorted((a, b) => b.step - a.step)) {
      const { min, max } = affineRange({ ...form, coefficients: form.coefficients.with(dimension, 0) }, extents);
      if (Math.floor(min / step) === Math.floor(max / step)) return { dimension, step, from: Math.floor(min / step), first, last };
    }
    return { dimension: -1, step: 1, from: 0, first, last };
  });
}

/**
 * The split under which a vertex writes what of its lowering's part of the result is in a block of that, and is where the block is:
 * over the grid of the result, of which it may be a part. Undefined where blocks and space do not line up.
 */
export function splitWithin(axes: readonly Along[], { grid, block, placement }: Distribution): Split | undefined {
  const kept = axes.flatMap((along, t) => (grid[t]! > 1 ? [{ ...placeWithin(along, block[t]!), count: grid[t]! }] : []));
  const dimensions = kept.map(({ dimension }) => dimension);
  if (dimensions.some((d, i) => d === undefined || (d !== -1 && dimensions.indexOf(d) !== i))) return undefined;
  const from = kept.map((each) => each.from);
  return {
    grid: kept.map(({ count }) => count), dimensions: dimensions as number[], block: kept.map((each) => each.block), placement,
    ...(from.some((points) => points > 0) ? { from } : {}),
  };
}

/** Where a lowering's part is among blocks of an axis that are so wide; `dimension` undefined: not in order. */
export function placeWithin({ dimension, step, from, first, last }: Along, width: number): { readonly dimension: number | undefined; readonly from: number; readonly block: number } {
  const at = Math.floor(first / width);
  if (Math.floor(last / width) === at) return { dimension: -1, from: at, block: 1 };
  return dimension === -1 || width % step !== 0 ? { dimension: undefined, from: 0, block: 1 } : { dimension, from, block: width / step };
}

/** The split under which vertex k reads block k of the only operand, or undefined where blocks and space do not line up. */
export const splitLikeOperand = (lowering: Lowering, operand: TensorView, distribution: Distribution, shape: readonly number[]): Split | undefined =>
  splitLike(lowering, composeMap(operand.map, lowering.reads[0]!.index, lowering.space.length), distribution, shape);

/**
 * The split of one part of an op's result beside that of its first part: cut where that is cut, and beyond its ends on the tiles of
 * its outermost blocks, so that what a tile needs of a border it has written itself. Undefined where they do not line up.
 */
export function splitBeside(lowering: Lowering, first: Lowering, { grid, dimensions, block, placement }: Split, tiles: number): Split | undefined {
  const kept: { readonly cut: number; readonly dimension: number }[] = [];
  const at = grid.map(() => 0);
  for (const [cut, d] of dimensions.entries()) {
    const t = first.writes[0]!.index.findIndex(({ coefficients }) => coefficients[d] !== 0);
    const [own, other] = [lowering.writes[0]!.index[t], first.writes[0]!.index[t]];
    if (!own || !other || !isRun(other, d)) return undefined;
    const dimension = own.coefficients.findIndex((coefficient) => coefficient !== 0);
    const { extent } = first.space[d]!;
    const { min, max } = affineRange(own, lowering.space.map((each) => each.extent));
    if (dimension !== -1 && isRun(own, dimension) && lowering.space[dimension]!.kind === "parallel" && own.constant === other.constant && max - min + 1 === extent) kept.push({ cut, dimension });
    else if (min >= other.constant + extent) at[cut] = grid[cut]! - 1;
    else if (max >= other.constant) return undefined;
  }
  const strides = rowMajor(grid);
  const counts = kept.map(({ cut }) => grid[cut]!);
  const beside: number[] = [];
  forEachIndex(counts, (index) => {
    const place = kept.reduce((sum, { cut }, i) => sum + index[i]! * strides[cut]!, at.reduce((sum, coordinate, i) => sum + coordinate * strides[i]!, 0));
    beside.push(tileOf(placement, place, blockCount(grid)));
  });
  return { grid: counts, dimensions: kept.map(({ dimension }) => dimension), block: kept.map(({ cut }) => block[cut]!), placement: recognisePlacement(beside, tiles) };
}

/** Whether an index goes up by one with dimension d, and depends on no other. */
const isRun = ({ coefficients }: Affine, d: number): boolean => coefficients.every((coefficient, other) => coefficient === (other === d ? 1 : 0));

/** Splits the space itself evenly, without regard to where the result lies. */
export function splitEvenly(lowering: Lowering, tiles: number, grain: number): Split {
  const shape = lowering.space.map((dimension) => dimension.extent);
  const { block, grid, placement } = evenDistribution(shape, workOf(lowering), tiles, grain, (d) => lowering.space[d]!.kind === "parallel");
  const kept = grid.flatMap((count, d) => (count > 1 ? [d] : []));
  return { grid: kept.map((d) => grid[d]!), dimensions: kept, block: kept.map((d) => block[d]!), placement };
}

/** Elements of a line of 64 bytes, or more. */
const lineElements = 16;
/** Rows as far apart as this are in pages of their own. */
const pageBytes = 4096;

/**
 * A split of what is read along one dimension and stored along another, from rows in pages of their own: along these rows instead
 * of across them, so that each tile reads some pages whole, and not a piece of every page. Undefined where the split given does
 * not cut across, or so many parts would be less than a line.
 */
export function splitAlongPages(lowering: Lowering, reads: readonly TensorView[], to: TensorView, tensors: Tensors, split: Split): Split | undefined {
  if (split.dimensions.length !== 1 || lowering.space.some(({ kind }) => kind !== "parallel")) return undefined;
  const [parts, across] = [split.grid[0]!, split.dimensions[0]!];
  const stored = distancesOf(to, lowering.writes[0]!, lowering, tensors).indexOf(1);
  if (stored === -1 || stored === across) return undefined;
  const turned = lowering.reads.some((access, r) => {
    const distance = distancesOf(reads[r]!, access, lowering, tensors);
    return distance[across] === 1 && Math.abs(distance[stored]!) * bytesOf(tensors.type(reads[r]!.tensor).dtype) >= pageBytes;
  });
  const { extent } = lowering.space[stored]!;
  const block = roundUp(extent / parts, lineElements);
  const count = Math.ceil(extent / block);
  if (!turned || count !== parts) return undefined;
  return { grid: [parts], dimensions: [stored], block: [block], placement: split.placement };
}

/**
 * A split of what is read in short runs: where each tile would read less than a line of what lies side by side in an operand, and
 * others the rest of the line, other dimensions are cut, or these into lines. Undefined where the split given cuts no line, or
 * there would be fewer than half as many parts. (Of less than a line in all, as of three colours, each alone is as fast.)
 */
export function splitAroundLines(lowering: Lowering, reads: readonly TensorView[], to: TensorView, tensors: Tensors, tiles: number, split: Split): Split | undefined {
  if (lowering.space.some(({ kind }) => kind !== "parallel")) return undefined;
  const stored = distancesOf(to, lowering.writes[0]!, lowering, tensors).indexOf(1);
  const read = lowering.reads.map((access, r) => distancesOf(reads[r]!, access, lowering, tensors));
  const across = split.dimensions.find((d, at) => split.block[at]! < lineElements && lowering.space[d]!.extent >= lineElements && d !== stored && read.some((distances) => distances[d] === 1 && distances[stored] !== 0));
  if (stored === -1 || across === undefined) return undefined;
  const order = [...lowering.space.keys()].filter((d) => d !== across && d !== stored).concat(across, stored);
  const unit = (d: number): number => (d === across || d === stored ? lineElements : 1);
  const parts = sizeOf(split.grid);
  const even = evenDistribution(order.map((d) => Math.ceil(lowering.space[d]!.extent / unit(d))), parts, tiles, 1);
  if (2 * sizeOf(even.grid) < parts) return undefined;
  const dimensions = [...lowering.space.keys()].filter((d) => even.grid[order.indexOf(d)]! > 1);
  return {
    grid: dimensions.map((d) => even.grid[order.indexOf(d)]!), dimensions, placement: even.placement,
    block: dimensions.map((d) => even.block[order.indexOf(d)]! * unit(d)),
  };
}

/** How far an access moves with each dimension of the space, in elements. */
function distancesOf(view: TensorView, { index }: Access, { space }: Lowering, tensors: Tensors): number[] {
  const strides = rowMajor(tensors.type(view.tensor).shape);
  const map = composeMap(view.map, index, space.length);
  return space.map((_, d) => map.reduce((sum, { coefficients }, t) => sum + coefficients[d]! * strides[t]!, 0));
}

/** Partial results are so many times fewer than the elements they are of, at least, and each is of so many. */
const leastReduced = 64;
const leastRows = 16;

/**
 * A split of a reduction of columns of rows in pages of their own: by rows, of which each tile combines some from end to end, and
 * not a piece of every page. Undefined where the split given does not cut rows into less than pages, or partial results would be many.
 */
export function splitByRows(lowering: Lowering, reads: readonly TensorView[], tensors: Tensors, split: Split): Split | undefined {
  const [parts, across, width] = [sizeOf(split.grid), split.dimensions.at(-1), split.block.at(-1)];
  if (lowering.combine === undefined || lowering.contraction === true || across === undefined || lowering.space[across]!.kind !== "parallel") return undefined;
  const results = sizeOf(lowering.space.filter(({ kind }) => kind === "parallel").map(({ extent }) => extent));
  if (results * parts * leastReduced > workOf(lowering)) return undefined;
  for (const [r, access] of lowering.reads.entries()) {
    const bytes = bytesOf(tensors.type(reads[r]!.tensor).dtype);
    const distances = distancesOf(reads[r]!, access, lowering, tensors);
    const rows = lowering.space.findIndex(({ kind, extent }, d) => kind === "reduction" && extent >= parts * leastRows && Math.abs(distances[d]!) * bytes >= pageBytes);
    if (rows === -1 || distances[across] !== 1 || width! * bytes >= pageBytes) continue;
    const block = Math.ceil(lowering.space[rows]!.extent / parts);
    return { grid: [Math.ceil(lowering.space[rows]!.extent / block)], dimensions: [rows], block: [block], placement: split.placement };
  }
  return undefined;
}

/**
 * A split of one reduced dimension, when the results alone would leave tiles idle; undefined when it does not pay. Prefers a
 * dimension along which an operand is already distributed, so that its blocks stay where they are.
 */
export function splitReduction(lowering: Lowering, reads: readonly TensorView[], tensors: Tensors, tiles: number, grain: number): Split | undefined {
  if (lowering.combine === undefined) return undefined;
  const parallel = sizeOf(lowering.space.filter((dimension) => dimension.kind === "parallel").map((dimension) => dimension.extent));
  const parts = Math.floor(Math.min(tiles, workOf(lowering) / grain) / Math.max(1, parallel));
  if (parts < 2) return undefined;
  for (const [r, view] of reads.entries()) {
    const distribution = tensors.distribution(view.tensor);
    const type = tensors.type(view.tensor);
    const map = composeMap(view.map, lowering.reads[r]!.index, lowering.space.length);
    for (const [t, form] of map.entries()) {
      if (distribution.grid[t]! < 2 || distribution.grid.some((count, other) => other !== t && count > 1)) continue;
      const d = form.coefficients.findIndex((coefficient) => coefficient !== 0);
      if (d === -1 || form.constant !== 0 || form.coefficients[d] !== 1 || form.coefficients.filter((c) => c !== 0).length !== 1) continue;
      if (lowering.space[d]!.kind !== "reduction" || lowering.space[d]!.extent !== type.shape[t]) continue;
      return { grid: [distribution.grid[t]!], dimensions: [d], block: [distribution.block[t]!], placement: distribution.placement };
    }
  }
  const shape = lowering.space.map((dimension) => dimension.extent);
  const { block, grid, placement } = evenDistribution(shape, parts * grain, tiles, grain, (d) => lowering.space[d]!.kind === "reduction");
  const d = grid.findIndex((count) => count > 1);
  return d === -1 ? undefined : { grid: [grid[d]!], dimensions: [d], block: [block[d]!], placement };
}
