/** How many bytes each tile of an exchange has to receive and to send: what no schedule can be shorter than. */
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
  let tile = 0;
  for (let t = 1; t < transfers.tiles; t++) {
    if (Math.max(bytesIn[t]!, bytesOut[t]!) > Math.max(bytesIn[tile]!, bytesOut[tile]!)) tile = t;
  }
  const busiest = { tile, bytesIn: bytesIn[tile] ?? 0, bytesOut: bytesOut[tile] ?? 0 };
  return { bytesIn, bytesOut, total, busiest, boundCycles: (bytesPerCycle) => Math.ceil(Math.max(busiest.bytesIn, busiest.bytesOut) / bytesPerCycle) };
}
