/**
 * Values that are better made with channels last: what packed convolutions read, and what that is made of by ops that carry the
 * order of axes on. Walked from the ends of blocks to their beginnings.
 */
import { forEachNode } from "../../rewrite.ts";
import { programsOf, type Graph, type Node, type ValueId } from "../../graph.ts";
import { packedImages } from "./convolutions.ts";
import { carries } from "./order.ts";
import type { Setting } from "./builder.ts";

export function wantedLast(graph: Graph, setting: Omit<Setting, "wanted">): ReadonlySet<ValueId> {
  const wanted = new Set<ValueId>();
  const nodes: Node[] = [];
  for (const { body } of programsOf(graph)) forEachNode(body, (node) => nodes.push(node));
  const definitions = new Map(nodes.flatMap((node) => node.outputs.map((output) => [output, node] as const)));
  const around = { type: (value: ValueId) => graph.values[value]!.type, definition: (value: ValueId) => definitions.get(value) };
  for (const node of nodes.toReversed()) {
    const convolves = node.op === "conv" || node.op === "conv_transpose" || node.op === "conv_filters";
    const read = convolves ? packedImages(node, around, { ...setting, wanted }) : node.outputs.some((output) => wanted.has(output)) ? carries(node) : [];
    for (const value of read) wanted.add(value);
  }
  return wanted;
}
