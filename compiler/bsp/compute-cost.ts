/**
 * How long tiles compute. A tile's threads take turns, so a tile is done after `threadsPerTile` times the cycles of its
 * busiest thread. Vertices go to threads in the order of their family, each to the thread that is free first; those of a family
 * of a library op may also be shared by all threads of their tile one after the other (`sharedKernelCycles`), before the others
 * are dealt out, where that is sooner. Compute sets of one tile follow each other; tiles do not wait for each other between them.
 */
import { blockCount } from "../tiled/distribution.ts";
import { estimateKernel, sharedKernelCycles, type CycleEstimate, type MeasuredTrips } from "../kernel/cycles.ts";
import type { Kernel } from "../kernel/kernel.ts";
import type { Span } from "../support/span.ts";
import type { Target } from "../targets/target.ts";
import type { ComputeSet, Family } from "../tiled/tiled.ts";
import { tileClasses, type Tally } from "./tile-classes.ts";

export interface FamilyCost {
  readonly name: string;
  readonly vertices: number;
  /** Of one vertex, on one thread. */
  readonly cyclesPerVertex: number;
  readonly origin: Span;
}

export interface SetCost {
  readonly name: string;
  /** Of the tile that takes longest for this set. */
  readonly cycles: number;
  readonly families: readonly FamilyCost[];
  readonly origin: Span;
  readonly joined?: readonly Span[];
}

export interface ComputeCost {
  readonly kind: "compute";
  /** Of the tile that takes longest. */
  readonly cycles: number;
  /** Mean over all tiles of the machine. */
  readonly meanCycles: number;
  readonly slowestTile: number;
  readonly busyTiles: number;
  readonly sets: readonly SetCost[];
  /** Some vertex's cycles rest on a guessed number of iterations. */
  readonly guessed: boolean;
}

interface KernelEstimates {
  readonly whole: CycleEstimate;
  readonly shared: CycleEstimate | undefined;
}

/** Estimates kernels once each. */
export class ComputeModel {
  readonly #target: Target;
  readonly #tiles: number;
  readonly #tally: Tally;
  readonly #measured: (kernel: Kernel) => MeasuredTrips | undefined;
  readonly #known = new Map<Kernel, KernelEstimates>();

  /** `measured`: trips of a kernel's loops, where they were counted. */
  constructor(target: Target, tiles: number, tally: Tally = { visits: 0 }, measured: (kernel: Kernel) => MeasuredTrips | undefined = () => undefined) {
    this.#target = target;
    this.#tiles = tiles;
    this.#tally = tally;
    this.#measured = measured;
  }

  /** Of compute sets that follow each other without a sync. */
  cost(sets: readonly ComputeSet[]): ComputeCost {
    const families = sets.flatMap((set) => set.families);
    const classes = tileClasses(families, this.#tiles, this.#tally);
    const slowestOf = sets.map(() => 0);
    let [cycles, sum, slowestTile, busyTiles] = [0, 0, 0, 0];
    for (const { tile, tiles, counts } of classes) {
      let first = 0;
      let total = 0;
      sets.forEach((set, s) => {
        const own = this.#tileCycles(set.families, counts.slice(first, first + set.families.length));
        first += set.families.length;
        slowestOf[s] = Math.max(slowestOf[s]!, own);
        total += own;
      });
      if (total > cycles) [cycles, slowestTile] = [total, tile];
      sum += total * tiles;
      if (total > 0) busyTiles += tiles;
    }
    return {
      kind: "compute", cycles, meanCycles: sum / this.#tiles, slowestTile, busyTiles,
      sets: sets.map((set, s) => ({ name: set.name, cycles: slowestOf[s]!, families: set.families.map((family) => this.#familyCost(family)), origin: set.origin, ...(set.joined ? { joined: set.joined } : {}) })),
      guessed: families.some((family) => this.#estimates(family.kernel).whole.guessed),
    };
  }

  #familyCost(family: Family): FamilyCost {
    return { name: family.name, vertices: blockCount(family.range.map(({ count }) => count)), cyclesPerVertex: this.#estimates(family.kernel).whole.cycles, origin: family.origin };
  }

  #estimates(kernel: Kernel): KernelEstimates {
    const known = this.#known.get(kernel);
    if (known !== undefined) return known;
    const measured = this.#measured(kernel);
    const made = { whole: estimateKernel(kernel, this.#target, measured), shared: sharedKernelCycles(kernel, this.#target, this.#target.threadsPerTile, measured) };
    this.#known.set(kernel, made);
    return made;
  }

  /** Of one tile that has so many vertices of each family: those with the longest vertices are shared, as many as make it soonest. */
  #tileCycles(families: readonly Family[], counts: readonly number[]): number {
    const threads = this.#target.threadsPerTile;
    const present = families.flatMap((family, f) => (counts[f] === 0 ? [] : [{ count: counts[f]!, ...this.#estimates(family.kernel) }]));
    const sharable = present.filter(({ shared }) => shared !== undefined).toSorted((a, b) => b.whole.cycles - a.whole.cycles);
    let soonest = Infinity;
    for (let most = 0; most <= sharable.length; most++) {
      const together = new Set(sharable.slice(0, most));
      const loads = new Array<number>(threads).fill(0);
      for (const each of present) if (!together.has(each)) deal(each.count, each.whole.cycles, loads);
      const shared = [...together].reduce((sum, each) => sum + each.count * each.shared!.cycles, 0);
      soonest = Math.min(soonest, shared + Math.max(...loads));
    }
    return threads * soonest;
  }
}

/** Gives `count` vertices of equal cycles to threads, each to the one that is free first. */
export function deal(count: number, cycles: number, loads: number[]): void {
  for (let left = count; left > 0; left--) {
    // Once no thread is ahead of another by more than a vertex, a round gives each one.
    if (left >= loads.length && Math.max(...loads) - Math.min(...loads) <= cycles) {
      const rounds = Math.floor(left / loads.length);
      for (let thread = 0; thread < loads.length; thread++) loads[thread]! += rounds * cycles;
      left -= rounds * loads.length;
      if (left === 0) return;
    }
    let soonest = 0;
    for (let thread = 1; thread < loads.length; thread++) if (loads[thread]! < loads[soonest]!) soonest = thread;
    loads[soonest]! += cycles;
  }
}
