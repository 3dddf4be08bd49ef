/**
 * Tiles that have equal numbers of everything form a class, so that what holds of one is worked out once. Instances are
 * counted a stretch of equal tiles at a time: the work is proportional to such stretches, and never to what is on a tile.
 */
import { unreachable } from "../support/bug.ts";
import { blockCount, tileOf } from "../tiled/distribution.ts";
import type { Placement } from "../tiled/tiled.ts";

/** Some of the cells of a grid, dealt to tiles: the instances of a family, or the blocks of a tensor. */
export interface DealtCells {
  readonly grid: readonly number[];
  /** The part of the grid that counts; all of it when absent. */
  readonly range?: readonly { readonly start: number; readonly count: number }[];
  readonly placement: Placement;
}

export interface TileClass {
  /** The first tile of the class. */
  readonly tile: number;
  /** How many tiles are of it. */
  readonly tiles: number;
  /** How many cells each has, for each of the things counted. */
  readonly counts: readonly number[];
}

/** How much was looked at; for tests that work does not grow with what is on a tile. */
export interface Tally {
  visits: number;
}

/** The classes of `tiles` tiles, those of lower tiles first. `known`: more that is counted, by tile, after what is dealt. */
export function tileClasses(dealt: readonly DealtCells[], tiles: number, tally: Tally = { visits: 0 }, known: readonly Int32Array[] = []): TileClass[] {
  const counted = [...dealt.map((cells) => stretchesOf(cells, tally)), ...known.map((counts) => equalStretches(counts))];
  // Between two bounds all tiles are alike.
  const bounds = boundsOf(counted, tiles);
  const pieceOf = new Map<number, number>();
  bounds.forEach((bound, piece) => pieceOf.set(bound, piece));
  const pieces = bounds.length - 1;
  const classOf = new Int32Array(pieces);
  let classes: { tile: number; tiles: number; counts: number[] }[] = [{ tile: 0, tiles, counts: [] }];
  for (const stretches of counted) {
    const changes = new Int32Array(pieces + 1);
    for (const { first, end, count } of stretches) {
      changes[pieceOf.get(first)!]! += count;
      changes[pieceOf.get(end)!]! -= count;
    }
    const finer: typeof classes = [];
    const numbers = new Map<string, number>();
    // Classes are few and runs of equal tiles long: the last answer is mostly the next.
    let [lastClass, lastCount, last, count] = [-1, -1, -1, 0];
    for (let piece = 0; piece < pieces; piece++) {
      const coarse = classOf[piece]!;
      count += changes[piece]!;
      if (coarse !== lastClass || count !== lastCount) {
        const key = `${coarse}:${count}`;
        let number = numbers.get(key);
        if (number === undefined) {
          number = finer.push({ tile: bounds[piece]!, tiles: 0, counts: [...classes[coarse]!.counts, count] }) - 1;
          numbers.set(key, number);
        }
        [lastClass, lastCount, last] = [coarse, count, number];
      }
      classOf[piece] = last;
      finer[last]!.tiles += bounds[piece + 1]! - bounds[piece]!;
    }
    tally.visits += pieces;
    classes = finer;
  }
  return classes;
}

/** Where stretches begin or end, ascending, from 0 to `tiles`. */
function boundsOf(counted: readonly (readonly Stretch[])[], tiles: number): Int32Array {
  const all = new Int32Array(2 + counted.reduce((sum, { length }) => sum + 2 * length, 0));
  let at = 0;
  all[at++] = 0;
  all[at++] = tiles;
  for (const stretches of counted) {
    for (const { first, end } of stretches) {
      all[at++] = first;
      all[at++] = end;
    }
  }
  all.sort();
  let distinct = 0;
  for (const bound of all) if (distinct === 0 || bound !== all[distinct - 1]) all[distinct++] = bound;
  return all.subarray(0, distinct);
}

/** Neighbouring tiles that have equally many. */
export interface Stretch {
  readonly first: number;
  readonly end: number;
  /** Cells of each of the tiles. */
  readonly count: number;
}

/** Tiles that have cells, in stretches; a tile that is in several has the sum. */
export function stretchesOf(cells: DealtCells, tally: Tally = { visits: 0 }): Stretch[] {
  const found: Stretch[] = [];
  const blocks = blockCount(cells.grid);
  if (blocks === 0) return found;
  const add = (first: number, end: number, count: number): void => {
    tally.visits++;
    const last = found.at(-1);
    if (last !== undefined && last.end === first && last.count === count) found[found.length - 1] = { first: last.first, end, count };
    else found.push({ first, end, count });
  };
  for (const { from, to } of runs(cells)) stretchesOfRun(cells.placement, blocks, from, to, add);
  return found;
}

function equalStretches(counts: Int32Array): Stretch[] {
  const found: Stretch[] = [];
  let first = 0;
  for (let tile = 1; tile <= counts.length; tile++) {
    if (counts[tile] === counts[first]) continue;
    found.push({ first, end: tile, count: counts[first]! });
    first = tile;
  }
  return found;
}

/** How many cells each tile has. */
export function countsPerTile(cells: DealtCells, tiles: number): Int32Array {
  const counts = new Int32Array(tiles);
  for (const { first, end, count } of stretchesOf(cells)) for (let tile = first; tile < end; tile++) counts[tile]! += count;
  return counts;
}

/** The range as runs of row-major indices, half-open. */
function* runs({ grid, range }: DealtCells): Iterable<{ from: number; to: number }> {
  const parts = range ?? grid.map((count) => ({ start: 0, count }));
  if (parts.some(({ count }) => count === 0)) return;
  // The innermost dimension that is not taken whole, and what lies inside of it.
  let partial = parts.length - 1;
  let inner = 1;
  while (partial > 0 && parts[partial]!.count === grid[partial]) inner *= grid[partial--]!;
  if (parts.length === 0) {
    yield { from: 0, to: 1 };
    return;
  }
  const { start, count } = parts[partial]!;
  const go = function* (dimension: number, index: number): Iterable<{ from: number; to: number }> {
    if (dimension === partial) {
      const from = (index * grid[partial]! + start) * inner;
      yield { from, to: from + count * inner };
      return;
    }
    const part = parts[dimension]!;
    for (let i = part.start; i < part.start + part.count; i++) yield* go(dimension + 1, index * grid[dimension]! + i);
  };
  yield* go(0, 0);
}

function stretchesOfRun(placement: Placement, blocks: number, from: number, to: number, add: (first: number, end: number, count: number) => void): void {
  switch (placement.kind) {
    case "blocked": {
      const { first, perTile } = placement;
      const [head, tail] = [Math.ceil(from / perTile), Math.floor(to / perTile)];
      if (head > tail) return add(first + tail, first + head, to - from);
      if (head * perTile > from) add(first + head - 1, first + head, head * perTile - from);
      if (tail > head) add(first + head, first + tail, perTile);
      if (tail * perTile < to) add(first + tail, first + tail + 1, to - tail * perTile);
      return;
    }
    case "scaled":
      for (let k = from; k < to; ) {
        const tile = Math.floor((k * placement.tiles) / blocks);
        const next = Math.min(to, Math.ceil(((tile + 1) * blocks) / placement.tiles));
        add(tile, tile + 1, next - k);
        k = next;
      }
      return;
    case "cyclic": {
      const each = Math.floor((to - from) / placement.tiles);
      if (each > 0) add(0, placement.tiles, each);
      for (let k = from + each * placement.tiles; k < to; k++) add(k % placement.tiles, (k % placement.tiles) + 1, 1);
      return;
    }
    case "list":
      for (let k = from; k < to; k++) add(tileOf(placement, k, blocks), tileOf(placement, k, blocks) + 1, 1);
      return;
    default: unreachable(placement);
  }
}
