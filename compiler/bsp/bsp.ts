/**
 * Bulk-synchronous level, the types: when things happen. A program is a tree of supersteps; in one, every tile first computes
 * on its own memory, then (after a sync) tiles exchange what the next superstep needs. Tensors have byte addresses.
 */
import type { StateId } from "../graph/graph.ts";
import type { Span } from "../support/span.ts";
import type { ComputeSet, Copy, HostStep, IfStep, RepeatStep, SwitchStep, TiledGraph, WhileStep } from "../tiled/tiled.ts";

/** One phase that all tiles work through without waiting for each other. */
export type Phase =
  | { readonly kind: "compute"; readonly set: ComputeSet }
  | { readonly kind: "exchange"; readonly copies: readonly Copy[]; readonly origin: Span };

export type BspStep =
  /** Phases between two syncs, or none where only a sync is needed. `sync`: all tiles wait for each other afterwards. */
  | { readonly kind: "superstep"; readonly phases: readonly Phase[]; readonly sync: boolean; readonly origin: Span }
  | RepeatStep<BspStep> | WhileStep<BspStep> | IfStep<BspStep> | SwitchStep<BspStep>
  /** Everyone waits before and after it. */
  | HostStep;

export interface BspProgram {
  readonly name: string;
  readonly steps: readonly BspStep[];
  readonly reads: readonly StateId[];
  readonly writes: readonly StateId[];
  readonly origin: Span;
}

/** Where every tensor lies. */
export interface MemoryPlan {
  /**
   * By TensorId, for tensors that are no alias. `whole`: byte address in memory. `blocks`: byte offset in the region of each
   * tile, the same on all tiles; a tile's block with slot s is at offset + s · blockBytes.
   */
  readonly offsets: readonly (number | undefined)[];
  /** Tile t's region begins at start + t · stride. Zero stride where memory is shared. */
  readonly tiles: { readonly start: number; readonly stride: number; readonly bytes: number };
  /** With private memory: what the program takes on the tile where it takes most, beside the tensors (`program-bytes.ts`). */
  readonly program?: { readonly code: number; readonly tables: number };
  /** End of everything. */
  readonly bytes: number;
}

export interface BspGraph {
  readonly tiled: TiledGraph;
  readonly programs: readonly BspProgram[];
  readonly initial: BspProgram;
  readonly prepare?: BspProgram;
}

export interface PlannedGraph extends BspGraph {
  readonly plan: MemoryPlan;
}
