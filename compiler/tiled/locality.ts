/** Which block of a tensor an instance's field lies in, and whether that block is on the instance's own tile. */
import { rowMajor } from "../kernel/kernel.ts";
import { affineRange, evaluateAffine, type Affine } from "../support/affine.ts";
import { blockCount, samePlacement, tileOf, tileSpan } from "./distribution.ts";
import type { Distribution, Placement } from "./tiled.ts";

/** Above this many instances, placements that follow different rules count as different without comparing them one by one. */
const enumerationLimit = 4096;

export interface BlockPosition {
  /** Row-major index of the block, over instance coordinates. */
  readonly block: Affine;
  /** Where in the block the field begins, per dimension. */
  readonly within: readonly number[];
}

/** The block that holds all of a field, as an affine form of the instance; undefined where a field crosses blocks or they do not move together. */
export function blockPosition(field: readonly Affine[], fieldShape: readonly number[], range: Instances["range"], distribution: Distribution): BlockPosition | undefined {
  const map = fixedCoordinates(field, range);
  const gridRank = range.length;
  const strides = rowMajor(distribution.grid);
  let constant = 0;
  const coefficients = new Array<number>(gridRank).fill(0);
  const within: number[] = [];
  for (const [t, form] of map.entries()) {
    const reach = affineRange({ constant: form.constant, coefficients: form.coefficients.slice(gridRank) }, fieldShape);
    if (distribution.grid[t]! <= 1) {
      if (form.coefficients.slice(0, gridRank).some((growth) => growth !== 0)) return undefined;
      within.push(form.constant);
      continue;
    }
    const size = distribution.block[t]!;
    const at = Math.floor(reach.min / size);
    if (Math.floor(reach.max / size) !== at) return undefined;
    for (let i = 0; i < gridRank; i++) {
      const growth = form.coefficients[i]!;
      if (growth % size !== 0) return undefined;
      coefficients[i]! += (growth / size) * strides[t]!;
    }
    constant += at * strides[t]!;
    within.push(form.constant - at * size);
  }
  return { block: { constant, coefficients }, within };
}

export interface Instances {
  readonly grid: readonly number[];
  readonly range: readonly { readonly start: number; readonly count: number }[];
  readonly placement: Placement;
}

/** The forms with what a coordinate that has one value only gives as part of the constant. */
function fixedCoordinates(map: readonly Affine[], range: Instances["range"]): readonly Affine[] {
  if (range.every(({ count }) => count !== 1)) return map;
  return map.map(({ constant, coefficients }) => ({
    constant: range.reduce((sum, { start, count }, i) => sum + (count === 1 ? coefficients[i]! * start : 0), constant),
    coefficients: coefficients.map((coefficient, i) => (range[i]?.count === 1 ? 0 : coefficient)),
  }));
}

/** Whether block `position(instance)` is on the instance's tile, for every instance of the range. */
export function sameTiles(position: Affine, distribution: Distribution, instances: Instances): boolean {
  const [block] = fixedCoordinates([position], instances.range) as [Affine];
  const blocks = blockCount(distribution.grid);
  const count = blockCount(instances.grid);
  const strides = rowMajor(instances.grid);
  const moving = instances.range.flatMap((range, i) => (range.count === 1 ? [] : [i]));
  // The number of an instance whose coordinates are 0 where they are not the same for all.
  const fixed = instances.range.reduce((sum, range, i) => sum + (range.count === 1 ? range.start * strides[i]! : 0), 0);
  if (moving.length === 0) return tileOf(distribution.placement, block.constant, blocks) === tileOf(instances.placement, fixed, count);
  if (moving.every((i) => block.coefficients[i] === 0)) {
    const span = tileSpan(instances.placement, count);
    return span.end - span.first === 1 && tileOf(distribution.placement, block.constant, blocks) === span.first;
  }
  const aligned = moving.every((i) => block.coefficients[i] === strides[i]);
  if (aligned && block.constant === fixed && blocks === count && samePlacement(distribution.placement, instances.placement, count)) return true;
  if (aligned && distribution.placement.kind === "blocked" && instances.placement.kind === "blocked" && distribution.placement.perTile === 1 && instances.placement.perTile === 1) {
    return distribution.placement.first + block.constant === instances.placement.first + fixed;
  }
  const size = instances.range.reduce((product, { count: n }) => product * n, 1);
  if (size > enumerationLimit) return false;
  return everyInstance(instances, (coordinates, k) => tileOf(distribution.placement, evaluateAffine(block, coordinates), blocks) === tileOf(instances.placement, k, count));
}

/** Visits the instances of a range in row-major order until one fails. */
export function everyInstance(instances: Instances, visit: (coordinates: readonly number[], k: number) => boolean): boolean {
  const strides = rowMajor(instances.grid);
  const go = (dimension: number, coordinates: number[], k: number): boolean => {
    if (dimension === instances.grid.length) return visit(coordinates, k);
    const { start, count } = instances.range[dimension]!;
    for (let i = start; i < start + count; i++) {
      if (!go(dimension + 1, [...coordinates, i], k + i * strides[dimension]!)) return false;
    }
    return true;
  };
  return go(0, [], 0);
}
