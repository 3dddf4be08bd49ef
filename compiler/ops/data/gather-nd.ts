/** Elements, or slices over the last dimensions, picked by tuples of indices: the last axis of `indices` holds one index for each of the first dimensions of x. */
import { sizeOf } from "../../../runtime/dtype.ts";
import type { ValueId } from "../../graph/graph.ts";
import { flatIndex, forEachIndex, get, tensor, zeros } from "../../graph/tensor.ts";
import { i32 } from "../../kernel/build.ts";
import { rowMajor } from "../../kernel/kernel.ts";
import type { Lowering } from "../../kernel/lowering.ts";
import { affineIndex } from "../../support/affine.ts";
import { samples } from "../elementwise/elementwise.ts";
import { reshaped } from "../gradients.ts";
import { clampedPosition, position, requireIndices } from "./indices.ts";
import { dimensions } from "../lowerings.ts";
import type { GradientBuilder, Op } from "../op.ts";
import { refuse, requireInputs, showShape } from "../rules.ts";

/** Row-major number of the picked element or slice for each tuple, of the shape of the tuples. */
function flattened(build: GradientBuilder, indices: ValueId, extents: readonly number[]): ValueId {
  const { dtype, shape } = build.typeOf(indices);
  const tuples = shape.slice(0, -1);
  const strides = rowMajor(extents);
  const number = (value: number): ValueId => build.apply("fill", [], { value, dtype, shape: tuples });
  return extents.reduce<ValueId>((sum, extent, axis) => {
    const column = build.apply("slice", [indices], { start: [...tuples.map(() => 0), axis], length: [...tuples, 1], step: shape.map(() => 1) });
    const given = reshaped(build, column, tuples);
    const counted = build.apply("select", [build.apply("lt", [given, number(0)]), build.apply("add", [given, number(extent)]), given]);
    return build.apply("add", [sum, build.apply("mul", [counted, number(strides[axis]!)])]);
  }, number(0));
}

export const gatherNd: Op = {
  name: "gather_nd",
  kind: "compute",
  summary: "Elements, or slices over the last dimensions, picked by tuples of integer indices along the last axis of indices (negative from the end).",
  formula: "y[j…, …] = x[indices[j…, 0], indices[j…, 1], …, …]",
  signature: { call: "gather_nd", module: "core", parameters: [{ name: "x", kind: "tensor" }, { name: "indices", kind: "tensor" }] },
  type(inputs) {
    requireInputs("gather_nd", inputs, 2);
    const [x, indices] = [inputs[0]!, inputs[1]!];
    requireIndices("gather_nd", indices);
    const count = indices.shape.at(-1);
    if (count === undefined) refuse("shape-mismatch", "the indices of gather_nd need a last axis, which holds one index for each of the first dimensions");
    if (count > x.shape.length) refuse("shape-mismatch", `gather_nd has ${count} indices for a tensor of rank ${x.shape.length}`);
    const tuples = indices.shape.slice(0, -1);
    if (sizeOf(tuples) > 0 && x.shape.slice(0, count).includes(0)) refuse("out-of-range", `${showShape(x.shape)} is empty, no index fits`);
    return { dtype: x.dtype, shape: [...tuples, ...x.shape.slice(count)] };
  },
  evaluate(inputs, _attributes, type) {
    const [x, indices, result] = [inputs[0]!, inputs[1]!, zeros(type)];
    const count = indices.type.shape.at(-1)!;
    const tuples = indices.type.shape.length - 1;
    forEachIndex(type.shape, (index, flat) => {
      const picked = Array.from({ length: count }, (_, k) => position(BigInt(get(indices, flatIndex(indices.type.shape, [...index.slice(0, tuples), k]))), x.type.shape[k]!));
      result.data[flat] = x.data[flatIndex(x.type.shape, [...picked, ...index.slice(tuples)])]!;
    });
    return result;
  },
  places: ([x, indices]) => Array.from({ length: indices!.shape.at(-1)! }, (_, element) => ({ input: 1, element, extent: x!.shape[element]!, fromEnd: true })),
  /** Space: the result's dimensions, then the picked dimensions of x and the axis of the tuples, both serial. */
  lower(inputs, _attributes, type): Lowering[] {
    const [x, indices] = [inputs[0]!, inputs[1]!];
    if (sizeOf(type.shape) === 0) return [];
    const [outer, tuples, count] = [type.shape.length, indices.shape.length - 1, indices.shape.at(-1)!];
    const rank = outer + count + 1;
    const at = (dimension: number) => affineIndex(dimension, rank);
    const place = { operand: 1, index: [...Array.from({ length: tuples }, (_, k) => at(k)), at(rank - 1)] };
    return [
      {
        name: "gather_nd",
        space: [...dimensions("parallel", type.shape), ...dimensions("serial", [...x.shape.slice(0, count), Math.max(1, count)])],
        operations: 1 / Math.max(1, sizeOf(x.shape.slice(0, count))),
        reads: [{ operand: 0, index: x.shape.map((_, k) => at(k < count ? outer + k : tuples + k - count)) }, ...(count === 0 ? [] : [place])],
        writes: [{ operand: 0, index: type.shape.map((_, k) => at(k)) }],
        emit({ kernel, block, load, store }) {
          const zeroes = Array.from({ length: count }, () => i32(0));
          kernel.forBox(block.slice(0, outer), true, (point) => {
            const picked = Array.from({ length: count }, (_, k) => kernel.let(`index${k}`, clampedPosition(load(1, [...point, ...zeroes, i32(k)]), x.shape[k]!)));
            store(0, [...point, ...zeroes, i32(0)], load(0, [...point, ...picked, i32(0)]));
          });
        },
      },
    ];
  },
  gradient(build, { inputs: [x, indices], gradient }) {
    const { dtype, shape } = build.typeOf(x!);
    const count = build.typeOf(indices!).shape.at(-1)!;
    const zero = build.apply("fill", [], { value: 0, dtype, shape: [sizeOf(shape.slice(0, count)), ...shape.slice(count)] });
    const sum = build.apply("scatter_add", [zero, flattened(build, indices!, shape.slice(0, count)), gradient], { axis: 0 });
    return [reshaped(build, sum, shape), undefined];
  },
  examples: () => [
    { inputs: [tensor("f32", [2, 3], [1, 2, 3, 4, 5, 6]), tensor("i32", [2, 2], [1, 2, 0, -2])], attributes: {}, expected: tensor("f32", [2], [6, 2]) },
    { inputs: [tensor("f32", [2, 3], [1, 2, 3, 4, 5, 6]), tensor("i64", [1, 1], [1n])], attributes: {}, expected: tensor("f32", [1, 3], [4, 5, 6]) },
    { inputs: [tensor("f64", [2, 3, 2], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]), tensor("i32", [3, 2], [1, 2, 0, 1, 1, -1])], attributes: {} },
    { inputs: [samples("f16", [3, 5, 2]), tensor("i32", [2, 2, 3], [0, 1, 1, 2, 4, 0, -1, -1, -1, 0, 0, 0])], attributes: {} },
    { inputs: [samples("u8", [3, 2]), tensor("i32", [2, 0], [])], attributes: {} },
    { inputs: [samples("i64", [3, 2]), tensor("i32", [0, 2], [])], attributes: {} },
  ],
};
