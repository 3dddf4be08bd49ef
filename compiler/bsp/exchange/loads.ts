/**
 * How many bytes each tile of an exchange has to receive and to send: what no schedule can be shorter than. A cycle carries the
 * bytes of one sender, and only such as all who receive them have asked for. So where pieces do not fill their cycles, a tile
 * needs at least whole cycles for each that it receives from; and for each that it sends something to that nobody else wants.
 */
import { NumberList, PairNumbers } from "./numbers.ts";
import type { Transfers } from "./transfers.ts";

export interface Loads {
  /** By tile. A piece counts once for its sender, however many receive it. */
  readonly bytesIn: Float64Array;
  readonly bytesOut: Float64Array;
  /** Bytes received, by all tiles. */
  readonly total: number;
  /** The tile with the most of either; the first of several. Tile 0 where nothing moves. */
  readonly busiest: { readonly tile: number; readonly bytesIn: number; readonly bytesOut: number };
  /** No schedule is shorter. */
  boundCycles(bytesPerCycle: number): number;
}

export function loadsOf(transfers: Transfers): Loads {
  const bytesIn = new Float64Array(transfers.tiles);
  const bytesOut = new Float64Array(transfers.tiles);
  let total = 0;
  for (let piece = 0; piece < transfers.pieces; piece++) {
    const bytes = transfers.bytes[piece]!;
    bytesOut[transfers.from[piece]!]! += bytes;
    for (let i = transfers.start[piece]!; i < transfers.start[piece + 1]!; i++) bytesIn[transfers.to[i]!]! += bytes;
    total += bytes * (transfers.start[piece + 1]! - transfers.start[piece]!);
  }
  const busiest = busiestOf(bytesIn, bytesOut);
  return { bytesIn, bytesOut, total, busiest, boundCycles: (bytesPerCycle) => Math.max(Math.ceil(Math.max(busiest.bytesIn, busiest.bytesOut) / bytesPerCycle), wholeCycles(transfers, bytesPerCycle)) };
}

/** The tile with the most of either; the first of several. */
export function busiestOf(bytesIn: Float64Array, bytesOut: Float64Array): Loads["busiest"] {
  let tile = 0;
  for (let t = 1; t < bytesIn.length; t++) {
    if (Math.max(bytesIn[t]!, bytesOut[t]!) > Math.max(bytesIn[tile]!, bytesOut[tile]!)) tile = t;
  }
  return { tile, bytesIn: bytesIn[tile] ?? 0, bytesOut: bytesOut[tile] ?? 0 };
}

/** The most cycles a tile needs to receive or to send, where some pieces do not fill theirs; 0 where all do. */
function wholeCycles(transfers: Transfers, bytesPerCycle: number): number {
  if (transfers.bytes.every((bytes) => bytes % bytesPerCycle === 0)) return 0;
  const pairs = new PairNumbers();
  const wanted = new NumberList();
  const alone = new NumberList();
  const ends: { from: NumberList; to: NumberList } = { from: new NumberList(), to: new NumberList() };
  for (let piece = 0; piece < transfers.pieces; piece++) {
    const [first, end] = [transfers.start[piece]!, transfers.start[piece + 1]!];
    for (let i = first; i < end; i++) {
      const pair = pairs.of(transfers.from[piece]!, transfers.to[i]!);
      if (pair === wanted.length) {
        wanted.push(0);
        alone.push(0);
        ends.from.push(transfers.from[piece]!);
        ends.to.push(transfers.to[i]!);
      }
      wanted.set(pair, wanted.at(pair) + transfers.bytes[piece]!);
      if (end - first === 1) alone.set(pair, alone.at(pair) + transfers.bytes[piece]!);
    }
  }
  const cycles = new Float64Array(2 * transfers.tiles);
  for (let pair = 0; pair < wanted.length; pair++) {
    cycles[ends.to.at(pair)]! += Math.ceil(wanted.at(pair) / bytesPerCycle);
    cycles[transfers.tiles + ends.from.at(pair)]! += Math.ceil(alone.at(pair) / bytesPerCycle);
  }
  return cycles.reduce((most, one) => Math.max(most, one), 0);
}
