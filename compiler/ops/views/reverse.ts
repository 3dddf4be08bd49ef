/** Elements from last to first along some axes. */
import { flatIndex, forEachIndex, tensor, zeros } from "../../graph/tensor.ts";
import { affineIndex } from "../../support/affine.ts";
import { samples } from "../elementwise/elementwise.ts";
import type { Op } from "../op.ts";
import { axesArgument, intsAttribute, requireInputs } from "../rules.ts";

export const reverse: Op = {
  name: "reverse",
  kind: "view",
  summary: "Elements from last to first along the axes, along all when none is given.",
  formula: "y[i] = x[n - 1 - i]",
  signature: {
    call: "reverse",
    module: "core",
    parameters: [{ name: "x", kind: "tensor" }, { name: "axis", kind: "axes", default: null }],
    attributes: (args, inputs) => ({ axes: axesArgument(args["axis"], inputs[0]!.shape.length, "reverse") }),
  },
  type(inputs, attributes) {
    requireInputs("reverse", inputs, 1);
    axesArgument(intsAttribute(attributes, "axes"), inputs[0]!.shape.length, "reverse");
    return inputs[0]!;
  },
  evaluate(inputs, attributes, type) {
    const axes = intsAttribute(attributes, "axes");
    const [x, result] = [inputs[0]!, zeros(type)];
    forEachIndex(type.shape, (index, flat) => {
      result.data[flat] = x.data[flatIndex(type.shape, index.map((i, axis) => (axes.includes(axis) ? type.shape[axis]! - 1 - i : i)))]!;
    });
    return result;
  },
  view(input, attributes) {
    const axes = intsAttribute(attributes, "axes");
    const rank = input.shape.length;
    return input.shape.map((extent, axis) => (axes.includes(axis) ? affineIndex(axis, rank, -1, extent - 1) : affineIndex(axis, rank)));
  },
  gradient: (build, { attributes, gradient }) => [build.apply("reverse", [gradient], attributes)],
  examples: () => [
    { inputs: [tensor("i32", [2, 3], [1, 2, 3, 4, 5, 6])], attributes: { axes: [1] }, expected: tensor("i32", [2, 3], [3, 2, 1, 6, 5, 4]) },
    { inputs: [samples("f32", [3, 5])], attributes: { axes: [0, 1] } },
    { inputs: [samples("f32", [])], attributes: { axes: [] } },
    { inputs: [samples("f32", [0, 2])], attributes: { axes: [0] } },
  ],
};
