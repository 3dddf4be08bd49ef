/** Numbers of equal parts, and the cheapest of them against all there are. */
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { cheapestParts, equalParts } from "./parts.ts";

const extent = fc.integer({ min: 1, max: 40 });

describe("equal parts", () => {
  it("are no more than wanted, and the fewest of their size", () => {
    fc.assert(fc.property(extent, extent, (length, wanted) => {
      const count = equalParts(length, Math.min(length, wanted));
      const size = Math.ceil(length / count);
      expect(count).toBeLessThanOrEqual(wanted);
      expect(size).toBe(Math.ceil(length / Math.min(length, wanted)));
      expect((count - 1) * size).toBeLessThan(length);
    }));
  });
});

describe("the cheapest parts", () => {
  it("are the first of those that cost least", () => {
    fc.assert(fc.property(fc.array(extent, { minLength: 1, maxLength: 3 }), fc.integer({ min: 1, max: 24 }), fc.integer({ min: 1, max: 5 }), (extents, most, coarseness) => {
      // The tile with the most work, of which small differences do not count, then the elements that all of them read.
      const costs = (parts: readonly number[]): number[] => [
        Math.ceil(extents.reduce((work, length, d) => work * Math.ceil(length / parts[d]!), 1) / coarseness),
        parts.reduce((sum, count, d) => sum + count * extents[d]!, 0),
      ];
      let all: number[][] = [[]];
      for (const length of extents) all = all.flatMap((parts) => Array.from({ length }, (_, k) => [...parts, k + 1]));
      all = all.filter((parts) => parts.reduce((a, b) => a * b, 1) <= most && parts.every((count, d) => equalParts(extents[d]!, count) === count));
      const byCost = all.toSorted((a, b) => costs(a)[0]! - costs(b)[0]! || costs(a)[1]! - costs(b)[1]!);
      expect(cheapestParts(extents, extents, most, costs)).toEqual(byCost[0]);
    }), { numRuns: 60 });
  });

  it("keep their limits, and leave out what has no cost", () => {
    expect(cheapestParts([12, 12], [3, 12], 12, ([rows, columns]) => [144 / (rows! * columns!)])).toEqual([1, 12]);
    expect(cheapestParts([12, 12], [12, 2], 12, ([rows, columns]) => [144 / (rows! * columns!)])).toEqual([6, 2]);
    expect(cheapestParts([12], [12], 12, ([rows]) => (rows === 5 ? undefined : [-rows!]))).toEqual([12]);
    expect(cheapestParts([12], [12], 12, () => undefined)).toBeUndefined();
  });
});
