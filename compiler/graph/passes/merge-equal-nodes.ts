/**
 * Common subexpressions: of two pure nodes with the same op, attributes and inputs, the later one takes the values of the
 * earlier one, when the earlier one stands before it in the same block or in a block around it. Operands of commutative
 * ops are compared in order of their ids. Only table ops are merged: no control, state or streams.
 */
import type { Pass } from "../../support/pass.ts";
import { attributeKey, sameAttribute } from "../attributes.ts";
import { formatType, isStructural, type Graph, type Node } from "../graph.ts";
import { rewrite, type Rewriting, type Rule, type Scope } from "../rewrite.ts";

export const mergeEqualNodes: Pass<Graph, Graph> = {
  name: "merge-equal-nodes",
  summary: "computes equal pure nodes once, within what dominates what",
  run: (graph) => {
    const seen = new SeenNodes();
    return rewrite(graph, mergeWith(seen), seen);
  },
};

const mergeWith =
  (seen: SeenNodes): Rule =>
  (node, at) => {
    if (isStructural(node.op)) return node;
    const key = keyOf(node, at);
    const earlier = seen.find(key, node);
    if (earlier !== undefined) return earlier.outputs;
    seen.add(key, node);
    return node;
  };

const commutative: ReadonlySet<string> = new Set(["add", "mul", "and", "or", "xor", "eq", "ne", "min", "max"]);

const operandsOf = (node: Node): readonly number[] => (commutative.has(node.op) ? node.inputs.toSorted((a, b) => a - b) : node.inputs);

const keyOf = (node: Node, at: Rewriting): string =>
  `${node.op}(${operandsOf(node).join(",")})${node.outputs.map((output) => formatType(at.type(output))).join()}${attributeKey(node.attributes)}`;

/** The nodes visible at a place, by key: those of each block are forgotten where it ends. */
class SeenNodes implements Scope {
  readonly #byKey = new Map<string, Node[]>();
  readonly #addedInBlock: string[][] = [];

  enter(): void {
    this.#addedInBlock.push([]);
  }

  leave(): void {
    for (const key of this.#addedInBlock.pop()!) {
      const nodes = this.#byKey.get(key)!;
      nodes.pop();
      if (nodes.length === 0) this.#byKey.delete(key);
    }
  }

  /** Keys of large arrays are hashes, so the attributes are compared once more. */
  find(key: string, node: Node): Node | undefined {
    return this.#byKey.get(key)?.find((candidate) => sameAttribute(candidate.attributes, node.attributes));
  }

  add(key: string, node: Node): void {
    const nodes = this.#byKey.get(key);
    if (nodes === undefined) this.#byKey.set(key, [node]);
    else nodes.push(node);
    this.#addedInBlock.at(-1)!.push(key);
  }
}
