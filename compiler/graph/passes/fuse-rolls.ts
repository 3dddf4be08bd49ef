/**
 * fuse-rolls: a map that reads rolled tensors reads them where they are, as `map_rolled`, instead of copies of them: a stencil on
 * a torus is one pass over memory. Not where the result would be cut into many pieces, and not where the user cuts it.
 *
 * Needs: fused graphs. Gives: the same results, bit for bit; a roll is left only where something else reads it.
 */
import { cutsOf, piecesOf } from "../../ops/fused/map-rolled.ts";
import type { Pass } from "../../support/pass.ts";
import { wantedPartition, type Graph, type Node, type ValueId } from "../graph.ts";
import { rewrite, type Rewriting } from "../rewrite.ts";
import { removeDeadNodes } from "./remove-dead-nodes.ts";

/** Three in each of three dimensions: each piece is code of its own. */
export const mostPieces = 27;

export const fuseRolls: Pass<Graph, Graph> = {
  name: "fuse-rolls",
  summary: "maps read rolled tensors where they are",
  run: (graph, context) => removeDeadNodes.run(rewrite(graph, (node, at) => (node.op === "map" && wantedPartition(node) === undefined ? unrolled(node, at) : node)), context),
};

function unrolled(node: Node, at: Rewriting): Node {
  const { shape } = at.type(node.outputs[0]!);
  const sources = node.inputs.map((input) => sourceOf(input, shape, at));
  const shifts = sources.map(({ shift }) => shift);
  if (shifts.every((shift) => shift.every((turn) => turn === 0)) || piecesOf(cutsOf(shape, shifts)) > mostPieces) return node;
  return { ...node, op: "map_rolled", inputs: sources.map(({ value }) => value), attributes: { ...node.attributes, shifts } };
}

/** What a value is a roll of, and by how much. */
function sourceOf(value: ValueId, shape: readonly number[], at: Rewriting): { readonly value: ValueId; readonly shift: readonly number[] } {
  const node = at.definition(value);
  if (node?.op !== "roll" || wantedPartition(node) !== undefined) return { value, shift: shape.map(() => 0) };
  const inner = sourceOf(node.inputs[0]!, shape, at);
  const turn = node.attributes["shift"] as readonly number[];
  return { value: inner.value, shift: shape.map((extent, axis) => (extent === 0 ? 0 : (inner.shift[axis]! + turn[axis]!) % extent)) };
}
