/** The cost of an exchange on a machine: who sends what to whom, in which order, and how long that takes. */
import type { Target } from "../../targets/target.ts";
import type { Copy, TiledGraph } from "../../tiled/tiled.ts";
import { loadsOf } from "./loads.ts";
import { transfersOf } from "./transfers.ts";

export interface ExchangeCost {
  /** Bytes that tiles receive from other tiles. */
  readonly bytes: number;
  /** Cycles of the exchange, with those to start it; 0 where nothing moves between tiles. */
  readonly cycles: number;
  /** No schedule is shorter: max over tiles of (bytes in, bytes out), and the cycles to start. */
  readonly boundCycles: number;
  /** Bytes between the host and the tiles: they take no cycles of the exchange. */
  readonly hostBytes: number;
  /** The tile that has the most to receive or to send. */
  readonly busiest: { readonly tile: number; readonly bytesIn: number; readonly bytesOut: number };
  /** Whether `cycles` is the length of a schedule; otherwise it is the bound. */
  readonly scheduled: boolean;
}

export function exchangeCost(tiled: TiledGraph, copies: readonly Copy[], target: Target): ExchangeCost {
  const transfers = transfersOf(tiled, copies);
  const loads = loadsOf(transfers);
  const start = loads.total === 0 ? 0 : target.exchange.startCycles;
  const boundCycles = start + Math.ceil(Math.max(loads.busiest.bytesIn, loads.busiest.bytesOut) / target.exchange.bytesPerCycle);
  return { bytes: loads.total, cycles: boundCycles, boundCycles, hostBytes: transfers.hostBytes, busiest: loads.busiest, scheduled: false };
}
