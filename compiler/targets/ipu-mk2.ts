/** The mk2 generation of the IPU, modelled: its published figures, and calibration parameters where nothing is published. */
import { ipuCalibration } from "./ipu-calibration.ts";
import type { Target } from "./target.ts";

export const ipuMk2: Target = {
  name: "ipu-mk2",
  summary: "modelled IPU, mk2: private tile memory, exchanges are copies",
  tiles: 1_472,
  memory: "private",
  bytesPerTile: 638_976,
  clockGHz: 1.33,
  threadsPerTile: 6,
  macsPerCycle: { f16: 64, f32: 16 },
  exchange: { bytesPerCycle: 4, startCycles: ipuCalibration.exchangeStartCycles },
  syncCycles: ipuCalibration.syncCycles,
  grain: 1,
};
