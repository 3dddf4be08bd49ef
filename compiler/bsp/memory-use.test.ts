/** What tiles hold, against adding up every tile's blocks one by one. */
import { describe, expect, it } from "vitest";
import type { Graph } from "../graph/graph.ts";
import { nowhere } from "../support/span.ts";
import { distribute, onOneTile, tileOf } from "../tiled/distribution.ts";
import type { Copy, TensorId, TiledGraph, TiledTensor } from "../tiled/tiled.ts";
import type { BspGraph, BspStep } from "./bsp.ts";
import { lifetimes } from "./lifetimes.ts";
import { memoryUse } from "./memory-use.ts";
import { programBytes } from "./program-bytes.ts";

const tiles = 6;

const tensor = (name: string, shape: readonly number[], distribution: TiledTensor["distribution"], persistent = false): TiledTensor => ({
  name, type: { dtype: "f32", shape }, origin: { ...nowhere, start: name.length, file: name }, storage: "blocks", distribution, persistent,
});

/** Kept everywhere, kept on tile 5, and three temporaries of which the second and third are never alive together. */
const tensors: TiledTensor[] = [
  tensor("a", [60], distribute([60], [10], { kind: "cyclic", tiles: 6 }), true),
  tensor("b", [3], onOneTile([3], 5), true),
  tensor("c", [48], distribute([48], [4], { kind: "scaled", tiles: 6 })),
  tensor("d", [100], onOneTile([100], 2)),
  tensor("e", [7, 5], distribute([7, 5], [1, 5], { kind: "list", tiles: [0, 0, 0, 1, 2, 2, 5] })),
];

const copy = (driver: TensorId, other: TensorId): Copy => ({ direction: "pull", driver, other, map: [], range: [], cause: "test", origin: nowhere });
const superstep = (...pairs: [TensorId, TensorId][]): BspStep => ({ kind: "superstep", phases: [{ kind: "exchange", copies: pairs.map(([a, b]) => copy(a, b)), origin: nowhere }], sync: true, origin: nowhere });

const steps: BspStep[] = [superstep([2, 0]), superstep([3, 2]), superstep([1, 3]), superstep([4, 0]), superstep([0, 4])];
const program = (name: string, list: BspStep[]) => ({ name, steps: list, reads: [], writes: [], origin: nowhere });
const graph: BspGraph = {
  tiled: { graph: { name: "g" } as Graph, tiles, tensors, states: [], constants: [], programs: [], initial: program("initial", []) as never } satisfies TiledGraph,
  programs: [program("main", steps)], initial: program("initial", []),
};

/** Bytes on each tile between each two syncs: tensors in multiples of 64, and the program's tables. */
function heldOneByOne(): number[][] {
  const { code, tables } = programBytes(graph);
  const lives = lifetimes(graph.tiled, steps);
  return Array.from({ length: tiles }, (_, tile) => Array.from({ length: steps.length + 1 }, (__, moment) => tensors.reduce((sum, { persistent, distribution }, id) => {
    const life = lives.get(id);
    if (!persistent && !(life && life.first <= moment && moment <= life.last)) return sum;
    const blocks = distribution.grid.reduce((a, b) => a * b, 1);
    const size = distribution.block.reduce((a, b) => a * b, 1) * 4;
    let bytes = 0;
    for (let k = 0; k < blocks; k++) if (tileOf(distribution.placement, k, blocks) === tile) bytes += size;
    return sum + Math.ceil(bytes / 64) * 64;
  }, code[tile]! + tables[tile]!)));
}

describe("memoryUse", () => {
  const use = memoryUse(graph, "private");
  const held = heldOneByOne();

  it("finds the fullest tile and its fullest moment", () => {
    const most = held.map((moments) => Math.max(...moments));
    const tile = most.indexOf(Math.max(...most));
    expect({ tile: use.tile, bytes: use.bytes, program: use.program }).toEqual({ tile, bytes: most[tile], program: "main" });
    expect(use.programs[0]!.intervals.map(({ bytes }) => bytes)).toEqual(held[tile]);
  });

  it("counts a tensor on one tile on that tile alone", () => {
    // Tile 2 alone has d: 400 bytes beside its share of a and c.
    expect(use.tile).toBe(2);
    expect(use.tensors.map(({ tensor: id, bytes }) => [tensors[id]!.name, bytes])).toEqual([["d", 400], ["a", 40], ["c", 32]]);
    // Besides: five copies with a run for each block of a, b, c, d and e, and for those who send it.
    expect({ kept: use.keptBytes, tables: use.tableBytes, code: use.codeBytes, lost: use.alignmentBytes }).toEqual({ kept: 64 + use.tableBytes, tables: programBytes(graph).tables[2], code: 0, lost: 48 + 24 + 32 });
  });

  it("gives every tile its bytes, in classes", () => {
    expect(use.classes.reduce((sum, { tiles: count }) => sum + count, 0)).toBe(tiles);
    for (const { tile, bytes } of use.classes) expect(bytes).toBe(Math.max(...held[tile]!));
  });

  it("shows a tensor's pieces as one", () => {
    const named = { ...graph, tiled: { ...graph.tiled, tensors: tensors.map((one) => (one.name === "c" ? { ...one, name: "d", origin: tensors[3]!.origin } : one)) } };
    expect(memoryUse(named, "private").tensors[0]).toEqual({ tensor: 3, pieces: 2, bytes: 432 });
  });
});
