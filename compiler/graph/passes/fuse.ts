/**
 * Chains of elementwise ops become one `map`, and a reduction takes the map before it as `map_reduce`, so that what lies
 * between is never stored. After this pass there are no elementwise ops but maps: one alone becomes a map as well.
 * `fusion-plan.ts` says what is computed where and within which limits; here it is written down.
 *
 * - A scalar known when compiling (a fill, or a view of one) becomes a constant in the body.
 * - An elementwise producer seen through views is computed over the same views of its inputs: `(2 * u)[1:-1]` is a map
 *   over `u[1:-1]`.
 * - Nothing moves into or out of a region. Each element is computed by the same operations in the same order as before.
 *
 * Needs graphs after simplify-algebra and merge-equal-nodes, else it fuses less. Fills and views that nothing reads any
 * more are removed at the end, with all that is dead.
 */
import { argument } from "../../kernel/build.ts";
import type { Expression } from "../../kernel/kernel.ts";
import { bodyAttribute } from "../../ops/fused/map.ts";
import { ops } from "../../ops/table.ts";
import type { Pass } from "../../support/pass.ts";
import { attributeKey } from "../attributes.ts";
import { GraphBuilder } from "../build.ts";
import { fillValue } from "../constants.ts";
import { programsOf, wantedPartition, type Block, type Graph, type Node, type TensorType, type ValueId } from "../graph.ts";
import { countUses, forEachNode, withBodies } from "../rewrite.ts";
import { scalarConstant, scalarFunction } from "../scalar-body.ts";
import { shortestView } from "../views.ts";
import { FusionPlan, type FusionFacts } from "./fusion-plan.ts";
import { removeDeadNodes } from "./remove-dead-nodes.ts";
import { extendPath, noViews, type ViewPath } from "./view-path.ts";

export const fuse: Pass<Graph, Graph> = {
  name: "fuse",
  summary: "makes one map of each chain of elementwise ops, and one map_reduce of a map and the reduction behind it",
  run: (graph, context) => {
    const fusion = new Fusion(graph);
    const fused = withBodies(graph, (body) => fusion.block(body));
    return removeDeadNodes.run({ ...fused, values: fusion.values }, context);
  },
};

class Fusion implements FusionFacts {
  readonly #builder: GraphBuilder;
  readonly #definitions = new Map<ValueId, Node>();
  readonly #constants = new Map<ValueId, number | bigint>();
  readonly #strided = new Set<ValueId>();
  readonly #captured: ReadonlySet<ValueId>;
  readonly #uses: ReadonlyMap<ValueId, number>;
  /** Views that stand in the current block, by what they are. */
  #views = new Map<string, ValueId>();

  constructor(graph: Graph) {
    this.#builder = new GraphBuilder(graph.values);
    this.#captured = capturedValues(graph);
    this.#uses = countUses(graph);
    for (const program of programsOf(graph)) forEachNode(program.body, (node) => this.#define(node));
  }

  get values() {
    return this.#builder.values;
  }

  type(value: ValueId): TensorType {
    return this.#builder.typeOf(value);
  }

  definition(value: ValueId): Node | undefined {
    return this.#definitions.get(value);
  }

  isConstant(value: ValueId): boolean {
    return this.#constants.has(value);
  }

  isDense(value: ValueId): boolean {
    return !this.#strided.has(value);
  }

  isCaptured(value: ValueId): boolean {
    return this.#captured.has(value);
  }

  uses(value: ValueId): number {
    return this.#uses.get(value) ?? 0;
  }

  block(block: Block): Block {
    const plan = new FusionPlan(block, this);
    const around = this.#views;
    this.#views = new Map();
    const fused = this.#builder.block(block.parameters, () => {
      const inside = new Set<Node>();
      for (const node of block.nodes) this.#node(node, plan, inside);
      return block.results;
    });
    this.#views = around;
    return fused;
  }

  /** `inside`: nodes that are computed in their consumers only, and views of such. */
  #node(node: Node, plan: FusionPlan, inside: Set<Node>): void {
    const isView = isViewNode(node);
    if (plan.isInlined(node) || (isView && inside.has(this.#definitions.get(node.inputs[0]!)!))) {
      inside.add(node);
      return;
    }
    if (node.regions.length > 0) {
      this.#append({ ...node, regions: node.regions.map((region) => this.block(region)) });
      return;
    }
    if (isView) this.#views.set(viewKey(node.op, node.inputs[0]!, node.attributes), node.outputs[0]!);
    this.#append(this.#asMap(node, inside) ?? this.#asMapReduce(node, inside) ?? node);
  }

  #asMap(node: Node, inside: ReadonlySet<Node>): Node | undefined {
    if (node.outputs.length !== 1) return undefined;
    const scalar = scalarFunction(node, this.type(node.outputs[0]!));
    if (scalar === undefined) return undefined;
    const { inputs, body } = this.#body(node, scalar, inside);
    const partition = wantedPartition(node);
    return { ...node, op: "map", inputs, attributes: { body: bodyAttribute(body), ...(partition === undefined ? {} : { partition }) } };
  }

  #asMapReduce(node: Node, inside: ReadonlySet<Node>): Node | undefined {
    const isMean = node.op === "mean";
    if ((node.op !== "reduce" && !isMean) || !inside.has(this.#definitions.get(node.inputs[0]!)!)) return undefined;
    const { inputs, body } = this.#body(node, ([element]) => element!, inside);
    return { ...node, op: "map_reduce", inputs, attributes: { ...node.attributes, ...(isMean ? { op: "add", mean: true } : {}), body: bodyAttribute(body) } };
  }

  /** The body of a group and what it reads. A map has at least one input, since they give its shape. */
  #body(root: Node, scalar: (args: readonly Expression[]) => Expression, inside: ReadonlySet<Node>): { inputs: ValueId[]; body: Expression } {
    for (const constants of [this.#constants, new Map<ValueId, number | bigint>()]) {
      const group = new GroupBody(this, inside, constants, (path, value) => this.#throughViews(path, value));
      const body = scalar(root.inputs.map((input) => group.element(input, noViews)));
      if (group.inputs.length > 0) return { inputs: group.inputs, body };
    }
    return { inputs: [], body: scalar([]) };
  }

  /** The value seen through the views; views are made once in a block. */
  #throughViews(path: ViewPath, value: ValueId): ValueId {
    let current = value;
    for (let rest: ViewPath | undefined = path; rest?.first !== undefined; rest = rest.rest) {
      const view = rest.first;
      const type = { dtype: this.type(value).dtype, shape: this.type(view.outputs[0]!).shape };
      current = this.#view(view, current, type);
    }
    return current;
  }

  #view(like: Node, input: ValueId, type: TensorType): ValueId {
    const shortest = shortestView({ op: like.op, input, attributes: like.attributes }, type, this);
    if (typeof shortest === "number") return shortest;
    const key = viewKey(shortest.op, shortest.input, shortest.attributes);
    const existing = this.#views.get(key);
    if (existing !== undefined) return existing;
    const output = this.#builder.value(type, like.origin);
    this.#append({ op: shortest.op, inputs: [shortest.input], attributes: shortest.attributes, regions: [], outputs: [output], origin: like.origin });
    this.#views.set(key, output);
    return output;
  }

  #append(node: Node): void {
    this.#builder.append(node);
    this.#define(node);
  }

  #define(node: Node): void {
    for (const output of node.outputs) this.#definitions.set(output, node);
    const output = node.outputs[0];
    if (output === undefined) return;
    const isView = isViewNode(node);
    const constant = isView ? this.#constants.get(node.inputs[0]!) : fillValue(node);
    if (constant !== undefined) this.#constants.set(output, constant);
    if (isView && (node.op !== "reshape" || this.#strided.has(node.inputs[0]!))) this.#strided.add(output);
  }
}

/** The scalar expression of a group, grown from its root towards its inputs. Equal parts are the same object. */
class GroupBody {
  readonly inputs: ValueId[] = [];
  readonly #facts: FusionFacts;
  readonly #inside: ReadonlySet<Node>;
  readonly #constants: ReadonlyMap<ValueId, number | bigint>;
  readonly #throughViews: (path: ViewPath, value: ValueId) => ValueId;
  readonly #known = new Map<string, Expression>();

  constructor(facts: FusionFacts, inside: ReadonlySet<Node>, constants: ReadonlyMap<ValueId, number | bigint>, throughViews: (path: ViewPath, value: ValueId) => ValueId) {
    this.#facts = facts;
    this.#inside = inside;
    this.#constants = constants;
    this.#throughViews = throughViews;
  }

  /** One element of a value as the group sees it through views. The depth of the recursion is bounded by the plan's limits. */
  element(value: ValueId, path: ViewPath): Expression {
    const key = `${value}@${path.id}`;
    let expression = this.#known.get(key);
    if (expression === undefined) this.#known.set(key, (expression = this.#compute(value, path)));
    return expression;
  }

  #compute(value: ValueId, path: ViewPath): Expression {
    const type = this.#facts.type(value);
    const constant = this.#constants.get(value);
    if (constant !== undefined) return scalarConstant(type.dtype, constant);
    const [source, through] = this.#source(value, path);
    if (source === undefined) return this.#input(this.#throughViews(path, value));
    const scalar = scalarFunction(source, this.#facts.type(source.outputs[0]!))!;
    return scalar(source.inputs.map((input) => this.element(input, through)));
  }

  /** The node of this group that computes the value, if one does, and the views it is seen through. */
  #source(value: ValueId, path: ViewPath): [Node | undefined, ViewPath] {
    let node = this.#facts.definition(value);
    if (node === undefined || !this.#inside.has(node)) return [undefined, path];
    let through = path;
    while (isViewNode(node)) {
      const [input] = node.inputs as [ValueId];
      through = extendPath(node, this.#facts.type(node.outputs[0]!), this.#facts.type(input), through)!;
      node = this.#facts.definition(input)!;
    }
    return [node, through];
  }

  #input(value: ValueId): Expression {
    let index = this.inputs.indexOf(value);
    if (index === -1) index = this.inputs.push(value) - 1;
    return argument(this.#facts.type(value).dtype, index);
  }
}

const isViewNode = (node: Node): boolean => ops.get(node.op)?.kind === "view";

const viewKey = (op: string, input: ValueId, attributes: Node["attributes"]): string => `${op}(${input})${attributeKey(attributes)}`;

/** Values used in a block inside of the one that defines them. */
function capturedValues(graph: Graph): Set<ValueId> {
  const home = new Map<ValueId, Block>();
  const captured = new Set<ValueId>();
  const visit = (block: Block): void => {
    const use = (value: ValueId): void => {
      if (home.get(value) !== block) captured.add(value);
    };
    for (const parameter of block.parameters) home.set(parameter, block);
    for (const node of block.nodes) {
      node.inputs.forEach(use);
      node.regions.forEach(visit);
      for (const output of node.outputs) home.set(output, block);
    }
    block.results.forEach(use);
  };
  for (const program of programsOf(graph)) visit(program.body);
  return captured;
}
