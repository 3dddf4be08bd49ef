/**
 * Prepares matrix products for machines whose tiles share one memory behind caches. There a product reads its right operand
 * down the columns, once for every few rows: columns that lie a whole row apart use half of each cache line, and fall on the
 * same cache lines when rows are a power of two apart. So the right operand is packed first (`pack_columns`), which costs a
 * pass over it and pays where enough rows use it, and the product is cut into blocks of rows and columns that keep the
 * registers' blocks whole. The left operand is read along its rows, a few at once; it is packed into panels of so many rows
 * where it lies the other way round, or where its rows fall on the same cache lines. Each sum keeps its order: results do not
 * change. 16-bit floats are widened first, so that this is not done again for each use, and the sums rounded to them afterwards.
 *
 * The register blocks these panels are made for are those of kernel/passes/block-contraction.ts; after Goto & van de Geijn,
 * "Anatomy of High-Performance Matrix Multiplication", 2008, less the blocks of k: a panel of any length streams through the
 * caches fast enough.
 *
 * Weights, which `hoist-packing` packs when they are loaded, are packed whatever the number of rows. Other products of few
 * rows are not packed, but cut along the columns, in runs as long as a register block of one row: every tile reads whole cache
 * lines of the right operand, and each once. Products whose right operand stays in the caches as it lies are only cut; those of
 * integers, and those the user has cut, stay as they are.
 */
import { bytesOf, isFloat, sizeOf } from "../../../runtime/dtype.ts";
import { argument, cast } from "../../kernel/build.ts";
import { rowMajor } from "../../kernel/kernel.ts";
import { blockRows } from "../../kernel/passes/block-contraction.ts";
import { bodyAttribute } from "../../ops/fused/map.ts";
import { ops } from "../../ops/table.ts";
import type { Pass } from "../../support/pass.ts";
import type { Span } from "../../support/span.ts";
import { equalParts } from "../../support/parts.ts";
import type { Target } from "../../targets/target.ts";
import { prepares } from "../invariance.ts";
import { wantedPartition, type Graph, type Node, type ValueId } from "../graph.ts";
import { rewrite, type Rewriting } from "../rewrite.ts";
import { throughViews } from "../views.ts";

/** Bytes of the columns of a register block: four vectors of 128 bits, or two pairs. A narrower block takes half a panel. */
export const panelBytes = 64;
/** Fewer rows do not pay for packing, each element of the right operand being used once for each, but where its rows collide. */
export const leastRows = 16;
/** Columns of a register block of one row. */
const longRun = 32;
/** What a column that fills no vector costs, in vectors. */
const looseColumn = 4;
/** A shorter sum, or fewer columns, leaves the registers' blocks too little to do. */
const leastExtent = 8;
/**
 * A right operand from this size on does not stay in the second-level cache while a vertex goes through it. Measured
 * (spec/bench/gemm.ts), packing makes no difference about here, and the direct product loses up to half its speed beyond.
 */
const largeBytes = 2 ** 19;
/** So many rows a register block reads down a column without loss, though each is on a page of its own; and bytes that stay in the second-level cache. */
const fewRows = 128;
const pieceBytes = 2 ** 18;
/** Rows a multiple of this apart fall on the same cache lines; with so many rows a column of them is evicted before it is used again. */
const collidingBytes = 4096;
const collidingRows = 64;

export const packProducts: Pass<Graph, Graph> = {
  name: "pack-products",
  summary: "packs the right operands of large matrix products, and cuts products along whole vectors, where tiles share a memory",
  run: (graph, { target, strictMath }) => (target.memory === "shared" ? rewrite(graph, (node, at) => (node.op === "matmul" ? pack(node, at, { graph, target, height: blockRows(strictMath) }) : node)) : graph),
};

interface Setting {
  readonly graph: Graph;
  readonly target: Target;
  /** Rows of a register block. */
  readonly height: number;
}

function pack(node: Node, at: Rewriting, { graph, target, height }: Setting): Node {
  const [a, b] = node.inputs as [ValueId, ValueId];
  const type = at.type(node.outputs[0]!);
  const [x, w] = [at.type(a), at.type(b)];
  if (wantedPartition(node) !== undefined || !isFloat(type.dtype)) return node;
  if (x.shape.length < 2 || w.shape.length < 2) return node;
  const [m, k, n] = [x.shape.at(-2)!, x.shape.at(-1)!, w.shape.at(-1)!];
  if (k < leastExtent || n < leastExtent || sizeOf(type.shape) === 0) return node;
  const weights = prepares(graph, target) && isWeights(b, at, graph);
  const { origin } = node;
  const halves = bytesOf(type.dtype) === 2;
  const fillsBlock = m >= height && !halves;
  if (!weights && m < leastRows && !(fillsBlock && (collides(b, at) || staysInCaches(b, at)))) {
    return stride(b, at, 1) === 1 && type.shape.length === 2 ? { ...node, attributes: { partition: cutRuns(m, k, n, target, height) } } : node;
  }
  const width = panelBytes / (halves ? 4 : bytesOf(type.dtype));
  const batch = type.shape.slice(0, -2);
  if (!weights && !halves && stride(a, at, 1) === 1 && !rowsCollide(a, at)) {
    const parts = staysInCaches(b, at) ? 1 : piecesOf(b, at);
    const partition = parts === undefined ? undefined : cut(batch, { extent: m, block: height }, { extent: n, block: width }, k, target, parts);
    if (partition && partition.at(-1)! >= parts!) return { ...node, attributes: { partition } };
  }
  const rowsOf = halves ? at.apply("map", [a], { body: bodyAttribute(cast("f32", argument(type.dtype, 0))) }, origin) : a;
  const packsRows = stride(rowsOf, at, 1) !== 1 || rowsCollide(rowsOf, at);
  const left = packsRows ? at.apply("pack_columns", [transposed(rowsOf, at, origin)], { width: height, along: stride(rowsOf, at, 1) === 1 ? "columns" : "rows" }, origin) : rowsOf;
  const right = at.apply("pack_columns", [b], { width, along: stride(b, at, 1) === 1 ? "rows" : "columns" }, origin);
  const rows = packsRows ? { ...panels(m, height), block: 1 } : { extent: m, block: height };
  // A block of one row takes two panels.
  const partition = cut(batch, rows, { ...panels(n, width), block: m === 1 ? 2 : 1 }, k, target);
  const attributes = { columns: n, ...(packsRows ? { rows: m } : {}), partition };
  if (!halves) return { ...node, op: "matmul_packed", inputs: [left, right], attributes };
  // Rounded in a pass of its own: a product that stores what it sums is made of the fastest blocks.
  const sums = at.add("matmul_packed", [left, right], attributes, { ...type, dtype: "f32" }, origin);
  return { ...node, op: "map", inputs: [sums], attributes: { body: bodyAttribute(cast(type.dtype, argument("f32", 0))) } };
}

/** Whether a value is, but for views, what params decide: it is prepared when they are loaded. */
export function isWeights(value: ValueId, at: Rewriting, graph: Graph): boolean {
  const node = at.definition(value);
  if (node === undefined) return false;
  if (node.op === "read") return ["param", "derived"].includes(graph.states[node.attributes["state"] as number]!.role);
  return node.op === "constant" || (ops.get(node.op)?.kind === "view" && isWeights(node.inputs[0]!, at, graph));
}

/** The matrix with rows and columns exchanged: a view. */
function transposed(value: ValueId, at: Rewriting, origin: Span): ValueId {
  const rank = at.type(value).shape.length;
  return at.apply("transpose", [value], { axes: [...Array.from({ length: rank - 2 }, (_, axis) => axis), rank - 1, rank - 2] }, origin);
}

/** Whether the rows of a register block, read side by side, push each other out of the nearest cache. */
function rowsCollide(value: ValueId, at: Rewriting): boolean {
  const { dtype, shape } = at.type(value);
  return shape.at(-2)! >= leastRows && (stride(value, at, 2) * bytesOf(dtype)) % collidingBytes === 0;
}

/** Whether a matrix can be read down its columns, two vectors at a time, as it lies. */
function staysInCaches(value: ValueId, at: Rewriting): boolean {
  const { dtype, shape } = at.type(value);
  const [rows, columns] = shape.slice(-2) as [number, number];
  return stride(value, at, 1) === 1 && rows * columns * bytesOf(dtype) < largeBytes && !collides(value, at);
}

/**
 * Into how many parts along its columns a matrix with few rows, which lies well otherwise, is cut so that each stays in the
 * caches; undefined for others.
 */
function piecesOf(value: ValueId, at: Rewriting): number | undefined {
  const { dtype, shape } = at.type(value);
  const [rows, columns] = shape.slice(-2) as [number, number];
  return stride(value, at, 1) === 1 && rows <= fewRows && !collides(value, at) ? Math.ceil((rows * columns * bytesOf(dtype)) / pieceBytes) : undefined;
}

/** Whether the rows of a matrix push each other out of the caches on the way down a column. */
function collides(value: ValueId, at: Rewriting): boolean {
  const { dtype, shape } = at.type(value);
  return shape.at(-2)! >= collidingRows && (stride(value, at, 2) * bytesOf(dtype)) % collidingBytes === 0;
}

/** How far apart in memory neighbours along a dimension lie; dimensions are counted from the last, which is 1. */
export function stride(value: ValueId, at: Rewriting, fromLast: number): number {
  const { stored, map } = throughViews(value, at);
  const strides = rowMajor(stored.shape);
  return map.reduce((sum, { coefficients }, axis) => sum + coefficients.at(-fromLast)! * strides[axis]!, 0);
}

/** Rows or columns of a product, or panels of `lanes` of them; a register block takes `block`. */
interface Side {
  readonly extent: number;
  readonly block: number;
  readonly lanes?: number;
}

/** The whole panels of an extent; where there is none, the one that has less. */
const panels = (extent: number, width: number): Pick<Side, "extent" | "lanes"> => (extent < width ? { extent: 1, lanes: extent } : { extent: Math.floor(extent / width), lanes: width });

/**
 * Into how many parts each dimension of the result is cut: batches first, then rows and columns so that the tile with the
 * most work has the least, counted in the registers' blocks, and then so that operands are read least. Columns are cut between
 * register blocks only.
 */
export function cut(batch: readonly number[], rows: Side, columns: Side, k: number, target: Target, leastAcross = 1): number[] {
  const work = sizeOf(batch) * rows.extent * (rows.lanes ?? 1) * columns.extent * (columns.lanes ?? 1) * k;
  let left = Math.max(1, Math.min(target.tiles, Math.floor(work / target.grain)));
  const parts = batch.map((extent) => {
    const count = equalParts(extent, Math.min(extent, left));
    left = Math.max(1, Math.floor(left / count));
    return count;
  });
  const blocksOf = ({ extent, block }: Side, count: number): number => Math.ceil(Math.ceil(extent / count) / block);
  let best = { cost: Infinity, read: Infinity, rows: 1, columns: 1 };
  for (let wanted = 1; wanted <= Math.min(left, Math.ceil(rows.extent / rows.block)); wanted++) {
    const down = equalParts(rows.extent, wanted);
    for (let most = 1; most <= Math.min(Math.floor(left / down), Math.ceil(columns.extent / columns.block)); most++) {
      const across = equalParts(columns.extent, most);
      if (across < leastAcross) continue;
      if (across > 1 && Math.ceil(columns.extent / across) % columns.block !== 0) continue;
      const cost = blocksOf(rows, down) * blocksOf(columns, across);
      const read = down * columns.extent * (columns.lanes ?? 1) + across * rows.extent * (rows.lanes ?? 1);
      if (cost < best.cost || (cost === best.cost && read < best.read)) best = { cost, read, rows: down, columns: across };
    }
  }
  return [...parts, best.rows, best.columns];
}

/** The parts of a product of few rows: so that the tile with the most work has the least, no run being short. */
function cutRuns(m: number, k: number, n: number, target: Target, blockRows: number): number[] {
  const most = Math.max(1, Math.min(target.tiles, Math.floor((m * k * n) / target.grain)));
  let best = { cost: Infinity, rows: 1, columns: 1 };
  for (let rowParts = 1; rowParts <= Math.min(most, Math.ceil(m / blockRows)); rowParts++) {
    const rows = equalParts(m, rowParts);
    for (let columnParts = 1; columnParts <= Math.min(Math.floor(most / rowParts), Math.max(1, Math.floor(n / longRun))); columnParts++) {
      const columns = equalParts(n, columnParts);
      const run = Math.ceil(n / columns);
      const cost = Math.ceil(Math.ceil(m / rows) / blockRows) * (Math.floor(run / 4) + (run % 4) * looseColumn);
      if (cost < best.cost) best = { cost, rows, columns };
    }
  }
  return [best.rows, best.columns];
}
