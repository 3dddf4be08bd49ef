/** Loads worked out from blocks, against those of every piece. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { affineIndex } from "../../support/affine.ts";
import { distribute } from "../../tiled/distribution.ts";
import type { Placement } from "../../tiled/tiled.ts";
import { blockLoads, mostReceipts } from "./block-loads.ts";
import { loadsOf } from "./loads.ts";
import { copyOf, exchanges, tensor, type Exchange } from "../testing/exchanges.ts";
import { transfersOf } from "./transfers.ts";

function check({ tiled, copies }: Exchange): void {
  const exact = loadsOf(transfersOf(tiled, copies));
  const { bytesIn, bytesOut } = blockLoads(tiled, copies);
  expect([...bytesIn]).toEqual([...exact.bytesIn]);
  bytesOut.forEach((bytes, tile) => expect(bytes).toBeLessThanOrEqual(exact.bytesOut[tile]! + 1e-9));
  expect(mostReceipts(tiled, copies)).toBeGreaterThanOrEqual(transfersOf(tiled, copies).to.length);
}

describe("loads by blocks", () => {
  it("have exactly what is received, and never more than what is sent", () => fc.assert(fc.property(exchanges(false), check), { numRuns: 400 }));
  it("also where dimensions depend on several others", () => fc.assert(fc.property(exchanges(true), check), { numRuns: 400 }));

  const inOrder: Placement = { kind: "blocked", first: 0, perTile: 1 };
  const rows = (size: number) => tensor("rows", [size, size], distribute([size, size], [1, size], inOrder));
  const columns = (size: number) => tensor("columns", [size, size], distribute([size, size], [size, 1], inOrder));
  const straight = [affineIndex(0, 2), affineIndex(1, 2)];

  it("know what is sent, where every tile has one block: a change from rows to columns", () => {
    const tensors = [columns(16), rows(16)];
    const { bytesIn, bytesOut } = blockLoads({ tiles: 16, tensors }, [copyOf(tensors, 0, 1, straight)]);
    expect([...bytesOut]).toEqual(new Array(16).fill(15 * 4));
    expect([...bytesIn]).toEqual([...bytesOut]);
  });

  it("send once what all want", () => {
    const tensors = [tensor("everywhere", [8, 8, 8], distribute([8, 8, 8], [1, 8, 8], inOrder)), rows(8)];
    const { bytesIn, bytesOut } = blockLoads({ tiles: 8, tensors }, [copyOf(tensors, 0, 1, [affineIndex(1, 3), affineIndex(2, 3)])]);
    expect([...bytesIn]).toEqual(new Array(8).fill(7 * 8 * 4));
    // A tile's own share of a multicast is taken off, as it may be all of it.
    for (const bytes of bytesOut) expect(bytes).toBeCloseTo(8 * 4 * (7 / 8));
  });

  it("take no longer for 10,000,000,000 pieces", () => {
    const tensors = [columns(100_000), rows(100_000)];
    const copies = [copyOf(tensors, 0, 1, straight)];
    expect(mostReceipts({ tiles: 100_000, tensors }, copies)).toBe(1e10);
    expect(blockLoads({ tiles: 100_000, tensors }, copies).bytesIn[99_999]).toBe(99_999 * 4);
  });
});
