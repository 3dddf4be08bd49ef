/**
 * From a plan to a split, and to where results and operands lie that nothing has placed yet.
 */
import { sizeOf } from "../../../runtime/dtype.ts";
import { partLength, type Lowering } from "../../kernel/lowering.ts";
import { affineRange } from "../../support/affine.ts";
import type { Target } from "../../targets/target.ts";
import { distribute, evenDistribution, spread } from "../distribution.ts";
import type { Split } from "../families.ts";
import type { Tensors, TensorView } from "../tensors.ts";
import type { Distribution, Placement } from "../tiled.ts";
import { operandBlocks, type PlannedRead } from "./estimate.ts";
import { cutOf, plannedReads, readWithin } from "./problem.ts";
import type { Plan } from "./search.ts";

export interface Partition {
  readonly split: Split;
  /** The dimension of the instance grid that cuts a reduction: each instance gives a partial result. */
  readonly reduction?: number;
}

export const canPlace = (to: TensorView, tensors: Tensors): boolean => !tensors.hasDistribution(to.tensor) && tensors.root(to.tensor) === to.tensor;

/** The reduction dimension that is cut; -1: none. */
export const reducedDimension = ({ space }: Lowering, { parts }: Pick<Plan, "parts">): number => space.findIndex(({ kind }, d) => kind === "reduction" && parts[d]! > 1);

/** `placement`: of the split's instances, and of the result where nothing has placed that. */
export function fixedPartition(lowering: Lowering, plan: Pick<Plan, "parts">, to: TensorView, tensors: Tensors, target: Target, placement: Placement): Partition {
  const reduced = reducedDimension(lowering, plan);
  placeResult(lowering, plan, reduced, to, tensors, target, placement);
  const split = splitOf(lowering, plan, placement);
  return reduced === -1 ? { split } : { split, reduction: split.dimensions.indexOf(reduced) };
}

export function placeResult(lowering: Lowering, plan: Pick<Plan, "parts">, reduced: number, to: TensorView, tensors: Tensors, target: Target, placement: Placement): void {
  if (!canPlace(to, tensors)) return;
  const { shape } = tensors.type(to.tensor);
  // Combined results are dealt out anew.
  tensors.setDistribution(to.tensor, (reduced === -1 ? resultDistribution(lowering, plan, shape, placement) : undefined) ?? evenDistribution(shape, sizeOf(shape), target.tiles, 1));
}

/** The block of the result that one block of the space writes, `cut` giving the width of those of its dimensions that are cut; undefined where it writes none. */
export function resultBlock(lowering: Lowering, cut: ReadonlyMap<number, number>, shape: readonly number[]): number[] | undefined {
  const block: number[] = [];
  const covered = new Set<number>();
  for (const [t, form] of lowering.writes[0]!.index.entries()) {
    const used = form.coefficients.flatMap((coefficient, d) => (coefficient !== 0 && cut.has(d) ? [d] : []));
    if (used.length === 0) {
      block.push(Math.max(1, shape[t]!));
      continue;
    }
    const d = used[0]!;
    const step = form.coefficients[d]!;
    const within = affineRange({ ...form, coefficients: form.coefficients.with(d, 0) }, lowering.space.map(({ extent }) => extent));
    // Elements that belong together, as rows of a window, stay so; of the last there may be fewer, which another lowering writes.
    if (used.length > 1 || step < 1 || within.min !== 0 || within.max >= step || lowering.space[d]!.extent !== Math.floor(shape[t]! / step)) return undefined;
    block.push(cut.get(d)! * step);
    covered.add(d);
  }
  return covered.size === cut.size ? block : undefined;
}

/** How the plan's blocks of the result are dealt out; undefined where its blocks of the space write none. */
function resultDistribution(lowering: Lowering, { parts }: Pick<Plan, "parts">, shape: readonly number[], placement: Placement): Distribution | undefined {
  const cut = new Map(parts.flatMap((count, d) => (count > 1 ? [[d, partLength(lowering.space[d]!, count)] as const] : [])));
  const block = resultBlock(lowering, cut, shape);
  return block && distribute(shape, block, placement);
}

/** Dimensions of the space that a plan cuts: the parallel ones in the order of the space, then the reduction. */
function cutDimensions({ space }: Lowering, { parts }: Pick<Plan, "parts">): number[] {
  const cut = parts.flatMap((count, d) => (count > 1 ? [d] : []));
  return [...cut.filter((d) => space[d]!.kind === "parallel"), ...cut.filter((d) => space[d]!.kind === "reduction")];
}

export const splitGrid = (lowering: Lowering, plan: Pick<Plan, "parts">): number[] =>
  cutDimensions(lowering, plan).map((d) => Math.ceil(lowering.space[d]!.extent / partLength(lowering.space[d]!, plan.parts[d]!)));

/** Instances dealt evenly over the tiles, or from tile `first` on, where there is room. */
export function dealt(grid: readonly number[], target: Target, first?: number): Placement {
  const blocks = sizeOf(grid);
  return first === undefined || blocks === 0 || blocks > target.tiles ? spread(blocks, target.tiles) : { kind: "blocked", first: Math.min(first, target.tiles - blocks), perTile: 1 };
}

function splitOf(lowering: Lowering, plan: Pick<Plan, "parts">, placement: Placement): Split {
  const dimensions = cutDimensions(lowering, plan);
  return { grid: splitGrid(lowering, plan), dimensions, block: dimensions.map((d) => partLength(lowering.space[d]!, plan.parts[d]!)), placement };
}

/** Whether at least half of a tensor is read. */
function readsMost({ map, shape, further }: PlannedRead, { space }: Lowering): boolean {
  const extents = space.map(({ extent }) => extent);
  const read = map.map((form, t) => {
    const { min, max } = affineRange(form, extents);
    return Math.min(shape[t]!, max - min + 1 + (further?.[t] ?? 0));
  });
  return 2 * sizeOf(read) >= sizeOf(shape);
}

/** Puts operands that have no place yet where the vertices that read them are, if each element is read by one vertex, but perhaps for some at the edges. */
export function placeOperands(split: Split, lowering: Lowering, reads: readonly TensorView[], tensors: Tensors): void {
  // A part of the grid decides nothing for a whole tensor.
  if (split.dimensions.includes(-1)) return;
  const cut = cutOf(lowering, split);
  for (const { tensor, read } of plannedReads(lowering, reads, tensors)) {
    if (tensors.hasDistribution(tensor) || tensors.root(tensor) !== tensor) continue;
    // One vertex that reads a part decides nothing for the whole tensor.
    if (split.grid.length === 0 && !readsMost(read, lowering)) continue;
    const blocks = operandBlocks(lowering, readWithin(read, split), cut);
    if (blocks) tensors.setDistribution(tensor, { ...blocks, placement: split.placement });
  }
}
