/**
 * What of a filled tensor is ever seen: where it is only there to be updated, the updates that come before anybody reads it
 * overwrite the rest. For memory that tiles share.
 */
import type { Block, Graph, Node, Program, ValueId } from "../graph/graph.ts";
import { forEachNode } from "../graph/rewrite.ts";
import type { Region } from "../ops/lowerings.ts";
import { boxOf } from "../ops/views/slice.ts";
import { affineIndex } from "../support/affine.ts";
import type { Storage } from "./assign-storage.ts";

/** More regions than this are not worth their code: what they leave out is filled too. */
const mostRegions = 16;

interface Box {
  readonly start: readonly number[];
  readonly end: readonly number[];
}

/** For each fill that is overwritten in parts: the regions that are left to fill. */
export function neededFills(graph: Graph, program: Program, storage: ReadonlyMap<ValueId, Storage>, uses: ReadonlyMap<ValueId, number>): ReadonlyMap<ValueId, readonly Region[]> {
  const users = new Map<ValueId, { readonly node: Node; readonly block: Block }>();
  const fills: { readonly value: ValueId; readonly block: Block }[] = [];
  forEachNode(program.body, (node, block) => {
    for (const input of node.inputs) users.set(input, { node, block });
    if (node.op === "fill") fills.push({ value: node.outputs[0]!, block });
  });
  /** The updates that a value goes through in place, with no other use in between. */
  const updatesOf = (filled: ValueId, block: Block): Node[] => {
    const updates: Node[] = [];
    for (let value = filled; ;) {
      const user = users.get(value);
      if (user === undefined || uses.get(value) !== 1 || user.block !== block) return updates;
      const { node } = user;
      if ((node.op !== "update" && node.op !== "map_update") || node.inputs[0] !== value || storage.get(value) !== storage.get(node.outputs[0]!)) return updates;
      updates.push(node);
      value = node.outputs[0]!;
    }
  };
  return new Map(fills.flatMap(({ value, block }) => {
    const { type } = graph.values[value]!;
    const updates = updatesOf(value, block);
    if (updates.length === 0) return [];
    return [[value, regionsWithout(type.shape, updates.map(({ op, attributes }) => boxOf(op, type, attributes)))] as const];
  }));
}

/** What boxes leave of a shape; those whose steps leave gaps are not taken off. */
function regionsWithout(shape: readonly number[], boxes: readonly ReturnType<typeof boxOf>[]): Region[] {
  let left: Box[] = [{ start: shape.map(() => 0), end: shape }];
  for (const { start, length, step } of boxes) {
    if (length.includes(0) || step.some((each, axis) => Math.abs(each) !== 1 && length[axis]! > 1)) continue;
    const first = start.map((from, axis) => (step[axis]! < 0 ? from - (length[axis]! - 1) : from));
    const taken: Box = { start: first, end: first.map((from, axis) => from + length[axis]!) };
    const next = left.flatMap((box) => without(box, taken));
    if (next.length <= mostRegions) left = next;
  }
  return left.map(({ start, end }) => ({ extents: end.map((to, axis) => to - start[axis]!), index: start.map((from, axis) => affineIndex(axis, shape.length, 1, from)) }));
}

/** A box without another: slabs before and after it, axis by axis. */
function without(box: Box, taken: Box): Box[] {
  if (box.start.some((from, axis) => from >= taken.end[axis]! || taken.start[axis]! >= box.end[axis]!)) return [box];
  const slabs: Box[] = [];
  let { start, end } = box;
  for (let axis = 0; axis < start.length; axis++) {
    if (start[axis]! < taken.start[axis]!) slabs.push({ start, end: end.with(axis, taken.start[axis]!) });
    if (taken.end[axis]! < end[axis]!) slabs.push({ start: start.with(axis, taken.end[axis]!), end });
    start = start.with(axis, Math.max(start[axis]!, taken.start[axis]!));
    end = end.with(axis, Math.min(end[axis]!, taken.end[axis]!));
  }
  return slabs;
}
