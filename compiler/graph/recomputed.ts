/** What gradients compute again instead of keeping: how much memory `@recompute` and `recompute(e)` save, by place. */
import { bytesOf, sizeOf } from "../../runtime/dtype.ts";
import type { Span } from "../support/span.ts";
import { programsOf, type Graph, type Node, type ValueId } from "./graph.ts";
import { forEachNode } from "./rewrite.ts";

export interface Recomputed {
  /** Of what computes the values. */
  readonly origin: Span;
  readonly tensors: number;
  /** What the values would take if they were kept. */
  readonly bytes: number;
}

const isAgain = (node: Node): boolean => node.attributes["recomputed"] === true;

/**
 * Of a graph whose gradients are built: the values computed again that a gradient reads, together by the place they come from,
 * the most bytes first. What is only on the way to them would not be kept in any case.
 */
export function recomputedIn(graph: Graph): Recomputed[] {
  const read = new Set<ValueId>();
  const again: Node[] = [];
  for (const { body } of programsOf(graph)) {
    forEachNode(body, (node) => {
      if (isAgain(node)) again.push(node);
      else for (const input of node.inputs) read.add(input);
    });
  }
  const found = new Map<string, Recomputed>();
  for (const { outputs, origin } of again) {
    for (const output of outputs) {
      if (!read.has(output)) continue;
      const { dtype, shape } = graph.values[output]!.type;
      const key = `${origin.file} ${origin.start} ${origin.end}`;
      const before = found.get(key);
      found.set(key, { origin, tensors: (before?.tensors ?? 0) + 1, bytes: (before?.bytes ?? 0) + sizeOf(shape) * bytesOf(dtype) });
    }
  }
  return [...found.values()].sort((a, b) => b.bytes - a.bytes);
}
