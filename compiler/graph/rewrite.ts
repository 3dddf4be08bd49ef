/**
 * What the passes of this level share, so that each reads as its rule: walking a graph's blocks, counting uses, and
 * rewriting node by node with values substituted. Ids are kept: a value that survives a pass has the id it had.
 */
import { op as opOf, ops } from "../ops/table.ts";
import type { Span } from "../support/span.ts";
import { GraphBuilder } from "./build.ts";
import { programsOf, type Attributes, type Block, type Graph, type Node, type Program, type TensorType, type ValueId } from "./graph.ts";

/** Every node of a block, those in regions after the node that holds them. */
export function forEachNode(block: Block, visit: (node: Node, block: Block) => void): void {
  for (const node of block.nodes) {
    visit(node, block);
    for (const region of node.regions) forEachNode(region, visit);
  }
}

/** The block that each value is made in, by a node. */
export function homesOf(graph: Graph): ReadonlyMap<ValueId, Block> {
  const homes = new Map<ValueId, Block>();
  for (const { body } of programsOf(graph)) forEachNode(body, (node, block) => node.outputs.forEach((output) => homes.set(output, block)));
  return homes;
}

/** How often each value is used, by nodes and as results of their regions. */
export function countUses(graph: Graph): Map<ValueId, number> {
  const uses = new Map<ValueId, number>();
  const note = (value: ValueId): void => void uses.set(value, (uses.get(value) ?? 0) + 1);
  for (const { body } of programsOf(graph)) {
    forEachNode(body, (node) => {
      node.inputs.forEach(note);
      for (const region of node.regions) region.results.forEach(note);
    });
  }
  return uses;
}

/** The value that is stored, seen from one that may be a view of it. */
export function rootOf(value: ValueId, at: { definition(value: ValueId): Node | undefined }): ValueId {
  let root = value;
  for (let node = at.definition(root); node !== undefined && ops.get(node.op)?.kind === "view"; node = at.definition(root)) root = node.inputs[0]!;
  return root;
}

/** The same graph with other values and with each program's body mapped. */
export function withBodies(graph: Graph, body: (block: Block) => Block, values = graph.values): Graph {
  const of = (program: Program): Program => ({ ...program, body: body(program.body) });
  const programs = graph.programs.map(of);
  const initial = of(graph.initial);
  return { ...graph, values, programs, initial, ...(graph.prepare ? { prepare: of(graph.prepare) } : {}) };
}

/** A block with values replaced, in its regions too. */
export function substituteInBlock(block: Block, substitution: ReadonlyMap<ValueId, ValueId>): Block {
  if (substitution.size === 0) return block;
  const to = (value: ValueId): ValueId => substitution.get(value) ?? value;
  return {
    parameters: block.parameters,
    nodes: block.nodes.map((node) => ({ ...node, inputs: node.inputs.map(to), regions: node.regions.map((region) => substituteInBlock(region, substitution)) })),
    results: block.results.map(to),
  };
}

const sameInputs = (a: readonly ValueId[], b: readonly ValueId[]): boolean => a.length === b.length && a.every((value, k) => value === b[k]);

/** Where a rule stands: what is known of the values before it, and how to add nodes in front of the current one. */
export class Rewriting {
  readonly #builder: GraphBuilder;
  readonly #rule: Rule;
  readonly #scope: Scope;
  readonly #definitions = new Map<ValueId, Node>();
  readonly #substitution = new Map<ValueId, ValueId>();

  constructor(graph: Graph, rule: Rule, scope: Scope) {
    this.#builder = new GraphBuilder(graph.values);
    this.#rule = rule;
    this.#scope = scope;
  }

  get values() {
    return this.#builder.values;
  }

  type(value: ValueId): TensorType {
    return this.#builder.typeOf(value);
  }

  /** The node that defines a value; undefined for a block's parameter. */
  definition(value: ValueId): Node | undefined {
    return this.#definitions.get(value);
  }

  /** Adds a node with one output in front of the current one. */
  add(op: string, inputs: readonly ValueId[], attributes: Attributes, type: TensorType, origin: Span): ValueId {
    const output = this.#builder.value(type, origin);
    this.append({ op, inputs, attributes, regions: [], outputs: [output], origin });
    return output;
  }

  /** Adds a node whose op says what type it gives. */
  apply(op: string, inputs: readonly ValueId[], attributes: Attributes, origin: Span): ValueId {
    return this.add(op, inputs, attributes, opOf(op).type(inputs.map((input) => this.type(input)), attributes), origin);
  }

  /** Adds a finished node in front of the current one. */
  append(node: Node): void {
    this.#builder.append(node);
    for (const output of node.outputs) this.#definitions.set(output, node);
  }

  /** Adds a region's nodes in front of the current one, its parameters standing for `args`; gives its results. A block can be inlined once. */
  inline(block: Block, args: readonly ValueId[]): ValueId[] {
    block.parameters.forEach((parameter, k) => this.#substitute(parameter, args[k]!));
    for (const node of block.nodes) this.#node(node);
    return block.results.map((value) => this.#resolve(value));
  }

  /** A value of its own, for a parameter of a new region. */
  value(type: TensorType, origin: Span): ValueId {
    return this.#builder.value(type, origin);
  }

  /** A region built anew: `fill` adds its nodes and gives its results. */
  region(parameters: readonly ValueId[], fill: () => readonly ValueId[]): Block {
    return this.#builder.block(parameters, fill);
  }

  /**
   * Adds a copy of a region's nodes in front of the current one, every value in it new, its parameters standing for `args`;
   * gives its results. `replace` may change a node of the copy, told the node it is a copy of.
   */
  copy(block: Block, args: readonly ValueId[], replace: (copy: Node, original: Node) => Node = (copy) => copy): ValueId[] {
    const names = new Map(block.parameters.map((parameter, k) => [parameter, args[k]!] as const));
    const to = (value: ValueId): ValueId => names.get(value) ?? value;
    const fresh = (values: readonly ValueId[]): ValueId[] => values.map((value) => {
      const { type, origin, name } = this.#builder.values[value]!;
      const made = this.#builder.value(type, origin, name);
      names.set(value, made);
      return made;
    });
    const inner = (region: Block): Block => {
      const parameters = fresh(region.parameters);
      return { parameters, nodes: region.nodes.map(nodeOf), results: region.results.map(to) };
    };
    const nodeOf = (node: Node): Node => {
      const inputs = node.inputs.map(to);
      const regions = node.regions.map(inner);
      return replace({ ...node, inputs, regions, outputs: fresh(node.outputs) }, node);
    };
    for (const node of block.nodes) this.append(nodeOf(node));
    return block.results.map(to);
  }

  block(block: Block): Block {
    this.#scope.enter();
    const rewritten = this.#builder.block(block.parameters, () => {
      for (const node of block.nodes) this.#node(node);
      return block.results.map((value) => this.#resolve(value));
    });
    this.#scope.leave();
    return rewritten;
  }

  #node(node: Node): void {
    const inputs = node.inputs.map((value) => this.#resolve(value));
    const regions = node.regions.map((region) => this.block(region));
    const current = sameInputs(inputs, node.inputs) && regions.length === 0 ? node : { ...node, inputs, regions };
    const result = this.#rule(current, this);
    if (isNode(result)) this.append(result);
    else node.outputs.forEach((output, k) => this.#substitute(output, result[k]!));
  }

  #resolve(value: ValueId): ValueId {
    return this.#substitution.get(value) ?? value;
  }

  #substitute(value: ValueId, by: ValueId): void {
    if (value !== by) this.#substitution.set(value, this.#resolve(by));
  }
}

/**
 * What becomes of a node whose inputs and regions are rewritten already: a node with the same outputs that takes its
 * place (itself, to leave it), or the values that take the place of its outputs.
 */
export type Rule = (node: Node, at: Rewriting) => Node | readonly ValueId[];

const isNode = (result: Node | readonly ValueId[]): result is Node => !Array.isArray(result);

/** Told when a block begins and ends, for rules that remember what is visible. */
export interface Scope {
  enter(): void;
  leave(): void;
}

const noScope: Scope = { enter: () => {}, leave: () => {} };

/** Applies a rule to every node, in order, inner blocks before the node that holds them. */
export function rewrite(graph: Graph, rule: Rule, scope: Scope = noScope): Graph {
  const rewriting = new Rewriting(graph, rule, scope);
  const rewritten = withBodies(graph, (body) => rewriting.block(body));
  return { ...rewritten, values: rewriting.values };
}

const effects: ReadonlySet<string> = new Set(["write", "next", "send", "print", "assert", "inside"]);

/** Whether the world can tell that the node itself ran; what its regions hold is not counted. */
export const hasEffect = (node: Node): boolean => effects.has(node.op);

/** Whether a node's result is its first input with some elements changed: where that is dead, they are changed in place. */
export const changesInput = ({ op }: Node): boolean => op === "update" || op === "map_update" || ops.get(op)?.inPlace === true;
