/**
 * Elements that branches take of streams, for gradients that go through the branches: a gradient computes a branch again, and an
 * element cannot be taken again. So a branch gives it as one more result, and the others give zeros, until the program or the
 * loop around has it.
 */
import { fillAttributes } from "../../constants.ts";
import { isBig } from "../../../../runtime/dtype.ts";
import { GraphBuilder } from "../../build.ts";
import { programsOf, type Block, type Graph, type Node, type TensorType, type ValueId } from "../../graph.ts";
import { forEachNode, withBodies } from "../../rewrite.ts";

/** Where an element that a branch took is known outside of it: the value, and how many branches further out that is. */
export interface Kept {
  readonly value: ValueId;
  readonly branches: number;
}

/** By the result of the `next`. */
export type KeptElements = ReadonlyMap<ValueId, Kept>;

interface Element extends Kept {
  readonly next: ValueId;
}

/** The graph with elements that branches take given out of them. */
export function keepElements(graph: Graph): { readonly graph: Graph; readonly kept: KeptElements } {
  const kept = new Map<ValueId, Kept>();
  if (!takesInBranch(graph)) return { graph, kept };
  const builder = new GraphBuilder(graph.values);
  const zero = (type: TensorType, { origin }: Node): Node => ({ op: "fill", inputs: [], attributes: fillAttributes(isBig(type.dtype) ? 0n : 0, type), regions: [], outputs: [builder.value(type, origin)], origin });

  const branches = (node: Node): { node: Node; elements: Element[] } => {
    const inner = node.regions.map(lift);
    const elements = inner.flatMap((region, which) => region.elements.map((element) => ({ ...element, which, outer: builder.value(builder.typeOf(element.value), node.origin) })));
    const regions = inner.map(({ block }, which): Block => {
      const given = elements.map((element) => (element.which === which ? { value: element.value } : { fill: zero(builder.typeOf(element.value), node) }));
      return { ...block, nodes: [...block.nodes, ...given.flatMap(({ fill }) => fill ?? [])], results: [...block.results, ...given.map(({ value, fill }) => value ?? fill!.outputs[0]!)] };
    });
    return { node: { ...node, regions, outputs: [...node.outputs, ...elements.map(({ outer }) => outer)] }, elements: elements.map(({ next, outer, branches: before }) => ({ next, value: outer, branches: before + 1 })) };
  };

  /** A block, and the elements that are taken in it or in its branches. */
  const lift = (block: Block): { block: Block; elements: Element[] } => {
    const elements: Element[] = [];
    const nodes = block.nodes.map((node): Node => {
      if (node.op === "next") elements.push({ next: node.outputs[0]!, value: node.outputs[0]!, branches: 0 });
      if (node.op !== "if" && node.op !== "switch") return node.regions.length === 0 ? node : { ...node, regions: node.regions.map(around) };
      const lifted = branches(node);
      elements.push(...lifted.elements);
      return lifted.node;
    });
    return { block: { ...block, nodes }, elements };
  };

  /** The block of a program or a loop, where elements stay. */
  const around = (block: Block): Block => {
    const lifted = lift(block);
    for (const { next, ...place } of lifted.elements) if (place.branches > 0) kept.set(next, place);
    return lifted.block;
  };

  const lifted = withBodies(graph, around);
  return { graph: { ...lifted, values: builder.values }, kept };
}

function takesInBranch(graph: Graph): boolean {
  let takes = false;
  const look = (node: Node): void => {
    if (node.op !== "if" && node.op !== "switch") return;
    for (const region of node.regions) forEachNode(region, ({ op }) => (takes ||= op === "next"));
  };
  for (const { body } of programsOf(graph)) forEachNode(body, look);
  return takes;
}
