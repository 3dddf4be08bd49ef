/**
 * What a split of an op would cost on a machine with private tile memory, in cycles: the model the partitioner compares
 * candidates with. What a vertex takes is of the same model as the cost of the finished program (`kernel/cycle-model.ts`), in
 * closed form: along n f32 elements 5 + ⌈n / 2⌉ cycles of its thread, as the vertices of Poplar's own examples do.
 */
import { bytesOf, isFloat, type DType } from "../../../runtime/dtype.ts";
import { closedForms, cycleModel } from "../../kernel/cycle-model.ts";
import type { SpaceDimension } from "../../kernel/lowering.ts";
import { matrixCycles } from "../../kernel/matrix-unit.ts";
import { affineRange, type Affine } from "../../support/affine.ts";
import type { Target } from "../../targets/target.ts";
import type { Distribution } from "../tiled.ts";

export interface PlannedRead {
  readonly dtype: DType;
  readonly shape: readonly number[];
  /** Index of the tensor for each index of the space. */
  readonly map: readonly Affine[];
  /** Where the tensor is; absent: it can still be put where this op wants it. */
  readonly distribution?: Distribution;
}

export interface PartitionProblem {
  readonly space: readonly SpaceDimension[];
  readonly reads: readonly PlannedRead[];
  readonly result: { readonly dtype: DType };
  /** Whether a reduction dimension may be split. */
  readonly splitsReduction: boolean;
  /** Multiply–adds of two operands, which the matrix unit can do. */
  readonly contraction: boolean;
  /** Scalar operations per point of the space. */
  readonly operations: number;
  readonly target: Target;
}

export interface Cost {
  readonly compute: number;
  readonly exchange: number;
  /** Bringing partial results together, and combining them. */
  readonly reductionExchange: number;
  readonly reduction: number;
  readonly sync: number;
  readonly total: number;
  /** Bytes on one tile. */
  readonly bytes: number;
}

const ceil = (a: number, b: number): number => Math.ceil(a / b);
const product = (values: readonly number[]): number => values.reduce((a, b) => a * b, 1);

const blockOf = ({ space }: PartitionProblem, parts: readonly number[]): number[] => space.map(({ extent }, d) => ceil(extent, parts[d]!));

/** The part `compute` of the cost: no less than this. */
export const computeCycles = (problem: PartitionProblem, parts: readonly number[]): number => blockCycles(problem, blockOf(problem, parts));

/** Cost of cutting each dimension of the space into `parts` equal parts. */
export function estimate(problem: PartitionProblem, parts: readonly number[]): Cost {
  const { space, reads, target } = problem;
  const block = blockOf(problem, parts);
  const compute = blockCycles(problem, block);
  let bytes = 0;
  let moved = 0;
  let crossing = 0;
  for (const read of reads) {
    const { total, remote } = readBytes(problem, read, parts, block);
    bytes += total;
    moved += remote;
    crossing += crossingBytes(problem, read, parts, total, remote);
  }
  const splits = product(space.map(({ kind }, d) => (kind === "reduction" ? parts[d]! : 1)));
  const results = product(space.map(({ kind, extent }) => (kind === "parallel" ? extent : 1)));
  const resultBytes = bytesOf(problem.result.dtype);
  bytes += product(space.map(({ kind }, d) => (kind === "parallel" ? block[d]! : 1))) * resultBytes;
  const { bytesPerCycle, startCycles } = target.exchange;
  const { chips } = target;
  const exchange = Math.max(ceil(moved, bytesPerCycle), chips && crossing > 0 ? chips.startCycles + ceil(crossing, chips.bytesPerCycle) : 0);
  let reductionExchange = 0;
  let reduction = 0;
  if (splits > 1) {
    const own = ceil(results, target.tiles);
    reductionExchange = ceil(own * splits * resultBytes, bytesPerCycle);
    // Parts of one result are on neighbouring tiles; the results are dealt out anew over all chips.
    if (chips) reductionExchange = Math.max(reductionExchange, chips.startCycles + ceil((results * splits * resultBytes * (chips.count - 1)) / chips.count ** 2, chips.bytesPerCycle));
    reduction = ceil(own, target.threadsPerTile) * target.threadsPerTile * closedForms.dot(splits, resultBytes);
  }
  const exchanges = (exchange > 0 ? 1 : 0) + (splits > 1 ? 1 : 0);
  const sync = exchanges * (startCycles + 2 * target.syncCycles);
  return { compute, exchange, reductionExchange, reduction, sync, total: compute + exchange + reductionExchange + reduction + sync, bytes };
}

/** Cycles of a tile for one block, its rows dealt to the tile's threads. */
function blockCycles(problem: PartitionProblem, block: readonly number[]): number {
  const { space, reads, contraction, operations, target } = problem;
  const of = (kind: SpaceDimension["kind"]): number => product(block.filter((_, d) => space[d]!.kind === kind));
  const rows = of("parallel");
  const length = of("reduction");
  const serial = of("serial");
  const threads = target.threadsPerTile;
  const bytes = reads.reduce((most, { dtype }) => Math.max(most, laneBytes(dtype)), laneBytes(problem.result.dtype));
  if (serial > 1) return ceil(rows, threads) * threads * closedForms.passes(Math.max(1, serial * operations));
  if (length === 1 && !space.some(({ kind }) => kind === "reduction")) return threads * closedForms.map(ceil(rows, threads), operations, bytes);
  const dots = ceil(rows, threads) * threads * closedForms.dot(length * Math.max(1, operations), bytes);
  return contraction ? Math.min(dots, matrixUnitCycles(problem, block)) : dots;
}

/** Bytes of a vector that one element takes: integers are computed one at a time. */
const laneBytes = (dtype: DType): number => (isFloat(dtype) ? Math.min(bytesOf(dtype), cycleModel.vectorBytes) : cycleModel.vectorBytes);

/** Of a block of a product of two operands in the matrix unit, rows or columns dealt to the threads; infinite where a side does not fill it. */
function matrixUnitCycles({ space, reads, target }: PartitionProblem, block: readonly number[]): number {
  const [left, right] = reads;
  if (!left || !right || left.dtype !== right.dtype) return Infinity;
  let [rows, columns, batch, depth] = [1, 1, 1, 1];
  space.forEach(({ kind }, d) => {
    const moves = (read: PlannedRead): boolean => read.map.some((form) => form.coefficients[d] !== 0);
    if (kind === "reduction") depth *= block[d]!;
    else if (moves(left) === moves(right)) batch *= block[d]!;
    else if (moves(left)) rows *= block[d]!;
    else columns *= block[d]!;
  });
  if (Math.min(rows, columns) < cycleModel.matrixColumns) return Infinity;
  const threads = target.threadsPerTile;
  const of = (sizes: { readonly rows: number; readonly columns: number; readonly batch: number }): number => matrixCycles({ ...sizes, depth, bytes: bytesOf(left.dtype), outside: [] }, target);
  const shares = [of({ rows: ceil(rows, threads), columns, batch }), of({ rows, columns: ceil(columns, threads), batch }), of({ rows, columns, batch: ceil(batch, threads) })];
  return threads * (closedForms.overhead + Math.min(...shares));
}

/** Bytes of one block's part of an operand, and how many of them come from other tiles. */
function readBytes(problem: PartitionProblem, read: PlannedRead, parts: readonly number[], block: readonly number[]): { total: number; remote: number } {
  const size = bytesOf(read.dtype);
  const extents = read.map.map((form, t) => {
    const { min, max } = affineRange({ constant: 0, coefficients: form.coefficients }, block);
    return Math.min(max - min + 1, read.shape[t]!);
  });
  const total = product(extents) * size;
  const cut = parts.flatMap((count, d) => (count > 1 ? [d] : []));
  const seen = cut.filter((d) => read.map.some((form) => form.coefficients[d] !== 0));
  if (!read.distribution) {
    // It will be put where it is needed, if no two blocks need the same element.
    return { total, remote: seen.length === cut.length || problem.target.tiles === 1 ? 0 : total };
  }
  const { distribution } = read;
  if (seen.length !== cut.length) return { total, remote: total };
  let own = size;
  for (const [t, form] of read.map.entries()) {
    const d = form.coefficients.findIndex((coefficient, dimension) => coefficient !== 0 && parts[dimension]! > 1);
    if (d === -1) {
      if (distribution.grid[t]! > 1) return { total, remote: total };
      own *= extents[t]!;
      continue;
    }
    if (form.coefficients[d]! * block[d]! !== distribution.block[t]) return { total, remote: total };
    own *= Math.min(extents[t]!, distribution.block[t]!);
  }
  return { total, remote: Math.max(0, total - own) };
}

/** Bytes of an operand that one chip receives from others, at most: each different part once, however many tiles need it. */
function crossingBytes({ target }: PartitionProblem, read: PlannedRead, parts: readonly number[], total: number, remote: number): number {
  const { chips } = target;
  if (!chips || chips.count < 2 || remote === 0) return 0;
  const instances = product(parts);
  const different = product(parts.filter((count, d) => count > 1 && read.map.some((form) => form.coefficients[d] !== 0)));
  const perChip = Math.min(different, ceil(instances, chips.count));
  // What a tile lacks of its own part (a halo) crosses only at the edges of a chip's run of tiles.
  if (remote < total) return 2 * remote;
  return (perChip * total * (chips.count - 1)) / chips.count;
}
