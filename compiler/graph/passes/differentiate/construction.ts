/**
 * The graph under construction, as differentiation needs it: what defines a value, nodes of table ops with the types their
 * own rules give, and copies of nodes that compute again what was computed before.
 */
import { isBig } from "../../../../runtime/dtype.ts";
import type { GradientBuilder } from "../../../ops/op.ts";
import { op as opOf, ops } from "../../../ops/table.ts";
import type { Span } from "../../../support/span.ts";
import { GraphBuilder } from "../../build.ts";
import { fillAttributes, fillValue } from "../../constants.ts";
import type { Attributes, Block, Graph, Node, TensorType, ValueId } from "../../graph.ts";
import type { KeptElements } from "./kept-elements.ts";

export class Construction {
  readonly builder: GraphBuilder;
  /** Copies of elements of streams, which nothing defines. */
  readonly lost = new Set<ValueId>();
  /** Of a value that is computed again, the one it is again. */
  readonly originals = new Map<ValueId, ValueId>();
  readonly #definitions = new Map<ValueId, Node>();
  /** Nodes that stand where another one was. */
  readonly #replacing = new Set<Node>();

  /** Elements of streams that branches took, where they are known outside of them. */
  readonly kept: KeptElements;

  constructor(graph: Graph, kept: KeptElements) {
    this.builder = new GraphBuilder(graph.values);
    this.kept = kept;
  }

  typeOf(value: ValueId): TensorType {
    return this.builder.typeOf(value);
  }

  /** The node that gives a value; undefined for a block's parameter. */
  definition(value: ValueId): Node | undefined {
    return this.#definitions.get(value);
  }

  append(node: Node): void {
    this.builder.append(node);
    this.#define(node);
  }

  replace(node: Node, by: readonly Node[]): void {
    this.builder.replace(node, by);
    by.forEach((each) => {
      this.#define(each);
      this.#replacing.add(each);
    });
  }

  #define(node: Node): void {
    for (const output of node.outputs) this.#definitions.set(output, node);
  }

  /** A node of a table op with values of its own, not in any block yet. */
  make(op: string, inputs: readonly ValueId[], attributes: Attributes, origin: Span): Node {
    const type = opOf(op).type(inputs.map((input) => this.typeOf(input)), attributes);
    const node: Node = { op, inputs, attributes, regions: [], outputs: [this.builder.value(type, origin)], origin };
    this.#define(node);
    return node;
  }

  makeFill(type: TensorType, value: number, origin: Span): Node {
    return this.make("fill", [], fillAttributes(isBig(type.dtype) ? BigInt(value) : value, type), origin);
  }

  /** Appends a node of a table op; gives its result. */
  apply(op: string, inputs: readonly ValueId[], attributes: Attributes, origin: Span): ValueId {
    const node = this.make(op, inputs, attributes, origin);
    this.append(node);
    return node.outputs[0]!;
  }

  filled(type: TensorType, value: number, origin: Span): ValueId {
    const node = this.makeFill(type, value, origin);
    this.append(node);
    return node.outputs[0]!;
  }

  /** The number every element of a value has, where that is known: of a fill, and of a view of one. */
  constant(value: ValueId): number | undefined {
    let node = this.definition(value);
    while (node !== undefined && ops.get(node.op)?.kind === "view") node = this.definition(node.inputs[0]!);
    const known = fillValue(node);
    return known === undefined ? undefined : Number(known);
  }

  /** What a rule builds with, for a node of the source at `origin`. */
  rules(origin: Span): GradientBuilder {
    return {
      typeOf: (value) => this.typeOf(value),
      apply: (op, inputs, attributes = {}) => this.apply(op, inputs, attributes, origin),
      fill: (type, value) => this.filled(type, value, origin),
      constant: (value) => this.constant(value),
    };
  }

  /** Keeps of the current block's nodes those that give `results` or what they need, and with `before` all that are not new since. */
  prune(results: readonly ValueId[], before?: ReadonlySet<Node>): void {
    const stays = (node: Node): boolean => before !== undefined && (before.has(node) || this.#replacing.has(node));
    this.builder.change(0, (nodes) => neededNodes(nodes, results, stays));
  }
}

/** Every value a node reads, in its regions too; some of them may be its regions' own. */
export function usesOf(node: Node): ValueId[] {
  return [...node.inputs, ...node.regions.flatMap((region) => [...region.nodes.flatMap(usesOf), ...region.results])];
}

/** The values of blocks around a node that its regions use. */
export function capturedBy(node: Node): ValueId[] {
  const own = new Set<ValueId>();
  const visit = (block: Block): void => {
    block.parameters.forEach((parameter) => own.add(parameter));
    for (const inner of block.nodes) {
      inner.outputs.forEach((output) => own.add(output));
      inner.regions.forEach(visit);
    }
  };
  node.regions.forEach(visit);
  return [...new Set(node.regions.flatMap((region) => [...region.nodes.flatMap(usesOf), ...region.results]))].filter((value) => !own.has(value));
}

/** Those of the nodes that `results` depend on, and that stay in any case; the others must have no effect. */
function neededNodes(nodes: readonly Node[], results: readonly ValueId[], stays: (node: Node) => boolean): Node[] {
  const needed = new Set(results);
  return nodes.toReversed().filter((node) => {
    if (!stays(node) && !node.outputs.some((output) => needed.has(output))) return false;
    usesOf(node).forEach((use) => needed.add(use));
    return true;
  }).toReversed();
}

/** What stands for the values of the originals in a copy. */
export interface Copy {
  readonly nodes: readonly Node[];
  of(value: ValueId): ValueId;
}

export interface CopyOptions {
  /** What stands for values from outside of the nodes: parameters, for example. */
  readonly names?: ReadonlyMap<ValueId, ValueId>;
  /** What stands for an element that a `next` took, which cannot be taken again, given where the nodes' block has it; the same if absent. */
  taken?(element: ValueId): ValueId;
  /** Whether the nodes are the block of a branch: an element of theirs is known outside of it. */
  readonly branch?: boolean;
  /** Attributes for the copies of what computes, that tell them from the originals: equal nodes are merged by later passes. */
  readonly attributes?: Attributes;
}

const notCopied: ReadonlySet<string> = new Set(["print", "send", "assert", "inside", "write"]);

/** Appends copies of nodes, with values of their own and without effects. */
export function copyNodes(construction: Construction, nodes: readonly Node[], options: CopyOptions = {}): Copy {
  const names = new Map(options.names);
  const to = (value: ValueId): ValueId => names.get(value) ?? value;
  const fresh = (values: readonly ValueId[]): ValueId[] => values.map((value) => {
    const { type, origin, name } = construction.builder.values[value]!;
    const made = construction.builder.value(type, origin, name);
    names.set(value, made);
    return made;
  });
  const one = (node: Node, depth: number): readonly Node[] => {
    if (notCopied.has(node.op)) return [];
    if (node.op === "next") {
      const kept = construction.kept.get(node.outputs[0]!);
      const known = kept?.branches === depth + (options.branch ? 1 : 0) ? kept.value : options.taken && depth === 0 ? node.outputs[0]! : undefined;
      if (known !== undefined) names.set(node.outputs[0]!, options.taken?.(known) ?? known);
      else fresh(node.outputs).forEach((element) => construction.lost.add(element));
      return [];
    }
    const inputs = node.inputs.map(to);
    const regions = node.regions.map((region): Block => {
      const parameters = fresh(region.parameters);
      const inner = region.nodes.flatMap((each) => one(each, depth + 1));
      return { parameters, nodes: inner, results: region.results.map(to) };
    });
    return [{ ...node, inputs, regions, outputs: fresh(node.outputs), attributes: attributesOf(node, options.attributes) }];
  };
  const copies = nodes.flatMap((node) => one(node, 0));
  copies.forEach((copy) => construction.append(copy));
  return { nodes: copies, of: to };
}

/** Without the wish to be computed again: a copy is that already. */
function attributesOf(node: Node, more: Attributes | undefined): Attributes {
  const { recompute: _, ...own } = node.attributes;
  const op = ops.get(node.op);
  return more !== undefined && op !== undefined && op.kind !== "view" && node.op !== "fill" ? { ...own, ...more } : own;
}
