/**
 * hoist: what gives the same in every round of a loop is computed in front of the loop, and what only params and constants
 * decide in a program of its own, `prepare`, which the engine runs when params are loaded or have changed; its results are
 * kept as derived states. So weights are packed once, not in every call.
 *
 * Runs before fuse, which would put the invariant part of a chain into the loop's own map, and again as `hoist-packing`.
 *
 * A node moves only when it cannot fail, since it may then run although its place is never reached, and when its result is
 * worth keeping (invariance.ts); views, fills and constants go along with what needs them. Nothing leaves an arm of a branch
 * but for `prepare`. The classic is loop-invariant code motion (Aho, Lam, Sethi and Ullman, "Compilers", 2006, § 9.5), easy
 * here because values are immutable: a node is invariant when its inputs are defined outside.
 *
 * Derived states are for machines whose tiles share one memory, with room for params twice; elsewhere only loops are looked
 * at. Results are the same, bit for bit.
 */
import type { Pass } from "../../support/pass.ts";
import { isStructural, type Block, type Graph, type Node, type Program, type TensorType, type ValueId } from "../graph.ts";
import { isFree, isTotal, isWorthKeeping, prepares, type InvarianceContext } from "../invariance.ts";
import { forEachNode } from "../rewrite.ts";
import { Preparation } from "./preparation.ts";
import { removeDeadNodes } from "./remove-dead-nodes.ts";

export const hoist: Pass<Graph, Graph> = {
  name: "hoist",
  summary: "computes in front of a loop what is the same in every round, and when params are loaded what they alone decide",
  run(graph, context) {
    const hoisting = new Hoisting(graph, prepares(graph, context.target));
    const programs = graph.programs.map((program) => ({ ...program, body: hoisting.body(program) }));
    return hoisting.preparation.finish(removeDeadNodes.run({ ...graph, programs }, context), context);
  },
};

/** Where a value could be computed at the earliest: before the program, or inside of so many regions of it. */
type Level = number;
const beforeProgram: Level = -1;

/** A block that is being built, with those around it before it. */
interface Frame {
  readonly isLoop: boolean;
  /** Nodes that moved on to a block around leave a gap. */
  readonly nodes: (Node | undefined)[];
}

/** Where a node has been put. */
interface Place {
  readonly level: Level;
  readonly index: number;
}

class Hoisting implements InvarianceContext {
  readonly preparation: Preparation;
  readonly #graph: Graph;
  /** Whether there may be derived states. */
  readonly #prepares: boolean;
  readonly #definitions = new Map<ValueId, Node>();
  readonly #levels = new Map<ValueId, Level>();
  readonly #places = new Map<Node, Place>();
  #frames: Frame[] = [];
  /** Reads of what is prepared. */
  #reads: Node[] = [];

  constructor(graph: Graph, prepares: boolean) {
    this.#graph = graph;
    this.#prepares = prepares;
    for (const { body } of graph.programs) forEachNode(body, (node) => node.outputs.forEach((output) => this.#definitions.set(output, node)));
    this.preparation = new Preparation(graph, this.#definitions);
  }

  type(value: ValueId): TensorType {
    return this.#graph.values[value]!.type;
  }

  definition(value: ValueId): Node | undefined {
    return this.#definitions.get(value);
  }

  body(program: Program): Block {
    this.#frames = [];
    this.#reads = [];
    const block = this.#block(program.body, false);
    return { ...block, nodes: [...this.#reads, ...block.nodes] };
  }

  #block(block: Block, isLoop: boolean): Block {
    const frame: Frame = { isLoop, nodes: [] };
    this.#frames.push(frame);
    for (const parameter of block.parameters) this.#levels.set(parameter, this.#level);
    for (const node of block.nodes) this.#node(node);
    this.#frames.pop();
    return { ...block, nodes: frame.nodes.filter((node) => node !== undefined) };
  }

  /** Of the block that is being built. */
  get #level(): Level {
    return this.#frames.length - 1;
  }

  #node(node: Node): void {
    if (node.regions.length > 0) {
      const isLoop = node.op === "repeat" || node.op === "while";
      return this.#put({ ...node, regions: node.regions.map((region) => this.#block(region, isLoop)) }, this.#level);
    }
    const earliest = this.#earliest(node);
    if (isFree(node) || node.op === "read") {
      this.#put(node, this.#level);
      for (const output of node.outputs) this.#levels.set(output, earliest);
    } else if (earliest < this.#level && isTotal(node, this) && isWorthKeeping(node, this)) {
      if (earliest === beforeProgram) this.#prepare(node);
      else this.#hoist(node, earliest);
    } else this.#put(node, this.#level);
  }

  #prepare(node: Node): void {
    const [output] = node.outputs as [ValueId];
    this.#levels.set(output, beforeProgram);
    this.#reads.push(this.preparation.read(output, node));
  }

  #hoist(node: Node, level: Level): void {
    for (const input of node.inputs) this.#bring(input, level);
    this.#put(node, level);
  }

  /** Moves a free node out to a block in which its value is needed. */
  #bring(value: ValueId, level: Level): void {
    const node = this.#definitions.get(value);
    const place = node && this.#places.get(node);
    if (!node || !place || place.level <= level) return;
    for (const input of node.inputs) this.#bring(input, level);
    this.#frames[place.level]!.nodes[place.index] = undefined;
    const natural = this.#levels.get(value)!;
    this.#put(node, level);
    this.#levels.set(value, natural);
  }

  #put(node: Node, level: Level): void {
    const { nodes } = this.#frames[level]!;
    this.#places.set(node, { level, index: nodes.length });
    nodes.push(node);
    for (const output of node.outputs) this.#levels.set(output, level);
  }

  /** The outermost block a node could stand in, as far as what it reads goes, without leaving an arm of a branch. */
  #earliest(node: Node): Level {
    if (node.op === "read") {
      const { role } = this.#graph.states[node.attributes["state"] as number]!;
      if (role === "param" || role === "derived") return this.#prepares ? beforeProgram : 0;
      return role === "in" ? 0 : this.#level;
    }
    if (isStructural(node.op)) return this.#level;
    const inputs = node.inputs.reduce((most, input) => Math.max(most, this.#levels.get(input)!), this.#prepares ? beforeProgram : 0);
    if (inputs === beforeProgram) return beforeProgram;
    let level = this.#level;
    while (level > inputs && this.#frames[level]!.isLoop) level--;
    return level;
  }
}
