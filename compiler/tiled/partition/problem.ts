/**
 * What the estimate needs to know of a lowering: its space, and what it reads, with where that lies.
 */
import { bytesOf, isFloat } from "../../../runtime/dtype.ts";
import type { Lowering } from "../../kernel/lowering.ts";
import { composeMap, type Affine } from "../../support/affine.ts";
import type { Target } from "../../targets/target.ts";
import { blockCount, slotsPerTile } from "../distribution.ts";
import type { Split } from "../families.ts";
import type { Tensors, TensorView } from "../tensors.ts";
import type { Distribution, TensorId } from "../tiled.ts";
import type { Cut, PartitionProblem, PlannedRead } from "./estimate.ts";

/** Results in 16 bits would lose in partial sums what the sum keeps in 32. */
export const keepsPartials = (to: TensorView, tensors: Tensors): boolean => {
  const { dtype } = tensors.type(to.tensor);
  return !(isFloat(dtype) && bytesOf(dtype) === 2);
};

/** Accesses that move alike are fetched together where they are no more elements apart than this. */
const nearby = 16;

export function problemOf(lowering: Lowering, reads: readonly TensorView[], to: TensorView, tensors: Tensors, target: Target): PartitionProblem {
  return {
    space: lowering.space, reads: plannedReads(lowering, reads, tensors).map(({ read }) => read), result: { dtype: tensors.type(to.tensor).dtype },
    splitsReduction: lowering.combine !== undefined && keepsPartials(to, tensors),
    contraction: lowering.contraction ?? false, operations: lowering.operations ?? 1, target,
  };
}

/** What a lowering reads, with the tensors. */
export function plannedReads(lowering: Lowering, reads: readonly TensorView[], tensors: Tensors): { readonly tensor: TensorId; readonly read: PlannedRead }[] {
  const planned: { tensor: TensorId; read: PlannedRead }[] = [];
  lowering.reads.forEach((access, r) => {
    const { tensor, map: view } = reads[r]!;
    const map = composeMap(view, access.index, lowering.space.length);
    const known = planned.find((other) => other.tensor === tensor && map.every((form, t) => movesBeside(form, other.read.map[t]!)));
    if (known) {
      known.read = together(known.read, map);
      return;
    }
    const { dtype, shape } = tensors.type(tensor);
    planned.push({ tensor, read: { dtype, shape, map, ...(tensors.hasDistribution(tensor) ? placeOf(tensors.distribution(tensor)) : {}) } });
  });
  return planned;
}

function placeOf(distribution: Distribution): Pick<PlannedRead, "distribution" | "perTile"> {
  const { grid, placement } = distribution;
  const blocks = blockCount(grid);
  const alongOne = grid.every((count) => count === 1 || count === blocks);
  const evenly = placement.kind === "blocked" || (placement.kind === "scaled" && blocks % placement.tiles === 0);
  const perTile = alongOne && evenly ? slotsPerTile(placement, blocks) : 1;
  return { distribution, ...(perTile > 1 ? { perTile } : {}) };
}

const movesBeside = (a: Affine, b: Affine): boolean => Math.abs(a.constant - b.constant) <= nearby && a.coefficients.every((coefficient, d) => coefficient === b.coefficients[d]);

function together(read: PlannedRead, map: readonly Affine[]): PlannedRead {
  const low = map.map(({ constant }, t) => Math.min(constant, read.map[t]!.constant));
  const further = map.map(({ constant }, t) => Math.max(constant, read.map[t]!.constant + (read.further?.[t] ?? 0)) - low[t]!);
  return { ...read, map: map.map((form, t) => ({ ...form, constant: low[t]! })), ...(further.some((some) => some > 0) ? { further } : {}) };
}

/** How a split cuts each dimension of the space. */
export function cutOf({ space }: Pick<PartitionProblem, "space">, { grid, dimensions, block }: Split): Cut {
  const parts = space.map((_, d) => grid[dimensions.indexOf(d)] ?? 1);
  return { parts, block: space.map(({ extent }, d) => Math.min(extent, block[dimensions.indexOf(d)] ?? extent)) };
}

/** The problem with its space in the grid of a split: point 0 of each dimension is where the grid begins. */
export function problemWithin<Problem extends Pick<PartitionProblem, "reads">>(problem: Problem, { dimensions, from }: Pick<Split, "dimensions" | "from">): Problem {
  return from === undefined ? problem : { ...problem, reads: problem.reads.map((read) => readWithin(read, { dimensions, from })) };
}

export function readWithin(read: PlannedRead, { dimensions, from }: Pick<Split, "dimensions" | "from">): PlannedRead {
  if (from === undefined) return read;
  const shifted = ({ constant, coefficients }: Affine): Affine => ({ coefficients, constant: dimensions.reduce((sum, d, i) => sum - (d === -1 ? 0 : from[i]! * coefficients[d]!), constant) });
  return { ...read, map: read.map.map(shifted) };
}
