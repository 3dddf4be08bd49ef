/** The mk1 generation of the IPU, modelled: its published figures, and calibration parameters where nothing is published. */
import { ipuCalibration } from "./ipu-calibration.ts";
import type { Target } from "./target.ts";

export const ipuMk1: Target = {
  name: "ipu-mk1",
  summary: "modelled IPU, mk1: private tile memory, exchanges are copies",
  tiles: 1_216,
  memory: "private",
  bytesPerTile: 262_144,
  clockGHz: 1.6,
  threadsPerTile: 6,
  macsPerCycle: { f16: 32, f32: 8 },
  exchange: { bytesPerCycle: 4, startCycles: ipuCalibration.exchangeStartCycles },
  syncCycles: ipuCalibration.syncCycles,
  grain: 1,
};
