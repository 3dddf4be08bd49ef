/** How the operands of products lie in memory, and what that does to a vertex that reads them; panels they are packed into. */
import { bytesOf } from "../../../../runtime/dtype.ts";
import { rowMajor } from "../../../kernel/kernel.ts";
import { ops } from "../../../ops/table.ts";
import type { Span } from "../../../support/span.ts";
import type { Graph, ValueId } from "../../graph.ts";
import type { Rewriting } from "../../rewrite.ts";
import { throughViews } from "../../views.ts";

/** Bytes of the columns of a register block: four vectors of 128 bits, or two pairs. A narrower block takes half a panel. */
export const panelBytes = 64;
/** Fewer rows do not pay for packing, each element of the right operand being used once for each, but where its rows collide. */
export const leastRows = 16;
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

/** Whether a value is, but for views, what params decide: it is prepared when they are loaded. */
export function isWeights(value: ValueId, at: Rewriting, graph: Graph): boolean {
  const node = at.definition(value);
  if (node === undefined) return false;
  if (node.op === "read") return ["param", "derived"].includes(graph.states[node.attributes["state"] as number]!.role);
  return node.op === "constant" || (ops.get(node.op)?.kind === "view" && isWeights(node.inputs[0]!, at, graph));
}

/** The matrix with rows and columns exchanged: a view. */
export function transposed(value: ValueId, at: Rewriting, origin: Span): ValueId {
  const rank = at.type(value).shape.length;
  return at.apply("transpose", [value], { axes: [...Array.from({ length: rank - 2 }, (_, axis) => axis), rank - 1, rank - 2] }, origin);
}

/** Whether the rows of a register block, read side by side, push each other out of the nearest cache. */
export function rowsCollide(value: ValueId, at: Rewriting): boolean {
  const { dtype, shape } = at.type(value);
  return shape.at(-2)! >= leastRows && (stride(value, at, 2) * bytesOf(dtype)) % collidingBytes === 0;
}

/** Whether a matrix can be read down its columns, two vectors at a time, as it lies. */
export function staysInCaches(value: ValueId, at: Rewriting): boolean {
  const { dtype, shape } = at.type(value);
  const [rows, columns] = shape.slice(-2) as [number, number];
  return stride(value, at, 1) === 1 && rows * columns * bytesOf(dtype) < largeBytes && !collides(value, at);
}

/**
 * Into how many parts along its columns a matrix with few rows, which lies well otherwise, is cut so that each stays in the
 * caches; undefined for others.
 */
export function piecesOf(value: ValueId, at: Rewriting): number | undefined {
  const { dtype, shape } = at.type(value);
  const [rows, columns] = shape.slice(-2) as [number, number];
  return stride(value, at, 1) === 1 && rows <= fewRows && !collides(value, at) ? Math.ceil((rows * columns * bytesOf(dtype)) / pieceBytes) : undefined;
}

/** Whether the rows of a matrix push each other out of the caches on the way down a column. */
export function collides(value: ValueId, at: Rewriting): boolean {
  const { dtype, shape } = at.type(value);
  return shape.at(-2)! >= collidingRows && (stride(value, at, 2) * bytesOf(dtype)) % collidingBytes === 0;
}

/** How far apart in memory neighbours along a dimension lie; dimensions are counted from the last, which is 1. */
export function stride(value: ValueId, at: Rewriting, fromLast: number): number {
  const { stored, map } = throughViews(value, at);
  const strides = rowMajor(stored.shape);
  return map.reduce((sum, { coefficients }, axis) => sum + coefficients.at(-fromLast)! * strides[axis]!, 0);
}
