/** Where fields lie, held against looking at every element of every instance. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { sizeOf } from "../../runtime/dtype.ts";
import { forEachIndex } from "../graph/tensor.ts";
import { affineRange, evaluateAffine, type Affine } from "../support/affine.ts";
import { distribute, spread } from "./distribution.ts";
import { blockPosition, sameTiles, type Instances } from "./locality.ts";
import { arbitraryDistribution, arbitraryPlacement, arbitraryShape, locations, tilesOf } from "./testing/arbitrary.ts";
import type { Distribution } from "./tiled.ts";

interface Case {
  readonly shape: readonly number[];
  readonly distribution: Distribution;
  readonly instances: Instances;
  readonly fieldShape: readonly number[];
  readonly map: readonly Affine[];
}

/** Fields that stay inside their tensor, whose steps are likely to be those of the blocks. */
const cases: fc.Arbitrary<Case> = fc.record({ shape: arbitraryShape({ min: 1, max: 2 }, 9), grid: arbitraryShape({ min: 1, max: 2 }, 5), tiles: fc.integer({ min: 1, max: 6 }) }).chain(({ shape, grid, tiles }) =>
  fc.record({
    distribution: arbitraryDistribution(shape, tiles), placement: arbitraryPlacement(sizeOf(grid), tiles),
    fieldShape: fc.tuple(...shape.map(() => fc.integer({ min: 1, max: 3 }))), follows: fc.boolean(),
    range: fc.tuple(...grid.map((extent) => fc.integer({ min: 0, max: extent - 1 }).chain((start) => fc.integer({ min: 1, max: extent - start }).map((count) => ({ start, count }))))),
    choices: fc.array(fc.nat(), { minLength: 30, maxLength: 30 }),
  }).map(({ distribution, placement, fieldShape, follows, range, choices }) => {
    let at = 0;
    const choose = <T>(list: readonly T[]): T => list[choices[at++ % choices.length]! % list.length]!;
    const map = shape.map((_, t): Affine => {
      const block = distribution.block[t]!;
      return { constant: choose([0, 0, block, 1, 2]), coefficients: [...grid.map(() => choose([0, block, block, 1, -1, 2 * block])), ...fieldShape.map((_, f) => choose(f === t ? [1, 1, 2, -1] : [0]))] };
    });
    return { shape, distribution, fieldShape, map, instances: { grid, range, placement: follows && sizeOf(grid) === sizeOf(distribution.grid) ? distribution.placement : placement } };
  })).filter(({ shape, fieldShape, map, instances }) => map.every((form, t) => {
    const start = form.coefficients.reduce((sum, c, i) => sum + (i < instances.grid.length ? c * instances.range[i]!.start : 0), form.constant);
    const { min, max } = affineRange({ constant: start, coefficients: form.coefficients }, [...instances.range.map(({ count }) => count), ...fieldShape]);
    return min >= 0 && max < shape[t]!;
  }));

/** Every instance of the range, with its tile. */
function everyOne({ grid, range, placement }: Instances, visit: (coordinates: readonly number[], tile: number) => void): void {
  const tiles = tilesOf(placement, sizeOf(grid));
  forEachIndex(grid, (coordinates, k) => {
    if (coordinates.every((at, i) => at >= range[i]!.start && at < range[i]!.start + range[i]!.count)) visit([...coordinates], tiles[k]!);
  });
}

describe("a field's block", () => {
  it("is the block of all its elements, at the same place for every instance", () => {
    let found = 0;
    fc.assert(fc.property(cases, ({ distribution, instances, fieldShape, map }) => {
      const position = blockPosition(map, fieldShape, instances.range, distribution);
      if (!position) return;
      found++;
      everyOne(instances, (coordinates) => {
        const start = map.map((form) => evaluateAffine(form, coordinates));
        expect(start.map((i, t) => i - Math.floor(i / distribution.block[t]!) * distribution.block[t]!)).toEqual(position.within);
        forEachIndex(fieldShape, (index) => {
          const element = map.map((form) => evaluateAffine(form, [...coordinates, ...index]));
          const block = element.reduce((k, i, t) => k * distribution.grid[t]! + Math.floor(i / distribution.block[t]!), 0);
          expect(block).toBe(evaluateAffine(position.block, coordinates));
        });
      });
    }), { numRuns: 600 });
    expect(found).toBeGreaterThan(100);
  });

  it("is never said to be local when it is not, and often said when it is", () => {
    const counts = { local: 0, missed: 0 };
    fc.assert(fc.property(cases, ({ shape, distribution, instances, fieldShape, map }) => {
      const position = blockPosition(map, fieldShape, instances.range, distribution);
      if (!position) return;
      const where = locations(shape, distribution);
      let local = true;
      everyOne(instances, (coordinates, tile) => forEachIndex(fieldShape, (index) => {
        const element = map.map((form) => evaluateAffine(form, [...coordinates, ...index]));
        local &&= where[element.reduce((flat, i, t) => flat * shape[t]! + i, 0)]!.tile === tile;
      }));
      const said = sameTiles(position.block, distribution, instances);
      if (said) expect(local).toBe(true);
      if (local) counts[said ? "local" : "missed"]++;
    }), { numRuns: 1000 });
    expect(counts.local).toBeGreaterThan(20);
    expect(counts.missed).toBeLessThan(counts.local);
  });

  it("is local where blocks and instances are dealt alike, however many there are", () => {
    for (const [blocks, tiles] of [[5, 5], [16, 5], [100_000, 1472]] as const) {
      const placement = spread(blocks, tiles);
      const distribution = distribute([blocks * 8], [8], placement);
      const map = [{ constant: 0, coefficients: [8, 1] }];
      const instances = { grid: [blocks], range: [{ start: 0, count: blocks }], placement };
      expect(sameTiles(blockPosition(map, [8], instances.range, distribution)!.block, distribution, instances)).toBe(true);
      expect(blockPosition([{ constant: 1, coefficients: [8, 1] }], [8], instances.range, distribution)).toBeUndefined();
    }
  });
});
