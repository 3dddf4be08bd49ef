/**
 * Tiles that have equal numbers of everything form a class, so that what holds of one is worked out once. Instances are
 * counted a run at a time: the work is proportional to the tiles that have any, or to the instances where those are fewer.
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
  const classOf = new Int32Array(tiles);
  let classes: { tile: number; tiles: number; counts: number[] }[] = [{ tile: 0, tiles, counts: [] }];
  const counted = function* (): Iterable<Int32Array> {
    for (const cells of dealt) yield countsPerTile(cells, tiles, tally);
    yield* known;
  };
  for (const counts of counted()) {
    const finer: typeof classes = [];
    const numbers = new Map<string, number>();
    // Classes are few and runs of equal tiles long: the last answer is mostly the next.
    let [lastClass, lastCount, last] = [-1, -1, -1];
    for (let tile = 0; tile < tiles; tile++) {
      const coarse = classOf[tile]!;
      const count = counts[tile]!;
      if (coarse !== lastClass || count !== lastCount) {
        const key = `${coarse}:${count}`;
        let number = numbers.get(key);
        if (number === undefined) {
          number = finer.push({ tile, tiles: 0, counts: [...classes[coarse]!.counts, count] }) - 1;
          numbers.set(key, number);
        }
        [lastClass, lastCount, last] = [coarse, count, number];
      }
      classOf[tile] = last;
      finer[last]!.tiles++;
    }
    tally.visits += tiles;
    classes = finer;
  }
  return classes;
}

/** How many cells each tile has. */
export function countsPerTile(cells: DealtCells, tiles: number, tally: Tally = { visits: 0 }): Int32Array {
  const counts = new Int32Array(tiles);
  const blocks = blockCount(cells.grid);
  if (blocks === 0) return counts;
  for (const { from, to } of runs(cells)) countRun(cells.placement, blocks, from, to, counts, tally);
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

function countRun(placement: Placement, blocks: number, from: number, to: number, counts: Int32Array, tally: Tally): void {
  const add = (tile: number, count: number): void => {
    tally.visits++;
    counts[tile]! += count;
  };
  switch (placement.kind) {
    case "blocked":
      for (let k = from; k < to; ) {
        const block = Math.floor(k / placement.perTile);
        const next = Math.min(to, (block + 1) * placement.perTile);
        add(placement.first + block, next - k);
        k = next;
      }
      return;
    case "scaled":
      for (let k = from; k < to; ) {
        const tile = Math.floor((k * placement.tiles) / blocks);
        const next = Math.min(to, Math.ceil(((tile + 1) * blocks) / placement.tiles));
        add(tile, next - k);
        k = next;
      }
      return;
    case "cyclic": {
      const each = Math.floor((to - from) / placement.tiles);
      if (each > 0) for (let tile = 0; tile < placement.tiles; tile++) add(tile, each);
      for (let k = from + each * placement.tiles; k < to; k++) add(k % placement.tiles, 1);
      return;
    }
    case "list":
      for (let k = from; k < to; k++) add(tileOf(placement, k, blocks), 1);
      return;
    default: unreachable(placement);
  }
}
