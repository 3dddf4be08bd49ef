/**
 * Supersteps that a worker runs tile by tile, all phases of one tile before the next: what a phase wrote is then still in the
 * nearest caches when the next phase reads it. Between two syncs only tiles' own phases follow each other, so any order of the
 * tiles gives the same; this is what each of as many workers as tiles would do.
 */
import { sizeOf } from "../../runtime/dtype.ts";
import type { Phase } from "../bsp/bsp.ts";
import type { TensorId } from "../tiled/tiled.ts";
import type { Layout } from "./layout.ts";

/** Phases that share fewer bytes lie in the caches anyway. */
const leastShared = 256 * 1024;

/**
 * Whether the phases are to be run tile by tile: where vertices on several tiles share much, and no placement must be searched for
 * a tile's blocks.
 */
export function runsByTile(phases: readonly Phase[], layout: Layout): boolean {
  const times = new Map<TensorId, number>();
  for (const phase of phases) {
    if (phase.kind !== "compute" || phase.set.families.some(({ placement }) => placement.kind === "list")) return false;
    const spread = phase.set.families.filter(({ range }) => sizeOf(range.map(({ count }) => count)) > 1);
    const touched = new Set(spread.flatMap(({ fields }) => fields.map(({ tensor }) => layout.tensor(tensor).aliasOf ?? tensor)));
    for (const tensor of touched) times.set(tensor, (times.get(tensor) ?? 0) + 1);
  }
  const shared = [...times].reduce((sum, [tensor, count]) => (count > 1 ? sum + sizeOf(layout.tensor(tensor).type.shape) * layout.elementBytes(tensor) : sum), 0);
  return shared >= leastShared;
}
