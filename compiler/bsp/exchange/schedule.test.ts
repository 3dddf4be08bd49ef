/** Schedules: legal by the simulator, close to the bound, always the same. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { affineIndex } from "../../support/affine.ts";
import { ipuMk2 } from "../../targets/ipu-mk2.ts";
import { distribute, onOneTile } from "../../tiled/distribution.ts";
import { exchangeCost, printSchedule, schedule, simulate, transfersOf, type Schedule, type Transfers } from "./index.ts";
import { lengthOf } from "./messages.ts";
import { scheduleByList } from "./list-schedule.ts";
import { scheduleOpenShop } from "./open-shop.ts";
import { patterns } from "../testing/exchange-patterns.ts";
import { streamsOf } from "./streams.ts";
import { copyOf, exchanges, tensor } from "../testing/exchanges.ts";

const { bytesPerCycle } = ipuMk2.exchange;

function legal(transfers: Transfers, made: Schedule): void {
  expect(simulate(transfers, made, ipuMk2)).toEqual({ legal: true, cycles: made.cycles });
  expect(made.cycles).toBeGreaterThanOrEqual(made.boundCycles);
}

describe("every pattern is legal and within 5 % of the bound", () => {
  const sizes = [16, 64, 256];
  test.each(patterns)("$name", ({ make, mostTiles }) => {
    for (const tiles of sizes.filter((size) => size <= mostTiles)) {
      const transfers = make(tiles, tiles);
      const made = schedule(transfers, ipuMk2);
      legal(transfers, made);
      expect(made.cycles / made.boundCycles, `on ${tiles} tiles`).toBeLessThanOrEqual(1.05);
    }
  });

  test("at any number of tiles", () => fc.assert(fc.property(fc.constantFrom(...patterns), fc.integer({ min: 9, max: 90 }), fc.nat(), ({ make }, tiles, seed) => {
    const transfers = make(tiles, seed);
    legal(transfers, schedule(transfers, ipuMk2));
  }), { numRuns: 90 }));
});

test("random exchanges of random copies, with parts of words and pieces that come twice", () => fc.assert(fc.property(exchanges(true), ({ tiled, copies }) => {
  const transfers = transfersOf(tiled, copies);
  legal(transfers, schedule(transfers, ipuMk2));
}), { numRuns: 300 }));

/** Any pieces to any tiles. */
const anyTransfers = fc.integer({ min: 2, max: 12 }).chain((tiles) => fc.array(fc.record({
  from: fc.nat({ max: tiles - 1 }), to: fc.uniqueArray(fc.nat({ max: tiles - 1 }), { minLength: 1, maxLength: 5 }), bytes: fc.integer({ min: 1, max: 200 }),
}), { maxLength: 40 }).map((list): Transfers => {
  const pieces = list.map(({ from, to, bytes }) => ({ from, bytes, to: to.filter((tile) => tile !== from).sort((a, b) => a - b) })).filter(({ to }) => to.length > 0);
  const start = new Int32Array(pieces.length + 1);
  pieces.forEach(({ to }, i) => { start[i + 1] = start[i]! + to.length; });
  return { tiles, pieces: pieces.length, from: Int32Array.from(pieces, ({ from }) => from), bytes: Uint32Array.from(pieces, ({ bytes }) => bytes), start, to: Int32Array.from(pieces.flatMap(({ to }) => to)), hostBytes: 0 };
}));

test("any multicasts: every way of scheduling them is legal", () => fc.assert(fc.property(anyTransfers, fc.nat({ max: 5 }), fc.integer({ min: 1, max: 60 }), fc.constantFrom("sends", "receipts"), fc.boolean(), (transfers, variant, mostCycles, urgency, end) => {
  legal(transfers, schedule(transfers, ipuMk2));
  const streams = streamsOf(transfers);
  const messages = scheduleByList(streams, bytesPerCycle, { horizon: 100, mostCycles, end, urgency, variant });
  expect(simulate(transfers, { cycles: lengthOf(messages, bytesPerCycle), boundCycles: 0, streams, messages }, ipuMk2)).toMatchObject({ legal: true });
}), { numRuns: 300 }));

test("without multicast, of any sizes: as long as the busiest tile's streams and no longer", () => fc.assert(fc.property(anyTransfers, (transfers) => {
  const alone = { ...transfers, start: Int32Array.from({ length: transfers.pieces + 1 }, (_, i) => i), to: Int32Array.from({ length: transfers.pieces }, (_, i) => transfers.to[transfers.start[i]!]!) };
  const streams = streamsOf(alone);
  const cyclesIn = new Array<number>(alone.tiles).fill(0);
  const cyclesOut = new Array<number>(alone.tiles).fill(0);
  for (let i = 0; i < streams.count; i++) {
    const cycles = Math.ceil(streams.bytes[i]! / bytesPerCycle);
    cyclesOut[streams.from[i]!]! += cycles;
    cyclesIn[streams.to[i]!]! += cycles;
  }
  const busiest = Math.max(...cyclesIn, ...cyclesOut);
  const made = schedule(alone, ipuMk2);
  legal(alone, made);
  expect(made.cycles).toBe(busiest);
  const messages = scheduleOpenShop(streams, bytesPerCycle);
  expect(simulate(alone, { ...made, streams, messages }, ipuMk2)).toEqual({ legal: true, cycles: busiest });
}), { numRuns: 600 }));

test("the same exchange gives the same schedule, byte for byte", () => {
  for (const { make } of patterns) expect(JSON.stringify(schedule(make(64, 7), ipuMk2))).toBe(JSON.stringify(schedule(make(64, 7), ipuMk2)));
});

test("nothing to transfer takes no time", () => {
  expect(schedule(transfersOf({ tiles: 4, tensors: [] }, []), ipuMk2)).toMatchObject({ cycles: 0, boundCycles: 0, messages: { count: 0 } });
});

describe("the simulator refuses", () => {
  // Tile 0 has two pieces of 8 bytes: the first for tiles 1 and 2, the second for tile 1; tile 3 has one of 8 for tile 1.
  const transfers: Transfers = { tiles: 4, pieces: 3, from: Int32Array.of(0, 0, 3), bytes: Uint32Array.of(8, 8, 8), start: Int32Array.of(0, 2, 3, 4), to: Int32Array.of(1, 2, 1, 1), hostBytes: 0 };
  interface Message { stream: number; start: number; to: number[]; offset?: number; bytes?: number }
  const good: Message[] = [{ stream: 0, start: 0, to: [1, 2] }, { stream: 1, start: 2, to: [1] }, { stream: 2, start: 4, to: [1] }];
  const made = (list: Message[], from = [0, 0, 3]): Schedule => {
    const toStart = new Int32Array(list.length + 1);
    list.forEach(({ to }, i) => { toStart[i + 1] = toStart[i]! + to.length; });
    const messages = {
      count: list.length, stream: Int32Array.from(list, ({ stream }) => stream), offset: Float64Array.from(list, ({ offset }) => offset ?? 0), bytes: Float64Array.from(list, ({ bytes }) => bytes ?? 8),
      start: Float64Array.from(list, ({ start }) => start), toStart, to: Int32Array.from(list.flatMap(({ to }) => to)),
    };
    return { cycles: lengthOf(messages, bytesPerCycle), boundCycles: 6, streams: { ...streamsOf(transfers), from: Int32Array.from(from) }, messages };
  };
  const problem = (list: Message[], from?: number[]): unknown => {
    const result = simulate(transfers, made(list, from), ipuMk2);
    return result.legal ? "none" : result.problem;
  };
  const changed = (at: number, change: Partial<Message>): Message[] => good.map((message, i) => (i === at ? { ...message, ...change } : message));

  test("nothing in a legal schedule", () => expect(problem(good)).toBe("none"));
  test("two sends at once", () => expect(problem(changed(1, { start: 1 }))).toBe("tile 0 sends two streams in cycle 1"));
  test("two receipts at once", () => expect(problem(changed(2, { start: 3 }))).toBe("tile 1 receives two streams in cycle 3"));
  test("a piece that comes twice", () => expect(problem([...good, { stream: 2, start: 6, to: [1] }])).toBe("byte 0 of piece 2 comes to tile 1 twice"));
  test("a piece that does not come", () => expect(problem(good.slice(0, 2))).toBe("byte 0 of piece 2 does not come to tile 1"));
  test("a piece of which a part does not come", () => expect(problem(changed(2, { bytes: 5 }))).toBe("byte 5 of piece 2 does not come to tile 1"));
  test("a multicast that misses one", () => expect(problem(changed(0, { to: [1] }))).toBe("byte 0 of piece 0 does not come to tile 2"));
  test("a tile that did not ask", () => expect(problem(changed(1, { to: [1, 2] }))).toBe("tile 2 receives piece 1 and did not ask for it"));
  test("a tile that does not have it", () => expect(problem(good, [0, 2, 3])).toBe("tile 2 sends piece 1, which tile 0 has"));
  test("bytes beyond the end", () => expect(problem(changed(2, { offset: 4 }))).toBe("stream 2 has 8 bytes, and byte 11 is sent"));
  test("a tile that sends to itself", () => expect(problem(changed(0, { to: [0, 1] }))).toBe("tile 0 sends to itself"));
  test("messages out of order", () => expect(problem([good[1]!, good[0]!, good[2]!])).toBe("message 1 starts at 0, after one at 2"));
  test("a length that is not true", () => expect(simulate(transfers, { ...made(good), cycles: 5 }, ipuMk2)).toMatchObject({ problem: "it says 5 cycles and takes 6" }));
});

test("printed for some tiles", () => {
  const shape = [6];
  const tensors = [tensor("parts", shape, distribute(shape, [2], { kind: "cyclic", tiles: 3 })), tensor("whole", shape, onOneTile(shape))];
  const made = schedule(transfersOf({ tiles: 4, tensors }, [copyOf(tensors, 0, 1, [affineIndex(0, 1)])]), ipuMk2);
  expect(printSchedule(made, ipuMk2, [0, 2, 3])).toBe(`exchange of 4 cycles, no schedule is shorter than 4; 2 messages
tile 0
  cycles 0 to 2: sends 8 bytes of stream 1 to 2
  cycles 2 to 4: sends 8 bytes of stream 0 to 1
tile 2
  cycles 0 to 2: receives 8 bytes of stream 1 from 0
tile 3 has nothing to do
`);
});

describe("the cost of an exchange", () => {
  const cost = (tiles: number, length: number): ReturnType<typeof exchangeCost> => {
    const shape = [tiles * length];
    const matrix = [tiles, length];
    const tensors = [tensor("all", matrix, distribute(matrix, [1, length], { kind: "blocked", first: 0, perTile: 1 })), tensor("line", shape, distribute(shape, [length], { kind: "blocked", first: 0, perTile: 1 }))];
    return exchangeCost({ tiles, tensors } as never, [copyOf(tensors, 0, 1, [{ constant: 0, coefficients: [0, 1] }])], ipuMk2);
  };

  test("counts bytes, cycles and the busiest tile", () => {
    const { startCycles } = ipuMk2.exchange;
    expect(cost(10, 50)).toEqual({ bytes: 9 * 200, cycles: startCycles + 50, boundCycles: startCycles + 50, hostBytes: 0, busiest: { tile: 0, bytesIn: 0, bytesOut: 200 }, receipts: 9, scheduled: true });
    expect(cost(1, 50)).toEqual({ bytes: 0, cycles: 0, boundCycles: 0, hostBytes: 0, busiest: { tile: 0, bytesIn: 0, bytesOut: 0 }, receipts: 0, scheduled: true });
  });

  test("is the bound, and says so, where scheduling would take long", () => expect(cost(200_000, 3)).toMatchObject({ scheduled: false, cycles: ipuMk2.exchange.startCycles + 3, bytes: 12 * 199_999 }));
});
