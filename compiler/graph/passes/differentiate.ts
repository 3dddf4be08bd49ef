/**
 * differentiate: every `grad` node becomes the nodes that compute its gradients, so that after this pass there is none.
 *
 * Reverse mode, as a transformation of the graph (B. Speelpenning, 1980; A. Griewank and A. Walther, Evaluating Derivatives,
 * 2nd ed., 2008). From the loss, whose gradient by itself is 1, the nodes that can be seen from the `grad` are gone through
 * from the last to the first: each gives the gradients by its inputs from the one by its result. Only what changes with the
 * wanted tensors is followed, and only what the wanted gradients need is kept. Inner gradients come first, in program order,
 * so the gradient of a gradient is that of the nodes which compute it.
 *
 * What is where: `activity` says what changes with what, `adjoints` adds parts up, `backward` goes through nodes, `branches`,
 * `loops` with `tape`, and `vertices` through control and compute sets. spec/graph.md says what a gradient means.
 */
import type { Pass } from "../../support/pass.ts";
import type { Reporter } from "../../support/diagnostic.ts";
import type { ProblemName } from "../../support/problems.ts";
import { Adjoints } from "./differentiate/adjoints.ts";
import { spread, spreadRounds } from "./differentiate/activity.ts";
import { backward } from "./differentiate/backward.ts";
import { Construction } from "./differentiate/construction.ts";
import { keepElements, type KeptElements } from "./differentiate/kept-elements.ts";
import { programsOf, type Block, type ComputeSet, type Graph, type Node, type TensorType, type ValueId, type Vertex } from "../graph.ts";
import { forEachNode, withBodies } from "../rewrite.ts";

export const differentiate: Pass<Graph, Graph> = {
  name: "differentiate",
  summary: "turns each grad into the nodes that compute its gradients, from the loss backwards",
  run: (graph, context) => withoutGradients(graph, context),
};

/** Values a graph may have before another gradient is built: each may be several times what it is made from. */
const maxValues = 400_000;

const hasGradients = (graph: Graph): boolean => {
  let found = false;
  for (const { body } of programsOf(graph)) forEachNode(body, ({ op }) => (found ||= op === "grad"));
  return found;
};

/** The graph with every `grad` worked out; what has no gradient is reported. */
export function withoutGradients(graph: Graph, reporter: Reporter): Graph {
  if (!hasGradients(graph)) return graph;
  const { graph: lifted, kept } = keepElements(graph);
  const differentiation = new Differentiation(lifted, reporter, kept);
  const bodies = withBodies(lifted, (body) => differentiation.block(body));
  const { construction, vertices, computeSets } = differentiation;
  return { ...bodies, values: construction.builder.values, vertices, computeSets };
}

class Differentiation {
  readonly construction: Construction;
  readonly vertices: Vertex[];
  readonly computeSets: ComputeSet[];
  readonly #reporter: Reporter;
  /** What stands for the results of `grad` nodes. */
  readonly #gradients = new Map<ValueId, ValueId>();
  /** The loops and branches around, as they are in the source, outermost first. */
  readonly #around: { readonly node: Node; readonly region: Block }[] = [];

  #exhausted = false;

  constructor(graph: Graph, reporter: Reporter, kept: KeptElements) {
    this.construction = new Construction(graph, kept);
    this.vertices = [...graph.vertices];
    this.computeSets = [...graph.computeSets];
    this.#reporter = reporter;
  }

  block(block: Block): Block {
    return this.construction.builder.block(block.parameters, () => {
      for (const node of block.nodes) this.#node(node);
      this.construction.builder.change(0, (nodes) => nodes.map(withoutWish));
      return block.results.map((value) => this.#resolve(value));
    });
  }

  #resolve(value: ValueId): ValueId {
    return this.#gradients.get(value) ?? value;
  }

  #node(node: Node): void {
    const inputs = node.inputs.map((value) => this.#resolve(value));
    if (node.op === "grad") return this.#gradient({ ...node, inputs });
    const regions = node.regions.map((region) => {
      this.#around.push({ node: { ...node, inputs }, region });
      const block = this.block(region);
      this.#around.pop();
      return block;
    });
    this.construction.append({ ...node, inputs, regions });
  }

  #gradient(node: Node): void {
    const { construction, vertices, computeSets } = this;
    const { builder } = construction;
    const [loss, ...wanted] = node.inputs as readonly [ValueId, ...ValueId[]];
    const refusals = new Refusals(this.#reporter, node);
    if (builder.values.length > maxValues) {
      if (!this.#exhausted) refusals.tell(node, "limit-exceeded", `gradients of gradients grow to more than ${maxValues} tensors`, "differentiate fewer times, or something smaller");
      this.#exhausted = true;
      return node.outputs.forEach((output, k) => this.#gradients.set(output, wanted[k]!));
    }
    const nodes = builder.visible();
    const before = new Set(builder.current());
    const carried = this.#carriedAround(wanted);
    const active = new Set([...wanted, ...carried.keys()]);
    spread(nodes, active, (value) => construction.typeOf(value));
    const adjoints = new Adjoints(construction);
    adjoints.add(loss, construction.filled(construction.typeOf(loss), 1, node.origin));
    backward({ construction, active, vertices, computeSets, fail: (...told) => refusals.tell(...told) }, nodes, adjoints);
    for (const [parameter, loop] of carried) if (adjoints.total(parameter) !== undefined) refusals.tell(loop, ...throughLoop(loop, builder.values[parameter]!.name));
    const totals = wanted.map((value, k) => {
      const total = adjoints.total(value);
      if (total === undefined) refusals.warn((node.attributes["names"] as readonly string[] | undefined)?.[k] || (builder.values[value]!.name ?? `tensor ${k + 1}`));
      return total ?? construction.filled(construction.typeOf(value), 0, node.origin);
    });
    construction.prune(totals, before);
    node.outputs.forEach((output, k) => this.#gradients.set(output, totals[k]!));
  }

  /**
   * What loops around the `grad` carry and what depends on a wanted tensor from before the loop, with the loop. A gradient in
   * the midst of the rounds does not go through those before it, so it must not reach such a value.
   */
  #carriedAround(wanted: readonly ValueId[]): Map<ValueId, Node> {
    const { construction } = this;
    const typeOf = (value: ValueId): TensorType => construction.typeOf(value);
    const found = new Map<ValueId, Node>();
    for (const { node, region } of this.#around) {
      if (node.op !== "repeat" && node.op !== "while") continue;
      const own = new Set([...region.parameters, ...valuesOf(region)]);
      const active = new Set(wanted.filter((value) => !own.has(value)));
      spread(construction.builder.visible(), active, typeOf);
      const initial = node.op === "repeat" ? node.inputs.slice(1) : node.inputs;
      initial.forEach((value, k) => active.has(value) && active.add(region.parameters[k]!));
      spreadRounds(region, active, typeOf);
      region.parameters.filter((parameter) => active.has(parameter) && !wanted.includes(parameter)).forEach((parameter) => found.set(parameter, node));
    }
    return found;
  }
}

const throughLoop = (loop: Node, name = "a value"): [ProblemName, string, string] => [
  "not-supported", `the loss depends on a tensor from before this ${loop.op} through ${name} that it carries, and a gradient inside of the loop does not go through it`,
  "take the gradient after the loop; stop_gradient(x) takes a value as constant",
];

/** What one `grad` is told: the first thing that has no gradient, where it stands and where the gradient was asked for. */
class Refusals {
  readonly #reporter: Reporter;
  readonly #grad: Node;
  #told = false;

  constructor(reporter: Reporter, grad: Node) {
    this.#reporter = reporter;
    this.#grad = grad;
  }

  tell(node: Node, problem: ProblemName, message: string, help?: string): void {
    if (this.#told) return;
    this.#told = true;
    const labels = [{ span: node.origin, text: "" }, { span: this.#grad.origin, text: "the gradient asked for here" }];
    this.#reporter.report({ problem, severity: "error", message, labels, ...(help === undefined ? {} : { help }) });
  }

  /** A gradient of 0, which is seldom meant. */
  warn(name: string): void {
    if (this.#told) return;
    this.#reporter.report({
      problem: "zero-gradient", severity: "warning", message: `the loss does not depend on ${name}, so its gradient is 0`, labels: [{ span: this.#grad.origin, text: "" }],
      help: "a gradient goes through floats alone, and is by the value a variable has now",
    });
  }
}

/** A node without the wish to be computed again, which says nothing after this pass. */
function withoutWish(node: Node): Node {
  const { recompute, ...attributes } = node.attributes;
  return recompute === undefined ? node : { ...node, attributes };
}

/** Every value that is defined in a block, in its regions too. */
function valuesOf(block: Block): ValueId[] {
  return block.nodes.flatMap((node) => [...node.outputs, ...node.regions.flatMap((region) => [...region.parameters, ...valuesOf(region)])]);
}
