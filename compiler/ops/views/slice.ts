/** A box of a tensor with steps. Written by indexing; `reverse` is a view of its own. */
import { flatIndex, forEachIndex, tensor, zeros } from "../../graph/tensor.ts";
import type { Attributes, TensorType } from "../../graph/graph.ts";
import { affineIndex } from "../../support/affine.ts";
import { invariant } from "../../support/bug.ts";
import { samples } from "../elementwise/elementwise.ts";
import type { Op } from "../op.ts";
import { intsAttribute, refuse, requireInputs, showShape } from "../rules.ts";

/** Elements start, start + step, … of each dimension; a step may be negative. */
export interface Box {
  readonly start: readonly number[];
  readonly length: readonly number[];
  readonly step: readonly number[];
}

/** The box of a slice or update, checked against the shape it is taken of. */
export function boxOf(what: string, { shape }: TensorType, attributes: Attributes): Box {
  const box = { start: intsAttribute(attributes, "start"), length: intsAttribute(attributes, "length"), step: intsAttribute(attributes, "step") };
  for (const list of Object.values(box)) invariant(list.length === shape.length, () => `${what} with ${list.length} entries for rank ${shape.length}`);
  shape.forEach((extent, axis) => {
    const [start, length, step] = [box.start[axis]!, box.length[axis]!, box.step[axis]!];
    if (step === 0) refuse("bad-argument", `the step of a slice is 0`);
    const last = start + (length - 1) * step;
    if (length < 0 || (length > 0 && (start < 0 || start >= extent || last < 0 || last >= extent))) {
      refuse("out-of-range", `elements ${start} to ${last} are outside of axis ${axis}, whose extent is ${extent} in ${showShape(shape)}`);
    }
  });
  return box;
}

export const slice: Op = {
  name: "slice",
  kind: "view",
  summary: "A box of a tensor, with a step in each dimension.",
  formula: "y[i] = x[start + i · step]",
  type(inputs, attributes) {
    requireInputs("slice", inputs, 1);
    return { dtype: inputs[0]!.dtype, shape: [...boxOf("slice", inputs[0]!, attributes).length] };
  },
  evaluate(inputs, attributes, type) {
    const x = inputs[0]!;
    const box = boxOf("slice", x.type, attributes);
    const result = zeros(type);
    forEachIndex(type.shape, (index, flat) => {
      result.data[flat] = x.data[flatIndex(x.type.shape, index.map((i, axis) => box.start[axis]! + i * box.step[axis]!))]!;
    });
    return result;
  },
  view(input, attributes) {
    const box = boxOf("slice", input, attributes);
    return input.shape.map((_, axis) => affineIndex(axis, input.shape.length, box.step[axis]!, box.start[axis]!));
  },
  /** 0 outside of the box: by a border where the steps are 1, else by an update. */
  gradient(build, { inputs: [x], attributes, gradient }) {
    const type = build.typeOf(x!);
    const { start, length, step } = boxOf("slice", type, attributes);
    if (step.some((each, axis) => each !== 1 && length[axis]! > 1) || length.includes(0)) return [build.apply("update", [build.fill(type, 0), gradient], { start, length, step })];
    return [build.apply("pad", [gradient], { before: start, after: type.shape.map((extent, axis) => extent - start[axis]! - length[axis]!), value: 0 })];
  },
  examples: () => [
    { inputs: [tensor("i32", [5], [1, 2, 3, 4, 5])], attributes: { start: [4], length: [3], step: [-2] }, expected: tensor("i32", [3], [5, 3, 1]) },
    { inputs: [samples("f32", [7, 5])], attributes: { start: [1, 0], length: [3, 4], step: [2, 1] } },
    { inputs: [samples("f16", [4, 3, 2])], attributes: { start: [3, 1, 0], length: [4, 1, 2], step: [-1, 1, 1] } },
    { inputs: [samples("u8", [])], attributes: { start: [], length: [], step: [] } },
    { inputs: [samples("u8", [3, 2])], attributes: { start: [3, 0], length: [0, 2], step: [1, 1] } },
  ],
};
