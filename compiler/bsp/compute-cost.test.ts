/** Tiles of vertices with known cycles: threads, balance, and sharing of library vertices. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { i32, KernelBuilder } from "../kernel/build.ts";
import { estimateKernel, sharedKernelCycles } from "../kernel/cycles.ts";
import type { Kernel } from "../kernel/kernel.ts";
import { nowhere } from "../support/span.ts";
import { target, withTiles } from "../targets/targets.ts";
import type { ComputeSet, Family, Placement } from "../tiled/tiled.ts";
import { ComputeModel, deal } from "./compute-cost.ts";

const machine = withTiles(target("ipu-mk2"), 10);

const said = (cycles: number): Kernel => new KernelBuilder("said", nowhere).finish(cycles);

const family = (kernel: Kernel, count: number, placement: Placement): Family => ({ name: kernel.name, kernel, grid: [count], range: [{ start: 0, count }], placement, fields: [], origin: nowhere });
const set = (...families: Family[]): ComputeSet => ({ name: "set", families, origin: nowhere });
const cost = (...sets: ComputeSet[]) => new ComputeModel(machine, machine.tiles).cost(sets);

describe("deal", () => {
  it("is the greedy schedule, one vertex after the other", () => {
    const batches = fc.array(fc.tuple(fc.nat(40), fc.integer({ min: 1, max: 50 })), { maxLength: 5 });
    fc.assert(fc.property(batches, fc.integer({ min: 1, max: 6 }), (all, threads) => {
      const fast = new Array<number>(threads).fill(0);
      const slow = new Array<number>(threads).fill(0);
      for (const [count, cycles] of all) {
        deal(count, cycles, fast);
        for (let vertex = 0; vertex < count; vertex++) slow[slow.indexOf(Math.min(...slow))]! += cycles;
      }
      expect(fast.toSorted((a, b) => a - b)).toEqual(slow.toSorted((a, b) => a - b));
    }));
  });
});

describe("cost of compute sets", () => {
  it("is threads × the rounds of the tile that has most", () => {
    // 10 tiles; 25 vertices dealt in turn: five tiles have three, five have two. All fit into one round of six threads.
    expect(cost(set(family(said(100), 25, { kind: "cyclic", tiles: 10 })))).toMatchObject({ cycles: 600, meanCycles: 600, busyTiles: 10 });
    // Seven on one tile are two rounds.
    expect(cost(set(family(said(100), 7, { kind: "blocked", first: 4, perTile: 7 })))).toMatchObject({ cycles: 1200, meanCycles: 120, busyTiles: 1, slowestTile: 4 });
  });

  it("gives the balance of unequal tiles: the mean by the slowest", () => {
    // Tile 0: 12 vertices in two rounds. Tiles 1 to 4: six in one. The others: none.
    const tiles = [...new Array<number>(12).fill(0), ...[1, 2, 3, 4].flatMap((tile) => new Array<number>(6).fill(tile))];
    const { cycles, meanCycles, slowestTile, busyTiles } = cost(set(family(said(50), tiles.length, { kind: "list", tiles })));
    expect({ cycles, meanCycles, slowestTile, busyTiles }).toEqual({ cycles: 600, meanCycles: (600 + 4 * 300) / 10, slowestTile: 0, busyTiles: 5 });
  });

  it("adds up sets that follow each other on one tile, and takes the slowest tile of the sum", () => {
    const first = set(family(said(10), 1, { kind: "blocked", first: 0, perTile: 1 }));
    const second = set(family(said(30), 1, { kind: "blocked", first: 1, perTile: 1 }));
    const both = set(family(said(25), 1, { kind: "blocked", first: 0, perTile: 1 }));
    expect(cost(first, second, both)).toMatchObject({ cycles: 6 * 35, slowestTile: 0, sets: [{ cycles: 60 }, { cycles: 180 }, { cycles: 150 }] });
  });

  it("goes through vertices of different families in their order", () => {
    // Five of 10 cycles go to five threads, three of 30 to the sixth and to two of the others.
    const families = [family(said(10), 5, { kind: "blocked", first: 0, perTile: 5 }), family(said(30), 3, { kind: "blocked", first: 0, perTile: 3 })];
    expect(cost(set(...families)).cycles).toBe(6 * 40);
  });

  it("shares a library vertex among the threads of its tile, unless dealing them out is sooner", () => {
    const builder = new KernelBuilder("fill", nowhere);
    const y = builder.buffer({ name: "y", dtype: "i32", shape: [60], access: "out" });
    builder.for({ end: i32(60), parallel: true }, (i) => builder.store(y, [i], i32(7)));
    const fill = builder.finish();
    const whole = estimateKernel(fill, machine).cycles;
    const shared = sharedKernelCycles(fill, machine, 6)!.cycles;
    expect(shared).toBeLessThan(whole);
    const on = (count: number): number => cost(set(family(fill, count, { kind: "blocked", first: 0, perTile: count }))).cycles;
    expect(on(1)).toBe(6 * shared);
    expect(on(6)).toBe(6 * whole);
    expect(on(6)).toBeLessThan(6 * 6 * shared);
  });

  it("shares a long vertex that lies beside one that cannot be shared", () => {
    const builder = new KernelBuilder("fill", nowhere);
    const y = builder.buffer({ name: "y", dtype: "i32", shape: [600], access: "out" });
    builder.for({ end: i32(600), parallel: true }, (i) => builder.store(y, [i], i32(7)));
    const fill = builder.finish();
    const here = { kind: "blocked", first: 0, perTile: 1 } as const;
    const shared = sharedKernelCycles(fill, machine, 6)!.cycles;
    expect(cost(set(family(said(10), 1, here), family(fill, 1, here))).cycles).toBe(6 * (shared + 10));
    // One that takes as long meanwhile on another thread.
    const whole = estimateKernel(fill, machine).cycles;
    expect(cost(set(family(said(whole), 1, here), family(fill, 1, here))).cycles).toBe(6 * whole);
  });
});
