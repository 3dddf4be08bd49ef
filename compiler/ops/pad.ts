/** A border of one value around a tensor. */
import { flatIndex, forEachIndex, put, tensor, zeros } from "../graph/tensor.ts";
import { identityMap } from "../support/affine.ts";
import { invariant } from "../support/bug.ts";
import { samples } from "./elementwise.ts";
import { copyLowering, fillLowering, outside, region, run } from "./lowerings.ts";
import type { ConstantValue, Op } from "./op.ts";
import { intsArgument, intsAttribute, numberAttribute, refuse, requireInputs, showShape } from "./rules.ts";

function widths(value: ConstantValue | undefined, rank: number, name: string): number[] {
  const list = intsArgument(value, `${name} of pad`);
  const all = Array.isArray(value) ? list : new Array<number>(rank).fill(list[0]!);
  if (all.length !== rank) refuse("bad-argument", `${name} of pad has ${all.length} entries, but the tensor has rank ${rank}`);
  for (const width of all) if (width < 0) refuse("out-of-range", `${name} of pad is negative: ${showShape(all)}`);
  return all;
}

export const pad: Op = {
  name: "pad",
  kind: "compute",
  summary: "The tensor with a border of one value; widths for every axis, or one for all.",
  formula: "y[before + i] = x[i], value elsewhere",
  signature: {
    call: "pad",
    module: "core",
    parameters: [{ name: "x", kind: "tensor" }, { name: "before", kind: "ints" }, { name: "after", kind: "ints", default: null }, { name: "value", kind: "float", default: 0 }],
    attributes(args, inputs) {
      const rank = inputs[0]!.shape.length;
      const before = widths(args["before"], rank, "before");
      const after = args["after"] ?? null;
      return { before, after: after === null ? before : widths(after, rank, "after"), value: Number(args["value"] ?? 0) };
    },
  },
  type(inputs, attributes) {
    requireInputs("pad", inputs, 1);
    const { dtype, shape } = inputs[0]!;
    const [before, after] = [intsAttribute(attributes, "before"), intsAttribute(attributes, "after")];
    invariant(before.length === shape.length && after.length === shape.length, "pad widths and rank differ");
    numberAttribute(attributes, "value");
    return { dtype, shape: shape.map((extent, axis) => before[axis]! + extent + after[axis]!) };
  },
  evaluate(inputs, attributes, type) {
    const [x, before, result] = [inputs[0]!, intsAttribute(attributes, "before"), zeros(type)];
    for (let flat = 0; flat < result.data.length; flat++) put(result, flat, numberAttribute(attributes, "value"));
    forEachIndex(x.type.shape, (index, flat) => {
      result.data[flatIndex(type.shape, index.map((i, axis) => i + before[axis]!))] = x.data[flat]!;
    });
    return result;
  },
  lower(inputs, attributes, type) {
    const { shape } = inputs[0]!;
    const start = intsAttribute(attributes, "before");
    const inside = region(shape.map((extent, axis) => run(start[axis]!, extent)));
    const border = outside(type.shape, { start, length: shape, step: shape.map(() => 1) });
    return [
      ...copyLowering("pad", shape, { operand: 0, index: identityMap(shape.length) }, inside.index),
      ...border.flatMap((side) => fillLowering("border", side, type.dtype, numberAttribute(attributes, "value"))),
    ];
  },
  gradient(build, { inputs: [x], attributes, gradient }) {
    const { shape } = build.typeOf(x!);
    return [build.apply("slice", [gradient], { start: attributes["before"], length: shape, step: shape.map(() => 1) })];
  },
  examples: () => [
    { inputs: [tensor("i32", [2], [1, 2])], attributes: { before: [1], after: [2], value: 7 }, expected: tensor("i32", [5], [7, 1, 2, 7, 7]) },
    { inputs: [samples("f32", [3, 5])], attributes: { before: [1, 1], after: [1, 1], value: 0 } },
    { inputs: [samples("f16", [2, 1, 3])], attributes: { before: [0, 2, 1], after: [1, 0, 0], value: 0.1 } },
    { inputs: [samples("u8", [])], attributes: { before: [], after: [], value: 0 } },
    { inputs: [samples("u8", [0, 2])], attributes: { before: [1, 0], after: [1, 1], value: 3 } },
  ],
};
