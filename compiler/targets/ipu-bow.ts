/** The bow generation of the IPU, modelled: its published figures, and calibration parameters where nothing is published. */
import { ipuCalibration } from "./ipu-calibration.ts";
import type { Target } from "./target.ts";

export const ipuBow: Target = {
  name: "ipu-bow",
  summary: "modelled IPU, bow: private tile memory, exchanges are copies",
  tiles: 1_472,
  memory: "private",
  bytesPerTile: 638_976,
  clockGHz: 1.85,
  threadsPerTile: 6,
  macsPerCycle: { f16: 64, f32: 16 },
  exchange: { bytesPerCycle: 4, startCycles: ipuCalibration.exchangeStartCycles },
  syncCycles: ipuCalibration.syncCycles,
  grain: 1,
};
