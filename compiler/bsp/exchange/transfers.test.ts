/** Transfers against the truth, element by element. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { affineConstant, affineIndex, identityMap } from "../../support/affine.ts";
import { distribute, onOneTile } from "../../tiled/distribution.ts";
import { loadsOf } from "./loads.ts";
import { copyOf, exchanges, movesOf, tensor, type Exchange } from "../testing/exchanges.ts";
import { transfersOf, type Transfers } from "./transfers.ts";

/** Bytes by sender and receiver. */
function pairsOf(transfers: Transfers): Map<string, number> {
  const pairs = new Map<string, number>();
  for (let piece = 0; piece < transfers.pieces; piece++) {
    for (let i = transfers.start[piece]!; i < transfers.start[piece + 1]!; i++) {
      const pair = `${transfers.from[piece]}>${transfers.to[i]}`;
      pairs.set(pair, (pairs.get(pair) ?? 0) + transfers.bytes[piece]!);
    }
  }
  return pairs;
}

function check(exchange: Exchange): void {
  const transfers = transfersOf(exchange.tiled, exchange.copies);
  const moves = movesOf(exchange);
  const truth = new Map<string, number>();
  const distinct = new Map<number, Map<string, number>>();
  for (const { from, to, element, bytes } of moves) {
    truth.set(`${from}>${to}`, (truth.get(`${from}>${to}`) ?? 0) + bytes);
    if (!distinct.has(from)) distinct.set(from, new Map());
    distinct.get(from)!.set(element, bytes);
  }
  expect(pairsOf(transfers)).toEqual(truth);
  for (let piece = 0; piece < transfers.pieces; piece++) {
    const receivers = [...transfers.to.subarray(transfers.start[piece], transfers.start[piece + 1])];
    expect(receivers).toEqual([...new Set(receivers)].sort((a, b) => a - b));
    expect(receivers.length).toBeGreaterThan(0);
    expect(receivers).not.toContain(transfers.from[piece]);
  }
  // A sender sends no less than the distinct elements, and no more than one stream for each receiver.
  const { bytesOut } = loadsOf(transfers);
  for (let tile = 0; tile < exchange.tiled.tiles; tile++) {
    const least = [...(distinct.get(tile)?.values() ?? [])].reduce((a, b) => a + b, 0);
    const most = moves.filter(({ from }) => from === tile).reduce((sum, { bytes }) => sum + bytes, 0);
    expect(bytesOut[tile]).toBeGreaterThanOrEqual(least);
    expect(bytesOut[tile]).toBeLessThanOrEqual(most);
  }
}

describe("bytes between each two tiles are what moving element by element gives", () => {
  test("slices, transposes, reversals, steps, broadcasts", () => fc.assert(fc.property(exchanges(false), check), { numRuns: 400 }));
  test("windows and reshapes, where dimensions depend on several others", () => fc.assert(fc.property(exchanges(true), check), { numRuns: 400 }));
});

describe("multicast", () => {
  const inOrder = { kind: "blocked", first: 0, perTile: 1 } as const;

  test("what all tiles want from one is sent once", () => {
    const tensors = [tensor("all", [8, 100], distribute([8, 100], [1, 100], inOrder)), tensor("one", [100], onOneTile([100]))];
    const transfers = transfersOf({ tiles: 8, tensors }, [copyOf(tensors, 0, 1, [affineIndex(1, 2)])]);
    expect(transfers.pieces).toBe(1);
    expect([...transfers.to]).toEqual([1, 2, 3, 4, 5, 6, 7]);
    expect(loadsOf(transfers).bytesOut[0]).toBe(400);
  });

  test("two copies of the same elements are one piece, of different ones are two", () => {
    const place = (tile: number) => onOneTile([10], tile);
    const tensors = [tensor("source", [20], onOneTile([20])), tensor("a", [10], place(1)), tensor("b", [10], place(2)), tensor("c", [10], place(3))];
    const at = (driver: number, constant: number) => copyOf(tensors, driver, 0, [affineIndex(0, 1, 1, constant)]);
    const transfers = transfersOf({ tiles: 4, tensors }, [at(1, 0), at(2, 0), at(3, 5)]);
    expect(transfers.pieces).toBe(2);
    expect([...transfers.to]).toEqual([1, 2, 3]);
  });

  test("two copies of one element to one tile are sent twice", () => {
    const tensors = [tensor("source", [4], onOneTile([4])), tensor("many", [6, 4], distribute([6, 4], [1, 4], { kind: "blocked", first: 0, perTile: 2 }))];
    const transfers = transfersOf({ tiles: 3, tensors }, [copyOf(tensors, 1, 0, [affineIndex(1, 2)])]);
    expect([...transfers.bytes]).toEqual([16, 16]);
    expect([...transfers.to]).toEqual([1, 2, 1, 2]);
  });

  test("a reversed and a straight reading are two streams", () => {
    const tensors = [tensor("source", [4], onOneTile([4])), tensor("a", [4], onOneTile([4], 1)), tensor("b", [4], onOneTile([4], 2))];
    const transfers = transfersOf({ tiles: 3, tensors }, [copyOf(tensors, 1, 0, identityMap(1)), copyOf(tensors, 2, 0, [affineIndex(0, 1, -1, 3)])]);
    expect(transfers.pieces).toBe(2);
  });
});

test("the host is no tile: its bytes are only counted", () => {
  const tensors = [tensor("device", [8, 3], distribute([8, 3], [3, 3], { kind: "cyclic", tiles: 4 })), tensor("host", [8, 3], onOneTile([8, 3]), "f32", "whole")];
  const copies = [copyOf(tensors, 0, 1, identityMap(2)), { ...copyOf(tensors, 0, 1, identityMap(2), "push"), range: [{ start: 2, count: 1 }, { start: 0, count: 1 }] }];
  const transfers = transfersOf({ tiles: 4, tensors }, copies);
  expect(transfers).toMatchObject({ pieces: 0, hostBytes: 96 + 24 });
});

test("the number of pieces, not of elements, decides the work: a shift over 100,000 tiles of a million elements each", () => {
  const shape = [100_000, 1_000_000];
  const place = distribute(shape, [1, 1_000_000], { kind: "blocked", first: 0, perTile: 1 });
  const tensors = [tensor("from", shape, place), tensor("to", [99_999, 1_000_000], distribute([99_999, 1_000_000], [1, 1_000_000], { kind: "blocked", first: 0, perTile: 1 }))];
  const transfers = transfersOf({ tiles: 100_000, tensors }, [copyOf(tensors, 1, 0, [affineIndex(0, 2, 1, 1), affineIndex(1, 2)])]);
  expect(transfers.pieces).toBe(99_999);
  expect(loadsOf(transfers).busiest).toMatchObject({ bytesIn: 4_000_000 });
});

test("an empty tensor moves nothing", () => {
  const tensors = [tensor("a", [0, 4], distribute([0, 4], [1, 4], { kind: "cyclic", tiles: 2 })), tensor("b", [0, 4], distribute([0, 4], [1, 4], { kind: "cyclic", tiles: 2 }))];
  expect(transfersOf({ tiles: 2, tensors }, [copyOf(tensors, 0, 1, [affineConstant(0, 2), affineIndex(1, 2)])]).pieces).toBe(0);
});
