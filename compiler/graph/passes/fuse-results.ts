/**
 * fuse-results: a map of what an op gives, and of nothing else's, becomes part of the op (`compute_map`): the bias, the
 * activation and the residual behind a product, a convolution or a reduction are computed where it stores, and its own result
 * is never in memory. A result that is stored again only to put its axes into another order is stored in that order at once.
 *
 * Each element is computed by the same operations in the same order as before. Only results of ops that store each element
 * once (`stores` in ops/op.ts), that have no other use, and that stand in the same block. Where a map reads several such
 * results, the one made last takes it in: the others are in memory shorter. A map of f32 that gives
 * 16-bit floats, or of i32 that gives less, stays a pass of its own.
 *
 * Needs: fused graphs, products packed. Gives: the same results, bit for bit.
 */
import { bytesOf, isFloat, type DType } from "../../../runtime/dtype.ts";
import { computeMapOf, type ComputeMap } from "../../ops/fused/compute-map.ts";
import { bodyAttribute, bodyOf } from "../../ops/fused/map.ts";
import { ops } from "../../ops/table.ts";
import { argument, substitute } from "../../kernel/build.ts";
import type { Expression } from "../../kernel/kernel.ts";
import type { Pass } from "../../support/pass.ts";
import { wantedPartition, type Block, type Graph, type Node, type ValueId } from "../graph.ts";
import { changesInput, countUses, homesOf, rewrite, rootOf, type Rewriting } from "../rewrite.ts";
import { removeDeadNodes } from "./remove-dead-nodes.ts";

export const fuseResults: Pass<Graph, Graph> = {
  name: "fuse-results",
  summary: "maps of an op's result become part of the op, and results are stored in the order of axes in which they are used",
  run: (graph, context) => {
    const fusion = new ResultFusion(graph);
    return removeDeadNodes.run(rewrite(graph, (node, at) => fusion.node(node, at)), context);
  },
};

/** A result that may be finished otherwise, and the axes it is seen with. */
interface Found {
  readonly node: Node;
  readonly axes: readonly number[];
}

class ResultFusion {
  readonly #uses: ReadonlyMap<ValueId, number>;
  /** The block that each value is defined in. */
  readonly #homes: ReadonlyMap<ValueId, Block>;
  /** The order in which values are made. */
  readonly #positions = new Map<ValueId, number>();
  /** Where values were handed to what may change them in place. */
  readonly #changes = new Map<ValueId, number>();
  #position = 0;

  constructor(graph: Graph) {
    this.#uses = countUses(graph);
    this.#homes = homesOf(graph);
  }

  node(node: Node, at: Rewriting): Node {
    this.#position++;
    for (const output of node.outputs) this.#positions.set(output, this.#position);
    if (mayChange(node)) for (const input of node.inputs) this.#changes.set(rootOf(input, at), this.#position);
    if (node.op === "map") return this.#map(node, at);
    if (node.op === "reshape" || node.op === "write") return this.#reordered(node, at);
    return node;
  }

  /** The map as part of the op that makes one of its inputs. */
  #map(node: Node, at: Rewriting): Node {
    if (wantedPartition(node) !== undefined) return node;
    const { dtype } = at.type(node.outputs[0]!);
    const home = this.#homes.get(node.outputs[0]!)!;
    let best: (Found & { readonly input: number }) | undefined;
    node.inputs.forEach((value, input) => {
      const found = this.#find(value, home, at);
      if (found && !narrows(at.type(value).dtype, dtype) && (!best || this.#madeAt(found.node) > this.#madeAt(best.node))) best = { ...found, input };
    });
    if (best === undefined) return node;
    const { input } = best;
    return { ...finished(best, bodyOf(node.attributes), node.inputs, input, at), outputs: node.outputs, origin: node.origin };
  }

  /** Where something is stored only for its axes' order: the op stores it so at once. */
  #reordered(node: Node, at: Rewriting): Node {
    const [value] = node.inputs as [ValueId];
    const seen = at.definition(value);
    if (seen?.op !== "transpose" || (node.op === "reshape" && isView(node, at))) return node;
    const home = node.op === "write" ? this.#homes.get(value)! : this.#homes.get(node.outputs[0]!)!;
    const found = this.#find(value, home, at);
    if (!found) return node;
    const type = at.type(value);
    const { op, inputs, attributes } = finished(found, argument(type.dtype, 0), [value], 0, at);
    return { ...node, inputs: [at.add(op, inputs, attributes, type, found.node.origin)] };
  }

  #madeAt(node: Node): number {
    return this.#positions.get(node.outputs[0]!)!;
  }

  /** The op behind a value that nothing else needs: its result, or that with its axes, but for the last, in another order. */
  #find(value: ValueId, home: Block, at: Rewriting): Found | undefined {
    const seen = at.definition(value);
    if (seen === undefined || !this.#isOwn(value, home)) return undefined;
    if (seen.op !== "transpose") return this.#finishable(seen, at) ? { node: seen, axes: at.type(value).shape.map((_, axis) => axis) } : undefined;
    const axes = seen.attributes["axes"] as readonly number[];
    const node = at.definition(seen.inputs[0]!);
    if (node === undefined || axes.at(-1) !== axes.length - 1 || !this.#isOwn(seen.inputs[0]!, home)) return undefined;
    return this.#finishable(node, at) ? { node, axes } : undefined;
  }

  #isOwn(value: ValueId, home: Block): boolean {
    return this.#uses.get(value) === 1 && this.#homes.get(value) === home;
  }

  /** Whether the op may run later, where its result is used: what it reads must still be there, unchanged. */
  #finishable(node: Node, at: Rewriting): boolean {
    if (node.op !== "compute_map" && ops.get(node.op)?.stores !== "once") return false;
    return node.inputs.every((input) => (this.#changes.get(rootOf(input, at)) ?? 0) < this.#madeAt(node));
  }
}

/** Whether sums of f32 or i32 would be stored in less: blocks of contractions are fastest where they store what they sum. */
const narrows = (computed: DType, stored: DType): boolean => (computed === "f32" ? isFloat(stored) && bytesOf(stored) === 2 : computed === "i32" && bytesOf(stored) < 4);

/** Ops that may give their result the storage of an input. */
const mayChange = (node: Node): boolean => node.regions.length > 0 || node.op === "execute" || changesInput(node);

const isView = (node: Node, at: Rewriting): boolean => ops.get(node.op)!.view!(at.type(node.inputs[0]!), node.attributes, at.type(node.outputs[0]!)) !== undefined;

/** The op with a body over `operands`, of which one is its result, seen with its axes in an order. */
function finished({ node, axes }: Found, body: Expression, operands: readonly ValueId[], result: number, at: Rewriting): Pick<Node, "op" | "inputs" | "attributes" | "regions"> {
  const before = partsOf(node, at);
  const zs = [...before.operands.map((value) => inOrder(value, axes, node, at)), ...operands.filter((_, k) => k !== result)];
  const args = operands.map((value, k) => (k === result ? before.body : argument(at.type(value).dtype, 1 + before.operands.length + (k < result ? k : k - 1))));
  const partition = wantedPartition(node);
  return {
    op: "compute_map", inputs: [...before.inputs, ...zs], regions: [],
    attributes: {
      op: before.op, of: before.attributes, count: before.inputs.length, axes: axes.map((axis) => before.axes[axis]!), body: bodyAttribute(substitute(body, args)),
      ...(partition === undefined ? {} : { partition: [...axes.map((axis) => partition[axis]!), ...partition.slice(axes.length)] }),
    },
  };
}

/** An op as the parts of a compute_map: one that is none yet does nothing to its result. */
function partsOf(node: Node, at: Rewriting): Omit<ComputeMap, "count"> & { readonly inputs: readonly ValueId[]; readonly operands: readonly ValueId[]; readonly body: Expression } {
  if (node.op === "compute_map") {
    const { count, ...parts } = computeMapOf(node.attributes);
    return { ...parts, inputs: node.inputs.slice(0, count), operands: node.inputs.slice(count), body: bodyOf(node.attributes) };
  }
  const { dtype, shape } = at.type(node.outputs[0]!);
  const { partition: _, ...attributes } = node.attributes;
  return { op: node.op, attributes, axes: shape.map((__, axis) => axis), inputs: node.inputs, operands: [], body: argument(dtype, 0) };
}

/** A value with its axes in an order. */
function inOrder(value: ValueId, axes: readonly number[], like: Node, at: Rewriting): ValueId {
  if (axes.every((axis, k) => axis === k)) return value;
  const { dtype, shape } = at.type(value);
  return at.add("transpose", [value], { axes: [...axes] }, { dtype, shape: axes.map((axis) => shape[axis]!) }, like.origin);
}
