/**
 * align-rolls: maps that read the same, or one of which reads another's result, of which some read rolled tensors, are cut at the
 * same places, so that `join-loops` can make one loop of each of their pieces: the fields of a simulation on a torus, of which each
 * moves into another direction. A map between them that reads nothing rolled is cut with them.
 *
 * Where memory is private each piece is a vertex on a tile of its own: there they are left as few as they are.
 *
 * Needs: rolls fused into maps. Gives: the same results, bit for bit.
 */
import { cutsOf, piecesOf, rollsOf } from "../../ops/fused/map-rolled.ts";
import { ops } from "../../ops/table.ts";
import type { Pass } from "../../support/pass.ts";
import { programsOf, sameShape, wantedPartition, type Block, type Graph, type Node, type ValueId } from "../graph.ts";
import { forEachNode, rewrite } from "../rewrite.ts";
import { mostPieces } from "./fuse-rolls.ts";

type Cuts = readonly (readonly number[])[];

export const alignRolls: Pass<Graph, Graph> = {
  name: "align-rolls",
  summary: "maps of rolled tensors that are computed together are cut at the same places",
  run(graph, { target }) {
    if (target.memory === "private") return graph;
    const cuts = new Map<ValueId, Cuts>();
    const blocks = new Map<Block, Node[]>();
    for (const { body } of programsOf(graph)) forEachNode(body, (node, block) => void (blocks.get(block)?.push(node) ?? blocks.set(block, [node])));
    for (const nodes of blocks.values()) for (const group of groupsOf(nodes, graph)) cutAlike(group, graph, cuts);
    return cuts.size === 0 ? graph : rewrite(graph, (node) => withCuts(node, cuts.get(node.outputs[0]!)));
  },
};

function withCuts(node: Node, cuts: Cuts | undefined): Node {
  if (cuts === undefined) return node;
  const shifts = node.op === "map_rolled" ? rollsOf(node.attributes) : node.inputs.map(() => cuts.map(() => 0));
  return { ...node, op: "map_rolled", attributes: { ...node.attributes, shifts, cuts } };
}

function cutAlike(group: readonly Node[], graph: Graph, found: Map<ValueId, Cuts>): void {
  const { shape } = graph.values[group[0]!.outputs[0]!]!.type;
  const rolls = group.flatMap((node) => (node.op === "map_rolled" ? rollsOf(node.attributes) : []));
  const cuts = cutsOf(shape, rolls);
  if (piecesOf(cuts) > mostPieces) return;
  for (const node of group) found.set(node.outputs[0]!, cuts);
}

/** Groups of maps of which some read rolled tensors, and which do not all have the same cuts. */
function groupsOf(nodes: readonly Node[], graph: Graph): Node[][] {
  const shapeOf = (node: Node): readonly number[] => graph.values[node.outputs[0]!]!.type.shape;
  const changed = new Set(nodes.flatMap(({ op, inputs }) => (op === "update" ? inputs : [])));
  const finishes = new Set(nodes.flatMap(({ op, outputs }) => (ops.get(op)?.stores === "once" ? outputs : [])));
  const rolled = nodes.filter((node) => node.op === "map_rolled");
  // What another pass makes part of a product or an update is left to it.
  const plain = nodes.filter((node) => node.op === "map" && wantedPartition(node) === undefined && !changed.has(node.outputs[0]!) && !node.inputs.some((input) => finishes.has(input)));
  const groups: Node[][] = [];
  for (const node of rolled) {
    const near = groups.filter((group) => group.some((other) => sameShape(shapeOf(other), shapeOf(node)) && meet(other, node)));
    for (const group of near) groups.splice(groups.indexOf(group), 1);
    groups.push([...near.flat(), node]);
  }
  return groups.map((group) => [...group, ...plain.filter((node) => group.some((other) => sameShape(shapeOf(other), shapeOf(node)) && meet(other, node)))]).filter(({ length }) => length > 1);
}

/** Whether two maps read the same, or one reads what the other gives, element by element. */
function meet(a: Node, b: Node): boolean {
  return a.inputs.some((input) => b.inputs.includes(input)) || reads(a, b) || reads(b, a);
}

const reads = (node: Node, other: Node): boolean => node.inputs.some((input, k) => input === other.outputs[0]! && (node.op === "map" || rollsOf(node.attributes)[k]!.every((turn) => turn === 0)));
