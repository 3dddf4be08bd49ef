/**
 * Which values a program reads elements of. What is only overwritten in part, such as an `out` that is assigned slice by slice,
 * goes through the graph as the base of updates; nobody looks at it.
 */
import type { Block, Graph, Node, Program, ValueId } from "../graph/graph.ts";

/** Ops whose result is their first input with some elements replaced, whatever these were. */
const replacing: ReadonlySet<string> = new Set(["update", "map_update", "scatter_update", "dynamic_update"]);

/** Values that something else than replacing some of their elements uses, in loops too. */
export function readValues(graph: Pick<Graph, "computeSets" | "vertices">, { body }: Program): ReadonlySet<ValueId> {
  const read = new Set<ValueId>();
  /** Pairs of a value and a parameter that stands for it in a loop. */
  const carried: [value: ValueId, parameter: ValueId][] = [];
  const isRead = (node: Node, operand: number): boolean => {
    if (node.op === "execute") return isReadByVertices(graph, node, operand);
    return node.op !== "write" && !(replacing.has(node.op) && operand === 0);
  };
  const visit = ({ nodes }: Block): void => {
    for (const node of nodes) {
      const first = node.op === "repeat" ? 1 : 0;
      const loop = node.op === "repeat" || node.op === "while";
      node.inputs.forEach((input, operand) => {
        if (loop && operand >= first) for (const region of node.regions) carried.push([input, region.parameters[operand - first]!]);
        else if (isRead(node, operand)) read.add(input);
      });
      node.regions.forEach(visit);
    }
  };
  visit(body);
  // Inner loops stand behind outer ones.
  for (const [value, parameter] of carried.toReversed()) if (read.has(parameter)) read.add(value);
  return read;
}

function isReadByVertices(graph: Pick<Graph, "computeSets" | "vertices">, node: Node, operand: number): boolean {
  const set = graph.computeSets[node.attributes["computeSet"] as number]!;
  return set.placements.some(({ vertex, fields }) => fields.some((field, f) => field.operand === operand && graph.vertices[vertex]!.kernel.buffers[f]!.access !== "out"));
}
