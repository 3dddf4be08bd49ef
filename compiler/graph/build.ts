/** Builds graphs: a table of values, and a stack of blocks under construction. Types are given, not inferred: rules live in compiler/ops. */
import { invariant } from "../support/bug.ts";
import type { Span } from "../support/span.ts";
import type { Attributes, Block, Node, TensorType, Value, ValueId } from "./graph.ts";

export interface NodeOptions {
  readonly inputs?: readonly ValueId[];
  readonly attributes?: Attributes;
  readonly regions?: readonly Block[];
  readonly outputs: readonly TensorType[];
  readonly origin: Span;
  readonly name?: string;
}

export class GraphBuilder {
  readonly values: Value[];
  #nodes: Node[][] = [];

  /** Starts from the values of an existing graph, so that passes keep ids. */
  constructor(values: readonly Value[] = []) {
    this.values = [...values];
  }

  value(type: TensorType, origin: Span, name?: string): ValueId {
    this.values.push({ type, origin, ...(name === undefined ? {} : { name }) });
    return this.values.length - 1;
  }

  typeOf(value: ValueId): TensorType {
    return this.values[value]!.type;
  }

  /** Appends a node to the current block; gives its outputs. */
  node(op: string, options: NodeOptions): ValueId[] {
    const outputs = options.outputs.map((type) => this.value(type, options.origin, options.name));
    this.append({ op, inputs: options.inputs ?? [], attributes: options.attributes ?? {}, regions: options.regions ?? [], outputs, origin: options.origin });
    return outputs;
  }

  /** The nodes that can be seen from the end of the current block: those of the blocks around it before it, and its own. */
  visible(): readonly Node[] {
    return this.#nodes.flat();
  }

  /** The nodes of the current block so far. */
  current(): readonly Node[] {
    return [...(this.#nodes.at(-1) ?? [])];
  }

  /** Puts other nodes in the place of the current block's from a position on. */
  change(from: number, by: (nodes: readonly Node[]) => readonly Node[]): void {
    const current = this.#nodes.at(-1)!;
    // One by one: a call with as many arguments as a block may have nodes is more than the stack bears.
    for (const node of by(current.splice(from))) current.push(node);
  }

  /** Puts nodes in the place of one that stands in a block under construction. */
  replace(node: Node, by: readonly Node[]): void {
    const block = this.#nodes.findLast((nodes) => nodes.includes(node));
    invariant(block, () => `a ${node.op} to replace that stands in no block under construction`);
    block.splice(block.indexOf(node), 1, ...by);
  }

  /** Appends a finished node as it is. */
  append(node: Node): void {
    const current = this.#nodes.at(-1);
    invariant(current, "a node outside of every block");
    current.push(node);
  }

  /** Adds attributes to the node of the current block that gives a value; undefined when none of this block does. */
  annotate(value: ValueId, attributes: Attributes): Node | undefined {
    const current = this.#nodes.at(-1);
    const at = current?.findLastIndex((node) => node.outputs.includes(value)) ?? -1;
    if (!current || at === -1) return undefined;
    const annotated: Node = { ...current[at]!, attributes: { ...current[at]!.attributes, ...attributes } };
    current[at] = annotated;
    return annotated;
  }

  /** The node of the current block that gives a value. */
  definition(value: ValueId): Node | undefined {
    return this.#nodes.at(-1)?.findLast((node) => node.outputs.includes(value));
  }

  /** Builds a block: `fill` appends nodes and gives the block's results. */
  block(parameters: readonly ValueId[], fill: () => readonly ValueId[]): Block {
    const nodes: Node[] = [];
    this.#nodes.push(nodes);
    try {
      const results = fill();
      return { parameters, nodes, results };
    } finally {
      this.#nodes.pop();
    }
  }
}
