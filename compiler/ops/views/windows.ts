/**
 * Windows that slide along an axis, as a view: elements that several windows meet lie in memory once. The way back, which is its
 * gradient, adds up what belongs to each element.
 */
import type { Attributes } from "../../graph/graph.ts";
import { flatIndex, forEachIndex, tensor, zeros } from "../../graph/tensor.ts";
import { affineIndex } from "../../support/affine.ts";
import { samples } from "../elementwise/elementwise.ts";
import type { Op } from "../op.ts";
import { overlapped, type Sliding } from "./overlapped.ts";
import { axisArgument, intArgument, intAttribute, refuse, requireInputs, showShape } from "../rules.ts";

const slidingOf = (attributes: Attributes): Sliding => ({
  axis: intAttribute(attributes, "axis"), size: intAttribute(attributes, "size"), step: intAttribute(attributes, "step"), dilation: intAttribute(attributes, "dilation"),
});

/** How many windows there are. */
function countOf(shape: readonly number[], { axis, size, step, dilation }: Sliding): number {
  for (const [word, value] of [["size", size], ["step", step], ["dilation", dilation]] as const) if (value < 1) refuse("out-of-range", `the ${word} of windows must be at least 1, it is ${value}`);
  const reach = dilation * (size - 1) + 1;
  if (reach > shape[axis]!) refuse("out-of-range", `a window reaches over ${reach} elements, and axis ${axis} of ${showShape(shape)} has ${shape[axis]}`);
  return Math.floor((shape[axis]! - reach) / step) + 1;
}

export const windows: Op = {
  name: "windows",
  kind: "view",
  summary: "Windows of a size that slide along an axis, one every `step` elements; what one holds is along a new last axis.",
  formula: "y[…, i, …, j] = x[…, i · step + j · dilation, …]",
  signature: {
    call: "windows",
    module: "core",
    parameters: [{ name: "x", kind: "tensor" }, { name: "size", kind: "int" }, { name: "step", kind: "int", default: 1 }, { name: "axis", kind: "axis", default: -1 }, { name: "dilation", kind: "int", default: 1 }],
    attributes: (args, inputs) => ({
      size: intArgument(args["size"], "the size of windows"), step: intArgument(args["step"], "the step of windows"),
      axis: axisArgument(args["axis"], inputs[0]!.shape.length, "windows"), dilation: intArgument(args["dilation"], "the dilation of windows"),
    }),
  },
  type(inputs, attributes) {
    requireInputs("windows", inputs, 1);
    const { dtype, shape } = inputs[0]!;
    const sliding = slidingOf(attributes);
    axisArgument(sliding.axis, shape.length, "windows");
    return { dtype, shape: [...shape.with(sliding.axis, countOf(shape, sliding)), sliding.size] };
  },
  evaluate(inputs, attributes, type) {
    const [x, result, { axis, step, dilation }] = [inputs[0]!, zeros(type), slidingOf(attributes)];
    forEachIndex(type.shape, (index, flat) => {
      const within = index.at(-1)!;
      result.data[flat] = x.data[flatIndex(x.type.shape, index.slice(0, -1).with(axis, index[axis]! * step + within * dilation))]!;
    });
    return result;
  },
  view(input, attributes) {
    const { axis, step, dilation } = slidingOf(attributes);
    const rank = input.shape.length;
    return input.shape.map((_, d) => (d === axis ? { constant: 0, coefficients: Array.from({ length: rank + 1 }, (_one, k) => (k === axis ? step : k === rank ? dilation : 0)) } : affineIndex(d, rank + 1)));
  },
  gradient: (build, { inputs: [x], attributes, gradient }) => [overlapped(build, gradient, build.typeOf(x!).shape, slidingOf(attributes))],
  examples: () => [
    { inputs: [tensor("i32", [5], [1, 2, 3, 4, 5])], attributes: { size: 3, step: 1, axis: 0, dilation: 1 }, expected: tensor("i32", [3, 3], [1, 2, 3, 2, 3, 4, 3, 4, 5]) },
    { inputs: [samples("f32", [3, 17, 2])], attributes: { size: 5, step: 2, axis: 1, dilation: 1 } },
    { inputs: [samples("f64", [2, 11])], attributes: { size: 3, step: 1, axis: 1, dilation: 2 } },
    { inputs: [samples("f64", [13, 2])], attributes: { size: 2, step: 5, axis: 0, dilation: 3 } },
    { inputs: [samples("f64", [2, 80])], attributes: { size: 40, step: 1, axis: 1, dilation: 1 } },
    { inputs: [samples("f16", [9, 3])], attributes: { size: 2, step: 4, axis: 0, dilation: 1 } },
    { inputs: [samples("u8", [0, 4])], attributes: { size: 4, step: 1, axis: 1, dilation: 1 } },
  ],
};
