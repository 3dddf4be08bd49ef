/**
 * Several rows sorted side by side, an element of each in the lanes of a vector: the same comparisons for all, whatever the rows
 * hold, and a comparison is a minimum and a maximum. Runs of eight are sorted by a network of 19 comparisons (Knuth, The Art of
 * Computer Programming 3, 5.3.4) and merged by bitonic merges (Batcher, 1968), whose first step compares from both ends
 * inwards, so that all runs ascend. O(n log² n), but with so little done for each that it is several times as fast as sorting
 * by digits for rows of some thousands.
 *
 * Up to three steps of a merge are done at once, on eight positions that are loaded and stored once for them: the first one, two
 * or three, so that those left are halvings in threes.
 */
import { binary, constant, i32, type KernelBuilder } from "../../kernel/build.ts";
import type { BufferId, Expression } from "../../kernel/kernel.ts";

type Comparisons = readonly (readonly [number, number])[];

/** What sorts a run of eight, one after the other. */
const sortEight: Comparisons = [
  [0, 2], [1, 3], [4, 6], [5, 7], [0, 4], [1, 5], [2, 6], [3, 7], [0, 1], [2, 3], [4, 5], [6, 7], [2, 4], [3, 5], [1, 4], [3, 6], [1, 2], [3, 4], [5, 6],
];
const firstRun = 8;
/** Steps of a merge that are done at once at most. */
const together = 3;

/** Positions of a column for n keys: as many more as the merges need, which hold the largest key. */
export const columnLength = (n: number): number => Math.max(firstRun, 2 ** Math.ceil(Math.log2(n)));

/** The largest key. */
export const largestKey: Expression = constant("u32", 2 ** 32 - 1);

/** Scalar operations an element takes: a comparison of two takes two. */
export function columnOperations(n: number): number {
  const levels = Math.log2(columnLength(n));
  return Math.ceil(((columnLength(n) / n) * levels * (levels + 1)) / 2);
}

/** Of a list, pairs that are `distance` apart in blocks of twice that. */
const halved = (count: number, distance: number, first = 0): Comparisons =>
  Array.from({ length: count }, (_, at) => at).filter((at) => (at & distance) === 0).map((at) => [first + at, first + at + distance]);

/** Halvings of a list of 2^steps, from the whole on. */
const halvings = (steps: number, first = 0): Comparisons => Array.from({ length: steps }, (_, step) => halved(2 ** steps, 2 ** (steps - 1 - step), first)).flat();

/** A list compared from both ends inwards, then each half halved. */
const folding = (steps: number): Comparisons =>
  [...Array.from({ length: 2 ** (steps - 1) }, (_, at) => [at, 2 ** steps - 1 - at] as const), ...halvings(steps - 1), ...halvings(steps - 1, 2 ** (steps - 1))];

interface Columns {
  readonly kernel: KernelBuilder;
  readonly buffer: BufferId;
  /** Positions of a column, a power of two from eight on. */
  readonly length: number;
  readonly width: number;
}

/** Compares keys at some places of every column. */
function compareAt({ kernel, buffer, width }: Columns, places: readonly Expression[], comparisons: Comparisons): void {
  kernel.for({ end: i32(width), parallel: true, name: "column" }, (column) => {
    const keys: Expression[] = places.map((place) => kernel.let("key", kernel.load(buffer, [place, column])));
    for (const [one, other] of comparisons) {
      const [a, b] = [keys[one]!, keys[other]!];
      keys[one] = kernel.let("lower", binary("min", a, b));
      keys[other] = kernel.let("upper", binary("max", a, b));
    }
    places.forEach((place, at) => kernel.store(buffer, [place, column], keys[at]!));
  });
}

/** Three halvings, the last of places that are `apart`. */
function halve(columns: Columns, apart: number): void {
  columns.kernel.forBox([columns.length / (firstRun * apart), apart], true, ([block, start]) => {
    const first = binary("add", binary("mul", block!, i32(firstRun * apart)), start!);
    compareAt(columns, Array.from({ length: firstRun }, (_, at) => binary("add", first, i32(at * apart))), halvings(together));
  });
}

/** The first steps of merges to runs of `size`: the upper places of a list are as far from the end as the lower from the start. */
function fold(columns: Columns, size: number, steps: number): void {
  const [half, apart] = [2 ** (steps - 1), size / 2 ** steps];
  columns.kernel.forBox([columns.length / size, apart], true, ([run, start]) => {
    const first = binary("mul", run!, i32(size));
    const [lower, upper] = [binary("add", first, start!), binary("sub", first, start!)];
    compareAt(columns, Array.from({ length: 2 * half }, (_, at) => (at < half ? binary("add", lower, i32(at * apart)) : binary("add", upper, i32((at + 1) * apart - 1)))), folding(steps));
  });
}

/** Sorts columns of unsigned keys. */
export function sortColumns(kernel: KernelBuilder, buffer: BufferId, length: number, width: number): void {
  const columns: Columns = { kernel, buffer, length, width };
  kernel.forBox([length / firstRun], true, ([run]) => {
    const first = binary("mul", run!, i32(firstRun));
    compareAt(columns, Array.from({ length: firstRun }, (_, at) => binary("add", first, i32(at))), sortEight);
  });
  for (let size = 2 * firstRun; size <= length; size *= 2) {
    const steps = Math.log2(size);
    const first = ((steps - 1) % together) + 1;
    fold(columns, size, first);
    for (let left = steps - first; left > 0; left -= together) halve(columns, 2 ** (left - together));
  }
}
