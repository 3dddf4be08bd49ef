/**
 * Searches the splits of an op's index space over tiles for the cheapest: how many parts each parallel dimension is cut
 * into, and one reduction dimension. The number of candidates does not depend on the number of tiles.
 *
 * How long vertices take beside the closed forms of the estimate is known only by the kernels of blocks (`kernel-cycles.ts`). So a
 * search gives all splits of which one or another is the cheapest as this weight is more or less.
 */
import { equalParts } from "../../support/parts.ts";
import { computeCycles, equalCut, estimate, type Cost, type PartitionProblem } from "./estimate.ts";

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
/** Weights may turn out to be so many times less than that with which a search begins. */
const lighter = 3;

/** The cheapest split by closed forms alone. */
export function search(problem: PartitionProblem): Plan {
  return cheapestOf(searchAll(problem), 1);
}

/** Of splits whose costs are without weights. */
export function cheapestOf(plans: readonly Plan[], weight: number): Plan {
  const total = ({ cost }: Plan): number => cost.total + (weight - 1) * cost.compute;
  return plans.reduce((best, plan) => (total(plan) < total(best) ? plan : best));
}

/**
 * Splits that fit, by closed forms, of which none computes longer than another and takes no less beside that; or, where none fits, the
 * one with the fewest bytes. `weight`: about how many times longer vertices take.
 */
export function searchAll(problem: PartitionProblem, weight = 1): readonly Plan[] {
  const { space, target } = problem;
  const ones = space.map(() => 1);
  const front = new Front(target.bytesPerTile, weight / lighter);
  const parallel = space.flatMap(({ kind, extent }, d) => (kind === "parallel" && extent > 1 ? [d] : []));
  const searched = parallel.toSorted((a, b) => space[b]!.extent - space[a]!.extent || a - b).slice(0, searchedDimensions);
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
    const seen = new Set<number | string>();
    forEachFilling(searched, space.map(({ extent }) => extent), left, base, candidateLimit, (parts) => {
      const key = keyOf(searched, parts, target.tiles);
      if (seen.has(key)) return;
      seen.add(key);
      const equal = equalCut(problem, parts);
      if (computeCycles(problem, equal) <= front.mostCompute) front.add(parts, estimate(problem, equal));
    });
  }
  return front.plans;
}

function keyOf(dimensions: readonly number[], parts: readonly number[], tiles: number): number | string {
  let key = 0;
  for (const d of dimensions) key = key * (tiles + 1) + parts[d]!;
  return key <= Number.MAX_SAFE_INTEGER ? key : parts.join();
}

/**
 * Visits numbers of parts of some dimensions, with no more than `most` in all: each dimension in turn takes what the others leave, and
 * of these about `limit` numbers are tried. `parts`, those of the others, is only valid while it is visited.
 */
export function forEachFilling(dimensions: readonly number[], extents: readonly number[], most: number, base: readonly number[], limit: number, visit: (parts: readonly number[]) => void): void {
  const parts = [...base];
  visit(parts);
  for (const last of dimensions) fill(dimensions.filter((d) => d !== last), 0, last, most);

  function fill(others: readonly number[], at: number, last: number, left: number): void {
    const before = parts[last]!;
    parts[last] = equalParts(extents[last]!, Math.min(extents[last]!, left));
    visit(parts);
    parts[last] = before;
    const d = others[at];
    if (d === undefined) return;
    const own = parts[d]!;
    for (const count of partCounts(extents[d]!, left, limit)) {
      parts[d] = count;
      visit(parts);
      fill(others, at + 1, last, Math.floor(left / count));
    }
    parts[d] = own;
  }
}

/** The splits that are worth it at one weight or another, as they are found. */
class Front {
  /** Splits that compute longer are never the cheapest. */
  mostCompute = Infinity;
  #plans: Plan[] = [];
  #fits = false;
  readonly #bytesPerTile: number;
  readonly #least: number;

  /** `least`: the least weight there is. */
  constructor(bytesPerTile: number, least: number) {
    this.#bytesPerTile = bytesPerTile;
    this.#least = least;
  }

  get plans(): readonly Plan[] {
    return this.#plans;
  }

  add(parts: readonly number[], cost: Cost): void {
    const plan = { parts, cost };
    if (cost.bytes > this.#bytesPerTile) {
      const [other] = this.#plans;
      if (other === undefined || (!this.#fits && isBetter(plan, other, this.#bytesPerTile))) this.#plans = [{ parts: [...parts], cost }];
      return;
    }
    if (!this.#fits) this.#plans = [];
    this.#fits = true;
    const beside = cost.total - cost.compute;
    const besideOf = ({ cost: other }: Plan): number => other.total - other.compute;
    const isWorse = (other: Plan): boolean => other.cost.compute <= cost.compute && besideOf(other) <= beside && !(other.cost.compute === cost.compute && besideOf(other) === beside && cutsFurtherOut(parts, other.parts));
    if (this.#plans.some(isWorse)) return;
    this.#plans = this.#plans.filter((other) => other.cost.compute < cost.compute || besideOf(other) < beside);
    this.#plans.push({ parts: [...parts], cost });
    this.mostCompute = Math.min(this.mostCompute, cost.compute + beside / this.#least);
  }
}

interface Candidate {
  readonly parts: readonly number[];
  readonly cost: Pick<Cost, "total" | "bytes">;
}

/** What fits is better than what does not; of what does, that with fewer cycles, else that with fewer bytes. */
export function isBetter({ parts, cost }: Candidate, than: Candidate, bytesPerTile: number): boolean {
  const [fits, otherFits] = [cost.bytes <= bytesPerTile, than.cost.bytes <= bytesPerTile];
  if (fits !== otherFits) return fits;
  const [own, other] = fits ? [cost.total, than.cost.total] : [cost.bytes, than.cost.bytes];
  return own < other || (own === other && cutsFurtherOut(parts, than.parts));
}

/** Whether as many parts are cut along outer dimensions rather than inner ones: they are longer runs of memory. */
function cutsFurtherOut(parts: readonly number[], others: readonly number[]): boolean {
  const count = (all: readonly number[]): number => all.reduce((product, some) => product * some, 1);
  const first = parts.findIndex((some, d) => some !== others[d]);
  return first !== -1 && parts[first]! > others[first]! && count(parts) === count(others);
}

/** Numbers of parts worth trying: all that differ when there are few, else about so many, spread geometrically, the most always among them. */
function partCounts(extent: number, limit: number, candidates = candidateLimit): number[] {
  const most = Math.min(extent, limit);
  const counts = new Set<number>();
  if (most <= candidates) for (let parts = 1; parts <= most; parts++) counts.add(equalParts(extent, parts));
  else {
    for (let i = 0; i < candidates; i++) counts.add(equalParts(extent, Math.max(1, Math.round(most ** (i / (candidates - 1))))));
    for (let parts = 1; parts <= candidates / 3; parts++) counts.add(equalParts(extent, parts));
  }
  return [...counts].toSorted((a, b) => a - b);
}
