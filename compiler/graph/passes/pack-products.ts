/**
 * Prepares matrix products for machines whose tiles share one memory behind caches. There a product reads its right operand
 * down the columns, once for every few rows: columns that lie a whole row apart use half of each cache line, and fall on the
 * same cache lines when rows are a power of two apart. So the right operand is packed first (`pack_columns`), which costs a
 * pass over it and pays where enough rows use it, and the product is cut into blocks of rows and columns that keep the
 * registers' blocks whole. The left operand is read along its rows, a few at once; it is packed into panels of so many rows
 * where it lies the other way round, or where its rows fall on the same cache lines. Each sum keeps its order: results do not
 * change, but for the last bits of dot products. 16-bit floats are widened first, so that this is not done again for each use, and the sums rounded to them afterwards.
 *
 * The register blocks these panels are made for are those of kernel/passes/block-contraction.ts; after Goto & van de Geijn,
 * "Anatomy of High-Performance Matrix Multiplication", 2008, less the blocks of k: a panel of any length streams through the
 * caches fast enough.
 *
 * Weights, which `hoist-packing` packs when they are loaded, are packed whatever the number of rows. Other products of few
 * rows are not packed, but cut along the columns, in runs as long as a register block of one row: every tile reads whole cache
 * lines of the right operand, and each once. Products whose right operand stays in the caches as it lies are only cut, unless its
 * columns fill no register blocks; of fewer columns than a vector has lanes they become dot products. Those of integers, but
 * for pairs in words (narrow-products), and those the user has cut, stay as they are.
 */
import { bytesOf, isFloat, sizeOf } from "../../../runtime/dtype.ts";
import { argument, cast } from "../../kernel/build.ts";
import { blockRows } from "../../kernel/passes/block-contraction.ts";
import { registerBytes } from "../../kernel/vector-support.ts";
import { bodyAttribute } from "../../ops/fused/map.ts";
import { isOfPairs } from "../../ops/linalg/terms.ts";
import type { Pass, PassContext } from "../../support/pass.ts";
import type { Target } from "../../targets/target.ts";
import { prepares } from "../invariance.ts";
import { wantedPartition, type Graph, type Node, type TensorType, type ValueId } from "../graph.ts";
import { rewrite, type Rewriting } from "../rewrite.ts";
import { cutProduct, cutRuns, panels } from "./pack-products/cuts.ts";
import { collides, isWeights, leastRows, panelBytes, piecesOf, rowsCollide, staysInCaches, stride, transposed } from "./pack-products/operands.ts";

/** A shorter sum leaves the registers' blocks too little to do. */
const leastExtent = 8;
/** Of more columns, those that fill no register block are too few to matter. */
const fewColumns = 32;

export const packProducts: Pass<Graph, Graph> = {
  name: "pack-products",
  summary: "packs the right operands of large matrix products, and cuts products along whole vectors, where tiles share a memory",
  run(graph, context) {
    const { target } = context;
    if (target.memory !== "shared") return graph;
    return rewrite(graph, (node, at) => {
      const product = node.op === "matmul" ? productOf(node, at, graph, context) : undefined;
      return product ? prepared(product, at, target) : node;
    });
  },
};

/** A matrix product that may be prepared: [...batch, m, k] · [..., k, n]. */
interface Product {
  readonly node: Node;
  readonly a: ValueId;
  readonly b: ValueId;
  readonly type: TensorType;
  readonly batch: readonly number[];
  readonly m: number;
  readonly k: number;
  readonly n: number;
  /** Whether the right operand is prepared when params are loaded. */
  readonly weights: boolean;
  /** Whether elements have 16 bits: sums are then of 32. */
  readonly halves: boolean;
  /** Rows of a register block. */
  readonly height: number;
}

/** Undefined for products of integers, of vectors, that the user has cut, or that are too small. */
function productOf(node: Node, at: Rewriting, graph: Graph, { target, strictMath }: PassContext): Product | undefined {
  const [a, b] = node.inputs as [ValueId, ValueId];
  const type = at.type(node.outputs[0]!);
  const [x, w] = [at.type(a), at.type(b)];
  const pairs = isOfPairs(node.attributes);
  if (wantedPartition(node) !== undefined || !(isFloat(type.dtype) || pairs) || x.shape.length < 2 || w.shape.length < 2) return undefined;
  const [m, k, n] = [x.shape.at(-2)!, x.shape.at(-1)!, w.shape.at(-1)!];
  if (k < leastExtent || n < 2 || sizeOf(type.shape) === 0) return undefined;
  const weights = prepares(graph, target) && isWeights(b, at, graph);
  return { node, a, b, type, batch: type.shape.slice(0, -2), m, k, n, weights, halves: bytesOf(type.dtype) === 2, height: blockRows(pairs || strictMath) };
}

function prepared(product: Product, at: Rewriting, target: Target): Node {
  const { node, type, n, halves } = product;
  if (hasFewRows(product, at)) return inRuns(product, at, target);
  if (!halves && n < registerBytes / bytesOf(type.dtype)) return ofDots(product, at);
  const cut = cutAsItLies(product, at, target);
  return cut ? { ...node, attributes: { ...node.attributes, ...cut } } : packed(product, at, target);
}

/** Elements in a row of a panel: halves are widened on the way there. */
const panelWidth = ({ halves, type }: Product): number => panelBytes / (halves ? 4 : bytesOf(type.dtype));

/** Whether the right operand is used too seldom for packing to pay. */
function hasFewRows({ b, m, weights, halves, height }: Product, at: Rewriting): boolean {
  if (weights || m >= leastRows) return false;
  return halves || m < height || !(collides(b, at) || staysInCaches(b, at));
}

function inRuns({ node, b, type, m, k, n, height }: Product, at: Rewriting, target: Target): Node {
  const isRead = stride(b, at, 1) === 1 && type.shape.length === 2;
  return isRead ? { ...node, attributes: { ...node.attributes, partition: cutRuns(m, k, n, target, height) } } : node;
}

/** As dot products of rows with columns, whose elements are neighbours. */
function ofDots({ node, a, b }: Product, at: Rewriting): Node {
  if (stride(b, at, 2) === 1) return node;
  const { shape } = at.type(b);
  const columns = at.apply("reshape", [at.apply("pack_columns", [b], { width: 1, along: "rows" }, node.origin)], { shape: [...shape.slice(0, -2), shape.at(-1)!, shape.at(-2)!] }, node.origin);
  return { ...node, inputs: [a, transposed(columns, at, node.origin)] };
}

/** How a product is cut whose operands lie well as they are, its columns between register blocks; undefined for others. */
function cutAsItLies(product: Product, at: Rewriting, target: Target): { readonly partition: readonly number[]; readonly unit: number } | undefined {
  const { a, b, batch, m, k, n, weights, halves, height } = product;
  const width = panelWidth(product);
  // Packed, columns that fill no register block take no longer than those that do.
  const leavesLoose = n < fewColumns && n % (width / 2) !== 0;
  if (weights || halves || leavesLoose || stride(a, at, 1) !== 1 || rowsCollide(a, at)) return undefined;
  const parts = staysInCaches(b, at) ? 1 : piecesOf(b, at);
  if (parts === undefined) return undefined;
  const partition = cutProduct(batch, { extent: m, block: height }, { extent: Math.ceil(n / width), block: 1, lanes: width }, k, target, parts);
  return partition.at(-1)! >= parts ? { partition, unit: width } : undefined;
}

function packed(product: Product, at: Rewriting, target: Target): Node {
  const { node, a, b, type, batch, m, k, n, halves, height } = product;
  const { origin } = node;
  const width = panelWidth(product);
  const rowsOf = halves ? at.apply("map", [a], { body: bodyAttribute(cast("f32", argument(type.dtype, 0))) }, origin) : a;
  const packsRows = stride(rowsOf, at, 1) !== 1 || rowsCollide(rowsOf, at);
  const left = packsRows ? at.apply("pack_columns", [transposed(rowsOf, at, origin)], { width: height, along: stride(rowsOf, at, 1) === 1 ? "columns" : "rows" }, origin) : rowsOf;
  const right = at.apply("pack_columns", [b], { width, along: stride(b, at, 1) === 1 ? "rows" : "columns" }, origin);
  const rows = packsRows ? { ...panels(m, height), block: 1 } : { extent: m, block: height };
  // A block of one row takes two panels.
  const partition = cutProduct(batch, rows, { ...panels(n, width), block: m === 1 ? 2 : 1 }, k, target);
  const attributes = { ...node.attributes, columns: n, ...(packsRows ? { rows: m } : {}), partition };
  if (!halves) return { ...node, op: "matmul_packed", inputs: [left, right], attributes };
  // Rounded in a pass of its own: a product that stores what it sums is made of the fastest blocks.
  const sums = at.add("matmul_packed", [left, right], attributes, { ...type, dtype: "f32" }, origin);
  return { ...node, op: "map", inputs: [sums], attributes: { body: bodyAttribute(cast(type.dtype, argument("f32", 0))) } };
}
