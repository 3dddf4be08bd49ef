/** The largest element of each window of an image; padding never wins. */
import { sizeOf } from "../../runtime/dtype.ts";
import { flatIndex, forEachIndex, get, put, tensor, zeros } from "../graph/tensor.ts";
import type { Attributes } from "../graph/graph.ts";
import { binary, cast } from "../kernel/build.ts";
import type { Lowering } from "../kernel/lowering.ts";
import { affineIndex, type Affine } from "../support/affine.ts";
import { samples } from "./elementwise.ts";
import { dimensions, forRest, number, padded, widened } from "./lowerings.ts";
import type { Op } from "./op.ts";
import { identityOf } from "./reduce.ts";
import { intsAttribute, pairArgument, refuse, requireClass, requireInputs, requireRank } from "./rules.ts";
import { outputExtent, windowRuns, type Window, type WindowRun } from "./windows.ts";

function windowsOf(attributes: Attributes): [Window, Window] {
  const [size, stride, padding] = [intsAttribute(attributes, "window"), intsAttribute(attributes, "stride"), intsAttribute(attributes, "padding")];
  return [0, 1].map((k) => ({ size: size[k]!, stride: stride[k]!, padding: padding[k]! })) as [Window, Window];
}

export const maxPool2d: Op = {
  name: "max_pool2d",
  kind: "compute",
  summary: "The largest element of each window of images [n, c, h, w]; the stride is the window unless given.",
  formula: "y[n, c, i, j] = max x[n, c, i·s + u - p, j·s + v - p]",
  signature: {
    call: "max_pool2d",
    module: "std/nn",
    parameters: [{ name: "x", kind: "tensor" }, { name: "window", kind: "ints" }, { name: "stride", kind: "ints", default: null }, { name: "padding", kind: "ints", default: 0 }],
    attributes(args) {
      const window = pairArgument(args["window"], "the window of max_pool2d");
      const stride = args["stride"] ?? null;
      return { window, stride: stride === null ? window : pairArgument(stride, "the stride of max_pool2d"), padding: pairArgument(args["padding"] ?? 0, "the padding of max_pool2d") };
    },
  },
  type(inputs, attributes) {
    requireInputs("max_pool2d", inputs, 1);
    const x = inputs[0]!;
    requireClass("max_pool2d", "number", x);
    requireRank("x of max_pool2d", x, 4);
    const [vertical, horizontal] = windowsOf(attributes);
    for (const { size, padding } of [vertical, horizontal]) if (padding >= size) refuse("out-of-range", `the padding of max_pool2d is ${padding}, it must be less than the window, ${size}`);
    return { dtype: x.dtype, shape: [x.shape[0]!, x.shape[1]!, outputExtent("max_pool2d", "high", x.shape[2]!, vertical), outputExtent("max_pool2d", "wide", x.shape[3]!, horizontal)] };
  },
  evaluate(inputs, attributes, type) {
    const [x, result] = [inputs[0]!, zeros(type)];
    const [vertical, horizontal] = windowsOf(attributes);
    const [, , height, width] = x.type.shape as [number, number, number, number];
    forEachIndex(type.shape, ([n, c, i, j], flat) => {
      let best: number | bigint = identityOf("max", type.dtype);
      forEachIndex([vertical.size, horizontal.size], ([u, v]) => {
        const row = i! * vertical.stride + u! - vertical.padding;
        const column = j! * horizontal.stride + v! - horizontal.padding;
        if (row < 0 || row >= height || column < 0 || column >= width) return;
        const value = get(x, flatIndex(x.type.shape, [n!, c!, row, column]));
        if (value > best || value !== value) best = value;
      });
      put(result, flat, best);
    });
    return result;
  },
  lower(inputs, attributes, type): Lowering[] {
    if (sizeOf(type.shape) === 0) return [];
    const { shape } = inputs[0]!;
    const [vertical, horizontal] = windowsOf(attributes);
    const [images, channels, rows, columns] = type.shape as [number, number, number, number];
    const rank = 6;
    const at = (dimension: number, constant = 0): Affine => affineIndex(dimension, rank, 1, constant);
    const along = (window: Window, run: WindowRun, position: number, element: number): Affine => ({
      constant: run.start * window.stride - window.padding + run.from,
      coefficients: Array.from({ length: rank }, (_, k) => (k === position ? window.stride : k === element ? 1 : 0)),
    });
    return windowRuns(shape[2]!, rows, vertical).flatMap((high) =>
      windowRuns(shape[3]!, columns, horizontal).map((wide): Lowering => ({
        name: "max_pool2d",
        space: [...dimensions("parallel", [images, channels, high.length, wide.length]), ...dimensions("reduction", [high.to - high.from, wide.to - wide.from])],
        reads: [{ operand: 0, index: [at(0), at(1), along(vertical, high, 2, 4), along(horizontal, wide, 3, 5)] }],
        writes: [{ operand: 0, index: [at(0), at(1), at(2, high.start), at(3, wide.start)] }],
        emit(context) {
          const { kernel, block, load, store } = context;
          kernel.forBox(block.slice(0, 4), true, (point) => {
            const best = kernel.let("best", number(type.dtype, identityOf("max", type.dtype)));
            forRest(context, point, false, (inside) => kernel.set(best, binary("max", best, widened(load(0, inside)))));
            store(0, padded(point, rank), cast(type.dtype, best));
          });
        },
      })),
    );
  },
  examples: () => [
    {
      inputs: [tensor("f32", [1, 1, 4, 4], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, NaN])], attributes: { window: [2, 2], stride: [2, 2], padding: [0, 0] },
      expected: tensor("f32", [1, 1, 2, 2], [6, 8, 14, NaN]),
    },
    { inputs: [samples("f32", [2, 3, 7, 5])], attributes: { window: [3, 2], stride: [2, 1], padding: [1, 1] } },
    { inputs: [samples("i8", [1, 2, 5, 5])], attributes: { window: [2, 3], stride: [2, 3], padding: [0, 2] } },
    { inputs: [samples("bf16", [1, 0, 3, 3])], attributes: { window: [2, 2], stride: [1, 1], padding: [0, 0] } },
  ],
};
