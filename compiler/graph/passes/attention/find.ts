/** Finds attention as users write it: a product, perhaps a map of it, softmax along the keys, a product with the values. */
import { isFloat, sizeOf } from "../../../../runtime/dtype.ts";
import { argument, substitute } from "../../../kernel/build.ts";
import type { Expression } from "../../../kernel/kernel.ts";
import { bodyOf } from "../../../ops/fused/map.ts";
import { sameShape, wantedPartition, type Block, type Graph, type Node, type ValueId } from "../../graph.ts";
import { countUses, homesOf, type Rewriting } from "../../rewrite.ts";

export interface Found {
  /** Of queries and transposed keys. */
  readonly product: Node;
  /** Over a score, argument 0, and one argument for each of `operands`, all of one shape. */
  readonly body: Expression;
  readonly operands: readonly ValueId[];
  /** [...batch, m, n], in the form that has the most dimensions on the way. */
  readonly shape: readonly number[];
  /** Whether the batches have another form elsewhere on the way. */
  readonly reshaped: boolean;
}

export class AttentionFinder {
  readonly #uses: ReadonlyMap<ValueId, number>;
  /** The block that each value is defined in. */
  readonly #homes: ReadonlyMap<ValueId, Block>;

  constructor(graph: Graph) {
    this.#uses = countUses(graph);
    this.#homes = homesOf(graph);
  }

  /** What is behind a product with values; undefined where that is no attention, or is needed elsewhere too. */
  find(node: Node, at: Rewriting): Found | undefined {
    const [weights, values] = node.inputs as [ValueId, ValueId];
    if (wantedPartition(node) !== undefined || !isFloat(at.type(values).dtype) || at.type(values).shape.length < 2) return undefined;
    const path = new Path(this.#uses, this.#homes, this.#homes.get(node.outputs[0]!)!, at);
    const softmax = path.behind(weights);
    if (softmax?.op !== "softmax" || softmax.attributes["axis"] !== at.type(softmax.outputs[0]!).shape.length - 1) return undefined;
    const scores = this.#scores(path.behind(softmax.inputs[0]!), path, at);
    if (scores === undefined || scores.product.inputs.some((input) => at.type(input).shape.length < 2)) return undefined;
    const shape = path.shapes.reduce((most, other) => (other.length > most.length ? other : most));
    const reshaped = !path.shapes.every((other) => sameShape(other, shape));
    // Scores that several values share are computed once, and kept.
    if (sizeOf(shape.slice(0, -2)) !== batches(node.outputs[0]!, at)) return undefined;
    return reshaped && !hasAllBatches(scores.product, node, at) ? undefined : { ...scores, shape, reshaped };
  }

  #scores(node: Node | undefined, path: Path, at: Rewriting): Pick<Found, "product" | "body" | "operands"> | undefined {
    if (node?.op === "matmul") return { product: node, body: argument(at.type(node.outputs[0]!).dtype, 0), operands: [] };
    if (node?.op !== "map") return undefined;
    for (const [k, input] of node.inputs.entries()) {
      const product = path.behind(input, (made) => made.op === "matmul");
      if (product === undefined) continue;
      const args = node.inputs.map((value, other) => argument(at.type(value).dtype, other === k ? 0 : other < k ? other + 1 : other));
      return { product, body: substitute(bodyOf(node.attributes), args), operands: node.inputs.filter((_, other) => other !== k) };
    }
    return undefined;
  }
}

/** A walk up from use to definition, through values that nothing else needs. */
class Path {
  readonly #uses: ReadonlyMap<ValueId, number>;
  readonly #homes: ReadonlyMap<ValueId, Block>;
  readonly #home: Block;
  readonly #at: Rewriting;
  /** Of the values on the way, which differ in their batches only. */
  readonly shapes: (readonly number[])[] = [];

  constructor(uses: ReadonlyMap<ValueId, number>, homes: ReadonlyMap<ValueId, Block>, home: Block, at: Rewriting) {
    this.#uses = uses;
    this.#homes = homes;
    this.#home = home;
    this.#at = at;
  }

  /** The node behind a value and behind reshapes of its batches, if it stands in the same block and is wanted. */
  behind(value: ValueId, wanted: (node: Node) => boolean = () => true): Node | undefined {
    const passed: (readonly number[])[] = [];
    for (let current = value; ; ) {
      const { shape } = this.#at.type(current);
      const last = this.shapes[0] ?? passed[0] ?? shape;
      if (this.#uses.get(current) !== 1 || this.#homes.get(current) !== this.#home || !sameShape(shape.slice(-2), last.slice(-2))) return undefined;
      passed.push(shape);
      const node = this.#at.definition(current);
      if (node?.op !== "reshape") {
        if (node === undefined || !wanted(node) || wantedPartition(node) !== undefined || node.attributes["stored"] !== undefined) return undefined;
        this.shapes.push(...passed);
        return node;
      }
      current = node.inputs[0]!;
    }
  }
}

const batches = (value: ValueId, at: Rewriting): number => sizeOf(at.type(value).shape.slice(0, -2));

/** Whether each operand of both products has a matrix of its own for every batch: then these may be shaped as the others are. */
const hasAllBatches = (first: Node, second: Node, at: Rewriting): boolean =>
  [...first.inputs, second.inputs[1]!].every((value) => batches(value, at) === batches(first.outputs[0]!, at));
