/**
 * Convolution of images whose channels come last, [n, h, w, c], with filters in panels (pack-columns.ts), as pack-convolutions
 * makes it: a product of matrices whose left one is never in memory, since its rows are windows of the image. The border is
 * part of the image. Sums have the order of those of `conv`: channels outside, then the window.
 *
 * `depthwise_packed` has a filter of its own for each channel, and goes along the channels.
 */
import { sizeOf } from "../../../runtime/dtype.ts";
import type { Attributes, TensorType } from "../../graph/graph.ts";
import { flatIndex, forEachIndex, get, put, tensor, zeros } from "../../graph/tensor.ts";
import { binary, cast } from "../../kernel/build.ts";
import type { Lowering } from "../../kernel/lowering.ts";
import { affineIndex, sumOfAffine, type Affine } from "../../support/affine.ts";
import { invariant } from "../../support/bug.ts";
import { samples } from "../elementwise/elementwise.ts";
import { plusTerm, requireTerms, sumsOf, type Elements } from "../linalg/terms.ts";
import { dimensions, number } from "../lowerings.ts";
import type { Op } from "../op.ts";
import { intAttribute, intsAttribute, requireClass, requireInputs, requireSameDType, showShape } from "../rules.ts";
import { windowPositions, windowsOf, type Window } from "./windows.ts";

/** x: [n, h, w, c], filters: [⌈o / width⌉, c · kh · kw, width] → [n, rows, columns, o]. */
interface Extents {
  readonly images: number;
  readonly channels: number;
  readonly rows: number;
  readonly columns: number;
  readonly filters: number;
  readonly width: number;
  readonly windows: readonly [Window, Window];
}

function windowPair(attributes: Attributes): [Window, Window] {
  return windowsOf(intsAttribute(attributes, "window"), { ...attributes, padding: [0, 0] }) as [Window, Window];
}

function extentsOf(x: TensorType, panels: TensorType, attributes: Attributes): Extents {
  const [images, height, across, channels] = x.shape as [number, number, number, number];
  const windows = windowPair(attributes);
  const filters = intAttribute(attributes, "filters");
  const [count, length, width] = panels.shape as [number, number, number];
  invariant(length === channels * windows[0].size * windows[1].size && count === Math.ceil(filters / width), () => `conv_packed of ${showShape(x.shape)} and ${showShape(panels.shape)}`);
  const [rows, columns] = windowPositions("conv_packed", [height, across], windows) as [number, number];
  return { images, channels, rows, columns, filters, width, windows };
}

/** Some panels, each with so many lanes. Space: [n, rows, columns, panels, lanes, channels, window rows, window columns]. */
function partLowering({ images, channels, rows, columns, windows: [high, wide], width }: Extents, { dtype, attributes }: Elements, first: number, panels: number, lanes: number): Lowering {
  const rank = 8;
  const at = (dimension: number, scale = 1, constant = 0): Affine => affineIndex(dimension, rank, scale, constant);
  const [n, row, column, panel, lane, channel, u, v] = [0, 1, 2, 3, 4, 5, 6, 7] as const;
  const element = sumOfAffine(at(channel, high.size * wide.size), at(u, wide.size), at(v));
  return {
    name: "conv",
    contraction: true,
    space: [...dimensions("parallel", [images, rows, columns, panels]), ...dimensions("serial", [lanes]), ...dimensions("reduction", [channels, high.size, wide.size])],
    reads: [
      { operand: 0, index: [at(n), sumOfAffine(at(row, high.stride), at(u, high.dilation)), sumOfAffine(at(column, wide.stride), at(v, wide.dilation)), at(channel)] },
      { operand: 1, index: [at(panel, 1, first), element, at(lane)] },
    ],
    writes: [{ operand: 0, index: [at(n), at(row), at(column), sumOfAffine(at(panel, width, first * width), at(lane))] }],
    ...(first > 0 ? { edge: true } : {}),
    emit({ kernel, block, load, store }) {
      const [images, rows, columns, panels, lanes, ...inner] = block as [number, number, number, number, number, ...number[]];
      kernel.forBox([images, panels, rows, columns, lanes], true, (indices) => {
        const [i, p, r, c, l] = indices as [(typeof indices)[0], (typeof indices)[0], (typeof indices)[0], (typeof indices)[0], (typeof indices)[0]];
        const point = [i, r, c, p, l];
        const sum = kernel.let("sum", number(dtype, 0));
        kernel.forSum(inner, (inside) => kernel.set(sum, plusTerm(attributes, sum, load(0, [...point, ...inside]), load(1, [...point, ...inside]))));
        store(0, [...point, ...inner.map(() => number("i32", 0))], cast(dtype, sum));
      });
    },
  };
}

const noGradient = "it is made when gradients are there";

export const convolutionPacked: Op = {
  name: "conv_packed",
  kind: "compute",
  summary: "Convolution of images with channels last, their border included, with filters in panels.",
  formula: "y[n, i, j, width · p + l] = Σ x[n, i·s + u·d, j·s + v·d, c] · w[p, (c, u, v), l]",
  noGradient,
  stores: "once",
  type(inputs, attributes) {
    requireInputs("conv_packed", inputs, 2);
    const [x, panels] = [inputs[0]!, inputs[1]!];
    requireClass("conv_packed", "number", x);
    requireSameDType("conv_packed", x, panels);
    requireTerms(attributes, x);
    const { images, rows, columns, filters } = extentsOf(x, panels, attributes);
    return { dtype: x.dtype, shape: [images, rows, columns, filters] };
  },
  evaluate(inputs, attributes, type) {
    const [x, panels, result] = [inputs[0]!, inputs[1]!, zeros(type)];
    const { channels, width, windows: [high, wide] } = extentsOf(x.type, panels.type, attributes);
    const { from, plus } = sumsOf(attributes, type.dtype);
    forEachIndex(type.shape, (index, flat) => {
      const [n, row, column, filter] = index as [number, number, number, number];
      let sum = from(0);
      forEachIndex([channels, high.size, wide.size], ([c, u, v], k) => {
        const a = get(x, flatIndex(x.type.shape, [n, row * high.stride + u! * high.dilation, column * wide.stride + v! * wide.dilation, c!]));
        sum = plus(sum, a, get(panels, flatIndex(panels.type.shape, [Math.floor(filter / width), k, filter % width])));
      });
      put(result, flat, sum);
    });
    return result;
  },
  lower(inputs, attributes, type) {
    if (sizeOf(type.shape) === 0) return [];
    const extents = extentsOf(inputs[0]!, inputs[1]!, attributes);
    const whole = Math.floor(extents.filters / extents.width);
    const rest = extents.filters - whole * extents.width;
    const elements = { dtype: type.dtype, attributes };
    return [...(whole > 0 ? [partLowering(extents, elements, 0, whole, extents.width)] : []), ...(rest > 0 ? [partLowering(extents, elements, whole, 1, rest)] : [])];
  },
  examples: () => [
    {
      inputs: [tensor("f32", [1, 2, 3, 1], [1, 2, 3, 4, 5, 6]), tensor("f32", [1, 4, 2], [1, 1, 0, 1, 0, 1, -1, 1])], attributes: { window: [2, 2], stride: [1, 1], filters: 2 },
      expected: tensor("f32", [1, 1, 2, 2], [-4, 12, -4, 16]),
    },
    { inputs: [samples("f32", [2, 5, 9, 3]), samples("f32", [2, 27, 8], 1)], attributes: { window: [3, 3], stride: [1, 1], filters: 13 } },
    { inputs: [samples("f32", [1, 9, 8, 4]), samples("f32", [1, 24, 16], 1)], attributes: { window: [3, 2], stride: [2, 3], dilation: [2, 1], filters: 16 } },
    { inputs: [samples("i32", [1, 5, 9, 3]), samples("i32", [2, 27, 16], 1)], attributes: { window: [3, 3], stride: [1, 1], filters: 21, pairs: true } },
    { inputs: [samples("f64", [1, 4, 4, 2]), samples("f64", [3, 2, 4], 1)], attributes: { window: [1, 1], stride: [2, 2], filters: 10 } },
    { inputs: [samples("f32", [0, 4, 4, 2]), samples("f32", [1, 2, 8], 1)], attributes: { window: [1, 1], stride: [1, 1], filters: 8 } },
  ],
};

/** x: [n, h, w, c], filters: [1, kh · kw, c] → [n, rows, columns, c]. */
function depthwiseType(x: TensorType, filters: TensorType, attributes: Attributes): TensorType {
  const [images, height, across, channels] = x.shape as [number, number, number, number];
  const windows = windowPair(attributes);
  invariant(filters.shape[1] === windows[0].size * windows[1].size && filters.shape[2] === channels, () => `depthwise_packed of ${showShape(x.shape)} and ${showShape(filters.shape)}`);
  return { dtype: x.dtype, shape: [images, ...windowPositions("depthwise_packed", [height, across], windows), channels] };
}

export const depthwisePacked: Op = {
  name: "depthwise_packed",
  kind: "compute",
  summary: "Convolution of each channel with a filter of its own, channels last, the border included in the image.",
  formula: "y[n, i, j, c] = Σ x[n, i·s + u·d, j·s + v·d, c] · w[0, (u, v), c]",
  noGradient,
  stores: "once",
  type(inputs, attributes) {
    requireInputs("depthwise_packed", inputs, 2);
    const [x, filters] = [inputs[0]!, inputs[1]!];
    requireClass("depthwise_packed", "float", x);
    requireSameDType("depthwise_packed", x, filters);
    return depthwiseType(x, filters, attributes);
  },
  evaluate(inputs, attributes, type) {
    const [x, filters, result] = [inputs[0]!, inputs[1]!, zeros(type)];
    const [high, wide] = windowPair(attributes);
    forEachIndex(type.shape, (index, flat) => {
      const [n, row, column, c] = index as [number, number, number, number];
      let sum = 0;
      forEachIndex([high.size, wide.size], ([u, v], k) => {
        const a = get(x, flatIndex(x.type.shape, [n, row * high.stride + u! * high.dilation, column * wide.stride + v! * wide.dilation, c]));
        sum += Number(a) * Number(get(filters, flatIndex(filters.type.shape, [0, k, c])));
      });
      put(result, flat, sum);
    });
    return result;
  },
  lower(_, attributes, type): Lowering[] {
    if (sizeOf(type.shape) === 0) return [];
    const [high, wide] = windowPair(attributes);
    const rank = 6;
    const at = (dimension: number, scale = 1): Affine => affineIndex(dimension, rank, scale);
    return [
      {
        name: "conv",
        contraction: true,
        space: [...dimensions("parallel", [...type.shape]), ...dimensions("reduction", [high.size, wide.size])],
        reads: [
          { operand: 0, index: [at(0), sumOfAffine(at(1, high.stride), at(4, high.dilation)), sumOfAffine(at(2, wide.stride), at(5, wide.dilation)), at(3)] },
          { operand: 1, index: [at(0, 0), sumOfAffine(at(4, wide.size), at(5)), at(3)] },
        ],
        writes: [{ operand: 0, index: [at(0), at(1), at(2), at(3)] }],
        emit({ kernel, block, load, store }) {
          kernel.forBox(block.slice(0, 4), true, (point) => {
            const sum = kernel.let("sum", number(type.dtype, 0));
            kernel.forBox(block.slice(4), false, (inside) => kernel.set(sum, binary("add", sum, binary("mul", load(0, [...point, ...inside]), load(1, [...point, ...inside])))));
            store(0, [...point, number("i32", 0), number("i32", 0)], cast(type.dtype, sum));
          });
        },
      },
    ];
  },
  examples: () => [
    {
      inputs: [tensor("f32", [1, 2, 2, 2], [1, 10, 2, 20, 3, 30, 4, 40]), tensor("f32", [1, 4, 2], [1, 1, 0, 1, 0, 1, -1, 1])], attributes: { window: [2, 2], stride: [1, 1] },
      expected: tensor("f32", [1, 1, 1, 2], [-3, 100]),
    },
    { inputs: [samples("f32", [2, 5, 9, 13]), samples("f32", [1, 9, 13], 1)], attributes: { window: [3, 3], stride: [1, 1] } },
    { inputs: [samples("f32", [1, 9, 8, 4]), samples("f32", [1, 6, 4], 1)], attributes: { window: [3, 2], stride: [2, 3], dilation: [2, 1] } },
  ],
};
