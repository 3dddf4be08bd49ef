/**
 * Attention as one op, made by fuse-attention: products of queries with keys, a scalar function of these scores (a scale, a
 * mask), their softmax, and the mean of the values with these weights. A vertex takes a block of queries; their scores are in
 * its scratch memory and nowhere else (attention-kernel.ts). Keys and values lie in panels (pack-columns.ts), which all blocks
 * of queries share.
 *
 * An input `visible` may say how many of the first keys each query sees: scores of the others are -Infinity, and blocks of keys
 * that no query of a block sees are left out.
 */
import { sizeOf, type DType } from "../../../runtime/dtype.ts";
import type { Attributes, TensorType } from "../../graph/graph.ts";
import { flatIndex, forEachIndex, get, put, tensor, zeros, type Tensor } from "../../graph/tensor.ts";
import { argument, binary, cast, constant, select } from "../../kernel/build.ts";
import type { Access, Lowering } from "../../kernel/lowering.ts";
import { affineConstant, affineIndex, type Affine } from "../../support/affine.ts";
import { invariant } from "../../support/bug.ts";
import { samples } from "../elementwise/elementwise.ts";
import { matmul } from "../linalg/matmul.ts";
import { dimensions } from "../lowerings.ts";
import { softmax } from "../networks/softmax.ts";
import type { Op } from "../op.ts";
import { boolAttribute, broadcastShapes, computeDType, intAttribute, intsAttribute, requireClass } from "../rules.ts";
import { emitAttention, scratchOf, type AttentionShape } from "./attention-kernel.ts";
import { bodyAttribute, bodyOf, map } from "./map.ts";

/**
 * queries: [...batch, m, d] · keys: [...batch, ⌈n / width⌉, d, width] · values: [...batch, ⌈c / width⌉, n, width] ·
 * visible: [m] if there are limits · what else the body reads, each [...batch, m, n] → [...batch, m, c]
 */
interface Extents extends AttentionShape {
  readonly batch: readonly number[];
  readonly m: number;
  readonly dtype: DType;
}

/** How many inputs there are before those that the body reads. */
export const fixedInputs = (attributes: Attributes): number => (boolAttribute(attributes, "limits") ? 4 : 3);

function extentsOf(inputs: readonly TensorType[], attributes: Attributes): Extents {
  const [q, k, v] = inputs as [TensorType, TensorType, TensorType];
  const [m, d] = q.shape.slice(-2) as [number, number];
  const [n, c] = [intAttribute(attributes, "keys"), intAttribute(attributes, "columns")];
  const width = k.shape.at(-1)!;
  const [queries, keys] = intsAttribute(attributes, "block") as [number, number];
  const scores = broadcastShapes(q.shape.slice(0, -2), k.shape.slice(0, -3));
  const batch = scores && broadcastShapes(scores, v.shape.slice(0, -3));
  const panels = (shape: readonly number[], columns: number, rows: number): boolean => shape.at(-3) === Math.ceil(columns / width) && shape.at(-2) === rows && shape.at(-1) === width;
  const fits = batch && panels(k.shape, n, d) && panels(v.shape, c, n) && keys % width === 0;
  invariant(fits, () => `attention of ${inputs.map(({ shape }) => `[${shape.join(", ")}]`).join(" ")}`);
  return { batch, m, d, n, c, width, queries: Math.min(m, queries), keys, dtype: q.dtype };
}

/** The matrix [...batch, rows, columns] of panels. */
function unpacked(panels: Tensor, columns: number, dtype: DType): Tensor {
  const { shape } = panels.type;
  const [, rows, width] = shape.slice(-3) as [number, number, number];
  const result = zeros({ dtype, shape: [...shape.slice(0, -3), rows, columns] });
  forEachIndex(result.type.shape, (index, flat) => {
    const [row, column] = index.slice(-2) as [number, number];
    put(result, flat, get(panels, flatIndex(shape, [...index.slice(0, -2), Math.floor(column / width), row, column % width])));
  });
  return result;
}

/** Scores of keys that a query does not see. */
function hidden(scores: Tensor, visible: Tensor): Tensor {
  const result = zeros(scores.type);
  forEachIndex(scores.type.shape, (index, flat) => put(result, flat, index.at(-1)! < Number(get(visible, index.at(-2)!)) ? get(scores, flat) : -Infinity));
  return result;
}

/** Where each operand of the space [...batch, m, panels of keys, lanes, d, panels of values, n, c] is read. */
function accesses(inputs: readonly TensorType[], attributes: Attributes, { batch }: Extents): Access[] {
  const outer = batch.length;
  const rank = outer + 7;
  const at = (dimension: number): Affine => affineIndex(outer + dimension, rank);
  const leading = (shape: readonly number[], own: number): Affine[] =>
    shape.slice(0, -own).map((extent, axis) => (extent === 1 ? affineConstant(0, rank) : affineIndex(outer - (shape.length - own) + axis, rank)));
  const [q, k, v] = inputs as [TensorType, TensorType, TensorType];
  const [row, panel, lane, inner, valuePanel, key] = [at(0), at(1), at(2), at(3), at(4), at(5)];
  const fixed = fixedInputs(attributes);
  return [
    { operand: 0, index: [...leading(q.shape, 2), row, inner] },
    { operand: 1, index: [...leading(k.shape, 3), panel, inner, lane] },
    { operand: 2, index: [...leading(v.shape, 3), valuePanel, key, lane] },
    ...(fixed === 4 ? [{ operand: 3, index: [row] }] : []),
    ...inputs.slice(fixed).map(({ shape }, operand): Access => ({ operand: fixed + operand, index: [...leading(shape, 2), row, key] })),
  ];
}

const scaledScore = binary("mul", argument("f32", 0), constant("f32", 0.5));
const maskedScore = select(argument("bool", 1), binary("mul", argument("f32", 0), constant("f32", 0.25)), constant("f32", -Infinity));
const halfScore = cast("f16", binary("add", cast("f32", argument("f16", 0)), cast("f32", argument("f16", 1))));
const waves = (shape: readonly number[], seed: number): Tensor => tensor("f32", shape, Array.from({ length: sizeOf(shape) }, (_, flat) => Math.sin(flat + seed)));
const bits = (shape: readonly number[], value: (flat: number) => boolean): Tensor => tensor("bool", shape, Array.from({ length: sizeOf(shape) }, (_, flat) => Number(value(flat))));

export const attention: Op = {
  name: "attention",
  kind: "compute",
  stores: "once",
  summary: "Means of values by the softmax of a scalar function of queries' products with keys; keys and values in panels of columns.",
  formula: "y = softmax(body(q · kᵀ, z₀, …)) · v",
  noGradient: "it is made when gradients are there",
  type(inputs, attributes) {
    const { batch, m, c, dtype } = extentsOf(inputs, attributes);
    requireClass("attention", "float", inputs[0]!);
    return { dtype, shape: [...batch, m, c] };
  },
  evaluate(inputs, attributes) {
    const types = inputs.map((input) => input.type);
    const { n, c, dtype } = extentsOf(types, attributes);
    const transposed = unpacked(inputs[1]!, n, dtype);
    const product = (a: Tensor, b: Tensor): Tensor => matmul.evaluate([a, b], {}, matmul.type([a.type, b.type], {}));
    const scores = product(inputs[0]!, transposed);
    const fixed = fixedInputs(attributes);
    const mapped = map.evaluate([scores, ...inputs.slice(fixed)], attributes, { dtype, shape: scores.type.shape });
    const seen = fixed === 4 ? hidden(mapped, inputs[3]!) : mapped;
    const weights = softmax.evaluate([seen], { axis: seen.type.shape.length - 1 }, seen.type);
    return product(weights, unpacked(inputs[2]!, c, dtype));
  },
  lower(inputs, attributes, type): Lowering[] {
    const extents = extentsOf(inputs, attributes);
    const { batch, m, d, n, c, width, dtype } = extents;
    if (sizeOf(type.shape) === 0) return [];
    const outer = batch.length;
    const rank = outer + 7;
    const serial = [Math.ceil(n / width), width, d, Math.ceil(c / width), n, c];
    return [
      {
        name: "attention",
        space: [...dimensions("parallel", [...batch, m]), ...dimensions("serial", serial)],
        reads: accesses(inputs, attributes, extents),
        writes: [{ operand: 0, index: [...batch.map((_, axis) => affineIndex(axis, rank)), affineIndex(outer, rank), affineIndex(outer + 6, rank)] }],
        scratch: scratchOf(extents, computeDType(dtype)),
        emit: (context) => emitAttention(context, { ...extents, outer, body: bodyOf(attributes), limits: fixedInputs(attributes) === 4, operands: inputs.length - fixedInputs(attributes) }),
      },
    ];
  },
  examples: () => [
    {
      // The first query has the same score with both keys; the second sees one key only.
      inputs: [tensor("f32", [2, 1], [0, 2]), tensor("f32", [1, 1, 2], [1, 5]), tensor("f32", [1, 2, 2], [1, 3, 5, 7]), bits([2, 2], (flat) => flat !== 3)],
      attributes: { keys: 2, columns: 2, block: [8, 8], limits: false, body: bodyAttribute(maskedScore) },
      expected: tensor("f32", [2, 2], [3, 5, 1, 3]),
    },
    {
      inputs: [samples("f32", [2, 7, 5]), samples("f32", [2, 3, 5, 4], 1), samples("f32", [2, 2, 11, 4], 2)],
      attributes: { keys: 11, columns: 6, block: [3, 12], limits: false, body: bodyAttribute(scaledScore) },
    },
    {
      inputs: [samples("f32", [2, 7, 5]), samples("f32", [2, 3, 5, 4], 1), samples("f32", [2, 2, 11, 4], 2)],
      attributes: { keys: 11, columns: 8, block: [3, 4], limits: false, body: bodyAttribute(scaledScore) },
    },
    {
      // Finite: what a query does not see is not multiplied by 0.
      inputs: [waves([7, 3], 1), waves([2, 2, 3, 4], 2), waves([2, 1, 7, 4], 3), tensor("i32", [7], [1, 2, 3, 4, 5, 6, 7]), bits([2, 7, 7], (flat) => Math.floor((flat % 49) / 7) >= flat % 7)],
      attributes: { keys: 7, columns: 3, block: [2, 4], limits: true, body: bodyAttribute(maskedScore) },
    },
    {
      inputs: [samples("f64", [2, 3]), samples("f64", [2, 3, 2], 1), samples("f64", [1, 4, 2], 2)],
      attributes: { keys: 4, columns: 2, block: [6, 2], limits: false, body: bodyAttribute(argument("f64", 0)) },
    },
    {
      inputs: [samples("f16", [5, 3]), samples("f32", [2, 3, 4], 1), samples("f32", [2, 7, 4], 2), samples("f16", [5, 7], 3)],
      attributes: { keys: 7, columns: 5, block: [4, 8], limits: false, body: bodyAttribute(halfScore) },
    },
    { inputs: [samples("f32", [0, 3]), samples("f32", [2, 3, 4]), samples("f32", [1, 7, 4])], attributes: { keys: 7, columns: 4, block: [4, 8], limits: false, body: bodyAttribute(scaledScore) } },
  ],
};
