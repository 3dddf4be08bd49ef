/**
 * Where the vertices of an op in several parts are, with private memory: all where the blocks of the result are, which are chosen
 * by what the parts together cost (`parts.ts`), if nothing has placed the result yet, or if it is worth bringing it to its place.
 */
import { bytesOf, sizeOf } from "../../../runtime/dtype.ts";
import type { Lowering } from "../../kernel/lowering.ts";
import type { Target } from "../../targets/target.ts";
import { blockCount, distribute, evenDistribution, slotsPerTile, spread } from "../distribution.ts";
import type { Split } from "../families.ts";
import type { Tensors, TensorView } from "../tensors.ts";
import type { Distribution } from "../tiled.ts";
import { movingCycles } from "./estimate.ts";
import { KernelCycles } from "./kernel-cycles.ts";
import { PartsProblem, type PartProblem, type PartsCost } from "./parts.ts";
import { canPlace, placeOperands } from "./placing.ts";
import { hardlyMore, plannedCost } from "./planned.ts";
import { plannedReads, problemOf, problemWithin } from "./problem.ts";
import { alongAxes, splitWithin, workOf, type Along } from "./splits.ts";

/** One lowering of the op, and what it reads. */
export interface Part {
  readonly lowering: Lowering;
  readonly reads: readonly TensorView[];
}

/** The splits of all parts; the result and free operands are placed. Undefined, and nothing is placed, where the parts are better off each for itself. */
export function partitionTogether(parts: readonly Part[], to: TensorView, tensors: Tensors, target: Target): Split[] | undefined {
  if (parts.some(({ lowering }) => lowering.writes.length !== 1)) return undefined;
  const axes = parts.map(({ lowering }) => alongAxes(lowering, to));
  const found = cheapest(parts, axes, to, tensors, target);
  const splits = found && axes.map((along) => splitWithin(along, found));
  if (!splits || splits.includes(undefined)) return undefined;
  if (canPlace(to, tensors)) tensors.setDistribution(to.tensor, found);
  const order = [...parts.keys()].toSorted((a, b) => workOf(parts[b]!.lowering) - workOf(parts[a]!.lowering));
  for (const p of order) placeOperands(splits[p]!, parts[p]!.lowering, parts[p]!.reads, tensors);
  return splits as Split[];
}

/** The blocks that the parts follow; undefined: each for itself. */
function cheapest(parts: readonly Part[], axes: readonly (readonly Along[])[], to: TensorView, tensors: Tensors, target: Target): Distribution | undefined {
  const { dtype, shape } = tensors.type(to.tensor);
  const free = canPlace(to, tensors);
  const problem = new PartsProblem(parts.map((part, p) => problemOfPart(part, axes[p]!, to, tensors, target)), shape, target);
  const { block, cost } = problem.search(hardlyMore(target));
  const chosen = distribute(shape, block, spread(sizeOf(shape.map((extent, t) => Math.ceil(extent / block[t]!))), target.tiles));
  const placed = free ? evenDistribution(shape, parts.reduce((sum, { lowering }) => sum + workOf(lowering), 0), target.tiles, target.grain) : tensors.distribution(to.tensor);
  const onTile = slotsPerTile(placed.placement, blockCount(placed.grid)) * sizeOf(placed.block);
  const moving = (most: number): number => movingCycles(target, bytesOf(dtype) * most, bytesOf(dtype) * sizeOf(shape));
  const candidates: { readonly cost: Pick<PartsCost, "total" | "bytes">; readonly distribution?: Distribution }[] = [
    { cost: free ? cost : { ...cost, total: cost.total + moving(Math.max(onTile, sizeOf(block))) }, distribution: chosen },
    apart(parts, to, free ? moving(onTile) : 0, tensors, target),
  ];
  const there = free ? undefined : problem.cost(placed.block);
  if (there) candidates.unshift({ cost: there, distribution: placed });
  const fitting = candidates.filter(({ cost: { bytes } }) => bytes <= target.bytesPerTile);
  return (fitting.length > 0 ? fitting : candidates).reduce((best, candidate) => (candidate.cost.total < best.cost.total ? candidate : best)).distribution;
}

/** Parts that are planned for themselves take about so many times what the longest of them do. */
const bound = 1.1;

/** What it costs if each part is cut for itself, and the result then brought to where it lies. */
function apart(parts: readonly Part[], to: TensorView, moving: number, tensors: Tensors, target: Target): { readonly cost: Pick<PartsCost, "total" | "bytes"> } {
  const costs = parts.map(({ lowering, reads }) => plannedCost(lowering, reads, to, tensors, target));
  const own = costs.map(({ total, sync }) => total - sync);
  // Those that are much shorter are on tiles that have no other.
  const longest = Math.max(...own);
  const total = own.reduce((sum, cycles) => (2 * cycles >= longest ? sum + cycles : sum), moving + Math.max(...costs.map(({ sync }) => sync)));
  return { cost: { total: bound * total, bytes: Math.max(...costs.map(({ bytes }) => bytes)) } };
}

function problemOfPart({ lowering, reads }: Part, axes: readonly Along[], to: TensorView, tensors: Tensors, target: Target): PartProblem {
  const problem = problemOf(lowering, reads, to, tensors, target);
  const moving = { dimensions: axes.map(({ dimension }) => dimension), from: axes.map(({ from }) => from) };
  return { lowering, problem: problemWithin(problem, moving), tensors: plannedReads(lowering, reads, tensors).map(({ tensor }) => tensor), axes, kernels: new KernelCycles(lowering, reads, to, tensors, target) };
}
