/** Places of blocks and addresses, as control code run in wasm and as constants, against counting. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { bytesOf, sizeOf } from "../../runtime/dtype.ts";
import type { PlannedGraph } from "../bsp/bsp.ts";
import { nowhere } from "../support/span.ts";
import { distribute, onOneTile } from "../tiled/distribution.ts";
import { arbitraryDistribution, arbitraryPlacement, locations, tilesOf } from "../tiled/testing/arbitrary.ts";
import type { Placement, TiledTensor } from "../tiled/tiled.ts";
import { ControlFunction, type Int } from "./control.ts";
import { Layout, slotsOf } from "./layout.ts";
import { controlModule } from "./testing/control-module.ts";

const blocksAndPlacement = fc.integer({ min: 1, max: 60 }).chain((blocks) => fc.record({ blocks: fc.constant(blocks), placement: arbitraryPlacement(blocks, 9) }));

const graphOf = (tensors: readonly TiledTensor[], offsets: readonly number[], start = 0, stride = 0): PlannedGraph =>
  ({ plan: { offsets, tiles: { start, stride, bytes: stride }, bytes: 0 }, tiled: { tensors } }) as unknown as PlannedGraph;

/** Emits functions that store what each of these lists gives, and reads the words back. */
async function evaluate(graph: PlannedGraph, lists: readonly ((f: ControlFunction, layout: Layout) => Int[])[]): Promise<number[][]> {
  const lengths: number[] = [];
  const module = await controlModule(graph, lists.map((_, i) => `list${i}`), 2, (binaryen, layout) => lists.forEach((list, i) => {
    const f = new ControlFunction(binaryen);
    const values = list(f, layout);
    lengths.push(values.length);
    values.forEach((value, word) => f.emit(binaryen.i32.store(0, 4, binaryen.i32.const(4 * word), f.code(value))));
    f.finish(`list${i}`);
  }));
  return lists.map((_, i) => {
    module.run(`list${i}`, 0, 0);
    return Array.from({ length: lengths[i]! }, (__, word) => module.memory.getInt32(4 * word, true));
  });
}

/** A number that the compiler cannot see. */
const hidden = (f: ControlFunction, value: number): Int => f.keep(() => f.module.i32.const(value));

describe("the place of a block", () => {
  it("is its tile, and how many blocks are before it there", async () => {
    await fc.assert(fc.asyncProperty(fc.array(blocksAndPlacement, { minLength: 10, maxLength: 10 }), async (cases) => {
      const placed = (known: boolean) => cases.map(({ blocks, placement }) => (f: ControlFunction, layout: Layout): Int[] =>
        Array.from({ length: blocks }, (_, k) => layout.place(f, placement, blocks, known ? k : hidden(f, k))).flatMap(({ tile, slot }) => [tile, slot]));
      const expected = cases.map(({ blocks, placement }) => {
        const tiles = tilesOf(placement, blocks);
        return tiles.flatMap((tile, k) => [tile, tiles.slice(0, k).filter((other) => other === tile).length]);
      });
      expect(await evaluate(graphOf([], []), placed(true))).toEqual(expected);
      expect(await evaluate(graphOf([], []), placed(false))).toEqual(expected);
    }), { numRuns: 3 });
  });

  it("has slots counted per tile", () => {
    expect(slotsOf([3, 0, 3, 3, 0])).toEqual([0, 0, 1, 2, 1]);
  });
});

describe("addresses", () => {
  const tensor = (dtype: TiledTensor["type"]["dtype"], shape: readonly number[], distribution: TiledTensor["distribution"], storage: TiledTensor["storage"] = "blocks"): TiledTensor =>
    ({ name: "t", type: { dtype, shape }, origin: nowhere, storage, distribution, persistent: true });

  it("of first elements of blocks are where counting finds them", async () => {
    await fc.assert(fc.asyncProperty(arbitraryDistribution([7, 5], 6), async (distribution) => {
      const graph = graphOf([tensor("f16", [7, 5], distribution)], [128], 4096, 1000);
      const where = locations([7, 5], distribution);
      const firsts = Array.from({ length: sizeOf(distribution.grid) }, (_, k) => {
        const [i, j] = [Math.floor(k / distribution.grid[1]!) * distribution.block[0]!, (k % distribution.grid[1]!) * distribution.block[1]!];
        const { tile, position } = where[i * 5 + j]!;
        return 4096 + 1000 * tile + 128 + position * bytesOf("f16");
      });
      const [found] = await evaluate(graph, [(f, layout) => firsts.map((_, k) => {
        const { tile, slot } = layout.place(f, distribution.placement, firsts.length, hidden(f, k));
        return layout.block(f, 0, tile, slot);
      })]);
      expect(found).toEqual(firsts);
    }), { numRuns: 25 });
  });

  it("of scalars are on the tile that holds them; aliases lie where their root does", async () => {
    const list: Placement = { kind: "list", tiles: [4] };
    const tensors = [tensor("i32", [], onOneTile([], 2)), tensor("i32", [], distribute([], [], list)), tensor("i32", [], onOneTile([]), "whole"), { ...tensor("i32", [1], onOneTile([1], 2)), aliasOf: 0 }];
    const [found] = await evaluate(graphOf(tensors, [16, 32, 48], 4096, 1000), [(f, layout) => [layout.scalar(f, 0), layout.scalar(f, 1), layout.scalar(f, 2), layout.offset(3)]]);
    expect(found).toEqual([4096 + 2000 + 16, 4096 + 4000 + 32, 48, 16]);
  });
});
