/**
 * `conv_filters_planes`: sums that the gradient of a convolution by its filters is made of, of images as they come, with channels
 * second, the border included in x. pack-convolutions makes it where reordering the images would take a good part of the time.
 *
 * Each row of y meets a row of x that begins at an element of the window: both are runs of memory, of which vectors are multiplied
 * element by element. So each sum is of the positions of one lane, those whose columns leave the same remainder, and what adds up
 * the lanes comes behind. A vertex goes through the positions in stretches that stay in the nearest cache with the planes of some
 * filters, and adds what each gives to the sums in memory.
 */
import { sizeOf } from "../../../runtime/dtype.ts";
import type { Attributes, TensorType } from "../../graph/graph.ts";
import { flatIndex, forEachIndex, get, put, tensor, zeros } from "../../graph/tensor.ts";
import type { BlockContext, Lowering } from "../../kernel/lowering.ts";
import { affineIndex, sumOfAffine, type Affine } from "../../support/affine.ts";
import { invariant } from "../../support/bug.ts";
import { samples } from "../elementwise/elementwise.ts";
import { dimensions, fillLowering, wholeRegion } from "../lowerings.ts";
import type { Op } from "../op.ts";
import { intAttribute, intsAttribute, requireClass, requireInputs, requireSameDType, showShape } from "../rules.ts";
import { sumInStretches } from "./stretches.ts";
import { windowPositions, windowsOf, type Window } from "./windows.ts";

/** x: [n, c, h, w], y: [n, o, rows, columns] → [o, c, kh, kw, lanes]. */
interface Extents {
  readonly images: number;
  readonly channels: number;
  readonly filters: number;
  readonly rows: number;
  readonly columns: number;
  readonly lanes: number;
  readonly high: Window;
  readonly wide: Window;
}

function extentsOf(x: TensorType, y: TensorType, attributes: Attributes): Extents {
  const [high, wide] = windowsOf(intsAttribute(attributes, "window"), { ...attributes, padding: [0, 0] }) as [Window, Window];
  const lanes = intAttribute(attributes, "lanes");
  const [images, channels, ...image] = x.shape as [number, number, number, number];
  const [, filters, rows, columns] = y.shape as [number, number, number, number];
  const positions = windowPositions("conv_filters_planes", image, [high, wide]);
  const fits = y.shape[0] === images && positions[0] === rows && positions[1] === columns && columns % lanes === 0;
  invariant(fits, () => `conv_filters_planes of ${showShape(x.shape)} and ${showShape(y.shape)}, ${lanes} lanes`);
  return { images, channels, filters, rows, columns, lanes, high, wide };
}

/** Positions of a stretch: so many that reading and writing the sums is little beside adding to them, and no more than let x stay in the second-level cache. */
export const stretchOf = (channels: number): number => Math.min(1024, Math.max(128, Math.floor(stretchElements / channels)));
const stretchElements = 2 ** 16;

/** Block: [o, c, kh, kw, lanes, images, rows, vectors of a row]. */
function emit(context: BlockContext, { dtype }: TensorType): void {
  const [, channels, , , lanes, , rows, vectors] = context.block as [number, number, number, number, number, number, number, number];
  sumInStretches(context, dtype, 5, [rows * vectors, vectors, 1].map((inside) => stretchOf(channels) / (inside * lanes)));
}

export const convolutionFiltersPlanes: Op = {
  name: "conv_filters_planes",
  kind: "compute",
  summary: "Sums over images x and positions of what a window meets there times y, channels second, the border included in the images, each of every so many columns: added up the gradient of a convolution by its filters.",
  formula: "w[o, c, u, v, l] = Σ x[n, c, i·s + u·d, j·s + v·d] · y[n, o, i, j], j = k·lanes + l",
  noGradient: "it is made when gradients are there",
  type(inputs, attributes) {
    requireInputs("conv_filters_planes", inputs, 2);
    const [x, y] = [inputs[0]!, inputs[1]!];
    requireClass("conv_filters_planes", "float", x);
    requireSameDType("conv_filters_planes", x, y);
    const { channels, filters, high, wide, lanes } = extentsOf(x, y, attributes);
    return { dtype: x.dtype, shape: [filters, channels, high.size, wide.size, lanes] };
  },
  evaluate(inputs, attributes, type) {
    const [x, y, result] = [inputs[0]!, inputs[1]!, zeros(type)];
    const { images, rows, columns, lanes, high, wide } = extentsOf(x.type, y.type, attributes);
    forEachIndex(type.shape, ([filter, channel, u, v, lane], flat) => {
      let sum = 0;
      forEachIndex([images, rows, columns / lanes], ([n, i, vector]) => {
        const j = vector! * lanes + lane!;
        const a = get(x, flatIndex(x.type.shape, [n!, channel!, i! * high.stride + u! * high.dilation, j * wide.stride + v! * wide.dilation]));
        sum += Number(a) * Number(get(y, flatIndex(y.type.shape, [n!, filter!, i!, j])));
      });
      put(result, flat, sum);
    });
    return result;
  },
  lower(inputs, attributes, type): Lowering[] {
    if (sizeOf(type.shape) === 0) return [];
    const { images, rows, columns, lanes, high, wide } = extentsOf(inputs[0]!, inputs[1]!, attributes);
    if (images === 0) return fillLowering("conv", wholeRegion(type.shape), type.dtype, 0);
    const at = (dimension: number, scale = 1): Affine => affineIndex(dimension, 8, scale);
    const column = (stride: number): Affine => sumOfAffine(at(7, lanes * stride), at(4, stride));
    return [
      {
        name: "conv",
        contraction: true,
        combine: "add",
        space: [...dimensions("parallel", type.shape), ...dimensions("reduction", [images, rows, columns / lanes])],
        reads: [
          { operand: 0, index: [at(5), at(1), sumOfAffine(at(6, high.stride), at(2, high.dilation)), sumOfAffine(column(wide.stride), at(3, wide.dilation))] },
          { operand: 1, index: [at(5), at(0), at(6), column(1)] },
        ],
        writes: [{ operand: 0, index: type.shape.map((_, axis) => at(axis)) }],
        emit: (context) => emit(context, type),
      },
    ];
  },
  examples: () => [
    {
      inputs: [tensor("f32", [1, 1, 3, 3], [1, 2, 3, 4, 5, 6, 7, 8, 9]), tensor("f32", [1, 1, 2, 2], [1, 10, 100, 1000])], attributes: { window: [2, 2], stride: [1, 1], lanes: 2 },
      expected: tensor("f32", [1, 1, 2, 2, 2], [401, 5020, 502, 6030, 704, 8050, 805, 9060]),
    },
    { inputs: [samples("f32", [2, 3, 7, 18]), samples("f32", [2, 5, 5, 16], 1)], attributes: { window: [3, 3], stride: [1, 1], lanes: 8 } },
    { inputs: [samples("f32", [1, 4, 9, 13]), samples("f32", [1, 3, 3, 4], 1)], attributes: { window: [3, 2], stride: [2, 3], dilation: [2, 3], lanes: 4 } },
    { inputs: [samples("f64", [3, 2, 1, 40]), samples("f64", [3, 7, 1, 40], 1)], attributes: { window: [1, 1], stride: [1, 1], lanes: 4 } },
    { inputs: [samples("f32", [9, 1, 4, 10]), samples("f32", [9, 3, 2, 8], 1)], attributes: { window: [3, 3], stride: [1, 1], lanes: 8 } },
    { inputs: [samples("f32", [0, 1, 4, 6]), samples("f32", [0, 2, 3, 4])], attributes: { window: [2, 3], stride: [1, 1], lanes: 4 } },
  ],
};
