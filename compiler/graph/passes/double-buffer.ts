/**
 * double-buffer: a loop that updates a slice of a variable from the variable's own neighbouring elements (a stencil) would
 * need its new values put aside and copied. Instead it gets a second variable of equal contents, reads one and updates the
 * other, and does two steps per turn, so that the two change places without a copy. An odd step is done before the loop.
 *
 * Needs: fused graphs, and a count of turns that is known. Gives: the same results, bit for bit; loops of stencils without
 * a value that must be put aside.
 */
import { sameAttribute } from "../attributes.ts";
import { fillAttributes, fillValue } from "../constants.ts";
import { scalar, type Block, type Graph, type Node, type ValueId } from "../graph.ts";
import { forEachNode, rewrite, type Rewriting } from "../rewrite.ts";
import type { Pass } from "../../support/pass.ts";

export const doubleBuffer: Pass<Graph, Graph> = {
  name: "double-buffer",
  summary: "loops that update a variable from its own neighbours read one copy and write another, in turn",
  run: (graph) => rewrite(graph, (node, at) => (node.op === "repeat" ? unrolled(node, at) : undefined) ?? node),
};

/** Nodes of a body that is written twice. */
const bodyLimit = 64;

function unrolled(node: Node, at: Rewriting): readonly ValueId[] | undefined {
  const [count, ...initial] = node.inputs as [ValueId, ...ValueId[]];
  const known = fillValue(at.definition(count));
  const body = node.regions[0]!;
  if (known === undefined || Number(known) < 2 || size(body) > bodyLimit) return undefined;
  const swapped = body.parameters.flatMap((_, position) => (stencilOf(body, position) ? [position] : []));
  if (swapped.length === 0) return undefined;

  const times = Number(known);
  const start = times % 2 === 1 ? at.copy(body, initial) : initial;
  const parameters = [...body.parameters, ...swapped.map((position) => body.parameters[position]!)].map((parameter) => at.value(at.type(parameter), node.origin));
  const current = parameters.slice(0, body.parameters.length);
  const other = parameters.slice(body.parameters.length);
  const region = at.region(parameters, () => {
    const first = step(body, current, swapped, other, at);
    const second = step(body, first, swapped, swapped.map((position) => current[position]!), at);
    return [...second, ...swapped.map((position) => first[position]!)];
  });
  const half = at.add("fill", [], fillAttributes(Math.floor(times / 2), scalar("i32")), scalar("i32"), node.origin);
  const outputs = parameters.map((parameter) => at.value(at.type(parameter), node.origin));
  at.append({ ...node, inputs: [half, ...start, ...swapped.map((position) => start[position]!)], regions: [region], outputs });
  return outputs.slice(0, body.parameters.length);
}

/** One step whose updates of swapped variables go into `others` instead of the variables themselves. */
function step(body: Block, args: readonly ValueId[], swapped: readonly number[], others: readonly ValueId[], at: Rewriting): ValueId[] {
  const results = swapped.map((position) => body.results[position]!);
  return at.copy(body, args, (copy, original) => {
    const which = results.indexOf(original.outputs[0]!);
    return which === -1 ? copy : { ...copy, inputs: [others[which]!, ...copy.inputs.slice(1)] };
  });
}

/** Whether the body gives the variable at `position` its next value by one update from a map over other elements of itself. */
function stencilOf(body: Block, position: number): boolean {
  const parameter = body.parameters[position]!;
  const definitions = new Map(body.nodes.flatMap((node) => node.outputs.map((output) => [output, node] as const)));
  const last = definitions.get(body.results[position]!);
  if (last?.op !== "update" || last.inputs[0] !== parameter || body.results.filter((result) => result === last.outputs[0]).length > 1) return false;
  const made = definitions.get(last.inputs[1]!);
  if (made?.op !== "map" || uses(body, made.outputs[0]!) !== 1) return false;
  return made.inputs.some((input) => reaches(input, parameter, definitions) && !isWritten(input, parameter, last, definitions));
}

/** Whether a value is just the slice of the variable that the update writes: its elements are read where they are replaced. */
function isWritten(value: ValueId, parameter: ValueId, update: Node, definitions: ReadonlyMap<ValueId, Node>): boolean {
  const view = definitions.get(value);
  return view?.op === "slice" && view.inputs[0] === parameter && ["start", "length", "step"].every((name) => sameAttribute(view.attributes[name], update.attributes[name]));
}

/** Whether a value is a view of another. */
function reaches(value: ValueId, target: ValueId, definitions: ReadonlyMap<ValueId, Node>): boolean {
  for (let current = value; ;) {
    if (current === target) return true;
    const node = definitions.get(current);
    if (!node || !viewOps.has(node.op)) return false;
    current = node.inputs[0]!;
  }
}

const viewOps: ReadonlySet<string> = new Set(["slice", "reshape", "transpose", "broadcast", "reverse"]);

function uses(body: Block, value: ValueId): number {
  let count = body.results.filter((result) => result === value).length;
  forEachNode(body, (node) => {
    count += node.inputs.filter((input) => input === value).length;
    for (const region of node.regions) count += region.results.filter((result) => result === value).length;
  });
  return count;
}

function size(block: Block): number {
  let nodes = 0;
  forEachNode(block, () => nodes++);
  return nodes;
}
