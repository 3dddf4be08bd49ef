/** Tile classes against counting every cell, and with work that does not grow with what lies on a tile. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { blockCount, tileOf } from "../tiled/distribution.ts";
import type { Placement } from "../tiled/tiled.ts";
import { countsPerTile, tileClasses, type DealtCells } from "./tile-classes.ts";

const tiles = 7;

/** A grid of up to three dimensions, a part of it, and a rule that puts every cell on one of the tiles. */
const dealt: fc.Arbitrary<DealtCells> = fc.array(fc.integer({ min: 1, max: 6 }), { maxLength: 3 }).chain((grid) => {
  const blocks = blockCount(grid);
  const range = fc.tuple(...grid.map((extent) => fc.tuple(fc.nat(extent - 1), fc.nat(extent)).map(([start, count]) => ({ start, count: Math.min(count, extent - start) }))));
  const placement: fc.Arbitrary<Placement> = fc.oneof(
    fc.integer({ min: Math.ceil(blocks / 5), max: blocks + 3 }).map((perTile): Placement => ({ kind: "blocked", first: 2, perTile })),
    fc.integer({ min: 1, max: tiles }).map((count): Placement => ({ kind: "scaled", tiles: count })),
    fc.integer({ min: 1, max: tiles }).map((count): Placement => ({ kind: "cyclic", tiles: count })),
    fc.array(fc.nat(tiles - 1), { minLength: blocks, maxLength: blocks }).map((list): Placement => ({ kind: "list", tiles: list })),
  );
  return fc.record({ grid: fc.constant(grid), range, placement });
});

function countedOneByOne({ grid, range, placement }: DealtCells): number[] {
  const counts = new Array<number>(tiles).fill(0);
  const blocks = blockCount(grid);
  for (let k = 0; k < blocks; k++) {
    let rest = k;
    let inside = true;
    for (let d = grid.length - 1; d >= 0; d--) {
      const coordinate = rest % grid[d]!;
      rest = Math.floor(rest / grid[d]!);
      const { start, count } = range![d]!;
      if (coordinate < start || coordinate >= start + count) inside = false;
    }
    if (inside) counts[tileOf(placement, k, blocks)]!++;
  }
  return counts;
}

describe("countsPerTile", () => {
  it("counts as one by one", () => {
    fc.assert(fc.property(dealt, (cells) => {
      expect([...countsPerTile(cells, tiles)]).toEqual(countedOneByOne(cells));
    }));
  });
});

describe("tileClasses", () => {
  it("puts tiles together exactly when they have equal counts of everything", () => {
    fc.assert(fc.property(fc.array(dealt, { maxLength: 4 }), (all) => {
      const perTile = Array.from({ length: tiles }, (_, tile) => all.map((cells) => countedOneByOne(cells)[tile]!));
      const expected = new Map<string, { tile: number; tiles: number; counts: number[] }>();
      perTile.forEach((counts, tile) => {
        const known = expected.get(counts.join());
        if (known) known.tiles++;
        else expected.set(counts.join(), { tile, tiles: 1, counts });
      });
      expect(tileClasses(all, tiles).sort((a, b) => a.tile - b.tile)).toEqual([...expected.values()]);
    }));
  });

  it("looks at tiles, not at the cells on them", () => {
    const visitsOf = (placement: Placement, perTile: number): number => {
      const tally = { visits: 0 };
      tileClasses([{ grid: [1000 * perTile], placement }], 1000, tally);
      return tally.visits;
    };
    for (const placement of [{ kind: "blocked", first: 0, perTile: 1000 }, { kind: "scaled", tiles: 1000 }, { kind: "cyclic", tiles: 1000 }] as const) {
      expect(visitsOf(placement, 1000)).toBeLessThanOrEqual(2000);
    }
  });
});
