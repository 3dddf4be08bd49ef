/**
 * Grows the program that prepares what params decide: a node that leaves a program is computed there, with all it needs, and
 * the program reads its value from a derived state. What several programs compute of the same params is prepared once.
 */
import { invariant } from "../../support/bug.ts";
import type { PassContext } from "../../support/pass.ts";
import { attributeKey, sameAttribute } from "../attributes.ts";
import { GraphBuilder } from "../build.ts";
import { formatType, type Block, type Graph, type Node, type State, type StateId, type TensorType, type ValueId } from "../graph.ts";
import { forEachNode, withBodies } from "../rewrite.ts";
import { removeDeadNodes } from "./remove-dead-nodes.ts";

export class Preparation {
  readonly #graph: Graph;
  readonly #definitions: ReadonlyMap<ValueId, Node>;
  readonly #builder: GraphBuilder;
  /** Of the program. */
  readonly #nodes: Node[] = [];
  /** Values of programs that are prepared; a read of number k of them names state −1 − k until it is known whether it is needed. */
  readonly #prepared: ValueId[] = [];
  /** What a value of a program is in `prepare`. */
  readonly #counterparts = new Map<ValueId, ValueId>();
  /** Nodes of `prepare` by what they compute. */
  readonly #known = new Map<string, Node[]>();
  /** Between states and the values of `prepare` that they hold. */
  readonly #held = new Map<StateId, ValueId>();
  readonly #stateOf = new Map<ValueId, StateId>();
  readonly #states: State[];

  constructor(graph: Graph, definitions: ReadonlyMap<ValueId, Node>) {
    this.#graph = graph;
    this.#definitions = definitions;
    this.#builder = new GraphBuilder(graph.values);
    this.#states = [...graph.states];
    for (const node of graph.prepare?.body.nodes ?? []) this.#keep(node);
  }

  /** Prepares the value of a node whose inputs are params or prepared; gives the node that takes its place in its program. */
  read(value: ValueId, node: Node): Node {
    this.#compute(value);
    const state = -this.#prepared.push(value);
    return { op: "read", inputs: [], attributes: { state }, regions: [], outputs: [value], origin: node.origin };
  }

  /** The graph with states for what its programs still read, and a program that gives them their values. */
  finish(graph: Graph, context: PassContext): Graph {
    const states = new Map<number, StateId>();
    for (const { body } of graph.programs) {
      forEachNode(body, ({ op, attributes }) => {
        const state = attributes["state"] as number;
        if (op === "read" && state < 0) states.set(state, this.#stateFor(this.#prepared[-1 - state]!));
      });
    }
    if (states.size === 0) return graph;
    const body: Block = { parameters: [], nodes: this.#nodes, results: [] };
    const named = { ...withBodies(graph, (block) => renamed(block, states)), values: this.#builder.values, states: this.#states };
    return removeDeadNodes.run(withoutUnread({ ...named, prepare: { name: "prepare", body, origin: graph.origin } }), context);
  }

  /** A node that is there from before. */
  #keep(node: Node): void {
    this.#nodes.push(node);
    if (node.op === "write") this.#hold(node.attributes["state"] as StateId, node.inputs[0]!);
    else this.#note(keyOf(node, node.inputs, this.#graph.values[node.outputs[0]!]!.type), node);
  }

  #hold(state: StateId, value: ValueId): void {
    this.#held.set(state, value);
    this.#stateOf.set(value, state);
  }

  #stateFor(value: ValueId): StateId {
    const made = this.#compute(value);
    const existing = this.#stateOf.get(made);
    if (existing !== undefined) return existing;
    const { type, origin } = this.#graph.values[value]!;
    const id = this.#states.push({ role: "derived", name: this.#nameFor(value), type, origin }) - 1;
    this.#nodes.push({ op: "write", inputs: [made], attributes: { state: id }, regions: [], outputs: [], origin });
    this.#hold(id, made);
    return id;
  }

  /** The value of `prepare` that a value of a program is. */
  #compute(value: ValueId): ValueId {
    const known = this.#counterparts.get(value);
    if (known !== undefined) return known;
    const node = this.#definitions.get(value);
    invariant(node && node.regions.length === 0 && node.outputs.length === 1, () => `%${value} cannot be prepared`);
    const held = node.op === "read" ? this.#held.get(node.attributes["state"] as StateId) : undefined;
    const made = held ?? this.#append(node, node.inputs.map((input) => this.#compute(input)));
    this.#counterparts.set(value, made);
    return made;
  }

  #append(node: Node, inputs: readonly ValueId[]): ValueId {
    const { type, origin, name } = this.#graph.values[node.outputs[0]!]!;
    const key = keyOf(node, inputs, type);
    const known = this.#find(key, node);
    if (known !== undefined) return known;
    const output = this.#builder.value(type, origin, name);
    const made = { ...node, inputs, outputs: [output] };
    this.#nodes.push(made);
    this.#note(key, made);
    return output;
  }

  /** `pack_columns w1`, with a number where there are several. */
  #nameFor(value: ValueId): string {
    const from = this.#paramsOf(value).map((state) => this.#graph.states[state]!.name);
    const name = [this.#graph.values[value]!.name ?? this.#definitions.get(value)!.op, ...from.slice(0, 3)].join(" ");
    const taken = new Set(this.#states.map((state) => state.name));
    let candidate = name;
    for (let number = 2; taken.has(candidate); number++) candidate = `${name} ${number}`;
    return candidate;
  }

  #paramsOf(value: ValueId): StateId[] {
    const states = new Set<StateId>();
    const pending = [value];
    const seen = new Set(pending);
    for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
      const node = this.#definitions.get(next)!;
      if (node.op === "read") states.add(node.attributes["state"] as StateId);
      for (const input of node.inputs) {
        if (!seen.has(input)) pending.push(input);
        seen.add(input);
      }
    }
    return [...states].sort((a, b) => a - b);
  }

  /** The value of `prepare` that such a node gives. Keys of large arrays are hashes, so the attributes are compared once more. */
  #find(key: string, node: Node): ValueId | undefined {
    return this.#known.get(key)?.find((known) => sameAttribute(known.attributes, node.attributes))?.outputs[0];
  }

  #note(key: string, node: Node): void {
    const nodes = this.#known.get(key);
    if (nodes) nodes.push(node);
    else this.#known.set(key, [node]);
  }
}

/** Without derived states that no program reads: what was made of them may be prepared too. */
function withoutUnread(graph: Graph): Graph {
  const read = new Set<StateId>();
  for (const { body } of graph.programs) forEachNode(body, ({ op, attributes }) => op === "read" && read.add(attributes["state"] as StateId));
  const kept = graph.states.flatMap(({ role }, state) => (role !== "derived" || read.has(state) ? [state] : []));
  if (kept.length === graph.states.length) return graph;
  const numbers = new Map(kept.map((state, number) => [state, number]));
  const named = withBodies(graph, (block) => renamed({ ...block, nodes: block.nodes.filter((node) => node.op !== "write" || numbers.has(node.attributes["state"] as StateId)) }, numbers));
  return { ...named, states: kept.map((state) => graph.states[state]!) };
}

/** A block whose reads and writes name states by other numbers. */
function renamed(block: Block, states: ReadonlyMap<number, StateId>): Block {
  const nodes = block.nodes.map((node): Node => {
    const state = node.op === "read" || node.op === "write" ? states.get(node.attributes["state"] as number) : undefined;
    if (state !== undefined) return { ...node, attributes: { ...node.attributes, state } };
    return node.regions.length === 0 ? node : { ...node, regions: node.regions.map((region) => renamed(region, states)) };
  });
  return { ...block, nodes };
}

const keyOf = (node: Node, inputs: readonly ValueId[], type: TensorType): string => `${node.op}(${inputs.join()})${formatType(type)}${attributeKey(node.attributes)}`;
