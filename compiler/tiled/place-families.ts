/**
 * The user's placements become families: vertices of one kernel whose slices move by the same step from one placement to the
 * next. A loop of `place` statements is one family, nested loops are one, whatever their length.
 */
import { writesEveryElement } from "../kernel/coverage.ts";
import type { Kernel } from "../kernel/kernel.ts";
import type { ComputeSet, Graph, Placement as UserPlacement, Slice } from "../graph/graph.ts";
import { composeMap, type Affine } from "../support/affine.ts";
import { recognisePlacement } from "./distribution.ts";
import type { DraftFamily } from "./families.ts";
import type { TensorView } from "./tensors.ts";
import type { Placement, TensorId } from "./tiled.ts";

/** One placement's field: where in the tensor it begins, and how its indices move there. */
interface Connection {
  readonly tensor: TensorId;
  readonly start: readonly number[];
  readonly shape: readonly number[];
  readonly moves: readonly (readonly number[])[];
}

interface Item {
  readonly placement: UserPlacement;
  readonly fields: readonly Connection[];
}

/** `views`: the tensor behind each operand of the set. */
export function placeFamilies(graph: Graph, set: ComputeSet, views: readonly TensorView[], tiles: number): DraftFamily[] {
  const groups = new Map<string, Item[]>();
  for (const placement of set.placements) {
    const fields = placement.fields.map(({ operand, slice }) => connect(views[operand]!, slice));
    const key = `${placement.vertex}|${fields.map((field) => `${field.tensor}:${field.shape.join(",")}:${field.moves.join(";")}`).join("|")}`;
    const group = groups.get(key);
    if (group) group.push({ placement, fields });
    else groups.set(key, [{ placement, fields }]);
  }
  return [...groups.values()].flatMap((items) => regularRuns(items).map((run) => family(graph, run, tiles)));
}

function connect(view: TensorView, slice: Slice): Connection {
  const kept = slice.flatMap((dimension, d) => (dimension.drop ? [] : [d]));
  const inner: Affine[] = slice.map((dimension, d) => ({ constant: dimension.start, coefficients: kept.map((k) => (k === d ? dimension.step : 0)) }));
  const map = composeMap(view.map, inner, kept.length);
  return {
    tensor: view.tensor,
    start: map.map((form) => form.constant),
    shape: kept.map((d) => slice[d]!.length),
    moves: map.map((form) => form.coefficients),
  };
}

interface Run {
  readonly items: readonly Item[];
  /** Extents of the loop nest the items come from, outermost first. */
  readonly extents: readonly number[];
}

/** Positions of an item in all its fields, as one vector. */
const position = (item: Item): number[] => item.fields.flatMap((field) => [...field.start]);

/** Cuts a sequence of placements into runs that are affine in one or two loop counters. */
function regularRuns(items: readonly Item[]): Run[] {
  const runs: Run[] = [];
  let from = 0;
  while (from < items.length) {
    const inner = affineLength(items, from, 1);
    // A second loop: equal inner runs whose beginnings are affine too.
    let outer = 1;
    if (inner > 0) {
      const step = difference(items, from, from + inner);
      while (from + (outer + 1) * inner <= items.length && affineLength(items, from + outer * inner, 1, inner) >= inner && sameStep(items, from, from + outer * inner, inner) && equal(difference(items, from + (outer - 1) * inner, from + outer * inner), step)) outer++;
    }
    const length = inner * outer;
    runs.push({ items: items.slice(from, from + length), extents: outer > 1 ? [outer, inner] : [inner] });
    from += length;
  }
  return runs;
}

function difference(items: readonly Item[], a: number, b: number): number[] | undefined {
  if (b >= items.length) return undefined;
  const left = position(items[a]!);
  return position(items[b]!).map((value, k) => value - left[k]!);
}

const equal = (a: readonly number[] | undefined, b: readonly number[] | undefined): boolean => a !== undefined && b !== undefined && a.every((value, k) => value === b[k]);

/** How many items from `from` on move by one constant step. */
function affineLength(items: readonly Item[], from: number, stride: number, limit = Infinity): number {
  const step = difference(items, from, from + stride);
  if (!step) return 1;
  let length = 2;
  while (length < limit && from + length < items.length && equal(difference(items, from + length - 1, from + length), step)) length++;
  return Math.min(length, limit);
}

function sameStep(items: readonly Item[], a: number, b: number, length: number): boolean {
  return length < 2 || equal(difference(items, a, a + 1), difference(items, b, b + 1));
}

function family(graph: Graph, { items, extents }: Run, tileCount: number): DraftFamily {
  const first = items[0]!;
  const { kernel: declared, name } = graph.vertices[first.placement.vertex]!;
  const kernel = keepingUnwritten(declared);
  const placement: Placement = recognisePlacement(items.map((item) => item.placement.tile), tileCount);
  const strides = extents.length === 2 ? [extents[1]!, 1] : [1];
  const fields = first.fields.map((field, f) => ({
    tensor: field.tensor,
    shape: field.shape,
    access: kernel.buffers[f]!.access,
    map: field.start.map((start, t) => ({
      constant: start,
      coefficients: [
        ...strides.map((stride, i) => (extents[i]! > 1 ? items[stride]!.fields[f]!.start[t]! - start : 0)),
        ...field.moves[t]!,
      ],
    })),
  }));
  return { name, kernel, grid: extents, range: extents.map((count) => ({ start: 0, count })), placement, fields, origin: first.placement.origin };
}

const kept = new WeakMap<Kernel, Kernel>();

/** Elements of an `out` field that a vertex may leave unwritten keep their values: the field's data must come along. */
function keepingUnwritten(kernel: Kernel): Kernel {
  let result = kept.get(kernel);
  if (result === undefined) {
    const partly = kernel.buffers.map(({ access }, id) => access === "out" && !writesEveryElement(kernel, id));
    result = partly.includes(true) ? { ...kernel, buffers: kernel.buffers.map((buffer, id) => (partly[id] ? { ...buffer, access: "inout" } : buffer)) } : kernel;
    kept.set(kernel, result);
  }
  return result;
}
