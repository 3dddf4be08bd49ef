/** One element seen many times: NumPy's broadcasting, made explicit. */
import { flatIndex, forEachIndex, tensor, zeros } from "../../graph/tensor.ts";
import { sameShape } from "../../graph/graph.ts";
import { affineConstant, affineIndex } from "../../support/affine.ts";
import { samples } from "../elementwise/elementwise.ts";
import { sumTo } from "../gradients.ts";
import type { Op } from "../op.ts";
import { broadcastShapes, intsAttribute, refuse, requireInputs, shapeArgument, showShape } from "../rules.ts";

export const broadcast: Op = {
  name: "broadcast",
  kind: "view",
  summary: "The tensor repeated along dimensions of extent 1, and along new ones at the front.",
  formula: "y[…, i, j] = x[i or 0, j or 0]",
  signature: {
    call: "broadcast",
    module: "core",
    parameters: [{ name: "x", kind: "tensor" }, { name: "shape", kind: "shape" }],
    attributes: (args) => ({ shape: shapeArgument(args["shape"], "broadcast") }),
  },
  type(inputs, attributes) {
    requireInputs("broadcast", inputs, 1);
    const shape = intsAttribute(attributes, "shape");
    const common = broadcastShapes(inputs[0]!.shape, shape);
    if (!common || !sameShape(common, shape)) refuse("shape-mismatch", `${showShape(inputs[0]!.shape)} does not broadcast to ${showShape(shape)}`);
    return { dtype: inputs[0]!.dtype, shape: [...shape] };
  },
  evaluate(inputs, _attributes, type) {
    const [x, result] = [inputs[0]!, zeros(type)];
    const added = type.shape.length - x.type.shape.length;
    forEachIndex(type.shape, (index, flat) => {
      result.data[flat] = x.data[flatIndex(x.type.shape, x.type.shape.map((extent, axis) => (extent === 1 ? 0 : index[added + axis]!)))]!;
    });
    return result;
  },
  view(input, _attributes, type) {
    const rank = type.shape.length;
    return input.shape.map((extent, axis) => (extent === 1 ? affineConstant(0, rank) : affineIndex(rank - input.shape.length + axis, rank)));
  },
  gradient: (build, { inputs: [x], gradient }) => [sumTo(build, gradient, build.typeOf(x!).shape)],
  examples: () => [
    { inputs: [tensor("i32", [2, 1], [1, 2])], attributes: { shape: [2, 3] }, expected: tensor("i32", [2, 3], [1, 1, 1, 2, 2, 2]) },
    { inputs: [samples("f32", [5])], attributes: { shape: [3, 1, 5] } },
    { inputs: [samples("f16", [])], attributes: { shape: [3, 5] } },
    { inputs: [samples("u8", [1, 3])], attributes: { shape: [0, 3] } },
    { inputs: [samples("u8", [])], attributes: { shape: [] } },
  ],
};
