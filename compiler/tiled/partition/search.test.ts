/** The partitioner's search against a known anchor and against brute force. */
import { describe, expect, it } from "vitest";
import { affineIndex } from "../../support/affine.ts";
import { target, withTiles } from "../../targets/targets.ts";
import { equalCut, estimate, type PartitionProblem } from "./estimate.ts";
import { search } from "./search.ts";

const matvec = (rows: number, columns: number, tiles: number): PartitionProblem => ({
  space: [{ extent: rows, kind: "parallel" }, { extent: columns, kind: "reduction" }],
  reads: [
    { dtype: "f32", shape: [rows, columns], map: [affineIndex(0, 2), affineIndex(1, 2)] },
    { dtype: "f32", shape: [columns], map: [affineIndex(1, 2)] },
  ],
  result: { dtype: "f32" }, splitsReduction: true, contraction: true, operations: 1, target: withTiles(target("ipu-mk2"), tiles),
});

describe("search", () => {
  // Poplar's own planner, from its tutorial on matrix–vector products, with the same estimate of a vertex.
  it.each([
    [1472, 7, 3696 + 143 + 49 + 108],
    [1216, 5, 4751],
  ])("is no worse than Poplar's planner on %i tiles, which splits each row in %i: %i cycles", (tiles, split, cycles) => {
    const problem = matvec(10_000, 1000, tiles);
    const theirs = estimate(problem, equalCut(problem, [Math.ceil(10_000 / Math.ceil(10_000 / Math.floor(tiles / split))), split]));
    expect(theirs.total - theirs.sync).toBe(cycles);
    const ours = search(problem);
    expect(ours.cost.total - ours.cost.sync).toBeLessThanOrEqual(cycles);
  });

  it("is the best of all splits where they can all be tried", () => {
    for (const [rows, columns, tiles] of [[12, 30, 8], [5, 100, 16], [40, 7, 24]] as const) {
      const problem = matvec(rows, columns, tiles);
      let best = Infinity;
      for (let r = 1; r <= rows; r++) {
        for (let k = 1; k <= columns; k++) {
          if (r * k <= tiles) best = Math.min(best, estimate(problem, equalCut(problem, [Math.ceil(rows / Math.ceil(rows / r)), Math.ceil(columns / Math.ceil(columns / k))])).total);
        }
      }
      expect(search(problem).cost.total).toBe(best);
    }
  });

  it("takes no longer for more tiles: the number of candidates is bounded", () => {
    const plan = search(matvec(1_000_000, 1000, 100_000));
    expect(plan.parts[0]! * plan.parts[1]!).toBeGreaterThan(50_000);
  });

  it("prefers what fits into a tile", () => {
    const problem = { ...matvec(2048, 4096, 4), target: { ...withTiles(target("ipu-mk2"), 4), bytesPerTile: 9_000_000 } };
    expect(search(problem).cost.bytes).toBeLessThanOrEqual(9_000_000);
  });
});

describe("several chips", () => {
  it("cost more where operands cross between them, and never less", () => {
    const problem = matvec(10_000, 1000, 1472);
    const chips = { count: 4, bytesPerCycle: 4, startCycles: 500 };
    // The vector is spread over all chips already.
    const placed: PartitionProblem = { ...problem, reads: [problem.reads[0]!, { ...problem.reads[1]!, distribution: { block: [1], grid: [1000], placement: { kind: "scaled", tiles: 1472 } } }] };
    const apart: PartitionProblem = { ...placed, target: { ...placed.target, chips } };
    for (const parts of [[1429, 1], [209, 7], [16, 84]]) expect(estimate(apart, equalCut(apart, parts)).total).toBeGreaterThan(estimate(placed, equalCut(placed, parts)).total);
    // Three quarters of the vector come to a chip over its link, where that takes longest.
    expect(estimate(apart, equalCut(apart, [1429, 1])).exchange).toBe(500 + Math.ceil((4000 * 3) / 4 / 4));
    expect(search(apart).cost.total).toBeGreaterThanOrEqual(search(placed).cost.total);
  });
});
