/** Tensors one after the other: along an axis they have, or along a new one. */
import { flatIndex, forEachIndex, tensor, zeros, type Tensor } from "../../graph/tensor.ts";
import type { TensorType } from "../../graph/graph.ts";
import { affineConstant, affineIndex, identityMap } from "../../support/affine.ts";
import { samples } from "../elementwise/elementwise.ts";
import { copyLowering } from "../lowerings.ts";
import { reshaped } from "../gradients.ts";
import type { Op } from "../op.ts";
import { axisArgument, intAttribute, refuse, requireSameDType, requireSameShape, showShape } from "../rules.ts";

function requireSome(what: string, inputs: readonly TensorType[]): TensorType {
  return inputs[0] ?? refuse("bad-argument", `${what} needs at least one tensor`);
}

/** Where each input starts along the axis. */
const offsets = (extents: readonly number[]): number[] => extents.map((_, k) => extents.slice(0, k).reduce((sum, extent) => sum + extent, 0));

export const concat: Op = {
  name: "concat",
  kind: "compute",
  summary: "Tensors one after the other along an axis.",
  formula: "y = x₀ ⧺ x₁ ⧺ …",
  signature: {
    call: "concat",
    module: "core",
    parameters: [{ name: "tensors", kind: "tensors" }, { name: "axis", kind: "axis", default: 0 }],
    attributes: (args, inputs) => ({ axis: axisArgument(args["axis"], requireSome("concat", inputs).shape.length, "concat") }),
  },
  type(inputs, attributes) {
    const first = requireSome("concat", inputs);
    const axis = axisArgument(intAttribute(attributes, "axis"), first.shape.length, "concat");
    for (const other of inputs) {
      requireSameDType("concat", first, other, ["the first", "another"]);
      if (other.shape.length !== first.shape.length || other.shape.some((extent, k) => k !== axis && extent !== first.shape[k])) {
        refuse("shape-mismatch", `concat along axis ${axis} of ${showShape(first.shape)} and ${showShape(other.shape)}: the other extents differ`);
      }
    }
    return { dtype: first.dtype, shape: first.shape.with(axis, inputs.reduce((sum, input) => sum + input.shape[axis]!, 0)) };
  },
  evaluate(inputs, attributes, type) {
    const axis = intAttribute(attributes, "axis");
    const result = zeros(type);
    const starts = offsets(inputs.map((input) => input.type.shape[axis]!));
    inputs.forEach((input: Tensor, k) =>
      forEachIndex(input.type.shape, (index, flat) => {
        result.data[flatIndex(type.shape, index.with(axis, index[axis]! + starts[k]!))] = input.data[flat]!;
      }),
    );
    return result;
  },
  lower(inputs, attributes) {
    const axis = intAttribute(attributes, "axis");
    const starts = offsets(inputs.map((input) => input.shape[axis]!));
    return inputs.flatMap(({ shape }, operand) => {
      const index = identityMap(shape.length);
      return copyLowering("concat", shape, { operand, index }, index.with(axis, affineIndex(axis, shape.length, 1, starts[operand]!)));
    });
  },
  gradient(build, { inputs, attributes, gradient }) {
    const axis = intAttribute(attributes, "axis");
    const shapes = inputs.map((input) => build.typeOf(input).shape);
    const starts = offsets(shapes.map((shape) => shape[axis]!));
    return shapes.map((shape, k) => build.apply("slice", [gradient], { start: shape.map((extent, d) => (d === axis && extent > 0 ? starts[k]! : 0)), length: shape, step: shape.map(() => 1) }));
  },
  examples: () => [
    { inputs: [tensor("i32", [2], [1, 2]), tensor("i32", [1], [3])], attributes: { axis: 0 }, expected: tensor("i32", [3], [1, 2, 3]) },
    { inputs: [samples("f32", [3, 2, 5]), samples("f32", [3, 4, 5], 1), samples("f32", [3, 1, 5], 2)], attributes: { axis: 1 } },
    { inputs: [samples("bf16", [3, 0]), samples("bf16", [3, 2])], attributes: { axis: 1 } },
    { inputs: [samples("u8", [0, 2])], attributes: { axis: 0 } },
  ],
};

export const stack: Op = {
  name: "stack",
  kind: "compute",
  summary: "Tensors of one shape side by side along a new axis.",
  formula: "y[…, k, …] = xₖ[…]",
  signature: {
    call: "stack",
    module: "core",
    parameters: [{ name: "tensors", kind: "tensors" }, { name: "axis", kind: "axis", default: 0 }],
    attributes: (args, inputs) => ({ axis: axisArgument(args["axis"], requireSome("stack", inputs).shape.length + 1, "stack") }),
  },
  type(inputs, attributes) {
    const first = requireSome("stack", inputs);
    const axis = axisArgument(intAttribute(attributes, "axis"), first.shape.length + 1, "stack");
    for (const other of inputs) {
      requireSameDType("stack", first, other, ["the first", "another"]);
      requireSameShape("stack", first, other, ["the first", "another"]);
    }
    return { dtype: first.dtype, shape: first.shape.toSpliced(axis, 0, inputs.length) };
  },
  evaluate(inputs, attributes, type) {
    const axis = intAttribute(attributes, "axis");
    const result = zeros(type);
    inputs.forEach((input, k) =>
      forEachIndex(input.type.shape, (index, flat) => {
        result.data[flatIndex(type.shape, index.toSpliced(axis, 0, k))] = input.data[flat]!;
      }),
    );
    return result;
  },
  lower(inputs, attributes) {
    const axis = intAttribute(attributes, "axis");
    return inputs.flatMap(({ shape }, operand) => {
      const index = identityMap(shape.length);
      return copyLowering("stack", shape, { operand, index }, index.toSpliced(axis, 0, affineConstant(operand, shape.length)));
    });
  },
  gradient(build, { inputs, attributes, gradient }) {
    const axis = intAttribute(attributes, "axis");
    const { shape } = build.typeOf(gradient);
    return inputs.map((input, k) => {
      const layer = build.apply("slice", [gradient], { start: shape.map((_, d) => (d === axis ? k : 0)), length: shape.with(axis, 1), step: shape.map(() => 1) });
      return reshaped(build, layer, build.typeOf(input).shape);
    });
  },
  examples: () => [
    { inputs: [tensor("i32", [2], [1, 2]), tensor("i32", [2], [3, 4])], attributes: { axis: 1 }, expected: tensor("i32", [2, 2], [1, 3, 2, 4]) },
    { inputs: [samples("f32", [3, 5]), samples("f32", [3, 5], 1), samples("f32", [3, 5], 2)], attributes: { axis: 0 } },
    { inputs: [samples("i64", []), samples("i64", [], 1)], attributes: { axis: 0 } },
    { inputs: [samples("u8", [0])], attributes: { axis: 1 } },
  ],
};
