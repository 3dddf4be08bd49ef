/** An update whose value is a map, computed where it belongs: what `fuse-updates` makes. */
import { sameShape } from "../../graph/graph.ts";
import { tensor } from "../../graph/tensor.ts";
import { argument, binary, constant, substitute } from "../../kernel/build.ts";
import { identityMap } from "../../support/affine.ts";
import { invariant } from "../../support/bug.ts";
import { samples } from "../elementwise/elementwise.ts";
import { copyLowering, dimensions, outside, region, run } from "../lowerings.ts";
import { bodyAttribute, bodyOf, map, operationsOf } from "./map.ts";
import type { Op } from "../op.ts";
import { boxOf } from "../views/slice.ts";
import { update } from "../data/update.ts";

const average = binary("mul", constant("f32", 0.5), binary("add", argument("f32", 0), argument("f32", 1)));
const twice = binary("add", argument("i32", 0), argument("i32", 0));

export const mapUpdate: Op = {
  name: "map_update",
  kind: "compute",
  summary: "base with a box of it replaced by a scalar function of corresponding elements.",
  formula: "y = base, but y[start + i · step] = body(x₀[i], x₁[i], …)",
  noGradient: "it is made when gradients are there",
  type(inputs, attributes) {
    const [base, ...args] = inputs;
    invariant(base && args.length > 0, "a map_update without inputs");
    const { length } = boxOf("map_update", base, attributes);
    for (const { shape } of args) invariant(sameShape(shape, length), () => `a map of shape [${shape.join(", ")}] for a box of [${length.join(", ")}]`);
    invariant(bodyOf(attributes).dtype === base.dtype, "a map_update of another dtype than its base");
    return base;
  },
  evaluate(inputs, attributes, type) {
    const { start, length, step } = boxOf("map_update", type, attributes);
    const mapped = map.evaluate(inputs.slice(1), { body: attributes["body"]! }, { dtype: type.dtype, shape: length });
    return update.evaluate([inputs[0]!, mapped], { start, length, step }, type);
  },
  lower(inputs, attributes, type) {
    const box = boxOf("map_update", type, attributes);
    const inside = region(box.length.map((length, axis) => run(box.start[axis]!, length, box.step[axis]!)));
    const body = bodyOf(attributes);
    const reads = inputs.slice(1).map((_, k) => ({ operand: k + 1, index: identityMap(inside.extents.length) }));
    return [
      ...(inside.extents.includes(0) ? [] : [{
        name: "map_update",
        space: dimensions("parallel", inside.extents),
        reads,
        writes: [{ operand: 0, index: inside.index }],
        operations: operationsOf(body),
        emit: ({ kernel, block, load, store }: Parameters<ReturnType<typeof copyLowering>[number]["emit"]>[0]) =>
          kernel.forBox(block, true, (at) => store(0, at, substitute(body, reads.map((__, read) => load(read, at))))),
      }]),
      ...outside(type.shape, box).flatMap(({ extents, index }) => copyLowering("copy", extents, { operand: 0, index }, index)),
    ];
  },
  examples: () => [
    { inputs: [tensor("i32", [5], [1, 2, 3, 4, 5]), tensor("i32", [2], [8, 9])], attributes: { body: bodyAttribute(twice), start: [3], length: [2], step: [-2] }, expected: tensor("i32", [5], [1, 18, 3, 16, 5]) },
    { inputs: [samples("f32", [7, 9]), samples("f32", [5, 7], 1), samples("f32", [5, 7], 2)], attributes: { body: bodyAttribute(average), start: [1, 1], length: [5, 7], step: [1, 1] } },
    { inputs: [samples("i32", [11]), samples("i32", [4], 1)], attributes: { body: bodyAttribute(twice), start: [9], length: [4], step: [-3] } },
    { inputs: [samples("i32", [3, 2]), samples("i32", [0, 2])], attributes: { body: bodyAttribute(twice), start: [1, 0], length: [0, 2], step: [1, 1] } },
    { inputs: [samples("i32", []), samples("i32", [], 1)], attributes: { body: bodyAttribute(twice), start: [], length: [], step: [] } },
  ],
};
