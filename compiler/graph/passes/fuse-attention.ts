/**
 * fuse-attention: softmax of a scalar function of products, multiplied by values, becomes one node (`attention`): the scores of
 * a block of queries are computed, made weights and used where they lie in the caches, and are never in memory whole. Keys and
 * values are packed into panels once, for all blocks of queries.
 *
 * Found are `softmax(f(q @ kᵀ, …)) @ v` with any batches, f being a map or nothing, and reshapes between that touch batches only:
 * where nothing else reads the scores or the weights (a gradient does), and nobody has said how to cut them. A mask that is
 * computed from little, by positions of queries and keys, is computed with the scores, so that it is not in memory either; of
 * one that hides the last keys from queries, blocks of hidden keys are left out (attention/visible-keys.ts).
 *
 * Where tiles share a memory. With private memories a split of the keys over tiles would be lost, and each tile would need all
 * keys and values of its queries: by the model of an ipu-mk2, 8 heads of 256 take three times the cycles fused, and those of
 * 1,024 do not fit.
 *
 * Needs: fused graphs, products not packed yet. Gives: for the interpreter the same results, bit for bit. Compiled, weights are
 * divided by their sum after the product with the values, and 16-bit floats are not rounded in between.
 */
import { bytesOf, sizeOf } from "../../../runtime/dtype.ts";
import { blockRows } from "../../kernel/passes/block-contraction.ts";
import { bodyAttribute } from "../../ops/fused/map.ts";
import { broadcastShapes, computeDType } from "../../ops/rules.ts";
import type { Pass, PassContext } from "../../support/pass.ts";
import { roundUp } from "../../support/parts.ts";
import { constantAttributes } from "../constants.ts";
import { sameShape, type Graph, type Node, type ValueId } from "../graph.ts";
import { rewrite, type Rewriting } from "../rewrite.ts";
import { tensor } from "../tensor.ts";
import { AttentionFinder, type Found } from "./attention/find.ts";
import { withMasksInside } from "./attention/masks.ts";
import { visibleKeys } from "./attention/visible-keys.ts";
import { cutProduct } from "./pack-products/cuts.ts";
import { leastRows, panelBytes, stride } from "./pack-products/operands.ts";
import { removeDeadNodes } from "./remove-dead-nodes.ts";

/** Fewer keys leave the registers' blocks too little to do. */
const leastKeys = 16;
/** Scores of fewer bytes stay in the second-level cache as they are, with products as good as these. */
const leastBytes = 2 ** 19;
/** With smaller matrices, however many, blocks are too short to gain anything: measured, 64 queries by 64 keys lose a tenth. */
const leastScores = 2 ** 14;
/** Queries of a block: fewer read keys and values too often, of more the scores leave the near caches. */
const leastQueries = 12;
const mostQueries = 48;
/** Keys of a block, where there are more: so many that sums are seldom rescaled. */
const mostKeys = 512;
/** Of those that some queries do not see: so few that many hidden ones are in blocks of their own. */
const mostMaskedKeys = (n: number): number => (n < 384 ? 64 : 128);
/** Of fewer keys none are left out. */
const leastMasked = 128;

export const fuseAttention: Pass<Graph, Graph> = {
  name: "fuse-attention",
  summary: "products whose softmax is multiplied by values become one node, whose scores are never in memory whole, where tiles share one",
  run: (graph, context) => {
    if (context.target.memory !== "shared") return graph;
    const finder = new AttentionFinder(graph);
    const rule = (node: Node, at: Rewriting): Node => {
      const found = node.op === "matmul" ? finder.find(node, at) : undefined;
      return found === undefined ? node : fused(node, found, at, context);
    };
    return removeDeadNodes.run(rewrite(graph, rule), context);
  },
};

/** A value with its batches in another form. */
function withBatch(value: ValueId, batch: readonly number[], { origin }: Node, at: Rewriting): ValueId {
  return at.apply("reshape", [value], { shape: [...batch, ...at.type(value).shape.slice(-2)] }, origin);
}

function fused(node: Node, found: Found, at: Rewriting, context: PassContext): Node {
  const [m, n] = found.shape.slice(-2) as [number, number];
  const { dtype, shape } = at.type(node.outputs[0]!);
  const products = [...found.product.inputs, node.inputs[1]!];
  const bytes = sizeOf(found.shape) * bytesOf(computeDType(dtype));
  if (m < leastRows || n < leastKeys || bytes < leastBytes || m * n < leastScores || sizeOf(shape) === 0 || at.type(products[0]!).shape.at(-1) === 0) return node;
  const batch = found.shape.slice(0, -2);
  const values = [...products, ...found.operands].map((value) => (found.reshaped ? withBatch(value, batch, node, at) : value));
  const made = attentionOf(values, found, node, at, context);
  const own = { dtype, shape: found.reshaped ? [...batch, ...shape.slice(-2)] : shape };
  if (sameShape(own.shape, shape)) return { ...node, ...made };
  return { ...node, op: "reshape", inputs: [at.add(made.op, made.inputs, made.attributes, own, node.origin)], attributes: { shape } };
}

/** `values`: queries, transposed keys, values, and what else the body reads. */
function attentionOf(values: readonly ValueId[], found: Found, { origin }: Node, at: Rewriting, { target, strictMath }: PassContext): Pick<Node, "op" | "inputs" | "attributes"> {
  const [q, kT, v] = values as [ValueId, ValueId, ValueId];
  const [m, n] = found.shape.slice(-2) as [number, number];
  const [d, c] = [at.type(q).shape.at(-1)!, at.type(v).shape.at(-1)!];
  const scores = withMasksInside({ ...found, operands: values.slice(3) }, at);
  const width = panelBytes / bytesOf(computeDType(at.type(q).dtype));
  const pack = (value: ValueId): ValueId => at.apply("pack_columns", [value], { width, along: stride(value, at, 1) === 1 ? "rows" : "columns" }, origin);
  const visible = strictMath || n <= leastMasked ? undefined : visibleKeys(scores, found.shape, at);
  const limits = visible === undefined ? [] : [at.add("constant", [], constantAttributes(tensor("i32", [m], visible)), { dtype: "i32", shape: [m] }, origin)];
  const batch = broadcastShapes(found.shape.slice(0, -2), at.type(v).shape.slice(0, -2))!;
  const height = blockRows(strictMath);
  const partition = cutProduct(batch, { extent: m, block: height }, { extent: 1, block: 1 }, n * (d + c), target);
  const keys = Math.min(visible === undefined ? mostKeys : mostMaskedKeys(n), roundUp(n, width));
  const attributes = {
    keys: n, columns: c, block: [queriesAtOnce(Math.ceil(m / partition.at(-2)!), height), keys],
    limits: visible !== undefined, body: bodyAttribute(scores.body), partition,
  };
  return { op: "attention", inputs: [q, pack(kT), pack(v), ...limits, ...scores.operands], attributes };
}

/**
 * Queries of a block, of `rows` on a tile: whole register blocks of `height` rows, as few as possible in all. Where that is the
 * same, the larger block, and rather none of another size, which needs code of its own.
 */
function queriesAtOnce(rows: number, height: number): number {
  if (rows <= mostQueries) return rows;
  let best = { queries: mostQueries, cost: Infinity };
  for (let queries = mostQueries - (mostQueries % height); queries >= leastQueries; queries -= height) {
    const whole = Math.floor(rows / queries);
    const cost = (whole * queries) / height + Math.ceil((rows % queries) / height) + (rows % queries === 0 ? 0 : 0.5);
    if (cost < best.cost) best = { queries, cost };
  }
  return best.queries;
}
