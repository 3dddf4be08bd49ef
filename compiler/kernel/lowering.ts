/**
 * What an op tells the tiled level: its index space, which elements each point reads and writes, and how to write the
 * kernel of one block of that space. The tiled level decides how the space is split over tiles, where slices live and what
 * must be copied; the op does not know.
 */
import type { Affine } from "../support/affine.ts";
import { roundUp } from "../support/parts.ts";
import type { KernelBuilder } from "./build.ts";
import type { Epilogue } from "./epilogue.ts";
import type { DType } from "../../runtime/dtype.ts";
import type { BinaryOp, BufferId, Expression } from "./kernel.ts";

export interface SpaceDimension {
  readonly extent: number;
  /**
   * parallel: any split is allowed, blocks are independent.
   * reduction: may be split if `combine` is given: each block gives a partial result, combined afterwards.
   * serial: never split; the kernel sees all of it.
   */
  readonly kind: "parallel" | "reduction" | "serial";
  /** It is cut between blocks of so many points only. */
  readonly unit?: number;
}

/** How long the parts of a dimension are, the last perhaps shorter, of which so many are wanted. */
export const partLength = ({ extent, unit = 1 }: SpaceDimension, wanted: number): number => roundUp(Math.ceil(extent / wanted), unit);

/** Which element of an operand (or result) a point of the space touches: one affine form per dimension of the tensor, over the space's indices. */
export interface Access {
  /** Index into the node's inputs (reads) or outputs (writes). */
  readonly operand: number;
  readonly index: readonly Affine[];
}

/** Given to `emit`: loads and stores by access and point of the block; where buffers lie is decided outside. */
export interface BlockContext {
  readonly kernel: KernelBuilder;
  /** Extent of this block in each dimension of the space. */
  readonly block: readonly number[];
  /** The element that access `read` (index into Lowering.reads) touches at a point of the block (i32 indices, from 0). */
  load(read: number, at: readonly Expression[]): Expression;
  store(write: number, at: readonly Expression[], value: Expression): void;
  /** The element of a write as it is now: what this kernel has stored there, or with `keeps` what was there before. */
  reload(write: number, at: readonly Expression[]): Expression;
  /** The buffers of `Lowering.scratch`. */
  readonly scratch: readonly BufferId[];
  /** An operand may lie where the result does, as one of the epilogue's: what was stored may not be computed again. */
  readonly overwrites?: boolean;
}

export interface Lowering {
  /** For people: the op's name, or what was fused. */
  readonly name: string;
  readonly space: readonly SpaceDimension[];
  readonly reads: readonly Access[];
  /** Coefficients of reduction and serial dimensions may be non-zero only for serial ones. */
  readonly writes: readonly Access[];
  /** How partial results of a split reduction are combined; absent: reduction dimensions are not split. */
  readonly combine?: BinaryOp;
  /** A sum of products of two operands, which a matrix unit can do. */
  readonly contraction?: boolean;
  /** A far edge of what another lowering of the op writes most of: it is cut as that is, into as many parts as it has. */
  readonly edge?: boolean;
  /** Where tiles share memory, parts that it is cut into at most: in more, what each must do anew costs more than they gain. */
  readonly mostParts?: number;
  /** Where tiles share a memory, the last dimension of the result is cut between blocks of so many elements only, which vectors go over without a rest. */
  readonly lastUnit?: number;
  /** Scalar operations per point of the space, for cost estimates; 1 if absent, less where dimensions are looked up in and not gone through. */
  readonly operations?: number;
  /** It stores each element of operand 0 of its reads unchanged: where that was made at its place already, nothing is left to do. */
  readonly copies?: boolean;
  /** What is done to each element that is stored, after partial results are combined; `withEpilogue` puts it into the kernel. */
  readonly epilogue?: Epilogue;
  /** What the kernel does not write of its part of the results keeps its value; of ops that are `inPlace`. */
  readonly keeps?: boolean;
  /** Memory that each vertex has for itself while it runs; what is in it before has no meaning. */
  readonly scratch?: readonly { readonly dtype: DType; readonly shape: readonly number[] }[];
  /** Writes the kernel of one block. Unless it `keeps`, it must write every element of its part of the results. */
  emit(context: BlockContext): void;
}
