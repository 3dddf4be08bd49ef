/** A tensor turned around: what leaves at one end comes in at the other. */
import { flatIndex, forEachIndex, tensor, zeros } from "../../graph/tensor.ts";
import { samples } from "../elementwise/elementwise.ts";
import { choices, copyLowering, region, run } from "../lowerings.ts";
import type { ConstantValue, Op } from "../op.ts";
import { axisArgument, intsArgument, intsAttribute, refuse, requireInputs } from "../rules.ts";

/** The shift of each dimension, between 0 and its extent. */
function shifts(shape: readonly number[], shift: ConstantValue | undefined, axis: ConstantValue | undefined): number[] {
  const given = intsArgument(shift, "the shift of roll");
  const axes = axis === null || axis === undefined ? given.map((_, k) => k) : intsArgument(axis, "the axis of roll");
  if (given.length !== axes.length && given.length !== 1) refuse("bad-argument", `roll has ${given.length} shifts for ${axes.length} axes`);
  const total = shape.map(() => 0);
  axes.forEach((item, k) => (total[axisArgument(item, shape.length, "roll")]! += given.length === 1 ? given[0]! : given[k]!));
  return total.map((amount, dimension) => (shape[dimension] === 0 ? 0 : ((amount % shape[dimension]!) + shape[dimension]!) % shape[dimension]!));
}

export const roll: Op = {
  name: "roll",
  kind: "compute",
  summary: "Every element moved by shift along its axis, around the end; a tuple of shifts is for the first axes.",
  formula: "y[(i + shift) mod n] = x[i]",
  signature: {
    call: "roll",
    module: "core",
    parameters: [{ name: "x", kind: "tensor" }, { name: "shift", kind: "ints" }, { name: "axis", kind: "axes", default: null }],
    attributes: (args, inputs) => ({ shift: shifts(inputs[0]!.shape, args["shift"], args["axis"]) }),
  },
  type(inputs, attributes) {
    requireInputs("roll", inputs, 1);
    intsAttribute(attributes, "shift");
    return inputs[0]!;
  },
  evaluate(inputs, attributes, type) {
    const [x, shift, result] = [inputs[0]!, intsAttribute(attributes, "shift"), zeros(type)];
    forEachIndex(type.shape, (index, flat) => {
      result.data[flatIndex(type.shape, index.map((i, axis) => (i + shift[axis]!) % type.shape[axis]!))] = x.data[flat]!;
    });
    return result;
  },
  lower(_inputs, attributes, type) {
    const shift = intsAttribute(attributes, "shift");
    const parts = type.shape.map((extent, axis) => {
      const turn = shift[axis]!;
      const stays = { from: run(0, extent - turn), to: run(turn, extent - turn) };
      return turn === 0 ? [stays] : [stays, { from: run(extent - turn, turn), to: run(0, turn) }];
    });
    return choices(parts).flatMap((chosen) => {
      const from = region(chosen.map((piece) => piece.from));
      return copyLowering("roll", from.extents, { operand: 0, index: from.index }, region(chosen.map((piece) => piece.to)).index);
    });
  },
  gradient(build, { attributes, gradient }) {
    const { shape } = build.typeOf(gradient);
    return [build.apply("roll", [gradient], { shift: intsAttribute(attributes, "shift").map((turn, axis) => (turn === 0 ? 0 : shape[axis]! - turn)) })];
  },
  examples: () => [
    { inputs: [tensor("i32", [5], [1, 2, 3, 4, 5])], attributes: { shift: [2] }, expected: tensor("i32", [5], [4, 5, 1, 2, 3]) },
    { inputs: [tensor("i32", [2, 3], [1, 2, 3, 4, 5, 6])], attributes: { shift: [1, 2] }, expected: tensor("i32", [2, 3], [5, 6, 4, 2, 3, 1]) },
    { inputs: [samples("f32", [3, 5, 2])], attributes: { shift: [1, 0, 1] } },
    { inputs: [samples("u8", [])], attributes: { shift: [] } },
    { inputs: [samples("u8", [0, 3])], attributes: { shift: [0, 2] } },
  ],
};
