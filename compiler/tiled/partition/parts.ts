/**
 * Partition of an op whose result several lowerings write, each a part of it, as the inside and the borders of a pool: with private
 * memory the blocks of the whole result are searched, by what all parts together would cost on a tile, and each part follows them.
 */
import type { Lowering } from "../../kernel/lowering.ts";
import { gcd } from "../../support/affine.ts";
import { roundUp } from "../../support/parts.ts";
import type { Target } from "../../targets/target.ts";
import { onOneTile } from "../distribution.ts";
import { computeCycles, estimate, operandBlocks, type Blocks, type Cut, type PartitionProblem } from "./estimate.ts";
import type { KernelCycles } from "./kernel-cycles.ts";
import { forEachFilling, isBetter } from "./search.ts";
import { placeWithin, workOf, type Along } from "./splits.ts";

/** One lowering of the op. */
export interface PartProblem {
  readonly lowering: Pick<Lowering, "space">;
  /** With maps from where the grid of the result's blocks begins. */
  readonly problem: PartitionProblem;
  /** What each of its reads is of, by a number. */
  readonly tensors: readonly number[];
  readonly axes: readonly Along[];
  readonly kernels: Pick<KernelCycles, "of" | "weight" | "evenBlock">;
}

/** What blocks of a result cost: of the tile with most of each. */
export interface PartsCost {
  readonly compute: number;
  readonly exchange: number;
  readonly total: number;
  readonly bytes: number;
}

interface PartCost {
  /** Cycles of a tile whose threads share it, and of the tile if it takes one thread. */
  readonly shared: number;
  readonly alone: number;
  readonly exchange: number;
  readonly bytes: number;
  /** The first and last block that it has something of, along each axis. */
  readonly blocks: readonly { readonly first: number; readonly last: number }[];
}

/** More parts than this are taken to be in one block all of them. */
const mostApart = 30;

export class PartsProblem {
  readonly #shape: readonly number[];
  readonly #target: Target;
  /** The one with most work first, weighed by the kernels of blocks. */
  #parts: readonly PartProblem[];

  constructor(parts: readonly PartProblem[], shape: readonly number[], target: Target) {
    this.#parts = parts.toSorted((a, b) => workOf(b.lowering) - workOf(a.lowering)).map((part) => weighed(part, part.kernels.evenBlock));
    this.#shape = shape;
    this.#target = target;
  }

  /** Of a result in blocks that are so wide along each axis, by the kernels that they have; undefined where a part does not line up with them. */
  cost(block: readonly number[]): PartsCost | undefined {
    return this.#cost(block, true);
  }

  #cost(block: readonly number[], byKernels: boolean): PartsCost | undefined {
    const grid = this.#shape.map((extent, t) => Math.ceil(extent / block[t]!));
    const placed = new Map<number, Blocks | null>();
    const parts: PartCost[] = [];
    for (const part of this.#parts) {
      const cost = this.#partCost(part, block, grid, placed, byKernels);
      if (cost === undefined) return undefined;
      parts.push(cost);
    }
    let [compute, exchange, bytes] = [0, 0, 0];
    for (const here of meetings(parts, grid)) {
      compute = Math.max(compute, tileCycles(here, this.#target.threadsPerTile));
      exchange = Math.max(exchange, here.reduce((sum, part) => sum + part.exchange, 0));
      bytes = Math.max(bytes, here.reduce((sum, part) => sum + part.bytes, 0));
    }
    const sync = exchange > 0 ? this.#target.exchange.startCycles + 2 * this.#target.syncCycles : 0;
    return { compute, exchange, total: compute + exchange + sync, bytes };
  }

  /** No less than the compute of that cost, but that it goes by closed forms. */
  #leastCycles(block: readonly number[]): number {
    const [most] = this.#parts;
    const cut = most && cutWithin(most, block, this.#shape.map((extent, t) => Math.ceil(extent / block[t]!)));
    return cut ? computeCycles(most.problem, cut) : 0;
  }

  #partCost(part: PartProblem, block: readonly number[], grid: readonly number[], placed: Map<number, Blocks | null>, byKernels: boolean): PartCost | undefined {
    const cut = cutWithin(part, block, grid);
    if (cut === undefined) return undefined;
    const { problem, tensors, axes } = part;
    const { exchange, bytes } = estimate(problem, cut, (r) => {
      if (problem.reads[r]!.distribution) return undefined;
      const known = placed.get(tensors[r]!);
      if (known !== undefined) return known;
      // Who reads most of it has it where it is needed.
      const where = (cut.whole ? operandBlocks(problem, problem.reads[r]!, cut) : undefined) ?? null;
      placed.set(tensors[r]!, where);
      return where;
    });
    const { threadsPerTile } = this.#target;
    const vertex = byKernels ? part.kernels.of(cut.block) : undefined;
    return {
      shared: vertex ? threadsPerTile * (vertex.shared ?? Infinity) : computeCycles(problem, cut),
      alone: threadsPerTile * (vertex ? vertex.whole : computeCycles(problem, cut, 1)), exchange, bytes,
      blocks: axes.map(({ first, last }, t) => ({ first: Math.floor(first / block[t]!), last: Math.floor(last / block[t]!) })),
    };
  }

  /** The blocks with the fewest cycles of those that fit, as wide along each axis as said; all in one where that costs hardly more. */
  search(hardlyMore: number): { readonly block: readonly number[]; readonly cost: PartsCost } {
    let best: { readonly parts: readonly number[]; readonly block: readonly number[]; readonly cost: PartsCost } | undefined;
    for (let round = 0; round < mostSearches; round++) {
      const { parts, block } = this.#search();
      const found = { parts, block, cost: this.cost(block)! };
      if (best !== undefined && best.block.join() === block.join()) break;
      if (best === undefined || isBetter(found, best, this.#target.bytesPerTile)) best = found;
      this.#parts = this.#parts.map((part) => weighed(part, cutWithin(part, block, this.#shape.map((extent, t) => Math.ceil(extent / block[t]!)))!.block));
    }
    const { block } = onOneTile(this.#shape);
    const all = this.cost(block)!;
    return all.total <= best!.cost.total + hardlyMore && all.bytes <= this.#target.bytesPerTile ? { block, cost: all } : best!;
  }

  #search(): { readonly parts: readonly number[]; readonly block: readonly number[] } {
    const units = this.#shape.map((_, t) => this.#parts.reduce((unit, { axes }) => (axes[t]!.dimension === -1 ? unit : (unit * axes[t]!.step) / gcd(unit, axes[t]!.step)), 1));
    const counts = this.#shape.map((extent, t) => Math.ceil(extent / units[t]!));
    const blockOf = (parts: readonly number[]): number[] => parts.map((count, t) => (count === 1 ? Math.max(1, this.#shape[t]!) : roundUp(Math.ceil(this.#shape[t]! / count), units[t]!)));
    const searched = [...counts.keys()].filter((t) => counts[t]! > 1).toSorted((a, b) => counts[b]! - counts[a]! || a - b).slice(0, mostSearched);
    const limit = Math.max(8, Math.floor(mostCandidates[searched.length]! / Math.max(1, Math.sqrt(this.#parts.length / 9))));
    const whole = counts.map(() => 1);
    let best = { parts: whole, block: blockOf(whole), cost: this.#cost(blockOf(whole), false)! };
    const seen = new Set<string>();
    forEachFilling(searched, counts, this.#target.tiles, whole, limit, (parts) => {
      const key = parts.join();
      if (seen.has(key)) return;
      seen.add(key);
      const block = blockOf(parts);
      if (best.cost.bytes <= this.#target.bytesPerTile && this.#leastCycles(block) > best.cost.total) return;
      const cost = this.#cost(block, false);
      if (cost && isBetter({ parts, cost }, best, this.#target.bytesPerTile)) best = { parts: [...parts], block, cost };
    });
    return best;
  }
}

/** With the weight of a block of it. */
const weighed = (part: PartProblem, block: readonly number[]): PartProblem => ({ ...part, problem: { ...part.problem, weight: part.kernels.weight(part.problem, block) } });

/** Searches, each with the weights of what the one before has found. */
const mostSearches = 2;

/** Axes that are cut together: the longest; and how many numbers of parts are tried of one, where so many are cut. */
const mostSearched = 4;
const mostCandidates = [1, 64, 48, 32, 16];

/** How the space of a part is cut where its result is in blocks; `whole`: along all of the grid. Undefined where they do not line up. */
function cutWithin({ lowering: { space }, axes }: PartProblem, block: readonly number[], grid: readonly number[]): (Cut & { readonly whole: boolean }) | undefined {
  const cut = { parts: space.map(() => 1), block: space.map(({ extent }) => extent), whole: true };
  for (const [t, along] of axes.entries()) {
    if (grid[t] === 1) continue;
    const { dimension, block: points } = placeWithin(along, block[t]!);
    if (dimension === undefined) return undefined;
    if (dimension === -1) cut.whole = false;
    else if (cut.parts[dimension] !== 1) return undefined;
    else [cut.parts[dimension], cut.block[dimension]] = [grid[t]!, Math.min(cut.block[dimension]!, points)];
  }
  return cut;
}

/** The different sets of parts that one block has something of. */
function meetings(parts: readonly PartCost[], grid: readonly number[]): PartCost[][] {
  if (parts.length > mostApart) return [[...parts]];
  let sets = [(2 ** parts.length) - 1];
  for (const [t, count] of grid.entries()) {
    if (count === 1) continue;
    const along = new Set(parts.flatMap(({ blocks }) => [blocks[t]!.first, blocks[t]!.last]));
    const here = new Set([...along].map((k) => parts.reduce((set, { blocks }, p) => (blocks[t]!.first <= k && k <= blocks[t]!.last ? set | (1 << p) : set), 0)));
    sets = [...new Set(sets.flatMap((set) => [...here].map((own) => set & own)))].filter((set) => set !== 0);
  }
  return sets.map((set) => parts.filter((_, p) => (set & (1 << p)) !== 0));
}

/** Cycles of a tile for vertices of several parts: the longest are shared by its threads, as many as make it soonest, the others are dealt to them. */
function tileCycles(parts: readonly PartCost[], threads: number): number {
  const sharable = parts.filter((part) => part.shared < Infinity).toSorted((a, b) => b.alone - a.alone);
  let soonest = Infinity;
  for (let most = 0; most <= sharable.length; most++) {
    const together = new Set(sharable.slice(0, most));
    let [shared, longest, all] = [0, 0, 0];
    for (const part of parts) {
      if (together.has(part)) shared += part.shared;
      else [longest, all] = [Math.max(longest, part.alone), all + part.alone];
    }
    soonest = Math.min(soonest, shared + Math.max(longest, all / threads));
  }
  return Math.ceil(soonest);
}
