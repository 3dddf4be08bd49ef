/** Dimensions in another order. */
import { flatIndex, forEachIndex, tensor, zeros } from "../../graph/tensor.ts";
import { affineIndex } from "../../support/affine.ts";
import { samples } from "../elementwise/elementwise.ts";
import type { Op } from "../op.ts";
import { axisArgument, intsArgument, intsAttribute, refuse, requireInputs, showShape } from "../rules.ts";

export const transpose: Op = {
  name: "transpose",
  kind: "view",
  summary: "Dimensions in the given order; without axes reversed.",
  formula: "y[i₀, i₁, …] = x with dimension axes[k] at place k",
  signature: {
    call: "transpose",
    module: "core",
    parameters: [{ name: "x", kind: "tensor" }, { name: "axes", kind: "shape", default: null }],
    attributes(args, inputs) {
      const rank = inputs[0]!.shape.length;
      const given = args["axes"];
      if (given === null || given === undefined || (Array.isArray(given) && given.length === 0)) return { axes: Array.from({ length: rank }, (_, k) => rank - 1 - k) };
      return { axes: intsArgument(given, "an axis of transpose").map((axis) => axisArgument(axis, rank, "transpose")) };
    },
  },
  type(inputs, attributes) {
    requireInputs("transpose", inputs, 1);
    const axes = intsAttribute(attributes, "axes");
    const { dtype, shape } = inputs[0]!;
    if (axes.length !== shape.length || [...axes].sort((a, b) => a - b).some((axis, k) => axis !== k)) {
      refuse("bad-argument", `transpose names each axis once, ${showShape(axes)} does not order the ${shape.length} axes of ${showShape(shape)}`);
    }
    return { dtype, shape: axes.map((axis) => shape[axis]!) };
  },
  evaluate(inputs, attributes, type) {
    const axes = intsAttribute(attributes, "axes");
    const [x, result] = [inputs[0]!, zeros(type)];
    forEachIndex(x.type.shape, (index, flat) => {
      result.data[flatIndex(type.shape, axes.map((axis) => index[axis]!))] = x.data[flat]!;
    });
    return result;
  },
  view(input, attributes) {
    const axes = intsAttribute(attributes, "axes");
    return input.shape.map((_, axis) => affineIndex(axes.indexOf(axis), axes.length));
  },
  gradient: (build, { attributes, gradient }) => {
    const axes = intsAttribute(attributes, "axes");
    return [build.apply("transpose", [gradient], { axes: axes.map((_, axis) => axes.indexOf(axis)) })];
  },
  examples: () => [
    { inputs: [tensor("i32", [2, 3], [1, 2, 3, 4, 5, 6])], attributes: { axes: [1, 0] }, expected: tensor("i32", [3, 2], [1, 4, 2, 5, 3, 6]) },
    { inputs: [samples("f32", [3, 5, 7])], attributes: { axes: [1, 2, 0] } },
    { inputs: [samples("i64", [])], attributes: { axes: [] } },
    { inputs: [samples("bf16", [0, 4])], attributes: { axes: [1, 0] } },
  ],
};
