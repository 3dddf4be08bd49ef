/** A tensor with one box of it replaced. */
import { flatIndex, forEachIndex, tensor, zeros } from "../../graph/tensor.ts";
import { sameShape } from "../../graph/graph.ts";
import { identityMap } from "../../support/affine.ts";
import { samples } from "../elementwise/elementwise.ts";
import { copyLowering, outside, region, run } from "../lowerings.ts";
import type { Op } from "../op.ts";
import { refuse, requireInputs, requireSameDType, showShape } from "../rules.ts";
import { boxOf } from "../views/slice.ts";

export const update: Op = {
  name: "update",
  kind: "compute",
  summary: "base with a box of it replaced by value.",
  formula: "y = base, but y[start + i · step] = value[i]",
  type(inputs, attributes) {
    requireInputs("update", inputs, 2);
    const [base, value] = [inputs[0]!, inputs[1]!];
    requireSameDType("an assignment to a slice", base, value, ["the slice", "the value"]);
    const { length } = boxOf("update", base, attributes);
    if (!sameShape(length, value.shape)) refuse("shape-mismatch", `a slice of shape ${showShape(length)} cannot take a value of shape ${showShape(value.shape)}`);
    return base;
  },
  evaluate(inputs, attributes, type) {
    const [base, value, result] = [inputs[0]!, inputs[1]!, zeros(type)];
    const box = boxOf("update", base.type, attributes);
    for (let flat = 0; flat < result.data.length; flat++) result.data[flat] = base.data[flat]!;
    forEachIndex(box.length, (index, flat) => {
      result.data[flatIndex(type.shape, index.map((i, axis) => box.start[axis]! + i * box.step[axis]!))] = value.data[flat]!;
    });
    return result;
  },
  lower(inputs, attributes, type) {
    const box = boxOf("update", type, attributes);
    const inside = region(box.length.map((length, axis) => run(box.start[axis]!, length, box.step[axis]!)));
    return [
      ...copyLowering("update", inside.extents, { operand: 1, index: identityMap(inside.extents.length) }, inside.index),
      ...outside(inputs[0]!.shape, box).flatMap(({ extents, index }) => copyLowering("copy", extents, { operand: 0, index }, index)),
    ];
  },
  gradient(build, { inputs: [, value], attributes, gradient }) {
    const box = { start: attributes["start"], length: attributes["length"], step: attributes["step"] };
    return [build.apply("update", [gradient, build.fill(build.typeOf(value!), 0)], box), build.apply("slice", [gradient], box)];
  },
  examples: () => [
    {
      inputs: [tensor("i32", [5], [1, 2, 3, 4, 5]), tensor("i32", [2], [8, 9])], attributes: { start: [3], length: [2], step: [-2] },
      expected: tensor("i32", [5], [1, 9, 3, 8, 5]),
    },
    { inputs: [samples("f32", [7, 9]), samples("f32", [5, 7], 1)], attributes: { start: [1, 1], length: [5, 7], step: [1, 1] } },
    { inputs: [samples("f16", [11, 3, 5]), samples("f16", [3, 3, 2], 1)], attributes: { start: [1, 2, 4], length: [3, 3, 2], step: [4, -1, -3] } },
    { inputs: [samples("u8", []), samples("u8", [], 1)], attributes: { start: [], length: [], step: [] } },
    { inputs: [samples("u8", [3, 2]), samples("u8", [0, 2])], attributes: { start: [1, 0], length: [0, 2], step: [1, 1] } },
    { inputs: [samples("u8", [3, 0]), samples("u8", [2, 0])], attributes: { start: [1, 0], length: [2, 0], step: [1, 1] } },
  ],
};
