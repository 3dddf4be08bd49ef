/** What an exchange sends over the links between chips. A piece crosses to a chip once, however many tiles there receive it. */
import { chipOf, type Target } from "../../targets/target.ts";
import type { Transfers } from "./transfers.ts";

export interface LinkLoads {
  /** Bytes received from other chips, by all chips. */
  readonly bytes: number;
  /** Cycles until the busiest chip has sent or received what crosses; 0 where nothing does. */
  readonly cycles: number;
}

export function linkLoads(transfers: Transfers, target: Target): LinkLoads {
  const { chips } = target;
  if (!chips || chips.count < 2) return { bytes: 0, cycles: 0 };
  const bytesIn = new Float64Array(chips.count);
  const bytesOut = new Float64Array(chips.count);
  let bytes = 0;
  for (let piece = 0; piece < transfers.pieces; piece++) {
    const home = chipOf(target, transfers.from[piece]!);
    const size = transfers.bytes[piece]!;
    let last = -1;
    // Receivers ascend, so those of one chip stand together.
    for (let i = transfers.start[piece]!; i < transfers.start[piece + 1]!; i++) {
      const chip = chipOf(target, transfers.to[i]!);
      if (chip === last) continue;
      last = chip;
      if (chip === home) continue;
      bytesIn[chip]! += size;
      bytesOut[home]! += size;
      bytes += size;
    }
  }
  if (bytes === 0) return { bytes, cycles: 0 };
  const busiest = bytesIn.reduce((most, received, chip) => Math.max(most, received, bytesOut[chip]!), 0);
  return { bytes, cycles: chips.startCycles + Math.ceil(busiest / chips.bytesPerCycle) };
}
