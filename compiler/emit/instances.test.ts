/** Loops over a worker's instances, run as wasm: each worker meets exactly those on its tiles, with their tile and slot. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { sizeOf } from "../../runtime/dtype.ts";
import type { PlannedGraph } from "../bsp/bsp.ts";
import { forEachIndex } from "../graph/tensor.ts";
import { arbitraryPlacement, arbitraryShape, tilesOf } from "../tiled/testing/arbitrary.ts";
import type { Placement } from "../tiled/tiled.ts";
import { ControlFunction, type Int } from "./control.ts";
import { forOwnInstances, ownInstances, type InstanceSpace } from "./instances.ts";
import { controlModule, shares } from "./testing/control-module.ts";

interface Case extends InstanceSpace {
  readonly tiles: number;
}

const nothing = { plan: { offsets: [], tiles: { start: 0, stride: 0, bytes: 0 }, bytes: 0 }, tiled: { tensors: [] } } as unknown as PlannedGraph;

/** All instances: k, tile, slot and coordinates of each. */
function listed({ grid, range, placement }: InstanceSpace): number[][] {
  const tiles = tilesOf(placement, sizeOf(grid));
  const found: number[][] = [];
  const filled = new Map<number, number>();
  forEachIndex(grid, (coordinates, k) => {
    const tile = tiles[k]!;
    const slot = filled.get(tile) ?? 0;
    filled.set(tile, slot + 1);
    if (coordinates.every((at, d) => at >= range[d]!.start && at < range[d]!.start + range[d]!.count)) found.push([k, tile, slot, ...coordinates]);
  });
  return found;
}

/** Where in memory it is told which instances are a worker's when they lie side by side: how many, or -1, and the first. */
const atEnd = 3 * 65_536;

async function holds(cases: readonly Case[], ways: (tiles: number) => readonly (readonly [number, number])[]): Promise<void> {
  const module = await controlModule(nothing, cases.map((_, i) => `case${i}`), 4, (binaryen, layout) => cases.forEach((space, i) => {
    const f = new ControlFunction(binaryen);
    const { i32 } = binaryen;
    const at = f.variable();
    f.set(at, 4);
    const put = (value: Int): void => {
      f.emit(i32.store(0, 4, f.code(at.value), f.code(value)));
      f.set(at, f.add(at.value, 4));
    };
    forOwnInstances(f, layout, space, ({ k, tile, slot, coordinates }) => [k, tile, slot, ...coordinates].forEach(put));
    const own = ownInstances(f, layout, space);
    for (const [word, value] of [own?.count ?? -1, ...(own?.coordinates ?? [])].entries()) f.emit(i32.store(atEnd + 4 * word, 4, i32.const(0), f.code(value)));
    f.emit(i32.store(0, 4, i32.const(0), f.code(at.value)));
    f.finish(`case${i}`);
  }));
  cases.forEach((space, i) => {
    const all = listed(space);
    for (const [begin, end] of ways(space.tiles)) {
      module.run(`case${i}`, begin, end);
      const words = Array.from({ length: module.memory.getInt32(0, true) / 4 - 1 }, (_, word) => module.memory.getInt32(4 + 4 * word, true));
      const width = 3 + space.grid.length;
      const found = Array.from({ length: words.length / width }, (_, row) => words.slice(row * width, (row + 1) * width));
      const expected = all.filter(([, tile]) => tile! >= begin && tile! < end);
      const [count, ...first] = Array.from({ length: 1 + space.grid.length }, (_, word) => module.memory.getInt32(atEnd + 4 * word, true));
      if (count !== -1) {
        const coordinates = expected.map((row) => row.slice(3));
        const along = space.grid.findIndex((extent) => extent > 1);
        expect({ space, begin, end, own: Array.from({ length: Math.max(0, count!) }, (_, more) => first.map((at, d) => (d === along ? at + more : at))) }).toEqual({ space, begin, end, own: coordinates });
      }
      if (JSON.stringify(found.toSorted((a, b) => a[0]! - b[0]!)) !== JSON.stringify(expected)) expect({ space, begin, end, found }).toEqual({ space, begin, end, found: expected });
    }
  });
}

const range = (extent: number): fc.Arbitrary<{ start: number; count: number }> =>
  fc.oneof(fc.constant({ start: 0, count: extent }), fc.integer({ min: 0, max: extent - 1 }).chain((start) => fc.integer({ min: 0, max: extent - start }).map((count) => ({ start, count }))));

const oneCase: fc.Arbitrary<Case> = fc.tuple(arbitraryShape({ min: 0, max: 3 }, 7), fc.integer({ min: 1, max: 40 })).chain(([grid, tiles]) =>
  fc.record({ grid: fc.constant(grid), tiles: fc.constant(tiles), range: fc.tuple(...grid.map(range)), placement: arbitraryPlacement(sizeOf(grid), tiles) }));

describe("a worker's instances", () => {
  it("are those on its tiles, for any placement and number of workers", async () => {
    await fc.assert(fc.asyncProperty(fc.array(oneCase, { minLength: 30, maxLength: 30 }), (cases) => holds(cases, (tiles) => [1, 2, 3, 5].flatMap((workers) => shares(tiles, workers)))), { numRuns: 5 });
  });

  it("are right where products of tiles and blocks would leave 32 bits", async () => {
    const large = (placement: Placement, blocks: number): Case => ({ tiles: 1_000_000, grid: [blocks], range: [{ start: blocks - 3, count: 3 }], placement });
    const [blocks, perTile] = [3_000_000, 65_536];
    const space = large({ kind: "blocked", first: 0, perTile }, blocks);
    const module = await controlModule(nothing, ["count"], 1, (binaryen, layout) => {
      const f = new ControlFunction(binaryen);
      const { i32 } = binaryen;
      f.emit(i32.store(0, 4, i32.const(0), i32.const(0)));
      forOwnInstances(f, layout, space, () => f.emit(i32.store(0, 4, i32.const(0), i32.add(i32.load(0, 4, i32.const(0)), i32.const(1)))));
      f.finish("count");
    });
    const counts = shares(space.tiles, 16).map(([begin, end]) => {
      module.run("count", begin, end);
      return module.memory.getInt32(0, true);
    });
    expect(counts).toEqual([3, ...new Array<number>(15).fill(0)]);
  });
});
