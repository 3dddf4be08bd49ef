/**
 * What is not published about the IPU and must be guessed to count cycles. These are calibration parameters, never
 * claims: a guess of the right order of magnitude for a signal that crosses a chip, to be replaced by a measurement.
 */
export const ipuCalibration = {
  /** Cycles of one sync of all tiles: a guess. */
  syncCycles: 150,
  /** Cycles to start one exchange: a guess. */
  exchangeStartCycles: 50,
  /** Bytes per cycle a chip receives over all its links to other chips: a guess. */
  linkBytesPerCycle: 120,
  /** Cycles more for an exchange that crosses chips: a guess. */
  linkStartCycles: 500,
} as const;
