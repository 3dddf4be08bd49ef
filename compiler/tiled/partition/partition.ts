/**
 * Partition of one op: how its index space is split over the tiles, where its result lives, and where operands live that
 * nothing has placed yet.
 *
 * With shared memory every split costs the same but for balance: what is placed decides, and other dimensions are split evenly, the
 * outermost first; but transpositions along the rows they read, or not within lines, and reductions of columns by rows. With private
 * memory the cheapest split is searched (see `planned.ts`).
 */
import { sizeOf } from "../../../runtime/dtype.ts";
import { partLength, type Lowering } from "../../kernel/lowering.ts";
import type { Target } from "../../targets/target.ts";
import { distribute, evenDistribution } from "../distribution.ts";
import type { Split } from "../families.ts";
import type { Tensors, TensorView } from "../tensors.ts";
import { canPlace, dealt, fixedPartition, placeOperands, resultBlock, splitGrid, type Partition } from "./placing.ts";
import { plannedPartition } from "./planned.ts";
import { keepsPartials } from "./problem.ts";
import { splitAlongPages, splitAroundLines, splitByRows, splitEvenly, splitLikeOperand, splitLikeResult, splitReduction, workOf } from "./splits.ts";

/**
 * `wanted`: the parts the user asked for, of each dimension of the result and then of the reduction. `first`: what is free to be
 * anywhere, and has room there, begins on this tile.
 */
export function partition(lowering: Lowering, reads: readonly TensorView[], to: TensorView, tensors: Tensors, target: Target, wanted?: readonly number[], first?: number): Partition {
  const parts = wanted && wantedParts(lowering, wanted);
  const made = (): Partition => {
    if (parts) return fixedPartition(lowering, { parts }, to, tensors, target, dealt(splitGrid(lowering, { parts }), target, first));
    return target.memory === "shared" ? evenPartition(lowering, reads, to, tensors, target) : plannedPartition(lowering, reads, to, tensors, target, first);
  };
  const partitioned = made();
  if (target.memory === "private") placeOperands(partitioned.split, lowering, reads, tensors);
  return partitioned;
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

function evenPartition(lowering: Lowering, reads: readonly TensorView[], to: TensorView, tensors: Tensors, target: Target): Partition {
  const { shape } = tensors.type(to.tensor);
  const followed = followOperand(lowering, reads, to, tensors);
  if (followed) return { split: followed };
  const grain = Math.max(target.grain, workOf(lowering) / (lowering.mostParts ?? Infinity));
  const free = canPlace(to, tensors);
  if (free) {
    const whole = (t: number): boolean => lowering.writes[0]!.index[t]!.coefficients.every((coefficient, d) => coefficient === 0 || lowering.space[d]!.extent === 1 || lowering.space[d]!.kind === "parallel");
    tensors.setDistribution(to.tensor, evenDistribution(shape, workOf(lowering), target.tiles, grain, whole, lowering.lastUnit));
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
