/**
 * The way back from pooling in one pass. Which windows an element of the image is in depends on where it lies between the starts
 * of two windows; so along each axis the image is cut into blocks of a stride's length, and what holds for one holds for all of
 * them. The kernel of a block takes what belongs to every window that meets it once, and stores its elements side by side.
 *
 * At the border, where some of the windows are missing, elements are in runs as in windows.ts: blocks of one element each.
 */
import { sizeOf } from "../../../runtime/dtype.ts";
import type { TensorType } from "../../graph/graph.ts";
import { flatIndex, forEachIndex } from "../../graph/tensor.ts";
import { binary, cast, i32, select } from "../../kernel/build.ts";
import type { Expression } from "../../kernel/kernel.ts";
import type { Access, Lowering, SpaceDimension } from "../../kernel/lowering.ts";
import type { Affine } from "../../support/affine.ts";
import { choices, number } from "../lowerings.ts";
import { backwards, type Window, type WindowRun } from "./windows.ts";

/** Blocks of one axis: block k begins at element `start + step · k`. */
export interface Blocks {
  readonly start: number;
  readonly step: number;
  readonly count: number;
  /** For each element of a block the elements of windows that meet it, in order. */
  readonly elements: readonly (readonly Meeting[])[];
}

/** Element `element` of window `k + window` meets something of block k. */
interface Meeting {
  readonly element: number;
  readonly window: number;
}

/** More elements of a window, and of a block, are not straight code. */
const mostElements = 36;
const mostStored = 16;

/** Whether blocks of these windows are worth their code: where the stride is 1, runs do as well. */
export const inBlocks = (windows: readonly Window[]): boolean =>
  windows.some(({ stride }) => stride > 1) && sizeOf(windows.map(({ size }) => size)) <= mostElements && sizeOf(windows.map(({ stride }) => stride)) <= mostStored;

/** Of an image of `extent` elements along this axis, of which there are so many windows. */
export function blocksOf(window: Window, windowCount: number, extent: number): Blocks[] {
  const { stride } = window;
  // Blocks that begin at multiples of their length are each in one of the blocks that a tile has of the image.
  const ahead = window.before % stride;
  const [ofWindows, ofMultiples] = [meetingsOf(window, 0), meetingsOf(window, ahead)];
  const [elements, before] = windowsMet(ofMultiples) <= windowsMet(ofWindows) ? [ofMultiples, window.before - ahead] : [ofWindows, window.before];
  // Element u of block b is at b · stride − before + u.
  const reached = elements.flat().map((meeting) => meeting.window);
  const first = Math.max(Math.ceil(before / stride), -Math.min(0, ...reached));
  const last = Math.min(Math.floor((extent + before) / stride), windowCount - Math.max(0, ...reached)) - 1;
  const runs = backwards.runs(window, windowCount, extent);
  if (last < first) return runs.map(blocksOfRun);
  const [start, end] = [first, last + 1].map((block) => block * stride - before) as [number, number];
  const whole: Blocks = { start, step: stride, count: last + 1 - first, elements: elements.map((met) => met.map((meeting) => ({ ...meeting, window: meeting.window + first }))) };
  return [...runs.flatMap((run) => outside(run, start, end)).map(blocksOfRun), whole];
}

/** For each element of a block that begins so many elements behind the start of a window, what meets it. */
const meetingsOf = ({ size, stride, dilation }: Window, ahead: number): Meeting[][] =>
  Array.from({ length: stride }, (_, u) => Array.from({ length: size }, (__, element) => ({ element, window: (ahead + u - element * dilation) / stride })).filter(({ window }) => Number.isInteger(window)));

const windowsMet = (elements: readonly (readonly Meeting[])[]): number => new Set(elements.flatMap((met) => met.map(({ window }) => window))).size;

/** The positions of a run before `start`, and from `end` on. */
function outside(run: WindowRun, start: number, end: number): WindowRun[] {
  const { positions } = run;
  const indexFrom = (place: number): number => Math.min(positions.count, Math.max(0, Math.ceil((place - positions.start) / positions.step)));
  return [[0, indexFrom(start)], [indexFrom(end), positions.count]].flatMap(([from, to]) => (from === to ? [] : [{
    ...run, positions: { ...positions, start: positions.start + from! * positions.step, count: to! - from! }, at: { ...run.at, constant: run.at.constant + from! * run.at.position },
  }]));
}

const blocksOfRun = ({ positions, elements, at }: WindowRun): Blocks => ({
  ...positions, elements: [Array.from({ length: elements.count }, (_, k) => ({ element: elements.start + k * elements.step, window: at.constant + k * at.element }))],
});

/** What the lowering of a choice of blocks for each axis needs beside them. */
interface Layout {
  readonly type: TensorType;
  /** Whether channels come last. */
  readonly last: boolean;
  readonly numbered: boolean;
  readonly windows: readonly Window[];
  /** What of an element of the input belongs to its window. */
  partOf(loaded: Expression): Expression;
}

/** `unpool` of what belongs to windows, and of the numbers of their elements if `numbered`. `counts`: of windows along each axis. */
export function lowerInBlocks(counts: readonly number[], layout: Layout): Lowering[] {
  const { type, last, windows } = layout;
  const first = last ? 1 : 2;
  return choices(windows.map((window, axis) => blocksOf(window, counts[axis]!, type.shape[first + axis]!))).map((blocks) => lowerBlocks(blocks, layout));
}

function lowerBlocks(blocks: readonly Blocks[], { type, last, numbered, windows, partOf }: Layout): Lowering {
  const axes = blocks.length;
  const axisDimensions = blocks.flatMap(({ count, elements }): SpaceDimension[] => [{ extent: count, kind: "parallel" }, { extent: elements.length, kind: "serial" }]);
  const channels: SpaceDimension = { extent: type.shape[last ? 1 + axes : 1]!, kind: "parallel" };
  const batch: SpaceDimension = { extent: type.shape[0]!, kind: "parallel" };
  const space = last ? [batch, ...axisDimensions, channels] : [batch, channels, ...axisDimensions];
  const [channel, firstAxis] = last ? [space.length - 1, 1] : [1, 2];
  const form = (constant: number, ...terms: readonly (readonly [number, number])[]): Affine => ({ constant, coefficients: space.map((_, d) => terms.find(([dimension]) => dimension === d)?.[1] ?? 0) });
  const ordered = (along: readonly Affine[]): Affine[] => (last ? [form(0, [0, 1]), ...along, form(0, [channel, 1])] : [form(0, [0, 1]), form(0, [channel, 1]), ...along]);
  const blockOf = (axis: number): number => firstAxis + 2 * axis;

  const stored = elementsOf(blocks, windows);
  const met = distinctWindows(stored.flatMap(({ meetings }) => meetings.map(({ window }) => window)));
  const reads = met.flatMap((window): Access[] => {
    const index = ordered(window.map((ahead, axis) => form(ahead, [blockOf(axis), 1])));
    return [{ operand: 0, index }, ...(numbered ? [{ operand: 1, index }] : [])];
  });
  return {
    name: "unpool", space, reads,
    writes: [{ operand: 0, index: ordered(blocks.map(({ start, step }, axis) => form(start, [blockOf(axis), step], [blockOf(axis) + 1, 1]))) }],
    emit({ kernel, block, load, store, overwrites }) {
      kernel.forBox(block.map((extent, d) => (space[d]!.kind === "serial" ? 1 : extent)), true, (point) => {
        const perWindow = numbered ? 2 : 1;
        const zero = number(type.dtype, 0);
        // A sum begins with 0, which −0 does not keep: each part is added to it, once for all sums.
        const parts = new Map(met.map((window, at) => [window.join(), {
          value: kernel.let("part", binary("add", zero, partOf(load(perWindow * at, point)))), number: numbered ? kernel.let("number", load(perWindow * at + 1, point)) : undefined,
        }]));
        // Elements that meet the same windows, whichever element of them has what belongs to it, are equal.
        const sums = new Map<string, Expression>();
        stored.forEach(({ place, meetings }) => {
          const key = meetings.map(({ element, window }) => (numbered ? [element, ...window] : window).join()).join(";");
          const taken = meetings.map(({ element, window }): Expression => {
            const part = parts.get(window.join())!;
            return part.number === undefined ? part.value : select(binary("eq", part.number, i32(element)), part.value, zero);
          });
          const sum = sums.get(key) ?? (taken.length === 0 ? zero : kernel.let("sum", taken.reduce((total, one) => binary("add", total, one))));
          sums.set(key, sum);
          const at = point.map((index, d) => (space[d]!.kind === "serial" ? i32(place[(d - firstAxis - 1) / 2]!) : index));
          store(0, at, cast(type.dtype, sum));
        });
      }, overwrites !== true);
    },
  };
}

interface Stored {
  /** In the block. */
  readonly place: readonly number[];
  /** The elements of windows it meets, by their numbers and where the windows are, in order. */
  readonly meetings: readonly { readonly element: number; readonly window: readonly number[] }[];
}

function elementsOf(blocks: readonly Blocks[], windows: readonly Window[]): Stored[] {
  const sizes = windows.map(({ size }) => size);
  const stored: Stored[] = [];
  forEachIndex(blocks.map(({ elements }) => elements.length), (place) => {
    const meetings = choices(blocks.map(({ elements }, axis) => elements[place[axis]!]!)).map((along) => ({ element: flatIndex(sizes, along.map(({ element }) => element)), window: along.map(({ window }) => window) }));
    stored.push({ place: [...place], meetings });
  });
  return stored;
}

const distinctWindows = (windows: readonly (readonly number[])[]): (readonly number[])[] => [...new Map(windows.map((window) => [window.join(), window])).values()];
