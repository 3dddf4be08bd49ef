/**
 * Whether a kernel certainly writes every element of a buffer: what it leaves alone must be there before it runs, so that
 * it still is afterwards. Sees stores that run in every case, at indices that are each a constant or one loop's counter.
 */
import { linearForm } from "./linear.ts";
import type { BufferId, Expression, Kernel, LocalId, Statement } from "./kernel.ts";
import { rangeOf, type Range } from "./ranges.ts";
import { tripCount } from "./walk.ts";

/** A box of elements: first and last index of each dimension. */
type Box = readonly Range[];

/** Cells that are looked at before the answer is no. */
const maxCells = 10_000;

export function writesEveryElement(kernel: Kernel, buffer: BufferId): boolean {
  const { shape } = kernel.buffers[buffer]!;
  if (shape.includes(0)) return true;
  const boxes: Box[] = [];
  collect(kernel.body, buffer, new Map(), boxes);
  return covers(boxes, shape);
}

function collect(body: readonly Statement[], buffer: BufferId, counters: ReadonlyMap<LocalId, Range>, boxes: Box[]): void {
  for (const statement of body) {
    if (statement.kind === "store" && statement.buffer === buffer) {
      const box = boxOf(statement.index, counters, statement.value.lanes);
      if (box) boxes.push(box);
    } else if (statement.kind === "for" && statement.step === 1) {
      const trips = tripCount(statement);
      const start = rangeOf(statement.start, new Map());
      if (!trips || start === undefined || start.min !== start.max) continue;
      collect(statement.body, buffer, new Map([...counters, [statement.local, { min: start.min, max: start.min + trips - 1 }]]), boxes);
    }
  }
}

/** The elements a store reaches while its loops run; undefined where they are no box. */
function boxOf(index: readonly Expression[], counters: ReadonlyMap<LocalId, Range>, lanes: number): Box | undefined {
  if (lanes !== 1) return undefined;
  const used = new Set<LocalId>();
  const box: Range[] = [];
  for (const one of index) {
    const form = linearForm(one);
    if (form === undefined || form.terms.size > 1) return undefined;
    const [term] = form.terms;
    if (term === undefined) {
      box.push({ min: form.constant, max: form.constant });
      continue;
    }
    const [local, coefficient] = term;
    const range = counters.get(local);
    if (range === undefined || used.has(local) || Math.abs(coefficient) !== 1) return undefined;
    used.add(local);
    const ends = [form.constant + coefficient * range.min, form.constant + coefficient * range.max];
    box.push({ min: Math.min(...ends), max: Math.max(...ends) });
  }
  return box;
}

/** Whether boxes cover a whole shape: cut along all their edges, every cell lies in one of them. */
function covers(boxes: readonly Box[], shape: readonly number[]): boolean {
  const cuts = shape.map((extent, d) => [...new Set([0, ...boxes.flatMap((box) => [box[d]!.min, box[d]!.max + 1])])].filter((at) => at >= 0 && at < extent).sort((a, b) => a - b));
  if (cuts.reduce((cells, list) => cells * list.length, 1) > maxCells) return false;
  const visit = (dimension: number, inside: readonly Box[]): boolean => {
    if (inside.length === 0) return false;
    if (dimension === shape.length) return true;
    return cuts[dimension]!.every((at) => visit(dimension + 1, inside.filter((box) => box[dimension]!.min <= at && at <= box[dimension]!.max)));
  };
  return visit(0, boxes);
}
