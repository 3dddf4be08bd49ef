/** Test-only: random placements and distributions, and where everything lies found by counting. */
import fc from "fast-check";
import { sizeOf } from "../../../runtime/dtype.ts";
import { forEachIndex } from "../../graph/tensor.ts";
import { distribute } from "../distribution.ts";
import type { Distribution, Placement } from "../tiled.ts";

/** A placement of `blocks` blocks on at most `tiles` tiles. */
export const arbitraryPlacement = (blocks: number, tiles: number): fc.Arbitrary<Placement> =>
  fc.oneof(
    fc.integer({ min: Math.max(1, Math.ceil(blocks / tiles)), max: Math.max(1, blocks + 1) }).chain((perTile) =>
      fc.integer({ min: 0, max: Math.max(0, tiles - Math.ceil(blocks / perTile)) }).map((first): Placement => ({ kind: "blocked", first, perTile }))),
    fc.integer({ min: 1, max: tiles }).map((used): Placement => ({ kind: "scaled", tiles: used })),
    fc.integer({ min: 1, max: tiles }).map((used): Placement => ({ kind: "cyclic", tiles: used })),
    fc.array(fc.nat(tiles - 1), { minLength: blocks, maxLength: blocks }).map((list): Placement => ({ kind: "list", tiles: list })),
  );

export const arbitraryShape = (rank: { min: number; max: number }, extent: number): fc.Arbitrary<number[]> => fc.array(fc.integer({ min: 1, max: extent }), { minLength: rank.min, maxLength: rank.max });

export const arbitraryDistribution = (shape: readonly number[], tiles: number): fc.Arbitrary<Distribution> =>
  fc.tuple(...shape.map((extent) => fc.integer({ min: 1, max: extent }))).chain((block) => {
    const { grid } = distribute(shape, block as number[], { kind: "cyclic", tiles });
    return arbitraryPlacement(sizeOf(grid), tiles).map((placement) => distribute(shape, block as number[], placement));
  });

/** The tile of each block, said again in the words of the type. */
export function tilesOf(placement: Placement, blocks: number): number[] {
  const ks = Array.from({ length: blocks }, (_, k) => k);
  switch (placement.kind) {
    case "blocked": {
      const tiles: number[] = [];
      for (let tile = placement.first; tiles.length < blocks; tile++) for (let i = 0; i < placement.perTile && tiles.length < blocks; i++) tiles.push(tile);
      return tiles;
    }
    case "scaled": return ks.map((k) => Math.floor((k * placement.tiles) / blocks));
    case "cyclic": {
      let next = 0;
      return ks.map(() => (next++ === placement.tiles - 1 ? ((next = 0), placement.tiles - 1) : next - 1));
    }
    case "list": return [...placement.tiles];
  }
}

export interface Location {
  readonly tile: number;
  /** In elements, from the beginning of the tensor's blocks on the tile. */
  readonly position: number;
}

/** Tile and position of every element, in row-major order: blocks are dealt one by one and filled element by element. */
export function locations(shape: readonly number[], { block, grid, placement }: Distribution): Location[] {
  const tiles = tilesOf(placement, sizeOf(grid));
  const filled = new Map<number, number>();
  const starts = tiles.map((tile) => {
    const slot = filled.get(tile) ?? 0;
    filled.set(tile, slot + 1);
    return slot * sizeOf(block);
  });
  const flat = (index: readonly number[], extents: readonly number[]): number => index.reduce((sum, i, d) => sum * extents[d]! + i, 0);
  const found: Location[] = [];
  forEachIndex(shape, (index) => {
    const k = flat(index.map((i, d) => Math.floor(i / block[d]!)), grid);
    found.push({ tile: tiles[k]!, position: starts[k]! + flat(index.map((i, d) => i % block[d]!), block) });
  });
  return found;
}
