/** What is not kept for gradients: the nodes made by a piece of the source are marked, so that `differentiate` computes them again. */
import type { Node } from "../graph/graph.ts";
import { hasEffect } from "../graph/rewrite.ts";
import type { Frame } from "./frame.ts";
import type { Value } from "./value.ts";

/** Whether a node, or one in its regions, does what can be done only once. */
const takesPart = (node: Node): boolean => hasEffect(node) || node.op === "grad" || node.regions.some((region) => region.nodes.some(takesPart));

const tensorsOf = (value: Value): readonly number[] => (value.kind === "tuple" ? value.elements.flatMap(tensorsOf) : value.kind === "tensor" ? [value.id] : []);

/**
 * The value that `work` elaborates to. What is computed inside of it is not kept for gradients, which compute it again from
 * what it uses; the value itself is kept.
 */
export function recomputed<V extends Value | undefined>(frame: Frame, work: () => V): V {
  if (!frame.build) return work();
  const { builder } = frame.build;
  const from = builder.current().length;
  const value = work();
  const kept = new Set(value === undefined ? [] : tensorsOf(value));
  builder.change(from, (nodes) => nodes.map((node) => {
    const again = node.outputs.length > 0 && node.op !== "fill" && !node.outputs.some((output) => kept.has(output)) && !takesPart(node);
    return again ? { ...node, attributes: { ...node.attributes, recompute: true } } : node;
  }));
  return value;
}
