import { describe, expect, it } from "vitest";
import { target, withTiles } from "../../targets/targets.ts";
import { linkLoads } from "./links.ts";
import type { Transfers } from "./transfers.ts";

/** Pieces as [from, bytes, receivers]. */
const transfers = (tiles: number, pieces: readonly (readonly [from: number, bytes: number, to: readonly number[]])[]): Transfers => ({
  tiles, pieces: pieces.length, hostBytes: 0,
  from: Int32Array.from(pieces, ([from]) => from), bytes: Uint32Array.from(pieces, ([, bytes]) => bytes),
  start: Int32Array.from([0, ...pieces.map((_, p) => pieces.slice(0, p + 1).reduce((sum, [, , to]) => sum + to.length, 0))]),
  to: Int32Array.from(pieces.flatMap(([, , to]) => to)),
});

describe("links between chips", () => {
  const machine = { ...withTiles(target("ipu-mk2"), 8), chips: { count: 4, bytesPerCycle: 8, startCycles: 100 } };

  it("cost nothing on one chip, or where nothing crosses", () => {
    const near = transfers(8, [[0, 64, [1]], [2, 64, [3]]]);
    expect(linkLoads(near, machine)).toEqual({ bytes: 0, cycles: 0 });
    expect(linkLoads(transfers(8, [[0, 64, [7]]]), withTiles(target("ipu-mk2"), 8))).toEqual({ bytes: 0, cycles: 0 });
  });

  it("carry a piece once to each chip that wants it; the busiest chip decides", () => {
    // Tile 0 tells everyone: three chips receive 64 bytes, chip 0 sends 192. Tile 7 sends 8 more to chip 0.
    const all = transfers(8, [[0, 64, [1, 2, 3, 4, 5, 6, 7]], [7, 8, [0, 6]]]);
    expect(linkLoads(all, machine)).toEqual({ bytes: 200, cycles: 100 + 192 / 8 });
  });
});
