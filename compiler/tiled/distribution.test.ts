/** Distributions, held against painting and counting element by element. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { sizeOf } from "../../runtime/dtype.ts";
import type { Mapping, SliceDimension } from "../graph/graph.ts";
import { forEachIndex } from "../graph/tensor.ts";
import { nowhere } from "../support/span.ts";
import { distribute, evenDistribution, mappedDistribution, recognisePlacement, reshapeDistribution, samePlacement, slotsPerTile, spread, tileOf, tileSpan } from "./distribution.ts";
import { arbitraryDistribution, arbitraryPlacement, arbitraryShape, locations, tilesOf } from "./testing/arbitrary.ts";
import type { Distribution } from "./tiled.ts";

const placed = fc.tuple(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 24 })).chain(([blocks, tiles]) => fc.record({ blocks: fc.constant(blocks), tiles: fc.constant(tiles), placement: arbitraryPlacement(blocks, tiles) }));

describe("placements", () => {
  it("say the tile, the span and the slots that counting finds", () => {
    fc.assert(fc.property(placed, ({ blocks, placement }) => {
      const tiles = tilesOf(placement, blocks);
      expect(tiles.map((_, k) => tileOf(placement, k, blocks))).toEqual(tiles);
      expect(tileSpan(placement, blocks)).toEqual({ first: Math.min(...tiles), end: Math.max(...tiles) + 1 });
      expect(slotsPerTile(placement, blocks)).toBe(Math.max(...tiles.map((tile) => tiles.filter((other) => other === tile).length)));
    }), { numRuns: 500 });
  });

  it("are recognised, whatever rule they follow", () => {
    fc.assert(fc.property(placed, ({ blocks, tiles, placement }) => {
      const list = tilesOf(placement, blocks);
      const recognised = recognisePlacement(list, tiles);
      expect(tilesOf(recognised, blocks)).toEqual(list);
      if (placement.kind === "blocked" || (placement.kind !== "list" && placement.tiles === tiles)) expect(recognised.kind).not.toBe("list");
    }), { numRuns: 500 });
  });

  it("are the same when all tiles are", () => {
    fc.assert(fc.property(placed.chain((one) => fc.record({ one: fc.constant(one), other: arbitraryPlacement(one.blocks, one.tiles) })), ({ one: { blocks, placement }, other }) => {
      expect(samePlacement(placement, other, blocks)).toBe(tilesOf(placement, blocks).join() === tilesOf(other, blocks).join());
    }), { numRuns: 1000 });
  });

  it("spread leaves no tile more than its share", () => {
    fc.assert(fc.property(fc.integer({ min: 1, max: 60 }), fc.integer({ min: 1, max: 40 }), (blocks, tiles) => {
      const list = tilesOf(spread(blocks, tiles), blocks);
      expect(Math.max(...list)).toBeLessThan(tiles);
      expect(list).toEqual(list.toSorted((a, b) => a - b));
      expect(slotsPerTile(spread(blocks, tiles), blocks)).toBe(Math.ceil(blocks / tiles));
    }));
  });
});

const dimension = (extent: number): fc.Arbitrary<SliceDimension> =>
  fc.record({ length: fc.integer({ min: 0, max: extent }), step: fc.integer({ min: -3, max: 3 }).filter((step) => step !== 0) }).chain(({ length, step }) => {
    const fitting = Math.min(length, Math.floor((extent - 1) / Math.abs(step)) + 1);
    const reach = Math.max(0, fitting - 1) * Math.abs(step);
    return fc.integer({ min: 0, max: extent - 1 - reach }).map((low) => ({ start: step > 0 ? low : low + reach, length: fitting, step, drop: false }));
  });

const mapped = fc.tuple(arbitraryShape({ min: 0, max: 3 }, 7), fc.integer({ min: 1, max: 9 })).chain(([shape, tiles]) => fc.record({
  shape: fc.constant(shape), tiles: fc.constant(tiles),
  pieces: fc.array(fc.record({ slice: fc.tuple(...shape.map(dimension)) as fc.Arbitrary<SliceDimension[]>, tile: fc.nat(tiles - 1), origin: fc.constant(nowhere) }), { minLength: 1, maxLength: 5 }),
}));

function paint(shape: readonly number[], { pieces }: Mapping): number[] {
  const tiles = new Array<number>(sizeOf(shape)).fill(0);
  for (const { slice, tile } of pieces) {
    forEachIndex(slice.map(({ length }) => length), (index) => {
      tiles[index.reduce((flat, i, d) => flat * shape[d]! + slice[d]!.start + i * slice[d]!.step, 0)] = tile;
    });
  }
  return tiles;
}

describe("a user's mapping", () => {
  it("puts every element where painting puts it", () => {
    fc.assert(fc.property(mapped, ({ shape, tiles, pieces }) => {
      const made = mappedDistribution(shape, { pieces }, tiles)!;
      expect(made.grid).toEqual(shape.map((extent, d) => Math.ceil(extent / made.block[d]!)));
      expect(locations(shape, made).map(({ tile }) => tile)).toEqual(paint(shape, { pieces }));
    }), { numRuns: 500 });
  });

  it("is a rule, not a list, when rows are dealt evenly, and blocks are as large as its cuts allow", () => {
    const rows = (tileOfRow: (row: number) => number, count = 1000): Distribution => mappedDistribution([count, 300], { pieces: Array.from({ length: count }, (_, row) => ({ slice: [{ start: row, length: 1, step: 1, drop: true }, { start: 0, length: 300, step: 1, drop: false }], tile: tileOfRow(row), origin: nowhere })) }, 16)!;
    expect(rows((row) => Math.floor((row * 16) / 1000))).toMatchObject({ block: [1, 300], placement: { kind: "scaled", tiles: 16 } });
    expect(rows((row) => row % 16).placement).toEqual({ kind: "cyclic", tiles: 16 });
    const halves = [0, 1].map((half) => ({ slice: [{ start: 500 * half, length: 500, step: 1, drop: false }], tile: half * 3, origin: nowhere }));
    expect(mappedDistribution([1000], { pieces: halves }, 16)).toEqual({ block: [500], grid: [2], placement: { kind: "list", tiles: [0, 3] } });
  });

  it("is refused when it needs too many blocks", () => {
    const one = { slice: [{ start: 1, length: 1, step: 1, drop: false }, { start: 1, length: 1, step: 1, drop: false }], tile: 0, origin: nowhere };
    expect(mappedDistribution([4096, 4096], { pieces: [one] }, 16)).toBeUndefined();
  });
});

describe("an even distribution", () => {
  it("covers the tensor, stays within the tiles and splits only what it may", () => {
    fc.assert(fc.property(arbitraryShape({ min: 0, max: 4 }, 11), fc.integer({ min: 1, max: 50 }), fc.integer({ min: 1, max: 20 }), fc.array(fc.boolean(), { minLength: 4, maxLength: 4 }), (shape, tiles, grain, allowed) => {
      const work = sizeOf(shape) * 3;
      const made = evenDistribution(shape, work, tiles, grain, (d) => allowed[d]!);
      expect(made.grid).toEqual(shape.map((extent, d) => Math.ceil(extent / made.block[d]!)));
      shape.forEach((extent, d) => !allowed[d] && expect(made.block[d]).toBe(extent));
      const used = new Set(locations(shape, made).map(({ tile }) => tile));
      expect(Math.max(...used)).toBeLessThan(tiles);
      expect(used.size).toBeLessThanOrEqual(Math.max(1, Math.floor(work / grain)));
      expect(slotsPerTile(made.placement, sizeOf(made.grid))).toBe(1);
    }), { numRuns: 200 });
  });

  it("uses all tiles when the outermost dimension allows it, and inner ones when it does not", () => {
    expect(evenDistribution([64, 10], 1e9, 16, 1).block).toEqual([4, 10]);
    expect(evenDistribution([4, 64], 1e9, 16, 1).block).toEqual([1, 16]);
    expect(evenDistribution([1, 1, 32], 1e9, 8, 1).block).toEqual([1, 1, 4]);
    expect(evenDistribution([0, 5], 0, 8, 1).grid[0]).toBe(0);
    expect(evenDistribution([7, 300], 1e9, 4, 1, (d) => d === 1, 16)).toMatchObject({ block: [7, 80], grid: [1, 4] });
    expect(evenDistribution([7, 10], 1e9, 4, 1, (d) => d === 1, 16)).toMatchObject({ block: [7, 10], grid: [1, 1] });
    expect(evenDistribution([8, 32], 1e9, 16, 1, undefined, 16)).toMatchObject({ block: [1, 16], grid: [8, 2] });
  });
});

/** Two shapes of the same size, with dimensions merged and split at random. */
const reshaped = arbitraryShape({ min: 0, max: 4 }, 6).chain((parts) => {
  const group = fc.array(fc.boolean(), { minLength: parts.length, maxLength: parts.length }).map((joins) => {
    const shape: number[] = [];
    parts.forEach((extent, i) => (joins[i] && shape.length > 0 ? (shape[shape.length - 1]! *= extent) : shape.push(extent)));
    return shape;
  });
  const units = (shape: fc.Arbitrary<number[]>): fc.Arbitrary<number[]> => fc.tuple(shape, fc.nat(4), fc.boolean()).map(([of, at, unit]) => (unit ? of.toSpliced(at, 0, 1) : of));
  return fc.tuple(units(group), units(group));
});

describe("a reshape", () => {
  it("leaves every byte on its tile and place", () => {
    let given = 0;
    fc.assert(fc.property(reshaped.chain(([from, to]) => fc.record({ from: fc.constant(from), to: fc.constant(to), distribution: arbitraryDistribution(from, 6) })), ({ from, to, distribution }) => {
      const seen = reshapeDistribution(from, distribution, to);
      if (!seen) return;
      given++;
      expect(seen.grid).toEqual(to.map((extent, d) => Math.ceil(extent / seen.block[d]!)));
      expect(locations(to, seen)).toEqual(locations(from, distribution));
    }), { numRuns: 1500 });
    expect(given).toBeGreaterThan(100);
  });

  it("is there in the common cases", () => {
    const blocks = (shape: number[], block: number[]): Distribution => distribute(shape, block, { kind: "cyclic", tiles: 4 });
    expect(reshapeDistribution([8, 3, 5], blocks([8, 3, 5], [2, 3, 5]), [8, 15])).toMatchObject({ block: [2, 15], grid: [4, 1] });
    expect(reshapeDistribution([8, 15], blocks([8, 15], [2, 15]), [8, 3, 5])).toMatchObject({ block: [2, 3, 5], grid: [4, 1, 1] });
    expect(reshapeDistribution([24, 5], blocks([24, 5], [6, 5]), [8, 3, 5])).toMatchObject({ block: [2, 3, 5], grid: [4, 1, 1] });
    expect(reshapeDistribution([24, 5], blocks([24, 5], [6, 5]), [120])).toMatchObject({ block: [30], grid: [4] });
    expect(reshapeDistribution([7], blocks([7], [2]), [1, 7, 1])).toMatchObject({ block: [1, 2, 1], grid: [1, 4, 1] });
    expect(reshapeDistribution([1, 7], blocks([1, 7], [1, 2]), [7])).toMatchObject({ block: [2], grid: [4] });
    expect(reshapeDistribution([6, 8], blocks([6, 8], [6, 2]), [2, 3, 8])).toMatchObject({ block: [2, 3, 2], grid: [1, 1, 4] });
    expect(reshapeDistribution([8, 14, 5], blocks([8, 14, 5], [1, 7, 5]), [112, 5])).toMatchObject({ block: [7, 5], grid: [16, 1] });
    expect(reshapeDistribution([112, 5], blocks([112, 5], [7, 5]), [8, 14, 5])).toMatchObject({ block: [1, 7, 5], grid: [8, 2, 1] });
    expect(reshapeDistribution([], distribute([], [], { kind: "blocked", first: 2, perTile: 1 }), [1, 1])).toMatchObject({ block: [1, 1] });
  });

  it("is not there where blocks would be torn", () => {
    expect(reshapeDistribution([6, 8], distribute([6, 8], [6, 2], { kind: "cyclic", tiles: 4 }), [48])).toBeUndefined();
    expect(reshapeDistribution([24], distribute([24], [5], { kind: "cyclic", tiles: 4 }), [8, 3])).toBeUndefined();
    expect(reshapeDistribution([8, 14], distribute([8, 14], [1, 4], { kind: "cyclic", tiles: 4 }), [112])).toBeUndefined();
    expect(reshapeDistribution([8, 14], distribute([8, 14], [2, 7], { kind: "cyclic", tiles: 4 }), [112])).toBeUndefined();
  });
});
