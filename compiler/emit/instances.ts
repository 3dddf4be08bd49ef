/** Loops over the instances (or blocks) that belong to the calling worker's tiles, from `$begin` to `$end`. */
import { rowMajor } from "../kernel/kernel.ts";
import { unreachable } from "../support/bug.ts";
import { blockCount } from "../tiled/distribution.ts";
import type { Placement } from "../tiled/tiled.ts";
import type { ControlFunction, Int } from "./control.ts";
import type { Layout } from "./layout.ts";

export interface Instance {
  /** Row-major index in the grid. */
  readonly k: Int;
  readonly coordinates: readonly Int[];
  readonly tile: Int;
  readonly slot: Int;
}

export interface InstanceSpace {
  readonly grid: readonly number[];
  readonly range: readonly { readonly start: number; readonly count: number }[];
  readonly placement: Placement;
}

export function forOwnInstances(f: ControlFunction, layout: Layout, space: InstanceSpace, body: (instance: Instance) => void): void {
  const blocks = blockCount(space.grid);
  if (blocks === 0 || space.range.some(({ count }) => count === 0)) return;
  const wide = space.grid.flatMap((extent, d) => (extent > 1 ? [d] : []));
  // With one dimension that is more than 1 wide, k is its coordinate, and the range a range of k.
  const low = wide.length === 1 ? space.range[wide[0]!]!.start : 0;
  const high = wide.length === 1 ? low + space.range[wide[0]!]!.count : blocks;
  forOwnBlocks(f, layout, space.placement, blocks, low, high, (k, tile, slot) => {
    if (wide.length <= 1) {
      const coordinates = space.grid.map((extent) => (extent > 1 ? k : 0));
      body({ k, coordinates, tile, slot });
      return;
    }
    const strides = rowMajor(space.grid);
    const coordinates = space.grid.map((extent, d) => (extent > 1 ? f.keep(f.rem(f.div(k, strides[d]!), extent)) : 0));
    // Unsigned: below the start becomes very large.
    const tests = wide.filter((d) => space.range[d]!.count < space.grid[d]!).map((d) => f.module.i32.lt_u(f.code(f.sub(coordinates[d]!, space.range[d]!.start)), f.module.i32.const(space.range[d]!.count)));
    if (tests.length === 0) body({ k, coordinates, tile, slot });
    else f.if(tests.reduce((a, b) => f.module.i32.and(a, b)), () => body({ k, coordinates, tile, slot }));
  });
}

type RunPlacement = Extract<Placement, { kind: "blocked" | "scaled" }>;

/**
 * The same for instances that lie side by side, all of the worker's at once: the coordinates of the first, and how many there are.
 * Undefined where a worker's instances are not side by side.
 */
export function ownInstances(f: ControlFunction, layout: Layout, { grid, range, placement }: InstanceSpace): { coordinates: readonly Int[]; count: Int } | undefined {
  const along = grid.findIndex((extent) => extent > 1);
  if (placement.kind === "cyclic" || placement.kind === "list" || along === -1 || grid.some((extent, d) => extent > 1 && d !== along)) return undefined;
  const { start, count } = range[along]!;
  const [from, to] = ownRun(f, layout, placement, blockCount(grid), start, start + count);
  return { coordinates: grid.map((_, d) => (d === along ? from : 0)), count: f.sub(to, from) };
}

/** From which block k in [low, high) on, and up to which, they are on tiles of this worker. */
function ownRun(f: ControlFunction, layout: Layout, placement: RunPlacement, blocks: number, low: number, high: number): [Int, Int] {
  const firstOf = (tile: Int): Int => {
    if (placement.kind === "scaled") return layout.firstScaled(f, placement.tiles, blocks, f.min(tile, placement.tiles));
    // Products stay small: tiles beyond the last block are cut off first.
    return f.mul(f.min(f.max(f.sub(tile, placement.first), 0), Math.ceil(blocks / placement.perTile)), placement.perTile);
  };
  return [f.keep(f.max(low, firstOf(f.global("begin")))), f.keep(f.min(high, firstOf(f.global("end"))))];
}

/** Blocks k in [low, high) on tiles of this worker. */
function forOwnBlocks(f: ControlFunction, layout: Layout, placement: Placement, blocks: number, low: number, high: number, body: (k: Int, tile: Int, slot: Int) => void): void {
  const begin = f.global("begin");
  const end = f.global("end");
  const owned = (tile: Int, then: () => void): void => f.if(f.module.i32.and(f.module.i32.ge_s(f.code(tile), f.code(begin)), f.module.i32.lt_s(f.code(tile), f.code(end))), then);
  switch (placement.kind) {
    case "blocked": {
      const { first, perTile } = placement;
      if (perTile >= blocks) return owned(first, () => f.loop(low, high, 1, (k) => body(k, first, k)));
      const [start, stop] = ownRun(f, layout, placement, blocks, low, high);
      return f.loop(start, stop, 1, (k) => {
        if (perTile === 1) body(k, f.add(k, first), 0);
        else body(k, f.keep(f.add(f.div(k, perTile), first)), f.keep(f.rem(k, perTile)));
      });
    }
    case "scaled": {
      const [start, stop] = ownRun(f, layout, placement, blocks, low, high);
      return f.loop(start, stop, 1, (k) => {
        const { tile, slot } = layout.place(f, placement, blocks, k);
        body(k, tile, slot);
      });
    }
    case "cyclic": {
      const { tiles } = placement;
      const span = Math.min(tiles, high);
      return f.loop(begin, f.min(end, span), 1, (tile) => {
        const first = low === 0 ? tile : f.keep(f.add(f.mul(f.div(f.add(f.sub(low, tile), tiles - 1 + tiles), tiles), tiles), f.sub(tile, tiles)));
        f.loop(low === 0 ? first : f.max(first, tile), high, tiles, (k) => body(k, tile, f.div(k, tiles)));
      });
    }
    case "list":
      return f.loop(low, high, 1, (k) => {
        const { tile, slot } = layout.place(f, placement, blocks, k);
        const kept = f.keep(tile);
        owned(kept, () => body(k, kept, slot));
      });
    default: return unreachable(placement);
  }
}
