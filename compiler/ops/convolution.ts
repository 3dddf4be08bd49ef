/**
 * Convolution of images with a bank of filters (as networks use the word: a correlation). Sums are exact f64 sums rounded
 * once in the meaning; padding counts as zeros.
 */
import { isFloat, sizeOf } from "../../runtime/dtype.ts";
import { flatIndex, forEachIndex, get, put, tensor, zeros } from "../graph/tensor.ts";
import type { Attributes, TensorType } from "../graph/graph.ts";
import { binary, cast } from "../kernel/build.ts";
import type { Lowering } from "../kernel/lowering.ts";
import { affineConstant, affineIndex, type Affine } from "../support/affine.ts";
import { samples } from "./elementwise.ts";
import { dimensions, forRest, number, padded, widened } from "./lowerings.ts";
import type { Op } from "./op.ts";
import { intsAttribute, pairArgument, refuse, requireClass, requireRank, requireSameDType, showShape } from "./rules.ts";
import { outputExtent, windowRuns, type Window } from "./windows.ts";

/** Windows along the height and the width. */
function windowsOf(filters: TensorType, attributes: Attributes): [Window, Window] {
  const [stride, padding] = [intsAttribute(attributes, "stride"), intsAttribute(attributes, "padding")];
  return [0, 1].map((k) => ({ size: filters.shape[2 + k]!, stride: stride[k]!, padding: padding[k]! })) as [Window, Window];
}

export const conv2d: Op = {
  name: "conv2d",
  kind: "compute",
  stores: "once",
  summary: "Images x: [n, c, h, w] with filters w: [o, c, kh, kw] and a bias [o]; stride and padding are one int or (height, width).",
  formula: "y[n, o, i, j] = bias[o] + Σ x[n, c, i·s + u - p, j·s + v - p] · w[o, c, u, v]",
  signature: {
    call: "conv2d",
    module: "std/nn",
    parameters: [
      { name: "x", kind: "tensor" }, { name: "w", kind: "tensor" }, { name: "bias", kind: "tensor", default: null },
      { name: "stride", kind: "ints", default: 1 }, { name: "padding", kind: "ints", default: 0 },
    ],
    attributes: (args) => ({ stride: pairArgument(args["stride"] ?? 1, "the stride of conv2d"), padding: pairArgument(args["padding"] ?? 0, "the padding of conv2d") }),
  },
  type(inputs, attributes) {
    const [x, filters, bias] = inputs;
    if (!x || !filters || inputs.length > 3) refuse("bad-argument", `conv2d takes images, filters and perhaps a bias, not ${inputs.length} tensors`);
    requireClass("conv2d", "number", x);
    requireRank("x of conv2d", x, 4);
    requireRank("w of conv2d", filters, 4);
    requireSameDType("conv2d", x, filters, ["x", "w"]);
    if (x.shape[1] !== filters.shape[1]) refuse("shape-mismatch", `the channels of conv2d differ, ${x.shape[1]} (x) and ${filters.shape[1]} (w), in ${showShape(x.shape)} and ${showShape(filters.shape)}`);
    if (bias) {
      requireSameDType("conv2d", x, bias, ["x", "bias"]);
      if (bias.shape.length !== 1 || bias.shape[0] !== filters.shape[0]) refuse("shape-mismatch", `the bias of conv2d has shape ${showShape(bias.shape)}, but w has ${filters.shape[0]} filters`);
    }
    const [vertical, horizontal] = windowsOf(filters, attributes);
    return {
      dtype: x.dtype,
      shape: [x.shape[0]!, filters.shape[0]!, outputExtent("conv2d", "high", x.shape[2]!, vertical), outputExtent("conv2d", "wide", x.shape[3]!, horizontal)],
    };
  },
  evaluate(inputs, attributes, type) {
    const [x, filters, bias, result] = [inputs[0]!, inputs[1]!, inputs[2], zeros(type)];
    const [vertical, horizontal] = windowsOf(filters.type, attributes);
    const [, channels, height, width] = x.type.shape as [number, number, number, number];
    forEachIndex(type.shape, (index, flat) => {
      const [n, o, i, j] = index as [number, number, number, number];
      let floats = bias ? Number(get(bias, o)) : 0;
      let integers = bias && !isFloat(type.dtype) ? BigInt(get(bias, o)) : 0n;
      forEachIndex([channels, vertical.size, horizontal.size], (inner) => {
        const [c, u, v] = inner as [number, number, number];
        const row = i * vertical.stride + u - vertical.padding;
        const column = j * horizontal.stride + v - horizontal.padding;
        if (row < 0 || row >= height || column < 0 || column >= width) return;
        const a = get(x, flatIndex(x.type.shape, [n, c, row, column]));
        const b = get(filters, flatIndex(filters.type.shape, [o, c, u, v]));
        if (isFloat(type.dtype)) floats += Number(a) * Number(b);
        else integers += BigInt(a) * BigInt(b);
      });
      put(result, flat, isFloat(type.dtype) ? floats : integers);
    });
    return result;
  },
  /** One lowering for each pair of runs: the inside, and the borders where padding cuts the window. */
  lower(inputs, attributes, type): Lowering[] {
    if (sizeOf(type.shape) === 0) return [];
    const [x, filters, bias] = [inputs[0]!, inputs[1]!, inputs[2]];
    const [vertical, horizontal] = windowsOf(filters, attributes);
    const [images, outputs, rows, columns] = type.shape as [number, number, number, number];
    return windowRuns(x.shape[2]!, rows, vertical).flatMap((high) =>
      windowRuns(x.shape[3]!, columns, horizontal).map((wide): Lowering => {
        const inner = [x.shape[1]!, high.to - high.from, wide.to - wide.from];
        const sums = sizeOf(inner) > 0;
        const rank = sums ? 7 : 4;
        const at = (dimension: number, coefficient = 1, constant = 0): Affine => affineIndex(dimension, rank, coefficient, constant);
        const along = (window: Window, run: typeof high, position: number, element: number): Affine => ({
          constant: run.start * window.stride - window.padding + run.from,
          coefficients: affineConstant(0, rank).coefficients.map((_, k) => (k === position ? window.stride : k === element ? 1 : 0)),
        });
        const image = { operand: 0, index: [at(0), at(4), along(vertical, high, 2, 5), along(horizontal, wide, 3, 6)] };
        const filter = { operand: 1, index: [at(1), at(4), at(5, 1, high.from), at(6, 1, wide.from)] };
        return {
          name: "conv2d",
          contraction: true,
          space: [...dimensions("parallel", [images, outputs, high.length, wide.length]), ...(sums ? dimensions("reduction", inner) : [])],
          reads: [...(sums ? [image, filter] : []), ...(bias ? [{ operand: 2, index: [at(1)] }] : [])],
          writes: [{ operand: 0, index: [at(0), at(1), at(2, 1, high.start), at(3, 1, wide.start)] }],
          emit(context) {
            const { kernel, block, load, store } = context;
            kernel.forBox(block.slice(0, 4), true, (point) => {
              const sum = kernel.let("sum", bias ? widened(load(sums ? 2 : 0, padded(point, rank))) : number(type.dtype, 0));
              if (sums) forRest(context, point, false, (inside) => kernel.set(sum, binary("add", sum, binary("mul", widened(load(0, inside)), widened(load(1, inside))))));
              store(0, padded(point, rank), cast(type.dtype, sum));
            });
          },
        };
      }),
    );
  },
  examples: () => [
    {
      inputs: [tensor("f32", [1, 1, 3, 3], [1, 2, 3, 4, 5, 6, 7, 8, 9]), tensor("f32", [1, 1, 2, 2], [1, 0, 0, -1]), tensor("f32", [1], [10])], attributes: { stride: [1, 1], padding: [0, 0] },
      expected: tensor("f32", [1, 1, 2, 2], [6, 6, 6, 6]),
    },
    {
      inputs: [tensor("i32", [1, 1, 3, 3], [1, 2, 3, 4, 5, 6, 7, 8, 9]), tensor("i32", [1, 1, 3, 3], [1, 1, 1, 1, 1, 1, 1, 1, 1])], attributes: { stride: [1, 1], padding: [1, 1] },
      expected: tensor("i32", [1, 1, 3, 3], [12, 21, 16, 27, 45, 33, 24, 39, 28]),
    },
    { inputs: [samples("i32", [2, 3, 7, 5]), samples("i32", [4, 3, 3, 2], 1), samples("i32", [4], 2)], attributes: { stride: [2, 1], padding: [1, 2] } },
    { inputs: [samples("i16", [1, 2, 2, 3]), samples("i16", [2, 2, 1, 1], 1), samples("i16", [2], 2)], attributes: { stride: [1, 2], padding: [2, 1] } },
    {
      inputs: [tensor("f16", [2, 2, 4, 4], Array.from({ length: 64 }, (_, i) => (i % 7) - 3)), tensor("f16", [3, 2, 3, 3], Array.from({ length: 54 }, (_, i) => (i % 5) / 4))],
      attributes: { stride: [1, 1], padding: [1, 1] },
    },
    { inputs: [samples("f32", [0, 1, 3, 3]), samples("f32", [2, 1, 2, 2])], attributes: { stride: [1, 1], padding: [0, 0] } },
  ],
};
