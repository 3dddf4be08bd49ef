/**
 * Partition of one op with private memory: of the splits that fit, the one that the estimate says takes the fewest cycles, by the
 * kernels that its blocks would have. Where the result lies already, the split under which each vertex is where what it writes lies
 * is compared with the cheapest of all, from whose vertices the results are brought there.
 */
import { bytesOf, sizeOf } from "../../../runtime/dtype.ts";
import type { TensorType } from "../../graph/graph.ts";
import type { Lowering } from "../../kernel/lowering.ts";
import { equalParts } from "../../support/parts.ts";
import type { Target } from "../../targets/target.ts";
import { blockCount, samePlacement, slotsPerTile } from "../distribution.ts";
import type { Split } from "../families.ts";
import type { Tensors, TensorView } from "../tensors.ts";
import type { Distribution, Placement } from "../tiled.ts";
import { equalCut, estimate, movingCycles, operandBlocks, type Blocks, type Cost, type Cut, type PartitionProblem } from "./estimate.ts";
import { KernelCycles } from "./kernel-cycles.ts";
import { canPlace, dealt, fixedPartition, placeResult, reducedDimension, splitGrid, type Partition } from "./placing.ts";
import { cutOf, problemOf, problemWithin } from "./problem.ts";
import { cheapestOf, isBetter, searchAll, type Plan } from "./search.ts";
import { alongAxes, splitLikeResult, splitWithin } from "./splits.ts";

/** What was searched for the ops of a program so far: many have the same problem as one before. */
const searched = new WeakMap<Tensors, Map<string, readonly Plan[]>>();

function searchOnce(problem: PartitionProblem, weight: number, tensors: Tensors): readonly Plan[] {
  const known = searched.get(tensors) ?? new Map<string, readonly Plan[]>();
  searched.set(tensors, known);
  const about = 2 ** Math.round(Math.log2(weight));
  // The target is that of the program, and where exactly blocks lie makes no difference to the estimate.
  const key = JSON.stringify([about, problem], (name, value: unknown) => (name === "target" || name === "placement" ? undefined : value));
  const plans = known.get(key) ?? searchAll(problem, about);
  known.set(key, plans);
  return plans;
}

interface WeighedPlan extends Plan {
  readonly weight: number;
}

/** Plans whose kernels are looked at, at most, each the cheapest by the weight of the one before. */
const mostLooked = 4;

/** The cheapest plan by the kernels that blocks would have. */
function cheapestPlan(problem: PartitionProblem, kernels: KernelCycles, tensors: Tensors): WeighedPlan {
  const first = kernels.weight(problem, kernels.evenBlock);
  const plans = searchOnce(problem, first, tensors);
  const seen = new Map<Plan, WeighedPlan>();
  for (const begin of [1, first]) {
    for (let next = cheapestOf(plans, begin); !seen.has(next) && seen.size < mostLooked; next = cheapestOf(plans, seen.get(next)!.weight)) {
      seen.set(next, weighed(problem, kernels, next.parts));
    }
  }
  const even = problem.space.map(({ extent }, d) => equalParts(extent, Math.ceil(extent / kernels.evenBlock[d]!)));
  const looked = [...seen.values(), weighed(problem, kernels, even)];
  const weights = [first, ...looked.map(({ weight }) => weight)];
  // Kernels that are so unlike each other are not to be told by closed forms: whether one dimension alone is better.
  if (Math.max(...weights) > unlike * Math.min(...weights)) looked.push(...singleCuts(problem).map((parts) => weighed(problem, kernels, parts)));
  const best = looked.reduce((one, plan) => (isBetter(plan, one, problem.target.bytesPerTile) ? plan : one));
  return onOne(problem, kernels, Math.min(...weights), best.cost.total + hardlyMore(problem.target)) ?? best;
}

/** All on one tile, where that takes no more than `enough` cycles: what is little is best where others can have it without an exchange. */
function onOne(problem: PartitionProblem, kernels: KernelCycles, weight: number, enough: number): WeighedPlan | undefined {
  const whole = problem.space.map(() => 1);
  if (estimate({ ...problem, weight }, equalCut(problem, whole)).total > enough) return undefined;
  const plan = weighed(problem, kernels, whole);
  return plan.cost.total <= enough && fits(plan.cost, problem.target) ? plan : undefined;
}

/** The plan that cuts dimensions into so many parts, by the kernel of its blocks. */
function weighed(problem: PartitionProblem, kernels: KernelCycles, parts: readonly number[]): WeighedPlan {
  const cut = equalCut(problem, parts);
  const weight = kernels.weight(problem, cut.block);
  return { parts, cost: estimate({ ...problem, weight }, cut), weight };
}

/** So few cycles are not worth a split, which may make others exchange something. */
export const hardlyMore = ({ exchange, syncCycles }: Target): number => (exchange.startCycles + 2 * syncCycles) / 8;

/** Weights of kernels of one op differ by this factor where they are of different kinds. */
const unlike = 1.5;

/** Each parallel dimension alone in as many parts as it has, or there are tiles. */
function singleCuts({ space, target }: PartitionProblem): number[][] {
  const whole = space.map(() => 1);
  const cut = space.flatMap(({ kind, extent }, d) => (kind === "parallel" && extent > 1 ? [whole.with(d, equalParts(extent, Math.min(extent, target.tiles)))] : []));
  return [whole, ...cut];
}

export function plannedPartition(lowering: Lowering, reads: readonly TensorView[], to: TensorView, tensors: Tensors, target: Target, first?: number): Partition {
  const problem = problemOf(lowering, reads, to, tensors, target);
  const kernels = new KernelCycles(lowering, reads, to, tensors, target);
  const plan = placed(lowering, problem, cheapestPlan(problem, kernels, tensors), target, first);
  placeResult(lowering, plan, reducedDimension(lowering, plan), to, tensors, target, plan.placement);
  const { split } = cheaper(lowering, problem, plan, kernels, to, tensors, target);
  return split ? { split } : fixedPartition(lowering, plan, to, tensors, target, plan.placement);
}

/** What the split that `partition` would choose costs; decides nothing yet. */
export function plannedCost(lowering: Lowering, reads: readonly TensorView[], to: TensorView, tensors: Tensors, target: Target): Cost {
  const problem = problemOf(lowering, reads, to, tensors, target);
  const kernels = new KernelCycles(lowering, reads, to, tensors, target);
  const plan = placed(lowering, problem, cheapestPlan(problem, kernels, tensors), target);
  return canPlace(to, tensors) ? plan.cost : cheaper(lowering, problem, plan, kernels, to, tensors, target).cost;
}

/** A plan on tiles: those of the largest operand that lies in its blocks, else dealt out anew. */
interface PlacedPlan extends Plan {
  readonly placement: Placement;
}

function placed(lowering: Lowering, problem: PartitionProblem, { parts, cost, weight }: WeighedPlan, target: Target, first?: number): PlacedPlan {
  const cut = equalCut(problem, parts);
  const lying = problem.reads.filter((read) => read.distribution && sameBlocks(operandBlocks(problem, read, cut), read.distribution));
  const [largest] = lying.toSorted((a, b) => sizeOf(b.shape) * bytesOf(b.dtype) - sizeOf(a.shape) * bytesOf(a.dtype));
  const grid = splitGrid(lowering, { parts });
  if (largest === undefined || sizeOf(grid) !== blockCount(largest.distribution!.grid)) return { parts, cost, placement: dealt(grid, target, first) };
  const { placement } = largest.distribution!;
  return { parts, placement, cost: lying.length === 1 ? cost : costOn({ ...problem, weight }, cut, placement, sizeOf(grid)) };
}

const sameBlocks = (a: Blocks | undefined, b: Blocks): boolean => a !== undefined && a.block.join() === b.block.join() && a.grid.join() === b.grid.join();

/** The cost of instances on these tiles: what lies in the same blocks on others comes from there. */
const costOn = (problem: PartitionProblem, cut: Cut, placement: Placement, blocks: number): Cost =>
  estimate(problem, cut, (r) => {
    const { distribution } = problem.reads[r]!;
    return distribution && blockCount(distribution.grid) === blocks && !samePlacement(distribution.placement, placement, blocks) ? null : undefined;
  });

/**
 * Whichever takes fewer cycles, and fits: the split under which each vertex is where what it writes lies, or the plan, from whose
 * vertices the results are brought there. Absent: the plan.
 */
function cheaper(lowering: Lowering, problem: PartitionProblem, plan: Plan, kernels: KernelCycles, to: TensorView, tensors: Tensors, target: Target): { readonly split?: Split; readonly cost: Cost } {
  const distribution = tensors.distribution(to.tensor);
  const split = lowering.writes.length === 1 ? splitWithin(alongAxes(lowering, to), distribution) : splitLikeResult(lowering, to, distribution, tensors.type(to.tensor).shape);
  // Partial results are brought together where the result lies.
  const once = reducedDimension(lowering, plan) === -1 ? resultMoves(lowering, plan.parts, tensors.type(to.tensor), distribution, target) : 0;
  // What keeps some of its result fetches that first.
  const moved = lowering.keeps ? 2 * once : once;
  const moving: Cost = { ...plan.cost, exchange: plan.cost.exchange + moved, total: plan.cost.total + moved };
  if (!split) return { cost: moving };
  const cut = cutOf(problem, split);
  const own = costOn(kernels.weighed(problemWithin(problem, split), cut), cut, split.placement, sizeOf(split.grid));
  return fits(moving, target) && (!fits(own, target) || moving.total < own.total) ? { cost: moving } : { split, cost: own };
}

const fits = ({ bytes }: Cost, { bytesPerTile }: Target): boolean => bytes <= bytesPerTile;

/** Cycles to bring what a lowering writes in so many parts to where its blocks are. */
function resultMoves({ space }: Lowering, parts: readonly number[], { dtype }: TensorType, { block, grid, placement }: Distribution, target: Target): number {
  const all = sizeOf(space.flatMap(({ kind, extent }) => (kind === "parallel" ? [extent] : [])));
  const own = sizeOf(space.flatMap(({ kind, extent }, d) => (kind === "parallel" ? [Math.ceil(extent / parts[d]!)] : [])));
  return movingCycles(target, bytesOf(dtype) * Math.max(own, Math.min(all, slotsPerTile(placement, blockCount(grid)) * sizeOf(block))), bytesOf(dtype) * all);
}
