/** Elements picked by a tensor of indices, NumPy's `take`, and tensors of ones at such places. */
import { sizeOf } from "../../../runtime/dtype.ts";
import { flatIndex, forEachIndex, get, put, tensor, zeros } from "../../graph/tensor.ts";
import { binary, cast } from "../../kernel/build.ts";
import type { Lowering } from "../../kernel/lowering.ts";
import { affineIndex, identityMap } from "../../support/affine.ts";
import { samples } from "../elementwise/elementwise.ts";
import { clampedPosition, position, requireIndices } from "./indices.ts";
import { dimensions, number, padded } from "../lowerings.ts";
import type { Op } from "../op.ts";
import { axisArgument, dtypeAttribute, intArgument, intAttribute, refuse, requireClass, requireInputs, showShape } from "../rules.ts";

export const gather: Op = {
  name: "gather",
  kind: "compute",
  summary: "Elements along an axis, picked by integer indices (negative from the end).",
  formula: "y[…, j…, …] = x[…, indices[j…], …]",
  signature: {
    call: "gather",
    module: "core",
    parameters: [{ name: "x", kind: "tensor" }, { name: "indices", kind: "tensor" }, { name: "axis", kind: "axis", default: 0 }],
    attributes: (args, inputs) => ({ axis: axisArgument(args["axis"], inputs[0]!.shape.length, "gather") }),
  },
  type(inputs, attributes) {
    requireInputs("gather", inputs, 2);
    const [x, indices] = [inputs[0]!, inputs[1]!];
    requireIndices("gather", indices);
    const axis = axisArgument(intAttribute(attributes, "axis"), x.shape.length, "gather");
    if (x.shape[axis] === 0 && sizeOf(indices.shape) > 0) refuse("out-of-range", `axis ${axis} of ${showShape(x.shape)} is empty, no index fits`);
    return { dtype: x.dtype, shape: [...x.shape.slice(0, axis), ...indices.shape, ...x.shape.slice(axis + 1)] };
  },
  evaluate(inputs, attributes, type) {
    const [x, indices, axis] = [inputs[0]!, inputs[1]!, intAttribute(attributes, "axis")];
    const [result, picked] = [zeros(type), indices.type.shape.length];
    forEachIndex(type.shape, (index, flat) => {
      const wanted = BigInt(get(indices, flatIndex(indices.type.shape, index.slice(axis, axis + picked))));
      const source = [...index.slice(0, axis), position(wanted, x.type.shape[axis]!), ...index.slice(axis + picked)];
      result.data[flat] = x.data[flatIndex(x.type.shape, source)]!;
    });
    return result;
  },
  stores: "once",
  places: (inputs, attributes) => [{ input: 1, extent: inputs[0]!.shape[intAttribute(attributes, "axis")]!, fromEnd: true }],
  /** The whole gathered axis is a serial dimension, whose index the kernel computes. */
  lower(inputs, attributes, type): Lowering[] {
    const [x, indices, axis] = [inputs[0]!, inputs[1]!, intAttribute(attributes, "axis")];
    if (sizeOf(type.shape) === 0) return [];
    const [outer, picked, extent] = [type.shape.length, indices.shape.length, x.shape[axis]!];
    const rank = outer + 1;
    const at = (dimension: number) => affineIndex(dimension, rank);
    return [
      {
        name: "gather",
        space: [...dimensions("parallel", type.shape), { extent, kind: "serial" }],
        operations: 1 / extent,
        reads: [
          { operand: 1, index: indices.shape.map((_, k) => at(axis + k)) },
          { operand: 0, index: x.shape.map((_, k) => (k < axis ? at(k) : k === axis ? at(outer) : at(k - 1 + picked))) },
        ],
        writes: [{ operand: 0, index: identityMap(rank).slice(0, outer) }],
        emit({ kernel, block, load, store }) {
          // What an index names is found once for all that lies behind it.
          const inner = axis + picked;
          kernel.forBox(block.slice(0, inner), true, (before) => {
            const row = kernel.let("row", clampedPosition(load(0, padded(before, rank)), extent));
            kernel.forBox(block.slice(inner, outer), true, (after) => store(0, padded([...before, ...after], rank), load(1, [...before, ...after, row])));
          });
        },
      },
    ];
  },
  gradient: (build, { inputs: [x, indices], attributes, gradient }) => [build.apply("scatter_add", [build.fill(build.typeOf(x!), 0), indices!, gradient], { axis: intAttribute(attributes, "axis") }), undefined],
  examples: () => [
    { inputs: [tensor("f32", [3, 2], [1, 2, 3, 4, 5, 6]), tensor("i32", [2], [2, -3])], attributes: { axis: 0 }, expected: tensor("f32", [2, 2], [5, 6, 1, 2]) },
    { inputs: [samples("u8", [3, 5, 2]), tensor("i64", [2, 3], [4, 0, 1, -1, 2, 2])], attributes: { axis: 1 } },
    { inputs: [samples("bf16", [7]), tensor("i32", [], [3])], attributes: { axis: 0 } },
    { inputs: [samples("f32", [7, 2]), tensor("i32", [0], [])], attributes: { axis: 0 } },
  ],
};

export const oneHot: Op = {
  name: "one_hot",
  kind: "compute",
  summary: "1 at the place each index names, 0 elsewhere, along a new last axis; an index outside gives zeros.",
  formula: "y[…, c] = (indices[…] = c)",
  noGradient: "indices have no derivative",
  signature: {
    call: "one_hot",
    module: "core",
    parameters: [{ name: "indices", kind: "tensor" }, { name: "classes", kind: "int" }],
    dtypeArgument: "optional",
    attributes: (args, _inputs, dtype) => ({ classes: intArgument(args["classes"], "the classes of one_hot"), dtype: dtype ?? "f32" }),
  },
  type(inputs, attributes) {
    requireInputs("one_hot", inputs, 1);
    requireClass("one_hot", "integer", inputs[0]!);
    const classes = intAttribute(attributes, "classes");
    if (classes < 0) refuse("out-of-range", `the classes of one_hot are negative: ${classes}`);
    return { dtype: dtypeAttribute(attributes), shape: [...inputs[0]!.shape, classes] };
  },
  evaluate(inputs, attributes, type) {
    const [indices, classes, result] = [inputs[0]!, intAttribute(attributes, "classes"), zeros(type)];
    for (let flat = 0; flat < indices.data.length; flat++) {
      const place = Number(get(indices, flat));
      if (place >= 0 && place < classes) put(result, flat * classes + place, 1);
    }
    return result;
  },
  /** The classes are a serial dimension: zeros in all, then a one in one of them. */
  lower(inputs, attributes, type): Lowering[] {
    const [indices, classes] = [inputs[0]!, intAttribute(attributes, "classes")];
    if (sizeOf(type.shape) === 0) return [];
    const rank = type.shape.length;
    const wide = indices.dtype === "i64" || indices.dtype === "u64" ? indices.dtype : "i32";
    return [
      {
        name: "one_hot",
        space: [...dimensions("parallel", indices.shape), { extent: classes, kind: "serial" }],
        reads: [{ operand: 0, index: identityMap(rank).slice(0, -1) }],
        writes: [{ operand: 0, index: identityMap(rank) }],
        emit({ kernel, block, load, store }) {
          kernel.forBox(block.slice(0, -1), true, (point) => {
            const wanted = kernel.let("wanted", cast(wide, load(0, padded(point, rank))));
            kernel.forBox([classes], true, ([place]) => store(0, [...point, place!], cast(type.dtype, number(type.dtype, 0))));
            const place = binary("max", binary("min", wanted, number(wide, classes - 1)), number(wide, 0));
            kernel.if(binary("eq", wanted, place), () => store(0, [...point, cast("i32", place)], cast(type.dtype, number(type.dtype, 1))));
          });
        },
      },
    ];
  },
  examples: () => [
    { inputs: [tensor("u8", [3], [2, 0, 5])], attributes: { classes: 3, dtype: "f32" }, expected: tensor("f32", [3, 3], [0, 0, 1, 1, 0, 0, 0, 0, 0]) },
    { inputs: [tensor("i64", [2, 2], [1, -1, 0, 4])], attributes: { classes: 5, dtype: "bf16" } },
    { inputs: [tensor("i32", [], [1])], attributes: { classes: 2, dtype: "bool" } },
    { inputs: [tensor("i32", [0], [])], attributes: { classes: 2, dtype: "i64" } },
  ],
};
