/**
 * What a split of an op would cost on a machine with private tile memory, in cycles: the model the partitioner compares
 * candidates with. What a vertex takes is of the same model as the cost of the finished program (`kernel/cycle-model.ts`), in
 * closed form: along n f32 elements 5 + ⌈n / 2⌉ cycles of its thread, as the vertices of Poplar's own examples do.
 */
import { bytesOf, isFloat, type DType } from "../../../runtime/dtype.ts";
import { closedForms, cycleModel } from "../../kernel/cycle-model.ts";
import type { SpaceDimension } from "../../kernel/lowering.ts";
import { matrixCycles } from "../../kernel/matrix-unit.ts";
import type { Affine } from "../../support/affine.ts";
import type { Target } from "../../targets/target.ts";
import type { Distribution } from "../tiled.ts";

export interface PlannedRead {
  readonly dtype: DType;
  readonly shape: readonly number[];
  /** Index of the tensor for each index of the space. */
  readonly map: readonly Affine[];
  /** How many elements more are read behind each, along each axis of the tensor, by accesses that move alike. */
  readonly further?: readonly number[];
  /** Where the tensor is; absent: it can still be put where this op wants it. */
  readonly distribution?: Distribution;
  /** So many blocks that lie side by side are on one tile; 1 if absent. */
  readonly perTile?: number;
}

/** What the estimate needs to know of a distribution. */
export type Blocks = Pick<Distribution, "block" | "grid">;

/** How each dimension of a space is cut: into how many parts, which has one, and how long those are, the last perhaps shorter. */
export interface Cut {
  readonly parts: readonly number[];
  readonly block: readonly number[];
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
  /** How many times longer a vertex takes than the closed form of its kind says; 1 if absent. */
  readonly weight?: number;
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

/** Each dimension of the space in so many equal parts. */
export const equalCut = ({ space }: Pick<PartitionProblem, "space">, parts: readonly number[]): Cut => ({ parts, block: space.map(({ extent }, d) => ceil(extent, parts[d]!)) });

/** The part `compute` of the cost: no less than this. */
export const computeCycles = (problem: PartitionProblem, { block }: Cut, threads = problem.target.threadsPerTile): number => blockCycles(problem, block, threads);

/** Cost of cutting the space so. `placed`: where an operand is, unless it is where its problem says; null: elsewhere. */
export function estimate(problem: PartitionProblem, cut: Cut, placed: (read: number) => Blocks | null | undefined = () => undefined): Cost {
  const { space, reads, target } = problem;
  const { parts, block } = cut;
  const compute = blockCycles(problem, block, target.threadsPerTile);
  let [bytes, moved, sent, crossing] = [0, 0, 0, 0];
  for (let r = 0; r < reads.length; r++) {
    const read = reads[r]!;
    const where = placed(r);
    const { total, remote } = readBytes(problem, read, cut, where === undefined ? read.distribution : where);
    bytes += total;
    moved += remote;
    sent += sentBytes(problem, read, parts, remote);
    crossing += crossingBytes(problem, read, parts, total, remote);
  }
  const resultBytes = bytesOf(problem.result.dtype);
  let [splits, results, own] = [1, 1, resultBytes];
  for (let d = 0; d < space.length; d++) {
    const { kind, extent } = space[d]!;
    if (kind === "reduction") splits *= parts[d]!;
    else if (kind === "parallel") [results, own] = [results * extent, own * block[d]!];
  }
  bytes += own;
  const { bytesPerCycle, startCycles } = target.exchange;
  const { chips } = target;
  const exchange = Math.max(ceil(Math.max(moved, sent), bytesPerCycle), chips && crossing > 0 ? chips.startCycles + ceil(crossing, chips.bytesPerCycle) : 0);
  let reductionExchange = 0;
  let reduction = 0;
  if (splits > 1) {
    const combined = ceil(results, target.tiles);
    reductionExchange = ceil(combined * splits * resultBytes, bytesPerCycle);
    // Parts of one result are on neighbouring tiles; the results are dealt out anew over all chips.
    if (chips) reductionExchange = Math.max(reductionExchange, chips.startCycles + ceil((results * splits * resultBytes * (chips.count - 1)) / chips.count ** 2, chips.bytesPerCycle));
    reduction = ceil(combined, target.threadsPerTile) * target.threadsPerTile * closedForms.dot(splits, resultBytes);
  }
  const exchanges = (exchange > 0 ? 1 : 0) + (splits > 1 ? 1 : 0);
  const sync = exchanges * (startCycles + 2 * target.syncCycles);
  return { compute, exchange, reductionExchange, reduction, sync, total: compute + exchange + reductionExchange + reduction + sync, bytes };
}

/** What it costs to bring the results of all tiles to where they lie: `bytes` of them come to a tile or leave it, `all` together. */
export function movingCycles({ exchange: { bytesPerCycle, startCycles }, syncCycles, chips }: Target, bytes: number, all: number): number {
  const crossing = chips && chips.count > 1 ? chips.startCycles + ceil((all * (chips.count - 1)) / chips.count ** 2, chips.bytesPerCycle) : 0;
  return Math.max(ceil(bytes, bytesPerCycle), crossing) + startCycles + 2 * syncCycles;
}

/** Cycles of a tile for one block, a parallel dimension of it dealt to so many threads of the tile. */
function blockCycles(problem: PartitionProblem, block: readonly number[], threads: number): number {
  return Math.ceil((problem.weight ?? 1) * plainCycles(problem, block, threads));
}

/** What the closed form of its kind says of a block: the innermost loop runs along the last parallel dimension, or along what is reduced if that is more than a few elements. */
export function plainCycles(problem: PartitionProblem, block: readonly number[], threads: number): number {
  const { space, contraction, operations } = problem;
  let [rows, length, serial, last] = [1, 1, 1, -1];
  for (let d = 0; d < space.length; d++) {
    const { kind } = space[d]!;
    if (kind === "serial") serial *= block[d]!;
    else if (kind === "reduction") length *= block[d]!;
    else [rows, last] = [rows * block[d]!, d];
  }
  const bytes = elementBytes(problem);
  const straight = serial === 1 && length <= mostStraight && !contraction && !problem.splitsReduction;
  const perRow = serial > 1 ? closedForms.passes(Math.max(1, serial * operations)) : closedForms.dot(length * Math.max(1, operations), bytes);
  let soonest = last === -1 ? perRow : Infinity;
  // Threads share one of the parallel dimensions.
  for (let d = 0; d <= last; d++) {
    if (space[d]!.kind !== "parallel") continue;
    const own = (rows / block[d]!) * ceil(block[d]!, threads);
    if (!straight) soonest = Math.min(soonest, own * perRow);
    else {
      const inner = d === last ? ceil(block[d]!, threads) : block[last]!;
      soonest = Math.min(soonest, closedForms.maps(own / inner, inner, length * operations, bytes));
    }
  }
  return contraction ? Math.min(threads * soonest, matrixUnitCycles(problem, block, threads)) : threads * soonest;
}

/** So many elements, as those of a window, are combined by straight code, at most. */
const mostStraight = 16;

/** Bytes of a vector that one element takes: integers are computed one at a time. */
const laneBytes = (dtype: DType): number => (isFloat(dtype) ? Math.min(bytesOf(dtype), cycleModel.vectorBytes) : cycleModel.vectorBytes);

const widest = new WeakMap<PartitionProblem["reads"], number>();

/** Bytes of a vector that the widest element takes, of what is read and of the result. */
function elementBytes({ reads, result }: PartitionProblem): number {
  const bytes = widest.get(reads) ?? reads.reduce((most, { dtype }) => Math.max(most, laneBytes(dtype)), laneBytes(result.dtype));
  widest.set(reads, bytes);
  return bytes;
}

/** Of a block of a product of two operands in the matrix unit, rows or columns dealt to the threads; infinite where a side does not fill it. */
function matrixUnitCycles({ space, reads, target }: PartitionProblem, block: readonly number[], threads: number): number {
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
  const of = (sizes: { readonly rows: number; readonly columns: number; readonly batch: number }): number => matrixCycles({ ...sizes, depth, bytes: bytesOf(left.dtype), outside: [] }, target);
  const shares = [of({ rows: ceil(rows, threads), columns, batch }), of({ rows, columns: ceil(columns, threads), batch }), of({ rows, columns, batch: ceil(batch, threads) })];
  return threads * (closedForms.overhead + Math.min(...shares));
}

/**
 * The blocks of an operand in which each block of the space finds its own part, but perhaps for some elements at the edges;
 * undefined where there are none such: where several blocks need the same, or they are not in the order of the space's.
 */
export function operandBlocks({ space }: Pick<PartitionProblem, "space">, { map, shape }: Pick<PlannedRead, "map" | "shape">, { parts, block }: Cut): Blocks | undefined {
  const cuts = map.map(({ coefficients }) => coefficients.flatMap((coefficient, d) => (coefficient !== 0 && parts[d]! > 1 ? [d] : [])));
  const order = cuts.flat();
  if (order.length !== parts.filter((count) => count > 1).length || cuts.some(({ length }) => length > 1)) return undefined;
  if (order.some((d, i) => i > 0 && orderOf(space, order[i - 1]!) >= orderOf(space, d))) return undefined;
  const blocks = map.map(({ coefficients }, t) => (cuts[t]!.length === 0 ? Math.max(1, shape[t]!) : coefficients[cuts[t]![0]!]! * block[cuts[t]![0]!]!));
  const grid = blocks.map((width, t) => (shape[t] === 0 ? 0 : ceil(shape[t]!, width)));
  return cuts.every(([d], t) => d === undefined || (blocks[t]! > 0 && grid[t] === parts[d])) ? { block: blocks, grid } : undefined;
}

/** Bytes of one block's part of an operand, and how many of them come from other tiles. */
function readBytes({ space, target }: PartitionProblem, { dtype, map, shape, further, perTile = 1 }: PlannedRead, { parts, block }: Cut, where: Blocks | null | undefined): { total: number; remote: number } {
  let total = bytesOf(dtype);
  let own = total;
  let [seen, cut, last] = [0, 0, -1];
  let apart = where === null;
  for (let d = 0; d < parts.length; d++) if (parts[d]! > 1) cut++;
  for (let t = 0; t < map.length; t++) {
    const { constant, coefficients } = map[t]!;
    let [min, max, at, here] = [constant, constant + (further?.[t] ?? 0), -1, 0];
    for (let d = 0; d < coefficients.length; d++) {
      const coefficient = coefficients[d]!;
      if (coefficient === 0) continue;
      const reach = coefficient * (block[d]! - 1);
      if (reach < 0) min += reach;
      else max += reach;
      if (parts[d] === 1) continue;
      here++;
      if (at === -1) at = d;
    }
    seen += here;
    const extent = Math.min(max - min + 1, shape[t]!);
    total *= extent;
    if (apart) continue;
    if (at === -1) {
      apart = where !== undefined && where!.grid[t]! > 1;
      own *= extent;
      continue;
    }
    // As `operandBlocks` has it.
    const width = coefficients[at]! * block[at]!;
    const rank = orderOf(space, at);
    apart = where ? width !== where.block[t] && width !== where.block[t]! * perTile : here > 1 || rank < last || width <= 0 || ceil(shape[t]!, width) !== parts[at]!;
    last = rank;
    own *= Math.max(0, Math.min(extent, max + 1, width, width - min));
  }
  if (target.tiles === 1) return { total, remote: 0 };
  return { total, remote: apart || seen !== cut ? total : total - own };
}

/** Where the space is cut, its parallel dimensions come first. */
const orderOf = (space: PartitionProblem["space"], d: number): number => (space[d]!.kind === "parallel" ? d : space.length + d);

/** Bytes that a tile sends of an operand to others: each different part once, however many tiles need it. */
const sentBytes = ({ target }: PartitionProblem, read: PlannedRead, parts: readonly number[], remote: number): number =>
  (remote === 0 || !read.distribution ? 0 : (differentParts(read, parts) * remote) / Math.min(target.tiles, Math.max(1, product(read.distribution.grid))));

/** How many different parts of an operand the blocks of a space read. */
function differentParts({ map }: PlannedRead, parts: readonly number[]): number {
  let different = 1;
  for (let d = 0; d < parts.length; d++) if (parts[d]! > 1 && map.some((form) => form.coefficients[d] !== 0)) different *= parts[d]!;
  return different;
}

/** Bytes of an operand that one chip receives from others, at most: each different part once, however many tiles need it. */
function crossingBytes({ target }: PartitionProblem, read: PlannedRead, parts: readonly number[], total: number, remote: number): number {
  const { chips } = target;
  if (!chips || chips.count < 2 || remote === 0) return 0;
  const instances = product(parts);
  const perChip = Math.min(differentParts(read, parts), ceil(instances, chips.count));
  // What a tile lacks of its own part (a halo) crosses only at the edges of a chip's run of tiles.
  if (remote < total) return 2 * remote;
  return (perChip * total * (chips.count - 1)) / chips.count;
}
