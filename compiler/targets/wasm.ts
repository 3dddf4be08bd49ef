/**
 * The machine programs really run on: WebAssembly over one shared memory. A tile is a share of the work, not of the
 * memory; workers take tiles in turn, so sixteen tiles serve one to sixteen of them evenly enough.
 */
import type { Target } from "./target.ts";

const gibibyte = 2 ** 30;
const mebibyte = 2 ** 20;

export const wasm: Target = {
  name: "wasm",
  summary: "WebAssembly over one shared memory; an exchange is only a sync",
  tiles: 16,
  memory: "shared",
  // What a 32-bit memory can address, less room for the control words, the mailbox and the descriptor tables.
  bytesPerTile: 4 * gibibyte - 16 * mebibyte,
  clockGHz: 2.8,
  threadsPerTile: 1,
  // Eight 32-bit multiply-adds a cycle at most with 128-bit vectors; f16 is widened to f32, so it is no faster.
  macsPerCycle: { f16: 8, f32: 8 },
  exchange: { bytesPerCycle: 8, startCycles: 0 },
  // A barrier of two workers was measured at 0.15 microseconds.
  syncCycles: 420,
  grain: 2048,
};
