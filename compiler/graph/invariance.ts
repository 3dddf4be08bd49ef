/**
 * Which nodes may run earlier and more seldom than where they stand, and where that pays: for `hoist`. A node may when its
 * result depends on its inputs alone and no inputs make it fail, since it may then run although its place is never reached.
 */
import { bytesOf, isFloat, sizeOf } from "../../runtime/dtype.ts";
import type { Expression } from "../kernel/kernel.ts";
import { visitExpression } from "../kernel/walk.ts";
import { computeMapOf } from "../ops/fused/compute-map.ts";
import { bodyOf } from "../ops/fused/map.ts";
import { ops } from "../ops/table.ts";
import type { Target } from "../targets/target.ts";
import type { Graph, Node, State, TensorType, ValueId } from "./graph.ts";

/** What must be known of the values around. */
export interface InvarianceContext {
  type(value: ValueId): TensorType;
  definition(value: ValueId): Node | undefined;
}

/** What is computed from nothing is kept from round to round only up to this size. */
const knownBytes = 2 ** 20;
/** Beside its operands' bytes: what is so small costs nothing to keep. */
const smallBytes = 4096;

/** Ops that no values of their inputs make fail, beside elementwise ones. What indices lead, and what is not known here, stays. */
const total: ReadonlySet<string> = new Set([
  "iota", "iota_block", "linspace", "eye", "fft_rows", "uniform_rows", "normal_rows",
  "update", "concat", "stack", "pad", "roll", "tile", "repeat_each", "pack_columns", "winograd_filters",
  "reduce", "mean", "argmax", "argmin", "log_sum_exp", "cum_sum", "cum_prod", "cum_max", "cum_min", "linear_recurrence", "matmul", "matmul_packed", "attention",
  "softmax", "log_softmax", "layer_norm", "conv", "conv_transpose", "conv_filters", "pool", "unpool", "map", "map_rolled", "map_reduce", "map_update",
]);

/** The share of memory that states may take together with what is derived of params. */
const keptShare = 0.75;

/**
 * Whether what params decide may be kept as derived states: where tiles share a memory, and there is room for params twice.
 */
export function prepares({ states }: Graph, target: Target): boolean {
  if (target.memory !== "shared") return false;
  const bytes = (role: (role: State["role"]) => boolean): number => states.reduce((sum, state) => (role(state.role) ? sum + sizeOf(state.type.shape) * bytesOf(state.type.dtype) : sum), 0);
  return bytes((role) => role !== "derived") + bytes((role) => role === "param") <= keptShare * target.bytesPerTile;
}

/** Nodes that cost nothing where they stand: they go along with what needs them. */
export const isFree = (node: Node): boolean => ops.get(node.op)?.kind === "view" || node.op === "fill" || node.op === "constant";

/** Whether the node may run where it might not have run. */
export function isTotal(node: Node, at: InvarianceContext): boolean {
  if (node.op === "compute_map") {
    const { op, attributes } = computeMapOf(node.attributes);
    return total.has(op) && bodyIsTotal(bodyOf(node.attributes)) && (attributes["body"] === undefined || bodyIsTotal(bodyOf(attributes)));
  }
  if (node.op === "div" || node.op === "rem") return isFloat(at.type(node.outputs[0]!).dtype);
  if (node.attributes["body"] !== undefined && !bodyIsTotal(bodyOf(node.attributes))) return false;
  return ops.get(node.op)?.kind === "elementwise" || total.has(node.op);
}

function bodyIsTotal(body: Expression): boolean {
  let total = true;
  visitExpression(body, (part) => {
    if (part.kind === "binary" && (part.op === "div" || part.op === "rem") && !isFloat(part.dtype)) total = false;
  });
  return total;
}

/** Products, and what is made for them of weights. */
const contractions: ReadonlySet<string> = new Set(["winograd_filters", "matmul", "matmul_packed", "attention", "conv", "conv_transpose", "conv_filters", "conv_packed", "conv_filters_packed", "conv_filters_planes", "depthwise_packed"]);

/**
 * Whether the result is worth keeping: reading it costs hardly more than reading what it is made of. Not so for what is spread
 * from little; products are worth it always.
 */
export function isWorthKeeping(node: Node, at: InvarianceContext): boolean {
  const inner = node.op === "compute_map" ? computeMapOf(node.attributes).op : node.op;
  if (contractions.has(inner)) return true;
  const { dtype, shape } = at.type(node.outputs[0]!);
  const bytes = sizeOf(shape) * bytesOf(dtype);
  if (node.inputs.length === 0) return bytes <= knownBytes;
  const read = [...new Set(node.inputs)].reduce((sum, input) => sum + storedBytes(input, at), 0);
  return bytes <= 2 * read + smallBytes;
}

/** Bytes in memory behind a value: of what is spread, those it is spread from; of a fill none. */
function storedBytes(value: ValueId, at: InvarianceContext): number {
  const { dtype, shape } = at.type(value);
  const bytes = sizeOf(shape) * bytesOf(dtype);
  const node = at.definition(value);
  if (node?.op === "fill") return 0;
  return node && ops.get(node.op)?.kind === "view" ? Math.min(bytes, storedBytes(node.inputs[0]!, at)) : bytes;
}
