/**
 * Partition of one op: how its index space is split over the tiles, where its result lives, and where operands live that
 * nothing has placed yet. A placement the user mapped, or that an earlier op chose, stays and decides.
 *
 * With shared memory every split costs the same but for balance, so dimensions are split evenly, the outermost first; but
 * transpositions along the rows they read, or not within lines, and reductions of columns by rows. With private memory the cheapest split is searched
 * (see `search.ts`).
 */
import { bytesOf, isFloat, sizeOf } from "../../../runtime/dtype.ts";
import { partLength, type Lowering } from "../../kernel/lowering.ts";
import { affineRange, composeMap, type Affine } from "../../support/affine.ts";
import type { Target } from "../../targets/target.ts";
import { distribute, evenDistribution, spread } from "../distribution.ts";
import type { Split } from "../families.ts";
import type { Tensors, TensorView } from "../tensors.ts";
import type { Distribution, Placement } from "../tiled.ts";
import { estimate, type Cost, type PartitionProblem } from "./estimate.ts";
import { search, type Plan } from "./search.ts";
import { splitAlongPages, splitAroundLines, splitByRows, splitEvenly, splitLikeOperand, splitLikeResult, splitReduction, workOf } from "./splits.ts";

export interface Partition {
  readonly split: Split;
  /** The dimension of the instance grid that cuts a reduction: each instance gives a partial result. */
  readonly reduction?: number;
}

/**
 * `wanted`: the parts the user asked for, of each dimension of the result and then of the reduction. `first`: what is free to be
 * anywhere, and has room there, begins on this tile.
 */
export function partition(lowering: Lowering, reads: readonly TensorView[], to: TensorView, tensors: Tensors, target: Target, wanted?: readonly number[], first?: number): Partition {
  const parts = wanted && wantedParts(lowering, wanted);
  const made = parts ? fixedPartition(lowering, { parts }, to, tensors, target, first) : target.memory === "shared" ? evenPartition(lowering, reads, to, tensors, target) : plannedPartition(lowering, reads, to, tensors, target, first);
  if (target.memory === "private") placeOperands(made.split, lowering, reads, tensors);
  return made;
}

/** Parts of each dimension of the space; undefined where the op cannot be cut so. */
export function wantedParts(lowering: Lowering, wanted: readonly number[]): number[] | undefined {
  const parts = lowering.space.map(() => 1);
  const index = lowering.writes[0]!.index;
  for (const [t, wantedCount] of wanted.entries()) {
    if (wantedCount === 1) continue;
    const form = index[t];
    const d = form ? form.coefficients.findIndex((coefficient) => coefficient !== 0) : lowering.space.findIndex(({ kind }) => kind === "reduction");
    const dimension = lowering.space[d];
    const count = lowering.edge && dimension ? Math.min(wantedCount, dimension.extent) : wantedCount;
    if (!dimension || dimension.kind !== (form ? "parallel" : "reduction") || (!form && lowering.combine === undefined) || count > dimension.extent) return undefined;
    parts[d] = Math.ceil(dimension.extent / partLength(dimension, count));
  }
  return parts;
}

/** The reduction dimension that is cut; -1: none. */
const reducedDimension = ({ space }: Lowering, { parts }: Pick<Plan, "parts">): number => space.findIndex(({ kind }, d) => kind === "reduction" && parts[d]! > 1);

function fixedPartition(lowering: Lowering, plan: Pick<Plan, "parts">, to: TensorView, tensors: Tensors, target: Target, first?: number): Partition {
  const reduced = reducedDimension(lowering, plan);
  placeResult(lowering, plan, reduced, to, tensors, target);
  const split = splitOf(lowering, plan, target, first);
  return reduced === -1 ? { split } : { split, reduction: split.dimensions.indexOf(reduced) };
}

function placeResult(lowering: Lowering, plan: Pick<Plan, "parts">, reduced: number, to: TensorView, tensors: Tensors, target: Target): void {
  if (!canPlace(to, tensors)) return;
  const { shape } = tensors.type(to.tensor);
  // Combined results are dealt out anew.
  tensors.setDistribution(to.tensor, (reduced === -1 ? resultDistribution(lowering, plan, shape, target) : undefined) ?? evenDistribution(shape, sizeOf(shape), target.tiles, 1));
}

/** Results in 16 bits would lose in partial sums what the sum keeps in 32. */
const keepsPartials = (to: TensorView, tensors: Tensors): boolean => {
  const { dtype } = tensors.type(to.tensor);
  return !(isFloat(dtype) && bytesOf(dtype) === 2);
};

function evenPartition(lowering: Lowering, reads: readonly TensorView[], to: TensorView, tensors: Tensors, target: Target): Partition {
  const { shape } = tensors.type(to.tensor);
  const followed = followOperand(lowering, reads, to, tensors);
  if (followed) return { split: followed };
  const grain = Math.max(target.grain, workOf(lowering) / (lowering.mostParts ?? Infinity));
  const free = canPlace(to, tensors);
  if (free) {
    const whole = (t: number): boolean => lowering.writes[0]!.index[t]!.coefficients.every((coefficient, d) => coefficient === 0 || lowering.space[d]!.extent === 1 || lowering.space[d]!.kind === "parallel");
    tensors.setDistribution(to.tensor, evenDistribution(shape, workOf(lowering), target.tiles, grain, whole));
  }
  if (keepsPartials(to, tensors)) {
    const split = splitReduction(lowering, reads, tensors, target.tiles, target.grain);
    if (split) return { split, reduction: 0 };
  }
  const distribution = tensors.distribution(to.tensor);
  const like = tensors.isScattered(to.tensor) ? undefined : splitLikeResult(lowering, to, distribution, shape);
  const fits = like && sizeOf(like.grid) <= (lowering.mostParts ?? Infinity);
  const split = fits ? like : splitEvenly(lowering, target.tiles, grain);
  const byRows = free && keepsPartials(to, tensors) ? splitByRows(lowering, reads, tensors, split) : undefined;
  if (byRows) return { split: byRows, reduction: 0 };
  if (!free) return { split };
  return { split: splitAlongPages(lowering, reads, to, tensors, split) ?? splitAroundLines(lowering, reads, to, tensors, target.tiles, split) ?? split };
}

/**
 * What leaves the program, or is kept for its next run, is cut as the only operand is where tiles computed that: each finishes
 * its own part, and no worker waits for what another one wrote.
 */
function followOperand(lowering: Lowering, [view]: readonly TensorView[], to: TensorView, tensors: Tensors): Split | undefined {
  if (!canPlace(to, tensors) || !tensors.isPersistent(to.tensor) || lowering.reads.length !== 1) return undefined;
  if (tensors.isPersistent(view!.tensor) || tensors.isScattered(view!.tensor)) return undefined;
  const { shape } = tensors.type(to.tensor);
  const operand = tensors.type(view!.tensor).shape;
  if (sizeOf(operand) !== sizeOf(shape)) return undefined;
  const split = splitLikeOperand(lowering, view!, tensors.distribution(view!.tensor), operand);
  if (split?.grid.length === 0) return undefined;
  const block = split && resultBlock(lowering, new Map(split.dimensions.map((d, i) => [d, split.block[i]!])), shape);
  if (block) tensors.setDistribution(to.tensor, distribute(shape, block, split.placement));
  return block && split;
}

const canPlace = (to: TensorView, tensors: Tensors): boolean => !tensors.hasDistribution(to.tensor) && tensors.root(to.tensor) === to.tensor;

/** What was searched for the ops of a program so far: many have the same problem as one before. */
const searched = new WeakMap<Tensors, Map<string, Plan>>();

function searchOnce(problem: PartitionProblem, tensors: Tensors): Plan {
  const known = searched.get(tensors) ?? new Map<string, Plan>();
  searched.set(tensors, known);
  // The target is that of the program, and where exactly blocks lie makes no difference to the estimate.
  const key = JSON.stringify(problem, (name, value: unknown) => (name === "target" || name === "placement" ? undefined : value));
  const plan = known.get(key) ?? search(problem);
  known.set(key, plan);
  return plan;
}

function plannedPartition(lowering: Lowering, reads: readonly TensorView[], to: TensorView, tensors: Tensors, target: Target, first?: number): Partition {
  const problem = problemOf(lowering, reads, to, tensors, target);
  const plan = searchOnce(problem, tensors);
  const reduced = reducedDimension(lowering, plan);
  placeResult(lowering, plan, reduced, to, tensors, target);
  const like = splitLikeResult(lowering, to, tensors.distribution(to.tensor), tensors.type(to.tensor).shape);
  if (like && !(reduced !== -1 && plan.cost.total < estimate(problem, partsOf(lowering, like)).total)) return { split: like };
  return fixedPartition(lowering, plan, to, tensors, target, first);
}

/** What the split that `partition` would choose costs; decides nothing yet. */
export function plannedCost(lowering: Lowering, reads: readonly TensorView[], to: TensorView, tensors: Tensors, target: Target): Cost {
  const problem = problemOf(lowering, reads, to, tensors, target);
  const plan = searchOnce(problem, tensors);
  if (canPlace(to, tensors)) return plan.cost;
  const like = splitLikeResult(lowering, to, tensors.distribution(to.tensor), tensors.type(to.tensor).shape);
  if (!like) return plan.cost;
  const own = estimate(problem, partsOf(lowering, like));
  return reducedDimension(lowering, plan) !== -1 && plan.cost.total < own.total ? plan.cost : own;
}

function problemOf(lowering: Lowering, reads: readonly TensorView[], to: TensorView, tensors: Tensors, target: Target): PartitionProblem {
  const rank = lowering.space.length;
  const seen = new Set<string>();
  const planned = lowering.reads.flatMap((access, r) => {
    const view = reads[r]!;
    const map = composeMap(view.map, access.index, rank);
    // Several accesses to one tensor at small distances are fetched together.
    const key = `${view.tensor}:${map.map(({ coefficients }) => coefficients.join()).join(";")}`;
    if (seen.has(key)) return [];
    seen.add(key);
    const { dtype, shape } = tensors.type(view.tensor);
    return [{ dtype, shape, map, ...(tensors.hasDistribution(view.tensor) ? { distribution: tensors.distribution(view.tensor) } : {}) }];
  });
  return {
    space: lowering.space, reads: planned, result: { dtype: tensors.type(to.tensor).dtype },
    splitsReduction: lowering.combine !== undefined && keepsPartials(to, tensors),
    contraction: lowering.contraction ?? false, operations: lowering.operations ?? 1, target,
  };
}

const partsOf = (lowering: Lowering, split: Split): number[] => lowering.space.map((_, d) => (split.dimensions.includes(d) ? split.grid[split.dimensions.indexOf(d)]! : 1));

/** The block of the result that one block of the space writes, `cut` giving the width of those of its dimensions that are cut; undefined where it writes none. */
function resultBlock(lowering: Lowering, cut: ReadonlyMap<number, number>, shape: readonly number[]): number[] | undefined {
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
function resultDistribution(lowering: Lowering, { parts }: Pick<Plan, "parts">, shape: readonly number[], target: Target): Distribution | undefined {
  const cut = new Map(parts.flatMap((count, d) => (count > 1 ? [[d, partLength(lowering.space[d]!, count)] as const] : [])));
  const block = resultBlock(lowering, cut, shape);
  return block && distribute(shape, block, spread(sizeOf(shape.map((extent, t) => Math.ceil(extent / block[t]!))), target.tiles));
}

/** The plan as a split: parallel dimensions in the order of the space, then the reduction. */
function splitOf(lowering: Lowering, plan: Pick<Plan, "parts">, target: Target, first?: number): Split {
  const cut = plan.parts.flatMap((parts, d) => (parts > 1 ? [d] : []));
  const dimensions = [...cut.filter((d) => lowering.space[d]!.kind === "parallel"), ...cut.filter((d) => lowering.space[d]!.kind === "reduction")];
  const block = dimensions.map((d) => partLength(lowering.space[d]!, plan.parts[d]!));
  const grid = dimensions.map((d, i) => Math.ceil(lowering.space[d]!.extent / block[i]!));
  const blocks = sizeOf(grid);
  const placement: Placement = first === undefined || blocks === 0 || blocks > target.tiles ? spread(blocks, target.tiles) : { kind: "blocked", first: Math.min(first, target.tiles - blocks), perTile: 1 };
  return { grid, dimensions, block, placement };
}

/** Whether an access reaches from the first to the last element of an axis. */
function coversAxis(form: Affine, { space }: Lowering, extent: number): boolean {
  const { min, max } = affineRange(form, space.map((dimension) => dimension.extent));
  return min <= 0 && max >= extent - 1;
}

/** Puts operands that have no place yet where the vertices that read them are, if each element is read by one vertex only. */
function placeOperands(split: Split, lowering: Lowering, reads: readonly TensorView[], tensors: Tensors): void {
  lowering.reads.forEach((access, r) => {
    const view = reads[r]!;
    if (tensors.hasDistribution(view.tensor) || tensors.root(view.tensor) !== view.tensor) return;
    const { shape } = tensors.type(view.tensor);
    const map = composeMap(view.map, access.index, lowering.space.length);
    // One vertex that reads a part decides nothing for the whole tensor.
    if (split.grid.length === 0 && !map.every((form, t) => coversAxis(form, lowering, shape[t]!))) return;
    const cuts = map.map((form, t) => cutOf(form, t));
    const order = cuts.filter((i) => i >= 0);
    // The blocks' order must be the vertices' order, so that their tiles are the same.
    if (cuts.includes(-2) || order.length !== split.grid.length || order.some((i, at) => i !== at)) return;
    tensors.setDistribution(view.tensor, distribute(shape, cuts.map((i, t) => (i === -1 ? Math.max(1, shape[t]!) : split.block[i]!)), split.placement));

    /** Which dimension of the split cuts dimension t of the tensor; -1: none, -2: not into blocks. */
    function cutOf(form: Affine, t: number): number {
      const used = form.coefficients.flatMap((coefficient, d) => (coefficient !== 0 && split.dimensions.includes(d) ? [d] : []));
      if (used.length === 0) return -1;
      const d = used[0]!;
      if (used.length > 1 || form.coefficients[d] !== 1 || form.constant !== 0 || lowering.space[d]!.extent !== shape[t]) return -2;
      if (form.coefficients.some((coefficient, other) => other !== d && coefficient !== 0)) return -2;
      return split.dimensions.indexOf(d);
    }
  });
}
