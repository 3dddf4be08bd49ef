/**
 * Adding up overlapping windows in one pass: the rows of an image one after the other, each element of a row the sum of what windows
 * have for it, so that every column is read once and every element written once, with its final value. Along its row an element is
 * in a block of a stride's length as in unpool-blocks.ts; across rows in a run of those that meet the same elements of windows.
 */
import { sizeOf } from "../../../runtime/dtype.ts";
import type { TensorType } from "../../graph/graph.ts";
import { flatIndex, forEachIndex } from "../../graph/tensor.ts";
import { binary, cast, i32 } from "../../kernel/build.ts";
import type { Expression } from "../../kernel/kernel.ts";
import type { Access, BlockContext, Lowering, SpaceDimension } from "../../kernel/lowering.ts";
import type { Affine } from "../../support/affine.ts";
import { choices, number, widened } from "../lowerings.ts";
import { blocksOf, type Blocks } from "./unpool-blocks.ts";
import { backwards, type Window, type WindowRun } from "./windows.ts";

/** More elements of a window and of a block of a row, kernels, and terms of sums in all of them, are not straight code. */
const [mostElements, mostStored, mostKernels, mostTerms] = [36, 8, 32, 1300];

/** Longer rows are cut, and their ends are vertices of their own. */
const longestRow = 512;

/** Columns [n, c · elements of the window, positions] and the image they are folded into, [n, c, …]. */
export interface Folding {
  readonly type: TensorType;
  readonly windows: readonly Window[];
  /** Of the windows along each axis. */
  readonly positions: readonly number[];
}

/** The runs of each axis but the last, and the blocks of that. */
interface Parts {
  readonly runs: readonly (readonly WindowRun[])[];
  readonly blocks: readonly Blocks[];
}

function partsOf({ type, windows, positions }: Folding): Parts {
  const last = windows.length - 1;
  return {
    runs: windows.slice(0, last).map((window, axis) => backwards.runs(window, positions[axis]!, type.shape[2 + axis]!)),
    blocks: blocksOf(windows[last]!, positions[last]!, type.shape[2 + last]!),
  };
}

/** Whether windows overlap, and are small enough for straight code. */
export function inRows(folding: Folding): boolean {
  const { type, windows } = folding;
  if (windows.every(({ size, stride, dilation }) => dilation === 1 && size <= stride)) return false;
  if (sizeOf(windows.map(({ size }) => size)) > mostElements || windows.at(-1)!.stride > mostStored || sizeOf(type.shape) === 0) return false;
  const { runs, blocks } = partsOf(folding);
  if (sizeOf(runs.map(({ length }) => length)) > mostKernels) return false;
  const terms = [...runs.map((along) => along.map(({ elements }) => elements.count)), blocks.flatMap(({ elements }) => elements.map((met) => met.length))];
  return sizeOf(terms.map((counts) => counts.reduce((sum, count) => sum + Math.max(1, count), 0))) <= mostTerms;
}

export function foldInRows(folding: Folding): Lowering[] {
  const { runs, blocks } = partsOf(folding);
  const rows = folding.type.shape.at(-1)! <= longestRow ? [blocks] : blocks.map((one) => [one]);
  return choices(runs).flatMap((chosen) => rows.map((row) => (row.length === 1 ? lowerBlocks(chosen, row[0]!, folding) : lowerRow(chosen, row, folding))));
}

/** What a lowering does along a row. */
interface Row {
  /** Its dimensions, behind those of the batch, the channels and the other axes. */
  readonly dimensions: readonly SpaceDimension[];
  /** Of what elements of the row meet in a row of windows: which element of that row, in which window along it. Coefficients are of the row's dimensions. */
  readonly accesses: readonly { readonly element: Affine; readonly window: Affine }[];
  readonly write: Affine;
  /** Stores the elements of the row at a point before it, each the sum of what it meets. */
  store(context: BlockContext, before: readonly Expression[], sum: (met: readonly Met[]) => Expression): void;
}

/** Something that an element of the row meets: one of the row's accesses, and the point along the row. */
interface Met {
  readonly access: number;
  readonly along: readonly Expression[];
}

/** Whole rows: dimensions are an element of the row, and the window and its element that are met. */
function lowerRow(runs: readonly WindowRun[], blocks: readonly Blocks[], folding: Folding): Lowering {
  const [window, count, extent] = [folding.windows.at(-1)!, folding.positions.at(-1)!, folding.type.shape.at(-1)!];
  const serial = (length: number): SpaceDimension => ({ extent: length, kind: "serial" });
  return lowering(runs, folding, {
    dimensions: [serial(extent), serial(count), serial(window.size)],
    accesses: [{ element: { constant: 0, coefficients: [0, 0, 1] }, window: { constant: 0, coefficients: [0, 1, 0] } }],
    write: { constant: 0, coefficients: [1, 0, 0] },
    store({ kernel, store, overwrites }, before, sum) {
      for (const { start, step, count: times, elements } of blocks.toSorted((a, b) => a.start - b.start)) {
        kernel.forBox([times], true, ([k]) => elements.forEach((met, u) => {
          const value = sum(met.map(({ element, window: ahead }) => ({ access: 0, along: [i32(0), binary("add", k!, i32(ahead)), i32(element)] })));
          store(0, [...before, binary("add", binary("mul", k!, i32(step)), i32(start + u)), i32(0), i32(0)], value);
        }), overwrites !== true);
      }
    },
  });
}

/** Blocks of long rows: dimensions are the block and the element in it. */
function lowerBlocks(runs: readonly WindowRun[], { start, step, count, elements }: Blocks, folding: Folding): Lowering {
  const met = elements.flat();
  return lowering(runs, folding, {
    dimensions: [{ extent: count, kind: "parallel" }, { extent: elements.length, kind: "serial" }],
    accesses: met.map(({ element, window }) => ({ element: { constant: element, coefficients: [0, 0] }, window: { constant: window, coefficients: [1, 0] } })),
    write: { constant: start, coefficients: [step, 1] },
    store({ kernel, block, store, overwrites }, before, sum) {
      kernel.forBox([block.at(-2)!], true, ([k]) => {
        let access = 0;
        elements.forEach((here, u) => store(0, [...before, k!, i32(u)], sum(here.map(() => ({ access: access++, along: [k!, i32(0)] })))));
      }, overwrites !== true);
    },
  });
}

/** Space: [n, c, …positions of the runs, …of the row]. An access for each element of the windows across rows, which has a box of its own. */
function lowering(runs: readonly WindowRun[], { type, windows, positions }: Folding, row: Row): Lowering {
  const rows: SpaceDimension[] = [type.shape[0]!, type.shape[1]!, ...runs.map((run) => run.positions.count)].map((extent) => ({ extent, kind: "parallel" }));
  const space = [...rows, ...row.dimensions];
  const form = (constant: number, coefficients: readonly number[], along: Affine = { constant: 0, coefficients: [] }): Affine =>
    ({ constant: constant + along.constant, coefficients: space.map((_, d) => (d < rows.length ? coefficients[d] ?? 0 : along.coefficients[d - rows.length] ?? 0)) });
  const [sizes, axes] = [windows.map(({ size }) => size), runs.length];
  const reads: Access[] = [];
  forEachIndex(runs.map(({ elements }) => elements.count), (above) => {
    const element = flatIndex(sizes, [...runs.map(({ elements }, axis) => elements.start + above[axis]! * elements.step), 0]);
    const steps = runs.map((_, axis) => sizeOf(positions.slice(axis + 1)));
    const first = runs.reduce((sum, { at }, axis) => sum + steps[axis]! * (at.constant + above[axis]! * at.element), 0);
    for (const along of row.accesses) reads.push({ operand: 0, index: [
      form(0, [1]), form(element, [0, sizeOf(sizes)], along.element), form(first, [0, 0, ...runs.map(({ at }, axis) => steps[axis]! * at.position)], along.window),
    ] });
  });
  const perRow = row.accesses.length;
  const zero = number(type.dtype, 0);
  const work = sizeOf(space.map(({ extent }) => extent));
  const adds = sizeOf(rows.map(({ extent }) => extent)) * type.shape.at(-1)!;
  return {
    name: "fold", space, reads,
    writes: [{ operand: 0, index: [form(0, [1]), form(0, [0, 1]), ...runs.map(({ positions: { start, step } }, axis) => form(start, [0, 0, ...runs.map((_, d) => (d === axis ? step : 0))])), form(0, [], row.write)] }],
    operations: Math.max(1, adds * sizeOf(runs.map(({ elements }) => elements.count))) / work,
    emit(context) {
      const { kernel, block, load } = context;
      kernel.forBox(block.slice(0, 2 + axes), true, (before) => {
        row.store(context, before, (met) => {
          let sum: Expression = zero;
          for (let above = 0; above < reads.length; above += perRow) for (const { access, along } of met) sum = binary("add", sum, widened(load(above + access, [...before, ...along])));
          return cast(type.dtype, sum === zero ? zero : kernel.let("sum", sum));
        });
      });
    },
  };
}
