/** The cost of an exchange on a machine: who sends what to whom, in which order, and how long that takes. */
import type { Target } from "../../targets/target.ts";
import type { Copy, TiledGraph } from "../../tiled/tiled.ts";
import { blockLoads, mostReceipts } from "./block-loads.ts";
import { linkCyclesByTile, linkLoads } from "./links.ts";
import { busiestOf, loadsOf } from "./loads.ts";
import { schedule } from "./schedule.ts";
import { transfersOf } from "./transfers.ts";

export interface ExchangeCost {
  /** Bytes that tiles receive from other tiles. */
  readonly bytes: number;
  /** Cycles of the exchange, with those to start it; 0 where nothing moves between tiles. */
  readonly cycles: number;
  /** No schedule is shorter: max over tiles of (bytes in, bytes out), and over chips of what crosses their links; and the cycles to start. */
  readonly boundCycles: number;
  /** Bytes between the host and the tiles: they take no cycles of the exchange. */
  readonly hostBytes: number;
  /** The tile that has the most to receive or to send. */
  readonly busiest: { readonly tile: number; readonly bytesIn: number; readonly bytesOut: number };
  /** Pieces, counted once for each tile that receives them. */
  readonly receipts: number;
  /** Whether `cycles` is the length of a schedule that was made; otherwise it is `boundCycles`. */
  readonly scheduled: boolean;
}

/** An exchange with more receipts (pieces, counted once for each receiver) is not scheduled for its cost: it would take seconds. */
export const scheduleLimit = 131_072;
/**
 * Pieces are looked at one by one only where they are at most so many times what may be scheduled, those that stay on their
 * tile among them, and always where they are few.
 */
const [looked, least] = [2, 4096];

/** With `schedules` false only the bound is worked out. */
export function exchangeCost(tiled: TiledGraph, copies: readonly Copy[], target: Target, limit = scheduleLimit, schedules = true): ExchangeCost {
  if (mostReceipts(tiled, copies) > looked * limit + least) return costByBlocks(tiled, copies, target);
  const transfers = transfersOf(tiled, copies);
  const loads = loadsOf(transfers);
  const { total: bytes, busiest } = loads;
  const { hostBytes } = transfers;
  const receipts = transfers.to.length;
  if (bytes === 0) return { bytes, cycles: 0, boundCycles: 0, hostBytes, busiest, receipts, scheduled: true };
  const { bytesPerCycle, startCycles } = target.exchange;
  // What crosses between chips takes its links' time beside the tiles' own.
  const links = linkLoads(transfers, target).cycles;
  const boundCycles = startCycles + Math.max(loads.boundCycles(bytesPerCycle), links);
  if (receipts > limit || !schedules) return { bytes, cycles: boundCycles, boundCycles, hostBytes, busiest, receipts, scheduled: false };
  return { bytes, cycles: startCycles + schedule(transfers, target).cycles, boundCycles, hostBytes, busiest, receipts, scheduled: true };
}

/** Without looking at every piece. */
function costByBlocks(tiled: TiledGraph, copies: readonly Copy[], target: Target): ExchangeCost {
  const { bytesIn, bytesOut, hostBytes, receipts } = blockLoads(tiled, copies);
  const bytes = bytesIn.reduce((sum, received) => sum + received, 0);
  const { tile, ...most } = busiestOf(bytesIn, bytesOut);
  const busiest = { tile, bytesIn: most.bytesIn, bytesOut: Math.ceil(most.bytesOut) };
  const { bytesPerCycle, startCycles } = target.exchange;
  const cycles = bytes === 0 ? 0 : startCycles + Math.max(Math.ceil(Math.max(busiest.bytesIn, busiest.bytesOut) / bytesPerCycle), linkCyclesByTile(bytesIn, bytesOut, target));
  return { bytes, cycles, boundCycles: cycles, hostBytes, busiest, receipts, scheduled: bytes === 0 };
}

export { loadsOf, type Loads } from "./loads.ts";
export { printSchedule } from "./print.ts";
export { schedule, type Schedule } from "./schedule.ts";
export { simulate, type Simulation } from "./simulate.ts";
export { transfersOf, type Transfers } from "./transfers.ts";
