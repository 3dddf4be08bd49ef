/**
 * One element of each row: what losses take of the right class. A lookup; its gradient by x is made by comparing every place with
 * the index, as a map, which becomes part of the map that the rest of the gradient is.
 */
import { sizeOf } from "../../../runtime/dtype.ts";
import type { ValueId } from "../../graph/graph.ts";
import { get, tensor, zeros } from "../../graph/tensor.ts";
import { binary, cast, i32, select } from "../../kernel/build.ts";
import type { Lowering } from "../../kernel/lowering.ts";
import { affineIndex, identityMap } from "../../support/affine.ts";
import { samples } from "../elementwise/elementwise.ts";
import { broadcastTo, reshaped } from "../gradients.ts";
import { dimensions, fillLowering, number, padded, wholeRegion, widened } from "../lowerings.ts";
import type { Op } from "../op.ts";
import { refuse, requireClass, requireInputs, showShape } from "../rules.ts";

export const pick: Op = {
  name: "pick",
  kind: "compute",
  summary: "Of each row the element that its index names along the last axis; 0 where the index names none.",
  formula: "y[…] = x[…, indices[…]]",
  signature: {
    call: "pick",
    module: "core",
    parameters: [{ name: "x", kind: "tensor" }, { name: "indices", kind: "tensor" }],
    attributes: () => ({}),
  },
  type(inputs) {
    requireInputs("pick", inputs, 2);
    const [x, indices] = [inputs[0]!, inputs[1]!];
    requireClass("pick", "float", x);
    if (indices.dtype !== "i32") refuse("dtype-mismatch", `the indices of pick are i32, not ${indices.dtype}`);
    const rows = x.shape.slice(0, -1);
    const fits = x.shape.length > 0 && rows.length === indices.shape.length && rows.every((extent, axis) => extent === indices.shape[axis]);
    if (!fits) refuse("shape-mismatch", `the indices of pick have shape ${showShape(indices.shape)}; it must be that of the tensor, ${showShape(x.shape)}, without the last axis`);
    return { dtype: x.dtype, shape: rows };
  },
  evaluate(inputs, _attributes, type) {
    const [x, indices, result] = [inputs[0]!, inputs[1]!, zeros(type)];
    const extent = x.type.shape.at(-1)!;
    for (let row = 0; row < result.data.length; row++) {
      const place = Number(get(indices, row));
      if (place >= 0 && place < extent) result.data[row] = x.data[row * extent + place]!;
    }
    return result;
  },
  lower(inputs, _attributes, type): Lowering[] {
    const [extent, rank] = [inputs[0]!.shape.at(-1)!, type.shape.length + 1];
    if (sizeOf(type.shape) === 0) return [];
    if (extent === 0) return fillLowering("pick", wholeRegion(type.shape), type.dtype, 0);
    const own = identityMap(rank).slice(0, -1);
    return [
      {
        name: "pick",
        space: [...dimensions("parallel", type.shape), { extent, kind: "serial" }],
        operations: 1 / extent,
        reads: [{ operand: 1, index: own }, { operand: 0, index: [...own, affineIndex(rank - 1, rank)] }],
        writes: [{ operand: 0, index: own }],
        emit({ kernel, block, load, store }) {
          kernel.forBox(block.slice(0, -1), true, (point) => {
            const wanted = kernel.let("wanted", load(0, padded(point, rank)));
            const place = kernel.let("place", binary("max", binary("min", wanted, i32(extent - 1)), i32(0)));
            const element = widened(load(1, [...point, place]));
            store(0, padded(point, rank), cast(type.dtype, select(binary("eq", wanted, place), element, number(type.dtype, 0))));
          });
        },
      },
    ];
  },
  gradient(build, { inputs: [x, indices], gradient }) {
    const { shape } = build.typeOf(x!);
    const none = build.fill(build.typeOf(x!), 0);
    const inRows = (value: ValueId): ValueId => reshaped(build, value, [...shape.slice(0, -1), 1]);
    const places = broadcastTo(build, build.apply("iota", [], { length: shape.at(-1)!, dtype: "i32" }), shape);
    const isPicked = build.apply("eq", [broadcastTo(build, inRows(indices!), shape), places]);
    return [build.apply("select", [isPicked, broadcastTo(build, inRows(gradient), shape), none]), undefined];
  },
  examples: () => [
    { inputs: [tensor("f32", [2, 3], [1, 2, 3, 4, 5, 6]), tensor("i32", [2], [2, 0])], attributes: {}, expected: tensor("f32", [2], [3, 4]) },
    { inputs: [tensor("f64", [4, 2], [1, 2, 3, NaN, 5, 6, 7, Infinity]), tensor("i32", [4], [-1, 2, 1, 0])], attributes: {}, expected: tensor("f64", [4], [0, 0, 6, 7]) },
    { inputs: [samples("f16", [2, 3, 7]), tensor("i32", [2, 3], [6, 5, 4, -3, 7, 0])], attributes: {} },
    { inputs: [samples("bf16", [5]), tensor("i32", [], [3])], attributes: {} },
    { inputs: [samples("f32", [2, 0]), tensor("i32", [2], [0, 1])], attributes: {} },
    { inputs: [samples("f32", [0, 3]), tensor("i32", [0], [])], attributes: {} },
  ],
};
