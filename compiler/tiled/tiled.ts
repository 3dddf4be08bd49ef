/**
 * Tiled level, the types: how the program is split, and where. Tensors here are storage (written more than once), distributed
 * over tiles in equal blocks; vertices come in families; what a vertex needs from elsewhere is an explicit copy.
 *
 * Families, not lists: one kernel, a grid of instances, and for each field an affine map from instance to slice. Nothing here
 * grows with the number of tiles, except placements that the user wrote one by one and that fit no rule.
 */
import type { Graph, StateId, TensorType } from "../graph/graph.ts";
import type { Tensor } from "../graph/tensor.ts";
import type { Kernel } from "../kernel/kernel.ts";
import type { Affine } from "../support/affine.ts";
import { unreachable } from "../support/bug.ts";
import type { Span } from "../support/span.ts";

/**
 * Which tile each block k of a grid of N blocks (row-major) lives on. A tile's blocks have slots 0, 1, … in the order of k.
 * blocked: tile first + ⌊k / perTile⌋.   scaled: ⌊k · tiles / N⌋.   cyclic: k mod tiles.   list: tiles[k].
 */
export type Placement =
  | { readonly kind: "blocked"; readonly first: number; readonly perTile: number }
  | { readonly kind: "scaled"; readonly tiles: number }
  | { readonly kind: "cyclic"; readonly tiles: number }
  | { readonly kind: "list"; readonly tiles: readonly number[] };

/** A tensor cut into equal blocks (those at the far edges may be shorter), dealt to tiles. */
export interface Distribution {
  /** Extent of a block along each dimension of the tensor. */
  readonly block: readonly number[];
  /** Number of blocks along each dimension: ⌈shape / block⌉. */
  readonly grid: readonly number[];
  readonly placement: Placement;
}

export type TensorId = number;

export interface TiledTensor {
  readonly name: string;
  readonly type: TensorType;
  readonly origin: Span;
  /**
   * whole: dense row-major at one address that everyone can reach (shared memory, or a host buffer).
   * blocks: each tile holds its blocks, each dense in the shape of a full block, one after the other by slot.
   */
  readonly storage: "whole" | "blocks";
  readonly distribution: Distribution;
  /** The same bytes as another tensor, seen in another shape; or its place on other tiles, in blocks that are no larger. */
  readonly aliasOf?: TensorId;
  /** Lives from run to run. */
  readonly persistent: boolean;
}

/** What one vertex of a family sees of a tensor: `map` gives the tensor's index from instance coordinates followed by field indices. */
export interface Field {
  readonly tensor: TensorId;
  readonly shape: readonly number[];
  readonly map: readonly Affine[];
  readonly access: "in" | "out" | "inout";
  /** Every instance touches only blocks of its own tile. */
  readonly local: boolean;
  /** The tensor has one block per tile, which all instances of the tile share. */
  readonly perTile?: boolean;
}

/** Vertices that differ only in which slices they are connected to. Kernel buffer i is field i. */
export interface Family {
  readonly name: string;
  readonly kernel: Kernel;
  /** The same kernel, to the bit, in blocks for machines that pair vectors; made by optimise-kernels where it differs. */
  readonly wide?: Kernel;
  /** All instances; `placement` is over its row-major index. */
  readonly grid: readonly number[];
  /** The part of the grid that this family is (edge blocks have kernels of their own). */
  readonly range: readonly { readonly start: number; readonly count: number }[];
  readonly placement: Placement;
  readonly fields: readonly Field[];
  readonly origin: Span;
}

export interface ComputeSet {
  readonly name: string;
  readonly families: readonly Family[];
  readonly origin: Span;
  /** Of what `join-loops` made: where each of the sets that it is made of stands. */
  readonly joined?: readonly Span[];
}

/**
 * Moves elements between two tensors. The driver's blocks are walked by the tiles that own them; `map` gives the other
 * tensor's index for each index of the driver. pull: driver ← other. push: other ← driver.
 */
export interface Copy {
  readonly direction: "pull" | "push";
  readonly driver: TensorId;
  readonly other: TensorId;
  readonly map: readonly Affine[];
  /** Which of the driver's blocks. */
  readonly range: readonly { readonly start: number; readonly count: number }[];
  /** Why the compiler inserted it, for people. */
  readonly cause: string;
  readonly origin: Span;
}

/** Steps that hold others, of this level or the next. */
export type ControlStep<Of> = RepeatStep<Of> | WhileStep<Of> | IfStep<Of> | SwitchStep<Of>;

export interface RepeatStep<Of> {
  readonly kind: "repeat";
  readonly count: number | TensorId;
  readonly counted: "constant" | "tensor";
  readonly body: readonly Of[];
  readonly origin: Span;
}

export interface WhileStep<Of> {
  readonly kind: "while";
  readonly before: readonly Of[];
  readonly condition: TensorId;
  readonly body: readonly Of[];
  readonly origin: Span;
}

export interface IfStep<Of> {
  readonly kind: "if";
  readonly condition: TensorId;
  readonly then: readonly Of[];
  readonly otherwise: readonly Of[];
  readonly origin: Span;
}

export interface SwitchStep<Of> {
  readonly kind: "switch";
  readonly subject: TensorId;
  readonly cases: readonly number[];
  readonly bodies: readonly (readonly Of[])[];
  readonly otherwise: readonly Of[];
  readonly origin: Span;
}

/** The host reads or writes whole tensors; the program waits for it. */
export interface HostStep {
  readonly kind: "host";
  readonly event: HostAction;
  readonly origin: Span;
}

export type Step =
  | { readonly kind: "compute"; readonly set: ComputeSet }
  | { readonly kind: "copy"; readonly copies: readonly Copy[]; readonly origin: Span }
  | RepeatStep<Step> | WhileStep<Step> | IfStep<Step> | SwitchStep<Step>
  | HostStep;

export type HostAction =
  | { readonly kind: "next"; readonly state: StateId; readonly buffer: TensorId }
  | { readonly kind: "send"; readonly state: StateId; readonly buffer: TensorId }
  | { readonly kind: "print"; readonly label: string; readonly buffers: readonly TensorId[] }
  /** Only when the condition is false. */
  | { readonly kind: "assert"; readonly message: string; readonly condition: TensorId }
  /** Only when the condition is false: some of the indices lies outside of an axis of `extent` that `op` takes elements of. */
  | { readonly kind: "outside"; readonly op: string; readonly extent: number; readonly fromEnd: boolean; readonly indices: TensorId; readonly condition: TensorId };

export interface TiledProgram {
  readonly name: string;
  readonly steps: readonly Step[];
  readonly reads: readonly StateId[];
  readonly writes: readonly StateId[];
  readonly origin: Span;
}

/** Where a state lives. `host` and `device` are one tensor where memory is shared. */
export interface TiledState {
  readonly state: StateId;
  readonly host: TensorId;
  readonly device: TensorId;
}

export interface TiledGraph {
  readonly graph: Graph;
  readonly tiles: number;
  readonly tensors: readonly TiledTensor[];
  readonly states: readonly TiledState[];
  /** Tensors whose bytes are part of the executable. */
  readonly constants: readonly { readonly tensor: TensorId; readonly data: Tensor }[];
  readonly programs: readonly TiledProgram[];
  readonly initial: TiledProgram;
  /** Gives derived states their values. */
  readonly prepare?: TiledProgram;
}

/** The lists of steps that a step holds, in the order of the text. */
export function stepsInside<Of>(step: ControlStep<Of>): readonly (readonly Of[])[] {
  switch (step.kind) {
    case "repeat": return [step.body];
    case "while": return [step.before, step.body];
    case "if": return [step.then, step.otherwise];
    case "switch": return [...step.bodies, step.otherwise];
    default: return unreachable(step);
  }
}

/** What the host sees when the program calls it. */
export function hostTensors(event: HostAction): readonly TensorId[] {
  switch (event.kind) {
    case "next": case "send": return [event.buffer];
    case "print": return event.buffers;
    case "assert": return [event.condition];
    case "outside": return [event.condition, event.indices];
    default: return unreachable(event);
  }
}

/** The tensor whose bytes these are. */
export function rootOf(tensors: readonly TiledTensor[], id: TensorId): TensorId {
  let root = id;
  for (let next = tensors[root]!.aliasOf; next !== undefined; next = tensors[root]!.aliasOf) root = next;
  return root;
}
