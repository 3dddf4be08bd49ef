/** Four mk2 chips with links between them, modelled: the tiles of all four are numbered through. */
import { ipuCalibration } from "./ipu-calibration.ts";
import { ipuMk2 } from "./ipu-mk2.ts";
import type { Target } from "./target.ts";

const chips = 4;

export const ipuM2000: Target = {
  ...ipuMk2,
  name: "ipu-m2000",
  summary: "modelled IPU, four mk2 chips with slower links between them",
  tiles: chips * ipuMk2.tiles,
  chips: { count: chips, bytesPerCycle: ipuCalibration.linkBytesPerCycle, startCycles: ipuCalibration.linkStartCycles },
};
