/** Distributions: how a tensor's blocks are chosen and where each lives. */
import { sizeOf } from "../../runtime/dtype.ts";
import type { Mapping } from "../graph/graph.ts";
import { gcd } from "../support/affine.ts";
import { unreachable } from "../support/bug.ts";
import { roundUp } from "../support/parts.ts";
import type { Distribution, Placement } from "./tiled.ts";

export const blockCount = (grid: readonly number[]): number => sizeOf(grid);

/** The tile of block k of `blocks`. */
export function tileOf(placement: Placement, k: number, blocks: number): number {
  switch (placement.kind) {
    case "blocked": return placement.first + Math.floor(k / placement.perTile);
    case "scaled": return Math.floor((k * placement.tiles) / blocks);
    case "cyclic": return k % placement.tiles;
    case "list": return placement.tiles[k]!;
    default: return unreachable(placement);
  }
}

/** How many blocks the fullest tile holds. */
export function slotsPerTile(placement: Placement, blocks: number): number {
  switch (placement.kind) {
    case "blocked": return Math.min(placement.perTile, blocks);
    case "scaled": case "cyclic": return Math.ceil(blocks / placement.tiles);
    case "list": {
      const counts = new Map<number, number>();
      for (const tile of placement.tiles) counts.set(tile, (counts.get(tile) ?? 0) + 1);
      return Math.max(0, ...counts.values());
    }
    default: return unreachable(placement);
  }
}

/** Half-open range of tiles that hold something. */
export function tileSpan(placement: Placement, blocks: number): { first: number; end: number } {
  switch (placement.kind) {
    case "blocked": return { first: placement.first, end: placement.first + Math.ceil(blocks / placement.perTile) };
    case "scaled": return { first: 0, end: Math.min(placement.tiles, tileOf(placement, blocks - 1, blocks) + 1) };
    case "cyclic": return { first: 0, end: Math.min(placement.tiles, blocks) };
    case "list": return { first: placement.tiles.reduce((a, b) => Math.min(a, b), Infinity), end: placement.tiles.reduce((a, b) => Math.max(a, b), -1) + 1 };
    default: return unreachable(placement);
  }
}

/** Whether k · tiles stays an i32 for every block k, so that emitted code can compute a scaled placement. */
const fitsScaled = (blocks: number, tiles: number): boolean => (blocks + 1) * tiles < 2 ** 31;

/** Blocks dealt evenly over all tiles, in order. */
export const spread = (blocks: number, tiles: number): Placement => (blocks === tiles || !fitsScaled(blocks, tiles) ? { kind: "blocked", first: 0, perTile: Math.ceil(blocks / tiles) } : { kind: "scaled", tiles });

/** The rule behind a list of tiles, or the list itself. */
export function recognisePlacement(tiles: readonly number[], tileCount: number): Placement {
  const blocks = tiles.length;
  const first = tiles[0] ?? 0;
  const fits = (placement: Placement): boolean => tiles.every((tile, k) => tile === tileOf(placement, k, blocks));
  const run = tiles.findIndex((tile) => tile !== first);
  const candidates: Placement[] = [
    { kind: "blocked", first, perTile: run === -1 ? Math.max(1, blocks) : run },
    ...(fitsScaled(blocks, tileCount) ? [{ kind: "scaled", tiles: tileCount } as const] : []),
    { kind: "cyclic", tiles: tileCount },
  ];
  return candidates.find(fits) ?? { kind: "list", tiles };
}

/** Above this many blocks, placements that follow different rules count as different without comparing them one by one. */
const comparisonLimit = 4096;

export function samePlacement(a: Placement, b: Placement, blocks: number): boolean {
  if (sameRule(a, b)) return true;
  // Different rules can still agree, as ⌊k·T/T⌋ and k do.
  if (blocks > comparisonLimit && a.kind !== "list" && b.kind !== "list") return false;
  for (let k = 0; k < blocks; k++) if (tileOf(a, k, blocks) !== tileOf(b, k, blocks)) return false;
  return true;
}

function sameRule(a: Placement, b: Placement): boolean {
  if (a === b) return true;
  if (a.kind === "blocked") return b.kind === "blocked" && a.first === b.first && a.perTile === b.perTile;
  return a.kind !== "list" && a.kind === b.kind && a.tiles === b.tiles;
}

export function distribute(shape: readonly number[], block: readonly number[], placement: Placement): Distribution {
  return { block, grid: shape.map((extent, d) => (block[d] === 0 ? 0 : Math.ceil(extent / block[d]!))), placement };
}

/** Everything on one tile. */
export const onOneTile = (shape: readonly number[], tile = 0): Distribution => distribute(shape, shape.map((extent) => Math.max(1, extent)), { kind: "blocked", first: tile, perTile: 1 });

/**
 * Splits dimensions evenly until every tile has a part: the outermost first, so that parts are long runs of memory, inner
 * ones where the outer have too few elements. `work` is the number of scalar operations behind the tensor; no part gets less
 * than `grain` of it. The last dimension is cut between blocks of `lastUnit` elements.
 */
export function evenDistribution(shape: readonly number[], work: number, tiles: number, grain: number, allowed: (dimension: number) => boolean = () => true, lastUnit = 1): Distribution {
  let wanted = Math.max(1, Math.min(tiles, Math.floor(work / grain)));
  const block = shape.map((extent, dimension) => {
    if (!allowed(dimension) || extent === 0) return Math.max(1, extent);
    const least = Math.ceil(extent / Math.min(extent, wanted));
    const size = dimension === shape.length - 1 ? Math.min(extent, roundUp(least, lastUnit)) : least;
    wanted = Math.floor(wanted / Math.ceil(extent / size));
    return size;
  });
  const blocks = sizeOf(shape.map((extent, dimension) => Math.ceil(extent / block[dimension]!)));
  return distribute(shape, block, spread(blocks, tiles));
}

/** Largest number of blocks a user's mapping may cut a tensor into. */
export const maximumMappedBlocks = 4_194_304;

/**
 * The distribution a user's mapping asks for: blocks as large as all its cuts allow. Elements that were not mapped go to
 * tile 0. Undefined when it would take more than `maximumMappedBlocks` blocks.
 */
export function mappedDistribution(shape: readonly number[], mapping: Mapping, tileCount: number): Distribution | undefined {
  const block = shape.map((extent, dimension) => {
    let common = 0;
    for (const { slice } of mapping.pieces) {
      const { start, length, step } = slice[dimension]!;
      if (length === 0) continue;
      if (Math.abs(step) !== 1 && length > 1) return 1;
      const low = step > 0 ? start : start - length + 1;
      common = gcd(common, low);
      if (low + length < extent) common = gcd(common, low + length);
    }
    return common === 0 ? Math.max(1, extent) : common;
  });
  const grid = shape.map((extent, dimension) => Math.ceil(extent / block[dimension]!));
  const blocks = blockCount(grid);
  if (blocks > maximumMappedBlocks) return undefined;
  const tiles = new Array<number>(blocks).fill(0);
  for (const { slice, tile } of mapping.pieces) {
    const visit = (dimension: number, flat: number): void => {
      if (dimension === shape.length) {
        tiles[flat] = tile;
        return;
      }
      const { start, length, step } = slice[dimension]!;
      let previous = -1;
      for (let i = 0; i < length; i++) {
        const at = Math.floor((start + i * step) / block[dimension]!);
        if (at === previous) continue;
        previous = at;
        visit(dimension + 1, flat * grid[dimension]! + at);
      }
    };
    visit(0, 0);
  }
  return { block, grid, placement: recognisePlacement(tiles, tileCount) };
}

/**
 * The same bytes seen in another shape: the distribution of the new shape under which every tile's bytes stay where they
 * are, or undefined where there is none. Works by groups of dimensions with equal products.
 */
export function reshapeDistribution(from: readonly number[], distribution: Distribution, to: readonly number[]): Distribution | undefined {
  if (sizeOf(from) !== sizeOf(to) || sizeOf(from) === 0) return undefined;
  const block = to.map(() => 1);
  const grid = to.map(() => 1);
  let i = 0;
  let j = 0;
  while (i < from.length || j < to.length) {
    const groupFrom: number[] = [];
    const groupTo: number[] = [];
    let left = 1;
    let right = 1;
    do {
      if ((left <= right && i < from.length) || j >= to.length) { left *= from[i]!; groupFrom.push(i++); }
      else { right *= to[j]!; groupTo.push(j++); }
    } while (left !== right);
    if (!reshapeGroup(groupFrom, groupTo)) return undefined;
  }
  return { block, grid, placement: distribution.placement };

  /** Blocks must be equal runs of elements in order: in front of the last dimension that is cut, each block is one element wide. */
  function reshapeGroup(groupFrom: readonly number[], groupTo: readonly number[]): boolean {
    for (const dimension of groupTo) block[dimension] = to[dimension]!;
    const cut = groupFrom.findLast((dimension) => distribution.grid[dimension]! > 1);
    if (cut === undefined) return true;
    const before = groupFrom.filter((dimension) => dimension < cut);
    if (before.some((dimension) => distribution.block[dimension] !== 1)) return false;
    if (before.some((dimension) => from[dimension]! > 1) && from[cut]! % distribution.block[cut]! !== 0) return false;
    const run = distribution.block[cut]! * sizeOf(groupFrom.filter((dimension) => dimension > cut).map((dimension) => from[dimension]!));
    let runsEnd = true;
    for (const dimension of groupTo) {
      const inner = sizeOf(groupTo.filter((other) => other > dimension).map((other) => to[other]!));
      const extent = to[dimension]!;
      const width = run < inner ? 1 : run / inner;
      block[dimension] = width;
      grid[dimension] = Math.ceil(extent / width);
      // Only the very last run may be shorter.
      if (run >= inner) return Number.isInteger(width) && (runsEnd || extent % width === 0);
      if (extent > 1) runsEnd = false;
    }
    return true;
  }
}
