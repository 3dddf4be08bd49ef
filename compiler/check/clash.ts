/**
 * Whether boxes of one tensor overlap, for many boxes: a sweep along the dimension that separates them best. Writers are
 * compared with all that are active, readers only with writers; readers of the same box count as one. The intersection of
 * two boxes with steps is exact: per dimension, two arithmetic progressions.
 */
import type { Slice, SliceDimension } from "../graph/graph.ts";
import { gcd } from "../support/affine.ts";
import { maxClashPairs } from "./limits.ts";

export interface Box {
  readonly slice: Slice;
  readonly writes: boolean;
  /** Whose box it is; two boxes of one owner may clash as well. */
  readonly owner: number;
}

interface Interval {
  readonly first: number;
  readonly last: number;
  readonly step: number;
}

/** Elements of one dimension in rising order. */
function interval(dimension: SliceDimension): Interval {
  const end = dimension.start + (dimension.length - 1) * dimension.step;
  return dimension.step >= 0 ? { first: dimension.start, last: end, step: Math.max(1, dimension.step) } : { first: end, last: dimension.start, step: -dimension.step };
}

/** Whether two progressions have an element in common. */
function meet(a: Interval, b: Interval): boolean {
  const low = Math.max(a.first, b.first);
  const high = Math.min(a.last, b.last);
  if (low > high) return false;
  if (a.step === 1 && b.step === 1) return true;
  const divisor = gcd(a.step, b.step);
  if ((b.first - a.first) % divisor !== 0) return false;
  // The common elements lie `period` apart: walking the coarser progression, one is met within b.step / divisor steps.
  const [coarse, fine] = a.step >= b.step ? [a, b] : [b, a];
  const from = coarse.first + Math.max(0, Math.ceil((low - coarse.first) / coarse.step)) * coarse.step;
  for (let at = from, tries = fine.step / divisor; at <= high && tries > 0; at += coarse.step, tries--) {
    if ((at - fine.first) % fine.step === 0) return true;
  }
  return false;
}

export function overlaps(a: Slice, b: Slice): boolean {
  return a.every((dimension, k) => dimension.length > 0 && b[k]!.length > 0 && meet(interval(dimension), interval(b[k]!)));
}

/** A slice as text, the same for equal ones. */
export const sliceKey = (slice: Slice): string => slice.map((dimension) => `${dimension.start}+${dimension.length}*${dimension.step}`).join(",");

/** The dimension whose intervals begin at the most different places. */
function sweepDimension(boxes: readonly Box[], rank: number): number {
  let best = 0;
  let most = 0;
  for (let dimension = 0; dimension < rank; dimension++) {
    const starts = new Set(boxes.map((box) => interval(box.slice[dimension]!).first)).size;
    if (starts > most) [best, most] = [dimension, starts];
  }
  return best;
}

/** Two boxes that clash: one writes an element of the other. */
export function findClash(all: readonly Box[]): readonly [Box, Box] | undefined {
  const readers = new Set<string>();
  const boxes = all.filter((box) => {
    if (box.slice.some((dimension) => dimension.length === 0)) return false;
    if (box.writes) return true;
    const key = sliceKey(box.slice);
    return !readers.has(key) && Boolean(readers.add(key));
  });
  const rank = boxes[0]?.slice.length ?? 0;
  if (rank === 0) {
    const writer = boxes.find((box) => box.writes);
    const other = writer && boxes.find((box) => box !== writer);
    return other && [writer, other];
  }
  const dimension = sweepDimension(boxes, rank);
  const events = boxes.map((box) => ({ box, ...interval(box.slice[dimension]!) })).sort((a, b) => a.first - b.first);
  const active: { readonly [kind in "writers" | "readers"]: typeof events } = { writers: [], readers: [] };
  let pairs = 0;
  const against = (list: typeof events, event: (typeof events)[number]): Box | undefined => {
    let kept = 0;
    let hit: Box | undefined;
    for (const other of list) {
      if (other.last < event.first) continue;
      list[kept++] = other;
      pairs += 1;
      if (!hit && overlaps(other.box.slice, event.box.slice)) hit = other.box;
    }
    list.length = kept;
    return hit;
  };
  for (const event of events) {
    const hit = against(active.writers, event) ?? (event.box.writes ? against(active.readers, event) : undefined);
    if (hit) return [hit, event.box];
    active[event.box.writes ? "writers" : "readers"].push(event);
    if (pairs > maxClashPairs) return undefined;
  }
  return undefined;
}
