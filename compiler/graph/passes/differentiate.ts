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
import { Adjoints } from "./differentiate/adjoints.ts";
import { spread, spreadRounds } from "./differentiate/activity.ts";
import { backward } from "./differentiate/backward.ts";
import { Construction } from "./differentiate/construction.ts";
import type { Site } from "./differentiate/site.ts";
import type { Block, ComputeSet, Graph, Node, ValueId, Vertex } from "../graph.ts";
import { forEachNode, programsOf, withBodies } from "../rewrite.ts";

export const differentiate: Pass<Graph, Graph> = {
  name: "differentiate",
  summary: "turns each grad into the nodes that compute its gradients, from the loss backwards",
  run: (graph, context) => withoutGradients(graph, context),
};

const hasGradients = (graph: Graph): boolean => {
  let found = false;
  for (const { body } of programsOf(graph)) forEachNode(body, ({ op }) => (found ||= op === "grad"));
  return found;
};

/** The graph with every `grad` worked out; what has no gradient is reported. */
export function withoutGradients(graph: Graph, reporter: Reporter): Graph {
  if (!hasGradients(graph)) return graph;
  const differentiation = new Differentiation(graph, reporter);
  const bodies = withBodies(graph, (body) => differentiation.block(body));
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

  constructor(graph: Graph, reporter: Reporter) {
    this.construction = new Construction(graph);
    this.vertices = [...graph.vertices];
    this.computeSets = [...graph.computeSets];
    this.#reporter = reporter;
  }

  block(block: Block): Block {
    return this.construction.builder.block(block.parameters, () => {
      for (const node of block.nodes) this.#node(node);
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
    const { construction } = this;
    const { builder } = construction;
    const [loss, ...wanted] = node.inputs as readonly [ValueId, ...ValueId[]];
    const nodes = builder.visible();
    const from = builder.length;
    const active = new Set(wanted);
    spread(nodes, active, (value) => construction.typeOf(value));
    const adjoints = new Adjoints(construction);
    adjoints.add(loss, construction.fill(construction.typeOf(loss), 1, node.origin));
    const refusals = this.#refusals(node);
    backward({ construction, active, vertices: this.vertices, computeSets: this.computeSets, fail: refusals }, nodes, adjoints);
    this.#requireNoLoopBetween(node, wanted, adjoints);
    const totals = wanted.map((value, k) => adjoints.total(value, node.origin) ?? this.#zero(node, value, k));
    construction.prune(from, totals);
    node.outputs.forEach((output, k) => this.#gradients.set(output, totals[k]!));
  }

  /** Reports the first thing that has no gradient, where it stands and where the gradient was asked for. */
  #refusals(grad: Node): Site["fail"] {
    let told = false;
    return (node, problem, message, help) => {
      if (told) return;
      told = true;
      this.#reporter.report({
        problem, severity: "error", message, labels: [{ span: node.origin, text: "" }, { span: grad.origin, text: "the gradient asked for here" }], ...(help === undefined ? {} : { help }),
      });
    };
  }

  #zero(grad: Node, value: ValueId, position: number): ValueId {
    const { name } = this.construction.builder.values[value]!;
    this.#reporter.report({
      problem: "zero-gradient", severity: "warning", labels: [{ span: grad.origin, text: "" }],
      message: `the loss does not depend on ${name ?? `tensor ${position + 1}`}, so its gradient is 0`,
      help: "a gradient goes through floats alone, and by the value a variable has now",
    });
    return this.construction.fill(this.construction.typeOf(value), 0, grad.origin);
  }

  /**
   * A loop around the `grad` is not gone through: what it carries counts as constant. That is wrong where it carries what
   * depends on a wanted tensor from before the loop.
   */
  #requireNoLoopBetween(grad: Node, wanted: readonly ValueId[], adjoints: Adjoints): void {
    const { construction } = this;
    this.#around.forEach(({ node, region }) => {
      if (node.op !== "repeat" && node.op !== "while") return;
      const own = new Set([...region.parameters, ...valuesOf(region)]);
      const active = new Set(wanted.filter((value) => !own.has(value)));
      spread(construction.builder.visible(), active, (value) => construction.typeOf(value));
      region.parameters.forEach((parameter) => active.delete(parameter));
      const initial = node.op === "repeat" ? node.inputs.slice(1) : node.inputs;
      initial.forEach((value, k) => active.has(value) && active.add(region.parameters[k]!));
      spreadRounds(region, active, (value) => construction.typeOf(value));
      const between = region.parameters.find((parameter) => active.has(parameter) && !wanted.includes(parameter) && adjoints.has(parameter));
      if (between === undefined) return;
      const { name } = construction.builder.values[between]!;
      this.#refusals(grad)(node, "not-supported", `the loss depends on a tensor from before this ${node.op} through ${name ?? "a value"} that it carries, and a gradient inside of the loop does not go through it`, "take the gradient after the loop; stop_gradient(x) takes a value as constant");
    });
  }
}

/** Every value that is defined in a block, in its regions too. */
function valuesOf(block: Block): ValueId[] {
  return block.nodes.flatMap((node) => [...node.outputs, ...node.regions.flatMap((region) => [...region.parameters, ...valuesOf(region)])]);
}
