/** Into how many parts products are cut, where tiles share a memory. */
import { sizeOf } from "../../../../runtime/dtype.ts";
import { cheapestParts, equalParts, roundUp } from "../../../support/parts.ts";
import type { Target } from "../../../targets/target.ts";

/** Elements of rows that stay in the second-level cache of every processor. */
const cachedElements = 2 ** 18;
/** Columns of a register block of one row. */
const longRun = 32;
/** What a column that fills no vector costs, in vectors. */
const looseColumn = 4;

/** What reading an element that is not packed costs, in multiplications and additions: each line may come from another processor. */
const readWork = 10;

/** Rows or columns of a product, or panels of `lanes` of them; a register block takes `block`. */
export interface Side {
  readonly extent: number;
  readonly block: number;
  readonly lanes?: number;
  /** Whether a worker packs the panels, and has them in its cache, that it multiplies. */
  readonly packed?: boolean;
}

/** The whole panels of an extent; where there is none, the one that has less. */
export const panels = (extent: number, width: number): Pick<Side, "extent" | "lanes" | "packed"> => ({ ...(extent < width ? { extent: 1, lanes: extent } : { extent: Math.floor(extent / width), lanes: width }), packed: true });

/**
 * Into how many parts each dimension of the result is cut: batches first, then rows and columns so that the tile with the
 * most work has the least, and then so that operands are read least; but of panels, whose rows all stay in the caches, along the
 * columns: then a worker reads the panels that it has packed. Where nothing is packed, reading is work like any other. Columns are
 * cut between register blocks only.
 */
export function cutProduct(batch: readonly number[], rows: Side, columns: Side, k: number, target: Target, leastAcross = 1): number[] {
  const work = sizeOf(batch) * elementsOf(rows) * elementsOf(columns) * k;
  let left = Math.max(1, Math.min(target.tiles, Math.floor(work / target.grain)));
  const parts = batch.map((extent) => {
    const count = equalParts(extent, Math.min(extent, left));
    left = Math.max(1, Math.floor(left / count));
    return count;
  });
  const readsOwnPanels = elementsOf(rows) * k <= cachedElements;
  const most = [Math.ceil(rows.extent / rows.block), Math.ceil(columns.extent / columns.block)];
  const cheapest = cheapestParts([rows.extent, columns.extent], most, left, ([down, across]) => {
    const tearsBlocks = across! > 1 && Math.ceil(columns.extent / across!) % columns.block !== 0;
    if (across! < leastAcross || tearsBlocks) return undefined;
    const [height, width] = [partOf(rows, down!), partOf(columns, across!)];
    if (columns.packed === true) return [height * width, readsOwnPanels ? down! : height + width];
    return [height * width + readWork * (height + width)];
  });
  return [...parts, ...(cheapest ?? [1, 1])];
}

const elementsOf = ({ extent, lanes = 1 }: Side): number => extent * lanes;

/** Rows or columns of the longest of so many parts, those of a register block that is not full counted in. */
const partOf = ({ extent, block, lanes = 1 }: Side, count: number): number => roundUp(Math.ceil(extent / count), block) * lanes;

/** The parts of a product of few rows: so that the tile with the most work has the least, no run being short. */
export function cutRuns(m: number, k: number, n: number, target: Target, blockRows: number): number[] {
  const most = Math.max(1, Math.min(target.tiles, Math.floor((m * k * n) / target.grain)));
  return cheapestParts([m, n], [Math.ceil(m / blockRows), Math.max(1, Math.floor(n / longRun))], most, ([rows, columns]) => {
    const run = Math.ceil(n / columns!);
    return [Math.ceil(Math.ceil(m / rows!) / blockRows) * (Math.floor(run / 4) + (run % 4) * looseColumn)];
  })!;
}
