import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { target, withTiles } from "../../targets/targets.ts";
import { linkLoads } from "./links.ts";
import { patterns } from "../testing/exchange-patterns.ts";
import { schedule } from "./schedule.ts";
import { simulate } from "./simulate.ts";
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

describe("schedules over links", () => {
  const machine = { ...withTiles(target("ipu-mk2"), 64), chips: { count: 4, bytesPerCycle: 24, startCycles: 30 } };

  it.each(patterns.filter(({ mostTiles }) => mostTiles >= 64))("of $name are legal: links carry no more than they can, and nothing before they start", ({ make }) => {
    const made = make(64, 3);
    const result = schedule(made, machine);
    expect(simulate(made, result, machine)).toEqual({ legal: true, cycles: result.cycles });
    expect(result.cycles).toBeGreaterThanOrEqual(result.boundCycles);
    expect(result.cycles / result.boundCycles).toBeLessThanOrEqual(1.5);
  });

  it("of all-to-all are as long as the links need, nearly", () => {
    const made = patterns.find(({ name }) => name === "all-to-all")!.make(64, 3);
    const result = schedule(made, machine);
    expect(result.boundCycles).toBe(linkLoads(made, machine).cycles);
    expect(result.cycles / result.boundCycles).toBeLessThanOrEqual(1.05);
  });

  it("let tiles of one chip go on meanwhile", () => {
    // Tile 0 tells tile 63 four bytes over the links; tiles 1 and 2 have 100 cycles of their own.
    const made = transfers(64, [[0, 4, [63]], [1, 400, [2]]]);
    expect(schedule(made, machine).cycles).toBe(100);
  });

  it("are refused by the simulator when they overload a link, or start it too soon", () => {
    // Slots for six messages; seven tiles of chip 0 send to chip 1 at once.
    const made = transfers(64, Array.from({ length: 7 }, (_, t) => [t, 4, [16 + t]] as const));
    const alone = { ...machine, chips: { ...machine.chips, bytesPerCycle: 28 } };
    const together = schedule(made, alone);
    expect(together.cycles).toBe(31);
    expect(simulate(made, together, alone)).toMatchObject({ legal: true });
    expect(simulate(made, together, machine)).toMatchObject({ problem: "chip 0 sends 7 messages over links for 6 in cycle 30" });
    expect(simulate(made, together, { ...alone, chips: { ...alone.chips, startCycles: 31 } })).toMatchObject({ problem: "message 0 crosses chips in cycle 30, before the links have started" });
  });

  it("hold on random transfers, tiles and links", () => fc.assert(fc.property(
    fc.integer({ min: 4, max: 24 }), fc.integer({ min: 2, max: 4 }), fc.integer({ min: 1, max: 40 }), fc.integer({ min: 0, max: 20 }),
    fc.array(fc.tuple(fc.nat(23), fc.integer({ min: 1, max: 60 }), fc.uniqueArray(fc.nat(23), { minLength: 1, maxLength: 6 })), { minLength: 1, maxLength: 30 }),
    (tiles, count, bytesPerCycle, startCycles, list) => {
      const pieces = list.map(([from, bytes, to]) => [from % tiles, bytes, [...new Set(to.map((tile) => tile % tiles))].filter((tile) => tile !== from % tiles).sort((a, b) => a - b)] as const).filter(([, , to]) => to.length > 0);
      const made = transfers(tiles, pieces);
      const some = { ...withTiles(target("ipu-mk2"), tiles), chips: { count, bytesPerCycle, startCycles } };
      const result = schedule(made, some);
      expect(simulate(made, result, some)).toEqual({ legal: true, cycles: result.cycles });
    },
  ), { numRuns: 300 }));
});
