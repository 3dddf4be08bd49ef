/**
 * The gradient of a convolution by its filters: for each of their elements the sum, over all images and positions, of what the
 * image has there times what the other side has, the gradient by the convolution's result. `conv_filters` takes images as they
 * come, with channels second, over one, two or three axes, and in groups.
 *
 * `conv_filters_packed` is what pack-convolutions makes of it. Channels come last, so what both sides have at a position are
 * runs of memory, of which every pair is multiplied: a product of matrices in which the positions are summed over. A vertex
 * goes through them in stretches that stay in the nearest cache, and adds what each gives to the sums in memory.
 */
import { isFloat, sizeOf } from "../../../runtime/dtype.ts";
import type { Attributes, TensorType } from "../../graph/graph.ts";
import { flatIndex, forEachIndex, get, put, tensor, zeros } from "../../graph/tensor.ts";
import { binary, cast } from "../../kernel/build.ts";
import type { BlockContext, Lowering } from "../../kernel/lowering.ts";
import { affineIndex, sumOfAffine, type Affine } from "../../support/affine.ts";
import { invariant } from "../../support/bug.ts";
import { finiteSamples, samples } from "../elementwise/elementwise.ts";
import { choices, dimensions, fillLowering, forRest, number, padded, wholeRegion, widened } from "../lowerings.ts";
import type { Op } from "../op.ts";
import { computeDType, intAttribute, intsAttribute, requireClass, requireInputs, requireSameDType, showShape } from "../rules.ts";
import { sumInStretches } from "./stretches.ts";
import { forwards, imageExtents, meeting, progression, windowPositions, windowsOf, type Window } from "./windows.ts";

/** x: [n, g · c, …], y: [n, g · o, …positions] → [g · o, c, …window]. */
interface Extents {
  readonly groups: number;
  readonly images: number;
  /** Of one group. */
  readonly channels: number;
  readonly filters: number;
  readonly windows: readonly Window[];
}

function extentsOf(x: TensorType, y: TensorType, attributes: Attributes): Extents {
  const groups = intAttribute(attributes, "groups");
  const windows = windowsOf(intsAttribute(attributes, "window"), attributes);
  const positions = windowPositions("conv_filters", x.shape.slice(2), windows);
  const fits = x.shape[0] === y.shape[0] && x.shape[1]! % groups === 0 && y.shape[1]! % groups === 0 && positions.every((count, axis) => count === y.shape[2 + axis]);
  invariant(fits, () => `conv_filters of ${showShape(x.shape)} and ${showShape(y.shape)}`);
  return { groups, images: x.shape[0]!, channels: x.shape[1]! / groups, filters: y.shape[1]! / groups, windows };
}

/** The other way round: elements of the window are visited, and those positions summed over that meet the image there. */
const turned = ({ stride, dilation, before, after }: Window, positions: number): Window => ({ size: positions, stride: dilation, dilation: stride, before, after });

/** One lowering for each choice of elements of the window that meet the image at the same positions. */
function lowerFilters({ groups, images, channels, filters, windows }: Extents, x: TensorType, y: TensorType, type: TensorType): Lowering[] {
  const spatial = windows.length;
  const grouped = groups > 1 && filters > 1;
  const [channel, element] = grouped ? [2, 3] : [1, 2];
  const parallel = element + spatial;
  const positions = y.shape.slice(2);
  const all = choices(windows.map((window, axis) => forwards.runs(turned(window, positions[axis]!), x.shape[2 + axis]!, window.size)));
  return all.map((runs): Lowering => {
    const inner = [images, ...runs.map(({ elements }) => elements.count)];
    const sums = sizeOf(inner) > 0;
    const rank = parallel + (sums ? 1 + spatial : 0);
    const at = (dimension: number, coefficient = 1): Affine => affineIndex(dimension, rank, coefficient);
    const filter = grouped ? sumOfAffine(at(0, filters), at(1)) : at(0);
    const input = groups === 1 ? at(channel) : sumOfAffine(at(0, channels), at(channel));
    const space = [...(grouped ? [groups, filters] : [groups * filters]), channels, ...runs.map((run) => run.positions.count)];
    return {
      name: "conv",
      contraction: true,
      // Partial sums are combined over a whole result.
      ...(computeDType(type.dtype) === type.dtype && all.length === 1 ? { combine: "add" as const } : {}),
      space: [...dimensions("parallel", space), ...(sums ? dimensions("reduction", inner) : [])],
      reads: sums ? [
        { operand: 0, index: [at(parallel), input, ...runs.map((run, axis) => meeting(run, element + axis, parallel + 1 + axis, rank))] },
        { operand: 1, index: [at(parallel), filter, ...runs.map(({ elements }, axis) => progression(elements, parallel + 1 + axis, rank))] },
      ] : [],
      writes: [{ operand: 0, index: [filter, at(channel), ...runs.map((run, axis) => progression(run.positions, element + axis, rank))] }],
      emit(context) {
        const { kernel, block, load, store } = context;
        kernel.forBox(block.slice(0, parallel), true, (point) => {
          const sum = kernel.let("sum", number(type.dtype, 0));
          if (sums) forRest(context, point, false, (inside) => kernel.set(sum, binary("add", sum, binary("mul", widened(load(0, inside)), widened(load(1, inside))))));
          store(0, padded(point, rank), cast(type.dtype, sum));
        });
      },
    };
  });
}

export const convolutionFilters: Op = {
  name: "conv_filters",
  kind: "compute",
  stores: "once",
  summary: "For each element of a convolution's filters the sum over images x and positions of what the window meets there times y: the gradient by the filters, where y is that by the result.",
  formula: "w[o, c, u, …] = Σ x[n, c, i·s + u·d - p, …] · y[n, o, i, …]",
  type(inputs, attributes) {
    requireInputs("conv_filters", inputs, 2);
    const [x, y] = [inputs[0]!, inputs[1]!];
    requireClass("conv_filters", "number", x);
    requireSameDType("conv_filters", x, y);
    const { groups, channels, filters, windows } = extentsOf(x, y, attributes);
    return { dtype: x.dtype, shape: [groups * filters, channels, ...windows.map(({ size }) => size)] };
  },
  evaluate(inputs, attributes, type) {
    const [x, y, result] = [inputs[0]!, inputs[1]!, zeros(type)];
    const { images, channels, filters, windows } = extentsOf(x.type, y.type, attributes);
    forEachIndex(type.shape, (index, flat) => {
      const [filter, c, ...element] = index as [number, number, ...number[]];
      const channel = Math.floor(filter / filters) * channels + c;
      let floats = 0;
      let integers = 0n;
      forEachIndex([images, ...y.type.shape.slice(2)], ([n, ...position]) => {
        const place = windows.map((window, axis) => forwards.meets(window, x.type.shape[2 + axis]!, position[axis]!, element[axis]!));
        if (place.includes(undefined)) return;
        const a = get(x, flatIndex(x.type.shape, [n!, channel, ...(place as number[])]));
        const b = get(y, flatIndex(y.type.shape, [n!, filter, ...position]));
        if (isFloat(type.dtype)) floats += Number(a) * Number(b);
        else integers += BigInt(a) * BigInt(b);
      });
      put(result, flat, isFloat(type.dtype) ? floats : integers);
    });
    return result;
  },
  lower(inputs, attributes, type) {
    if (sizeOf(type.shape) === 0) return [];
    return lowerFilters(extentsOf(inputs[0]!, inputs[1]!, attributes), inputs[0]!, inputs[1]!, type);
  },
  gradient(build, { inputs: [x, y], attributes, gradient }) {
    const { window: _, ...rest } = attributes;
    const [image, positions] = [build.typeOf(x!).shape.slice(2), build.typeOf(y!).shape.slice(2)];
    const windows = windowsOf(intsAttribute(attributes, "window"), attributes);
    const least = imageExtents(positions, windows, windows.map(() => 0));
    const extra = image.map((extent, axis) => extent - least[axis]!);
    return [build.apply("conv_transpose", [y!, gradient], { ...rest, extra }), build.apply("conv", [x!, gradient], rest)];
  },
  examples: () => [
    {
      inputs: [tensor("f32", [1, 1, 3, 3], [1, 2, 3, 4, 5, 6, 7, 8, 9]), tensor("f32", [1, 1, 2, 2], [1, 10, 100, 1000])], attributes: { window: [2, 2], stride: [1, 1], padding: [0, 0], dilation: [1, 1], groups: 1 },
      expected: tensor("f32", [1, 1, 2, 2], [5421, 6532, 8754, 9865]),
    },
    {
      inputs: [tensor("i32", [2, 1, 4], [1, 2, 3, 4, 5, 6, 7, 8]), tensor("i32", [2, 1, 2], [1, 10, 100, 1000])], attributes: { window: [3], stride: [2], padding: [1], dilation: [1], groups: 1 },
      expected: tensor("i32", [1, 1, 3], [6020, 7531, 8642]),
    },
    { inputs: [samples("i32", [2, 3, 7, 5]), samples("i32", [2, 4, 4, 8], 1)], attributes: { window: [3, 2], stride: [2, 1], padding: [1, 2], dilation: [1, 1], groups: 1 } },
    { inputs: [samples("f32", [1, 4, 5, 4]), finiteSamples("f32", [1, 6, 3, 2])], attributes: { window: [2, 3], stride: [2, 1], padding: [1, 0, 0, 2], dilation: [1, 2], groups: 2 } },
    { inputs: [samples("f32", [2, 3, 6, 5]), finiteSamples("f32", [2, 3, 6, 5])], attributes: { window: [3, 3], stride: [1, 1], padding: [1, 1], dilation: [1, 1], groups: 3 } },
    { inputs: [samples("f64", [1, 2, 3, 4, 3]), finiteSamples("f64", [1, 2, 2, 2, 4])], attributes: { window: [2, 3, 2], stride: [1, 2, 1], padding: [0, 1, 1], dilation: [1, 1, 1], groups: 1 } },
    { inputs: [samples("f16", [2, 2, 4]), finiteSamples("f16", [2, 3, 4])], attributes: { window: [3], stride: [1], padding: [1], dilation: [1], groups: 1 } },
    { inputs: [samples("f32", [0, 1, 3, 3]), samples("f32", [0, 2, 2, 2])], attributes: { window: [2, 2], stride: [1, 1], padding: [0, 0], dilation: [1, 1], groups: 1 } },
  ],
};

/**
 * x: [n, h, w · c], its border included, y: [n, rows, columns, o] → [kh, kw or 1, c or kw · c, o], or with the last two exchanged;
 * along "each", where every channel has a filter of its own, [kh, kw, c, 1].
 */
interface PackedExtents {
  readonly images: number;
  readonly channels: number;
  readonly filters: number;
  readonly rows: number;
  readonly columns: number;
  readonly high: Window;
  readonly wide: Window;
  /** Columns of the window that are not neighbours in memory, and how many elements of the image one of them is. */
  readonly apart: number;
  readonly run: number;
  /** What vectors are made of, and is last in the result: filters or elements of the image; or both at once. */
  readonly along: "filters" | "channels" | "each";
}

function packedExtents(x: TensorType, y: TensorType, attributes: Attributes): PackedExtents {
  const [high, wide] = windowsOf(intsAttribute(attributes, "window"), { ...attributes, padding: [0, 0] }) as [Window, Window];
  const channels = intAttribute(attributes, "channels");
  const [images, height, across] = x.shape as [number, number, number];
  const [, rows, columns, filters] = y.shape as [number, number, number, number];
  const positions = windowPositions("conv_filters_packed", [height, across / channels], [high, wide]);
  invariant(across % channels === 0 && y.shape[0] === images && positions[0] === rows && positions[1] === columns, () => `conv_filters_packed of ${showShape(x.shape)} and ${showShape(y.shape)}`);
  const along = attributes["along"] as PackedExtents["along"];
  invariant(along !== "each" || filters === channels, () => `conv_filters_packed of ${channels} channels and ${filters}`);
  const [apart, run] = wide.dilation === 1 && along !== "each" ? [1, wide.size * channels] : [wide.size, channels];
  return { images, channels, filters, rows, columns, high, wide, apart, run, along };
}

const packedShape = ({ high, apart, run, filters, along }: PackedExtents): number[] => [high.size, apart, ...(along === "each" ? [run, 1] : along === "filters" ? [run, filters] : [filters, run])];

/** Positions of a stretch: so many that reading and writing the sums is little beside adding to them, and no more than stay in the nearest cache. */
const stretchPositions = 64;
/** Shorter loops are unrolled: then the positions of several images are gone through one image after the other. */
export const leastColumns = 8;
/** Images of such a stretch at most. */
const stretchImages = 16;

/** Block: [kh, kw, left side, right side, images, rows, columns]. */
function emitPacked(context: BlockContext, { dtype }: TensorType): void {
  const [images, , columns] = context.block.slice(4) as [number, number, number];
  // Of short rows the images are the innermost loop.
  if (columns < leastColumns) sumInStretches(context, dtype, 4, [stretchImages, stretchPositions / (columns * Math.min(images, stretchImages)), columns], [1, 2, 0]);
  else sumInStretches(context, dtype, 4, [1, stretchPositions / columns, stretchPositions]);
}

export const convolutionFiltersPacked: Op = {
  name: "conv_filters_packed",
  kind: "compute",
  summary: "Sums over images x and positions of what a window meets there times y, channels last, the border included in the images: the gradient of a convolution by its filters.",
  formula: "w[u, (v, c), o] = Σ x[n, i·s + u·d, j·s + v·d, c] · y[n, i, j, o]",
  noGradient: "it is made when gradients are there",
  type(inputs, attributes) {
    requireInputs("conv_filters_packed", inputs, 2);
    const [x, y] = [inputs[0]!, inputs[1]!];
    requireClass("conv_filters_packed", "float", x);
    requireSameDType("conv_filters_packed", x, y);
    return { dtype: x.dtype, shape: packedShape(packedExtents(x, y, attributes)) };
  },
  evaluate(inputs, attributes, type) {
    const [x, y, result] = [inputs[0]!, inputs[1]!, zeros(type)];
    const { images, channels, rows, columns, high, wide, along } = packedExtents(x.type, y.type, attributes);
    forEachIndex(type.shape, (index, flat) => {
      const [u, v] = index as [number, number];
      const [element, filter] = along === "each" ? [index[2]!, index[2]!] : along === "filters" ? [index[2]!, index[3]!] : [index[3]!, index[2]!];
      let sum = 0;
      forEachIndex([images, rows, columns], ([n, i, j]) => {
        const a = get(x, flatIndex(x.type.shape, [n!, i! * high.stride + u * high.dilation, (j! * wide.stride + v * wide.dilation) * channels + element]));
        sum += Number(a) * Number(get(y, flatIndex(y.type.shape, [n!, i!, j!, filter])));
      });
      put(result, flat, sum);
    });
    return result;
  },
  lower(inputs, attributes, type): Lowering[] {
    if (sizeOf(type.shape) === 0) return [];
    const extents = packedExtents(inputs[0]!, inputs[1]!, attributes);
    const { images, channels, rows, columns, high, wide, along } = extents;
    if (images === 0) return fillLowering("conv", wholeRegion(type.shape), type.dtype, 0);
    const rank = 7;
    const at = (dimension: number, scale = 1): Affine => affineIndex(dimension, rank, scale);
    const [element, filter] = along === "each" ? [2, 2] : along === "filters" ? [2, 3] : [3, 2];
    return [
      {
        name: "conv",
        contraction: true,
        combine: "add",
        space: [...dimensions("parallel", type.shape), ...dimensions("reduction", [images, rows, columns])],
        reads: [
          { operand: 0, index: [at(4), sumOfAffine(at(5, high.stride), at(0, high.dilation)), sumOfAffine(at(6, wide.stride * channels), at(1, wide.dilation * channels), at(element))] },
          { operand: 1, index: [at(4), at(5), at(6), at(filter)] },
        ],
        writes: [{ operand: 0, index: type.shape.map((_, axis) => at(axis)) }],
        emit: (context) => emitPacked(context, type),
      },
    ];
  },
  examples: () => [
    {
      inputs: [tensor("f32", [1, 2, 6], [1, 10, 2, 20, 3, 30, 4, 40, 5, 50, 6, 60]), tensor("f32", [1, 1, 2, 1], [1, 100])], attributes: { window: [2, 2], stride: [1, 1], channels: 2, along: "channels" },
      expected: tensor("f32", [2, 1, 1, 4], [201, 2010, 302, 3020, 504, 5040, 605, 6050]),
    },
    { inputs: [samples("f32", [2, 7, 18]), samples("f32", [2, 5, 4, 8], 1)], attributes: { window: [3, 3], stride: [1, 1], channels: 3, along: "filters" } },
    { inputs: [samples("f32", [1, 9, 36]), samples("f32", [1, 3, 2, 5], 1)], attributes: { window: [3, 2], stride: [2, 3], dilation: [2, 3], channels: 4, along: "channels" } },
    { inputs: [samples("f32", [2, 9, 90]), samples("f32", [2, 4, 7, 10], 1)], attributes: { window: [3, 2], stride: [2, 1], dilation: [1, 2], channels: 10, along: "each" } },
    { inputs: [samples("f64", [2, 3, 150]), samples("f64", [2, 3, 75, 2], 1)], attributes: { window: [1, 1], stride: [1, 1], channels: 2, along: "filters" } },
    { inputs: [samples("f32", [9, 6, 18]), samples("f32", [9, 4, 4, 8], 1)], attributes: { window: [3, 3], stride: [1, 1], channels: 3, along: "filters" } },
    { inputs: [samples("f32", [3, 19, 14]), samples("f32", [3, 17, 10, 3], 1)], attributes: { window: [3, 5], stride: [1, 1], channels: 1, along: "filters" } },
    { inputs: [samples("f32", [0, 4, 4]), samples("f32", [0, 3, 3, 2])], attributes: { window: [2, 2], stride: [1, 1], channels: 1, along: "filters" } },
  ],
};
