/** A machine, as data. Adding one touches one file. */
export interface Target {
  readonly name: string;
  readonly summary: string;
  readonly tiles: number;
  /**
   * `shared`: every tile addresses one memory, a tensor lies whole in it, and an exchange is only a sync.
   * `private`: a tile addresses only its own memory; what another tile holds must be copied by an exchange.
   */
  readonly memory: "shared" | "private";
  /** Bytes of memory per tile when private, of the whole machine when shared. */
  readonly bytesPerTile: number;
  readonly clockGHz: number;
  readonly threadsPerTile: number;
  /** Multiply–adds per cycle and tile. */
  readonly macsPerCycle: { readonly f16: number; readonly f32: number };
  readonly exchange: {
    /** Bytes a tile can receive per cycle. */
    readonly bytesPerCycle: number;
    /** Cycles to start one exchange; a calibration parameter, not a published figure. */
    readonly startCycles: number;
  };
  /** Cycles of one sync of all tiles; a calibration parameter, not a published figure. */
  readonly syncCycles: number;
  /** A vertex is not made smaller than this many elements of work: below, splitting costs more than it gains. */
  readonly grain: number;
  /** Several chips, to which tiles are dealt in equal runs; what goes from one to another crosses slower links. Absent: one chip. */
  readonly chips?: {
    readonly count: number;
    /** Bytes a chip can receive per cycle over its links. */
    readonly bytesPerCycle: number;
    /** Cycles more to start an exchange that crosses chips; a calibration parameter. */
    readonly startCycles: number;
  };
}

/** The chip a tile is on. */
export const chipOf = (target: Target, tile: number): number => Math.floor((tile * (target.chips?.count ?? 1)) / target.tiles);
