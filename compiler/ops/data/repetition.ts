/** Copies of a tensor side by side (`tile`), and copies of each element (`repeat_each`). */
import { flatIndex, forEachIndex, tensor, zeros } from "../../graph/tensor.ts";
import { affineIndex } from "../../support/affine.ts";
import { samples } from "../elementwise/elementwise.ts";
import { copyLowering, region } from "../lowerings.ts";
import { reshaped, summed } from "../gradients.ts";
import type { Op, Signature } from "../op.ts";
import { axisArgument, intArgument, intAttribute, intsArgument, intsAttribute, refuse, requireInputs, showShape } from "../rules.ts";

export const tile: Op = {
  name: "tile",
  kind: "compute",
  summary: "Copies of the tensor side by side; the last numbers of copies are for the last axes.",
  formula: "y[i] = x[i mod n]",
  signature: {
    call: "tile",
    module: "core",
    parameters: [{ name: "x", kind: "tensor" }, { name: "repeats", kind: "ints" }],
    attributes(args, inputs) {
      const rank = inputs[0]!.shape.length;
      const given = intsArgument(args["repeats"], "the repeats of tile");
      if (given.length > rank) refuse("bad-argument", `tile has ${given.length} numbers of copies, but the tensor has rank ${rank}`, "expand(x, 0) adds a dimension");
      return { repeats: [...new Array<number>(rank - given.length).fill(1), ...given] };
    },
  },
  type(inputs, attributes) {
    requireInputs("tile", inputs, 1);
    const repeats = intsAttribute(attributes, "repeats");
    for (const count of repeats) if (count < 0) refuse("out-of-range", `a number of copies is negative: ${showShape(repeats)}`);
    return { dtype: inputs[0]!.dtype, shape: inputs[0]!.shape.map((extent, axis) => extent * repeats[axis]!) };
  },
  evaluate(inputs, _attributes, type) {
    const [x, result] = [inputs[0]!, zeros(type)];
    forEachIndex(type.shape, (index, flat) => {
      result.data[flat] = x.data[flatIndex(x.type.shape, index.map((i, axis) => i % x.type.shape[axis]!))]!;
    });
    return result;
  },
  lower(inputs, attributes) {
    const { shape } = inputs[0]!;
    const repeats = intsAttribute(attributes, "repeats");
    const to = region(shape.map((extent, axis) => ({ extents: [repeats[axis]!, extent], constant: 0, coefficients: [extent, 1] })));
    const from = shape.map((_, axis) => affineIndex(2 * axis + 1, to.extents.length));
    return copyLowering("tile", to.extents, { operand: 0, index: from }, to.index);
  },
  gradient(build, { inputs: [x], attributes, gradient }) {
    const { shape } = build.typeOf(x!);
    const repeats = intsAttribute(attributes, "repeats");
    const copies = reshaped(build, gradient, shape.flatMap((extent, axis) => [repeats[axis]!, extent]));
    return [summed(build, copies, shape.map((_, axis) => 2 * axis))];
  },
  examples: () => [
    { inputs: [tensor("i32", [2], [1, 2])], attributes: { repeats: [3] }, expected: tensor("i32", [6], [1, 2, 1, 2, 1, 2]) },
    { inputs: [samples("f32", [3, 5])], attributes: { repeats: [2, 3] } },
    { inputs: [samples("f16", [])], attributes: { repeats: [] } },
    { inputs: [samples("f16", [2, 3])], attributes: { repeats: [0, 1] } },
  ],
};

const repeatCall = (call: string): Signature => ({
  call,
  module: "core",
  parameters: [{ name: "x", kind: "tensor" }, { name: "count", kind: "int" }, { name: "axis", kind: "axis", default: 0 }],
  attributes: (args, inputs) => ({ count: intArgument(args["count"], `the count of ${call}`), axis: axisArgument(args["axis"], inputs[0]!.shape.length, call) }),
});

export const repeatEach: Op = {
  name: "repeat_each",
  kind: "compute",
  summary: "Each element several times in a row along an axis.",
  formula: "y[i] = x[i div count]",
  signature: repeatCall("repeat_each"),
  otherSignatures: [repeatCall("repeat")],
  type(inputs, attributes) {
    requireInputs("repeat_each", inputs, 1);
    const [count, axis] = [intAttribute(attributes, "count"), intAttribute(attributes, "axis")];
    if (count < 0) refuse("out-of-range", `the count of repeat_each is negative: ${count}`);
    return { dtype: inputs[0]!.dtype, shape: inputs[0]!.shape.map((extent, k) => (k === axis ? extent * count : extent)) };
  },
  evaluate(inputs, attributes, type) {
    const [x, result] = [inputs[0]!, zeros(type)];
    const [count, axis] = [intAttribute(attributes, "count"), intAttribute(attributes, "axis")];
    forEachIndex(type.shape, (index, flat) => {
      result.data[flat] = x.data[flatIndex(x.type.shape, index.with(axis, Math.floor(index[axis]! / count)))]!;
    });
    return result;
  },
  lower(inputs, attributes) {
    const { shape } = inputs[0]!;
    const [count, axis] = [intAttribute(attributes, "count"), intAttribute(attributes, "axis")];
    const to = region(shape.map((extent, k) => (k === axis ? { extents: [extent, count], constant: 0, coefficients: [count, 1] } : { extents: [extent], constant: 0, coefficients: [1] })));
    const from = shape.map((_, k) => affineIndex(k <= axis ? k : k + 1, to.extents.length));
    return copyLowering("repeat_each", to.extents, { operand: 0, index: from }, to.index);
  },
  gradient(build, { inputs: [x], attributes, gradient }) {
    const { shape } = build.typeOf(x!);
    const [count, axis] = [intAttribute(attributes, "count"), intAttribute(attributes, "axis")];
    return [summed(build, reshaped(build, gradient, shape.toSpliced(axis + 1, 0, count)), [axis + 1])];
  },
  examples: () => [
    { inputs: [tensor("i32", [2], [1, 2])], attributes: { count: 3, axis: 0 }, expected: tensor("i32", [6], [1, 1, 1, 2, 2, 2]) },
    { inputs: [samples("f32", [3, 5, 2])], attributes: { count: 2, axis: 1 } },
    { inputs: [samples("f32", [3])], attributes: { count: 0, axis: 0 } },
  ],
};
