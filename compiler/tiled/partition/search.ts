/**
 * Searches the splits of an op's index space over tiles for the cheapest: how many parts each parallel dimension is cut
 * into, and one reduction dimension. The number of candidates does not depend on the number of tiles.
 */
import { computeCycles, estimate, type Cost, type PartitionProblem } from "./estimate.ts";
import { equalParts } from "../../support/parts.ts";

export interface Plan {
  /** Parts of each dimension of the space. */
  readonly parts: readonly number[];
  readonly cost: Cost;
}

/** Parallel dimensions that are considered together: the largest. */
const searchedDimensions = 3;
/** Candidates for the number of parts of one dimension. */
const candidateLimit = 48;
/** A reduction is cut into at most this many parts. */
const reductionLimit = 128;

export function search(problem: PartitionProblem): Plan {
  const { space, target } = problem;
  const ones = space.map(() => 1);
  let best: Plan | undefined;
  const seen = new Set<string>();
  const consider = (parts: readonly number[]): void => {
    const key = parts.join();
    if (seen.has(key)) return;
    seen.add(key);
    const bestFits = best !== undefined && best.cost.bytes <= target.bytesPerTile;
    // Nothing that only computes longer than all of the best can be better.
    if (bestFits && computeCycles(problem, parts) > best!.cost.total) return;
    const cost = estimate(problem, parts);
    const fits = cost.bytes <= target.bytesPerTile;
    if (best) {
      if (bestFits && !fits) return;
      if (bestFits === fits) {
        const [own, other] = fits ? [cost.total, best.cost.total] : [cost.bytes, best.cost.bytes];
        if (own > other || (own === other && !cutsFurtherOut(parts, best.parts))) return;
      }
    }
    best = { parts: [...parts], cost };
  };

  const parallel = space.flatMap(({ kind, extent }, d) => (kind === "parallel" && extent > 1 ? [d] : []));
  const searched = parallel.toSorted((a, b) => space[b]!.extent - space[a]!.extent || a - b).slice(0, searchedDimensions);
  const orders = permutations(searched);
  const reductions = problem.splitsReduction ? space.flatMap(({ kind, extent }, d) => (kind === "reduction" && extent > 1 ? [d] : [])) : [];
  const cuts: { dimension: number; parts: number }[] = [{ dimension: -1, parts: 1 }];
  for (const dimension of reductions) {
    for (const parts of partCounts(space[dimension]!.extent, Math.min(target.tiles, reductionLimit))) if (parts > 1) cuts.push({ dimension, parts });
  }
  for (const cut of cuts) {
    const base = [...ones];
    if (cut.dimension >= 0) base[cut.dimension] = cut.parts;
    const left = Math.floor(target.tiles / cut.parts);
    if (left < 1) continue;
    consider(base);
    for (const order of orders) fill(order, 0, left, base);
  }
  return best ?? { parts: ones, cost: estimate(problem, ones) };

  /** Cuts the dimensions of `order` one after the other; the last takes all the tiles that are left. */
  function fill(order: readonly number[], at: number, left: number, parts: number[]): void {
    const d = order[at];
    if (d === undefined) return;
    const { extent } = space[d]!;
    const counts = at === order.length - 1 ? [equalParts(extent, Math.min(extent, left))] : partCounts(extent, left);
    for (const count of counts) {
      const next = [...parts];
      next[d] = count;
      consider(next);
      fill(order, at + 1, Math.floor(left / count), next);
    }
  }
}

/** Whether as many parts are cut along outer dimensions rather than inner ones: they are longer runs of memory. */
function cutsFurtherOut(parts: readonly number[], others: readonly number[]): boolean {
  const count = (all: readonly number[]): number => all.reduce((product, some) => product * some, 1);
  const first = parts.findIndex((some, d) => some !== others[d]);
  return first !== -1 && parts[first]! > others[first]! && count(parts) === count(others);
}

/** Numbers of parts worth trying: all that differ when there are few, else spread geometrically, the most always among them. */
function partCounts(extent: number, limit: number): number[] {
  const most = Math.min(extent, limit);
  const counts = new Set<number>();
  if (most <= candidateLimit) for (let parts = 1; parts <= most; parts++) counts.add(equalParts(extent, parts));
  else {
    for (let i = 0; i < candidateLimit; i++) counts.add(equalParts(extent, Math.max(1, Math.round(most ** (i / (candidateLimit - 1))))));
    for (let parts = 1; parts <= 16; parts++) counts.add(equalParts(extent, parts));
  }
  return [...counts].toSorted((a, b) => a - b);
}

function permutations(items: readonly number[]): number[][] {
  if (items.length <= 1) return [[...items]];
  return items.flatMap((item, i) => permutations([...items.slice(0, i), ...items.slice(i + 1)]).map((rest) => [item, ...rest]));
}
