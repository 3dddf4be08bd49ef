/**
 * Removes what nothing depends on: pure nodes whose values nobody uses, results of conditionals and values carried through
 * loops that nobody reads, control that does nothing. What the world can tell stays: write, next, send, print and assert,
 * and the control around them. A value nobody uses is not computed, so an error it would have raised is not raised.
 * States stay even when unused: they are the program's interface.
 *
 * Liveness by marking from the effects backwards, each node and value at most once.
 */
import { unreachable } from "../../support/bug.ts";
import type { Pass } from "../../support/pass.ts";
import type { Block, Graph, Node, ValueId } from "../graph.ts";
import { hasEffect, withBodies } from "../rewrite.ts";

export const removeDeadNodes: Pass<Graph, Graph> = {
  name: "remove-dead-nodes",
  summary: "removes nodes, results and carried values that nothing depends on",
  run: (graph) =>
    withBodies(graph, (body) => {
      const live = new Liveness(body);
      return sweep(body, live);
    }),
};

/** Where a value comes from: an output of a node, or a parameter of one of its regions. */
interface Source {
  readonly node: Node;
  readonly position: number;
}

class Liveness {
  readonly #sources = new Map<ValueId, Source>();
  /** The control node around a node. */
  readonly #around = new Map<Node, Node>();
  readonly #values = new Set<ValueId>();
  readonly #nodes = new Set<Node>();
  readonly #pending: ValueId[] = [];

  constructor(body: Block) {
    const effects: Node[] = [];
    this.#collect(body, undefined, effects);
    for (const node of effects) this.#markNode(node);
    for (const result of body.results) this.#markValue(result);
    for (let value = this.#pending.pop(); value !== undefined; value = this.#pending.pop()) this.#follow(value);
  }

  node(node: Node): boolean {
    return this.#nodes.has(node);
  }

  value(value: ValueId): boolean {
    return this.#values.has(value);
  }

  #collect(block: Block, around: Node | undefined, effects: Node[]): void {
    block.parameters.forEach((parameter, position) => around && this.#sources.set(parameter, { node: around, position }));
    for (const node of block.nodes) {
      if (around !== undefined) this.#around.set(node, around);
      node.outputs.forEach((output, position) => this.#sources.set(output, { node, position }));
      if (hasEffect(node)) effects.push(node);
      for (const region of node.regions) this.#collect(region, node, effects);
    }
  }

  #markValue(value: ValueId): void {
    if (this.#values.has(value)) return;
    this.#values.add(value);
    this.#pending.push(value);
  }

  /** The node runs, so the control around it does, and what they all need to run is needed. */
  #markNode(first: Node): void {
    for (let node: Node | undefined = first; node !== undefined && !this.#nodes.has(node); node = this.#around.get(node)) {
      this.#nodes.add(node);
      for (const value of neededToRun(node)) this.#markValue(value);
    }
  }

  /** A value is needed: so is its node, and what flows into this value. */
  #follow(value: ValueId): void {
    const source = this.#sources.get(value);
    if (source === undefined) return;
    this.#markNode(source.node);
    for (const flowing of flowsInto(source.node, source.position)) this.#markValue(flowing);
  }
}

type Control = "repeat" | "while" | "if" | "switch";
const isControl = (op: string): op is Control => op === "repeat" || op === "while" || op === "if" || op === "switch";

/** What a node needs whatever is done with its results. */
function neededToRun(node: Node): readonly ValueId[] {
  if (!isControl(node.op)) return node.inputs;
  if (node.op === "while") return node.regions[0]!.results;
  return node.inputs.slice(0, 1);
}

/** What becomes the control node's result, or its regions' parameter, at a position. */
function flowsInto(node: Node, position: number): readonly ValueId[] {
  if (!isControl(node.op)) return [];
  switch (node.op) {
    case "if": case "switch": return node.regions.map((region) => region.results[position]!);
    // A carried value that is needed anywhere is needed everywhere around the loop.
    case "repeat": return [node.inputs[position + 1]!, node.regions[0]!.results[position]!, node.regions[0]!.parameters[position]!, node.outputs[position]!];
    case "while":
      return [node.inputs[position]!, node.regions[1]!.results[position]!, node.regions[0]!.parameters[position]!, node.regions[1]!.parameters[position]!, node.outputs[position]!];
    default: return unreachable(node.op);
  }
}

function sweep(block: Block, live: Liveness): Block {
  const nodes: Node[] = [];
  for (const node of block.nodes) {
    if (!live.node(node)) continue;
    nodes.push(isControl(node.op) ? sweepControl(node, node.op, live) : node);
  }
  return { ...block, nodes };
}

/** The control node without the results, and the carried values, that are not live. */
function sweepControl(node: Node, op: Control, live: Liveness): Node {
  const keep = node.outputs.map((output) => live.value(output));
  const kept = (values: readonly ValueId[]): ValueId[] => values.filter((_, position) => keep[position]);
  const regions = node.regions.map((region, k): Block => {
    const swept = sweep(region, live);
    const isCondition = op === "while" && k === 0;
    return { parameters: kept(swept.parameters), nodes: swept.nodes, results: isCondition ? swept.results : kept(swept.results) };
  });
  const carried = op === "repeat" ? node.inputs.slice(1) : op === "while" ? node.inputs : [];
  const before = op === "while" ? [] : node.inputs.slice(0, 1);
  return { ...node, inputs: [...before, ...kept(carried)], regions, outputs: kept(node.outputs) };
}
