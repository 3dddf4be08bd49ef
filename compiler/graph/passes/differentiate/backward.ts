/** Backwards through nodes: each whose result has a gradient gives its inputs theirs, by its op's rule or its control. */
import { ops } from "../../../ops/table.ts";
import { isStructural, type Node, type ValueId } from "../../graph.ts";
import type { Adjoints } from "./adjoints.ts";
import { spread } from "./activity.ts";
import { branchGradient } from "./branches.ts";
import { capturedBy, copyNodes, type Construction } from "./construction.ts";
import { loopGradient } from "./loops.ts";
import type { Reached, Site } from "./site.ts";
import { executeGradient } from "./vertices.ts";

/** What is computed again, and where that can be seen: values by the ones they are again. */
class Again {
  readonly #construction: Construction;
  readonly #active: Set<ValueId>;
  readonly #scopes: Map<ValueId, ValueId>[] = [new Map()];

  constructor(construction: Construction, active: Set<ValueId>) {
    this.#construction = construction;
    this.#active = active;
  }

  within<T>(work: () => T): T {
    this.#scopes.push(new Map());
    const result = work();
    this.#scopes.pop();
    return result;
  }

  /** The value, or the one that is computed again where the user wants that. */
  of(value: ValueId): ValueId {
    const node = this.#construction.definition(value);
    return node?.attributes["recompute"] === undefined ? value : this.node(node).outputs[node.outputs.indexOf(value)]!;
  }

  /** The node, or a copy of it. Nodes of the user's may form long chains, so what a node needs is copied first, in order. */
  node(node: Node): Node {
    if (node.attributes["recompute"] === undefined) return node;
    const [output] = node.outputs;
    if (this.#find(output!) === undefined) for (const wanted of this.#missing(node)) this.#copy(wanted);
    return this.#construction.definition(this.#find(output!)!)!;
  }

  #find(value: ValueId): ValueId | undefined {
    return this.#scopes.findLast((scope) => scope.has(value))?.get(value);
  }

  /** The nodes to copy for one, each after what it needs. */
  #missing(node: Node): Node[] {
    const order: Node[] = [];
    const seen = new Set<Node>();
    const pending = [{ node, ready: false }];
    for (let next = pending.pop(); next; next = pending.pop()) {
      if (next.ready) order.push(next.node);
      if (next.ready || seen.has(next.node)) continue;
      seen.add(next.node);
      pending.push({ node: next.node, ready: true });
      for (const value of [...next.node.inputs, ...capturedBy(next.node)]) {
        const needed = this.#construction.definition(value);
        if (needed?.attributes["recompute"] !== undefined && this.#find(value) === undefined) pending.push({ node: needed, ready: false });
      }
    }
    return order;
  }

  #copy(node: Node): void {
    const used = [...node.inputs, ...capturedBy(node)];
    const names = new Map(used.flatMap((value) => (this.#find(value) === undefined ? [] : [[value, this.#find(value)!] as const])));
    const { nodes, of } = copyNodes(this.#construction, [node], { names, attributes: { recomputed: true } });
    node.outputs.forEach((output) => {
      this.#scopes.at(-1)!.set(output, of(output));
      this.#construction.originals.set(of(output), output);
    });
    spread(nodes, this.#active, (value) => this.#construction.typeOf(value));
  }
}

export interface Start {
  readonly construction: Construction;
  readonly active: Set<ValueId>;
  readonly vertices: Site["vertices"];
  readonly computeSets: Site["computeSets"];
  readonly fail: Site["fail"];
}

/** Goes backwards through nodes that can be seen from the current block; `adjoints` holds the gradients by their results. */
export function backward(start: Start, nodes: readonly Node[], adjoints: Adjoints): void {
  const again = new Again(start.construction, start.active);
  const site: Site = {
    ...start,
    within: (work) => again.within(work),
    backward(inner, around) {
      for (const node of inner.toReversed()) nodeGradient(site, again, node, around);
    },
  };
  site.backward(nodes, adjoints);
}

function nodeGradient(site: Site, again: Again, node: Node, adjoints: Adjoints): void {
  const { active } = site;
  if (!node.outputs.some((output) => active.has(output) && adjoints.total(output) !== undefined)) return;
  if (![...node.inputs, ...capturedBy(node)].some((input) => active.has(input))) return;
  const gradients = node.outputs.map((output) => adjoints.total(output));
  if (!isStructural(node.op)) return ruleGradient(site, again, node, gradients[0]!, adjoints);
  const reached: Reached = { node: again.node(node), gradients, adjoints };
  switch (node.op) {
    case "repeat": case "while": return loopGradient(site, reached);
    case "if": case "switch": return branchGradient(site, reached);
    case "execute": return executeGradient(site, reached);
    default: return site.fail(node, "no-gradient", `the gradient goes through ${node.op}, which has none`);
  }
}

function ruleGradient(site: Site, again: Again, node: Node, gradient: ValueId, adjoints: Adjoints): void {
  const op = ops.get(node.op)!;
  if (op.gradient === undefined) {
    const why = op.noGradient === undefined ? "is not supported yet" : `has none: ${op.noGradient}`;
    return site.fail(node, op.noGradient === undefined ? "not-supported" : "no-gradient", `the gradient goes through ${node.op}, and that ${why}`, "stop_gradient(x) takes a value as constant");
  }
  const parts = op.gradient(site.construction.rules(node.origin), {
    inputs: node.inputs.map((input) => again.of(input)), attributes: node.attributes, result: again.of(node.outputs[0]!), gradient,
  });
  parts.forEach((part, k) => {
    const input = node.inputs[k]!;
    if (part !== undefined && site.active.has(input)) adjoints.add(input, part);
  });
}
