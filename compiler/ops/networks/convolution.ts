/**
 * Convolution of images of one, two or three axes with a bank of filters (as networks use the word: a correlation), and its
 * transpose, which goes from the windows' positions back to the image. Sums are exact f64 sums rounded once in the meaning;
 * padding counts as zeros. Channels may come in groups, each with filters of its own.
 *
 * Either is the other's gradient by the image; the gradient by the filters is `conv_filters`.
 */
import { sizeOf } from "../../../runtime/dtype.ts";
import { flatIndex, forEachIndex, get, put, tensor, zeros, type Tensor } from "../../graph/tensor.ts";
import type { Attributes, TensorType, ValueId } from "../../graph/graph.ts";
import { cast } from "../../kernel/build.ts";
import type { Lowering } from "../../kernel/lowering.ts";
import { affineIndex, sumOfAffine, type Affine } from "../../support/affine.ts";
import { finiteSamples, samples } from "../elementwise/elementwise.ts";
import { summed } from "../gradients.ts";
import { plusTerm, requireTerms, sumsOf } from "../linalg/terms.ts";
import { choices, dimensions, forRest, number, padded, widened } from "../lowerings.ts";
import type { ConstantValue, GradientBuilder, Op, Signature } from "../op.ts";
import { computeDType, intArgument, intsAttribute, refuse, requireClass, requireRank, requireSameDType, showShape } from "../rules.ts";
import { axesInts, backwards, forwards, imageExtents, meeting, paddingArgument, progression, windowPositions, windowsOf, type Direction, type Window } from "./windows.ts";

const names = ["conv1d", "conv2d", "conv3d"];
const transposedNames = ["conv_transpose1d", "conv_transpose2d", "conv_transpose3d"];

export const groupsOf = (attributes: Attributes): number => (attributes["groups"] as number | undefined) ?? 1;

/** Windows along the axes of the image. */
const filterWindows = (filters: TensorType, attributes: Attributes): Window[] => windowsOf(filters.shape.slice(2), attributes);

/** What both ops ask of their operands; `own` channels of the result come from the filters. */
function requireOperands(what: string, inputs: readonly TensorType[], rank: number): readonly [TensorType, TensorType] {
  const [x, filters, bias] = inputs;
  if (!x || !filters || inputs.length > 3) refuse("bad-argument", `${what} takes images, filters and perhaps a bias, not ${inputs.length} tensors`);
  requireClass(what, "number", x);
  requireRank(`x of ${what}`, x, rank + 2);
  requireRank(`w of ${what}`, filters, rank + 2);
  requireSameDType(what, x, filters, ["x", "w"]);
  if (bias) requireSameDType(what, x, bias, ["x", "bias"]);
  return [x, filters];
}

function requireBias(what: string, bias: TensorType | undefined, channels: number): void {
  if (bias && (bias.shape.length !== 1 || bias.shape[0] !== channels)) refuse("shape-mismatch", `the bias of ${what} has shape ${showShape(bias.shape)}, but the result has ${channels} channels`);
}

function requireGroups(what: string, groups: number, channels: number, which: string): void {
  if (groups < 1) refuse("out-of-range", `the groups of ${what} must be at least 1, they are ${groups}`);
  if (channels % groups !== 0) refuse("indivisible", `the ${channels} channels of ${which} of ${what} do not make ${groups} groups`);
}

/** How a convolution and its transpose differ: the direction, and where in the filters a pair of channels is. */
interface Kind {
  readonly name: string;
  readonly direction: Direction;
  /** Of one group: input channels and output channels. */
  channels(x: TensorType, filters: TensorType, groups: number): readonly [inputs: number, outputs: number];
  /** First two indices of the filters. */
  filter<T>(channel: { readonly output: T; readonly outputInGroup: T; readonly input: T; readonly inputInGroup: T }): readonly [T, T];
}

const forward: Kind = {
  name: "conv",
  direction: forwards,
  channels: (_, filters, groups) => [filters.shape[1]!, filters.shape[0]! / groups],
  filter: ({ output, inputInGroup }) => [output, inputInGroup],
};

const transposed: Kind = {
  name: "conv_transpose",
  direction: backwards,
  channels: (x, filters, groups) => [x.shape[1]! / groups, filters.shape[1]!],
  filter: ({ input, outputInGroup }) => [input, outputInGroup],
};

function evaluateKind({ direction, channels, filter }: Kind, inputs: readonly Tensor[], attributes: Attributes, type: TensorType): Tensor {
  const [x, filters, bias, result] = [inputs[0]!, inputs[1]!, inputs[2], zeros(type)];
  const groups = groupsOf(attributes);
  const windows = filterWindows(filters.type, attributes);
  const [ins, outs] = channels(x.type, filters.type, groups);
  const sizes = windows.map(({ size }) => size);
  const { from, plus } = sumsOf(attributes, type.dtype);
  forEachIndex(type.shape, (index, flat) => {
    const [n, output, ...position] = index as [number, number, ...number[]];
    const group = Math.floor(output / outs);
    let sum = from(bias ? get(bias, output) : 0);
    forEachIndex([ins, ...sizes], ([inputInGroup, ...element]) => {
      const place = windows.map((window, axis) => direction.meets(window, x.type.shape[2 + axis]!, position[axis]!, element[axis]!));
      if (place.includes(undefined)) return;
      const input = group * ins + inputInGroup!;
      const a = get(x, flatIndex(x.type.shape, [n, input, ...(place as number[])]));
      const b = get(filters, flatIndex(filters.type.shape, [...filter({ output, outputInGroup: output % outs, input, inputInGroup: inputInGroup! }), ...element]));
      sum = plus(sum, a, b);
    });
    put(result, flat, sum);
  });
  return result;
}

/** One lowering for each choice of runs: the inside, and the borders where padding cuts the window. */
function lowerKind({ name, direction, channels, filter }: Kind, inputs: readonly TensorType[], attributes: Attributes, type: TensorType): Lowering[] {
  if (sizeOf(type.shape) === 0) return [];
  const [x, filters, bias] = [inputs[0]!, inputs[1]!, inputs[2]];
  const groups = groupsOf(attributes);
  const [ins, outs] = channels(x, filters, groups);
  const windows = filterWindows(filters, attributes);
  const spatial = windows.length;
  // Without groups, or with one channel in each, one dimension is all of the channels.
  const grouped = groups > 1 && outs > 1;
  const firstPosition = grouped ? 3 : 2;
  const parallel = firstPosition + spatial;
  const all = choices(windows.map((window, axis) => direction.runs(window, x.shape[2 + axis]!, type.shape[2 + axis]!)));
  // Partial sums are combined over a whole result.
  const combines = all.length === 1 && bias === undefined && computeDType(type.dtype) === type.dtype;
  return all.map((runs): Lowering => {
    const inner = [ins, ...runs.map(({ elements }) => elements.count)];
    const sums = sizeOf(inner) > 0;
    const rank = parallel + (sums ? 1 + spatial : 0);
    const at = (dimension: number, coefficient = 1): Affine => affineIndex(dimension, rank, coefficient);
    const nothing = affineIndex(0, rank, 0);
    const group = groups === 1 ? nothing : at(1);
    const outputInGroup = grouped ? at(2) : groups === 1 ? at(1) : nothing;
    const output = sumOfAffine({ constant: 0, coefficients: group.coefficients.map((one) => one * outs) }, outputInGroup);
    const inputInGroup = sums ? at(parallel) : nothing;
    const input = sumOfAffine({ constant: 0, coefficients: group.coefficients.map((one) => one * ins) }, inputInGroup);
    const image = { operand: 0, index: [at(0), input, ...runs.map((run, axis) => meeting(run, firstPosition + axis, parallel + 1 + axis, rank))] };
    const weights = { operand: 1, index: [...filter({ output, outputInGroup, input, inputInGroup }), ...runs.map(({ elements }, axis) => progression(elements, parallel + 1 + axis, rank))] };
    const channelExtents = grouped ? [groups, outs] : [groups * outs];
    return {
      name,
      contraction: true,
      ...(combines ? { combine: "add" as const } : {}),
      space: [...dimensions("parallel", [type.shape[0]!, ...channelExtents, ...runs.map(({ positions }) => positions.count)]), ...(sums ? dimensions("reduction", inner) : [])],
      reads: [...(sums ? [image, weights] : []), ...(bias ? [{ operand: 2, index: [output] }] : [])],
      writes: [{ operand: 0, index: [at(0), output, ...runs.map(({ positions }, axis) => progression(positions, firstPosition + axis, rank))] }],
      emit(context) {
        const { kernel, block, load, store } = context;
        const element = (read: number, point: Parameters<typeof load>[1]) => cast(computeDType(type.dtype), widened(load(read, point)));
        kernel.forBox(block.slice(0, parallel), true, (point) => {
          const sum = kernel.let("sum", bias ? element(sums ? 2 : 0, padded(point, rank)) : number(type.dtype, 0));
          if (sums) forRest(context, point, false, (inside) => kernel.set(sum, plusTerm(attributes, sum, element(0, inside), element(1, inside))));
          store(0, padded(point, rank), cast(type.dtype, sum));
        }, context.overwrites !== true);
      },
    };
  });
}

function signatureOf(call: string, rank: number, own: Signature["parameters"], more: (args: { readonly [name: string]: ConstantValue }) => { readonly extra?: readonly number[] }): Signature {
  return {
    call,
    module: "std/nn",
    parameters: [
      { name: "x", kind: "tensor" }, { name: "w", kind: "tensor" }, { name: "bias", kind: "tensor", default: null },
      { name: "stride", kind: "ints", default: 1 }, { name: "padding", kind: "padding", default: 0 }, { name: "dilation", kind: "ints", default: 1 }, { name: "groups", kind: "int", default: 1 }, ...own,
    ],
    attributes(args, [x, filters]) {
      const stride = axesInts(args["stride"] ?? 1, rank, `the stride of ${call}`);
      const dilation = axesInts(args["dilation"] ?? 1, rank, `the dilation of ${call}`);
      const rest = more(args);
      const axes = { extents: x!.shape.slice(2), sizes: filters!.shape.slice(2), stride, dilation, ...rest };
      const padding = paddingArgument(args["padding"] ?? 0, `the padding of ${call}`, axes);
      return { stride, padding, dilation, groups: intArgument(args["groups"] ?? 1, `the groups of ${call}`), ...rest };
    },
  };
}

/** The gradient by the filters, of images x and y at the windows' positions. */
function byFilters(build: GradientBuilder, x: ValueId, y: ValueId, { stride, padding, dilation, groups }: Attributes, windows: readonly Window[]): ValueId {
  return build.apply("conv_filters", [x, y], { window: windows.map(({ size }) => size), stride: stride!, padding: padding!, dilation: dilation ?? windows.map(() => 1), groups: groups ?? 1 });
}

const byBias = (build: GradientBuilder, gradient: ValueId): ValueId => summed(build, gradient, [...build.typeOf(gradient).shape.keys()].filter((axis) => axis !== 1));

export const convolution: Op = {
  name: "conv",
  kind: "compute",
  stores: "once",
  summary:
    "Images x: [n, c, …] with filters w: [o, c / groups, …] and a bias [o], over one, two or three axes; stride, padding and dilation are one int or one for each axis, padding also those before all axes and then those behind, or \"same\", \"same_lower\" or \"valid\".",
  formula: "y[n, o, i, …] = bias[o] + Σ x[n, c, i·s + u·d - p, …] · w[o, c, u, …]",
  signature: signatureOf("conv2d", 2, [], () => ({})),
  otherSignatures: [signatureOf("conv1d", 1, [], () => ({})), signatureOf("conv3d", 3, [], () => ({}))],
  type(inputs, attributes) {
    const rank = intsAttribute(attributes, "stride").length;
    const what = names[rank - 1]!;
    const [x, filters] = requireOperands(what, inputs, rank);
    const groups = groupsOf(attributes);
    requireGroups(what, groups, x.shape[1]!, "x");
    requireGroups(what, groups, filters.shape[0]!, "w");
    if (x.shape[1] !== filters.shape[1]! * groups) {
      refuse("shape-mismatch", `the channels of ${what} differ, ${x.shape[1]! / groups} (x) and ${filters.shape[1]} (w)${groups > 1 ? ` in each of ${groups} groups` : ""}, in ${showShape(x.shape)} and ${showShape(filters.shape)}`);
    }
    requireBias(what, inputs[2], filters.shape[0]!);
    requireTerms(attributes, x);
    return { dtype: x.dtype, shape: [x.shape[0]!, filters.shape[0]!, ...windowPositions(what, x.shape.slice(2), filterWindows(filters, attributes))] };
  },
  evaluate: (inputs, attributes, type) => evaluateKind(forward, inputs, attributes, type),
  lower: (inputs, attributes, type) => lowerKind(forward, inputs, attributes, type),
  gradient(build, { inputs: [x, filters, bias], attributes, gradient }) {
    const windows = filterWindows(build.typeOf(filters!), attributes);
    const positions = build.typeOf(gradient).shape.slice(2);
    const least = imageExtents(positions, windows, windows.map(() => 0));
    const extra = build.typeOf(x!).shape.slice(2).map((extent, axis) => extent - least[axis]!);
    const byImages = build.apply("conv_transpose", [gradient, filters!], { ...attributes, extra });
    return [byImages, byFilters(build, x!, gradient, attributes, windows), ...(bias === undefined ? [] : [byBias(build, gradient)])];
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
    {
      inputs: [tensor("f32", [1, 2, 5], [1, 2, 3, 4, 5, 10, 20, 30, 40, 50]), tensor("f32", [2, 1, 2], [1, 1, 1, -1])], attributes: { stride: [1], padding: [1, 0], dilation: [2], groups: 2 },
      expected: tensor("f32", [1, 2, 4], [2, 4, 6, 8, -20, -20, -20, -20]),
    },
    { inputs: [tensor("i8", [1, 1, 3], [127, 127, -128]), tensor("i8", [1, 1, 2], [127, -128])], attributes: { stride: [1], padding: [0] }, expected: tensor("i8", [1, 1, 2], [-127, 1]) },
    { inputs: [samples("i32", [2, 2, 5, 7]), samples("i32", [4, 1, 3, 3], 1)], attributes: { stride: [1, 1], padding: [1, 1], groups: 2, pairs: true } },
    { inputs: [tensor("f32", [1, 1, 2, 2, 2], [1, 2, 3, 4, 5, 6, 7, 9]), tensor("f32", [1, 1, 1, 1, 2], [1, -1])], attributes: { stride: [1, 1, 1], padding: [0, 0, 0] }, expected: tensor("f32", [1, 1, 2, 2, 1], [-1, -1, -1, -2]) },
    { inputs: [samples("i32", [2, 3, 7, 5]), samples("i32", [4, 3, 3, 2], 1), samples("i32", [4], 2)], attributes: { stride: [2, 1], padding: [1, 2] } },
    { inputs: [samples("i16", [1, 2, 2, 3]), samples("i16", [2, 2, 1, 1], 1), samples("i16", [2], 2)], attributes: { stride: [1, 2], padding: [2, 1] } },
    // Finite filters: an infinity that meets the border gives NaN where the border is in memory.
    { inputs: [samples("f32", [1, 4, 5, 4]), finiteSamples("f32", [6, 2, 2, 3]), samples("f32", [6], 2)], attributes: { stride: [2, 1], padding: [1, 0, 0, 2], dilation: [1, 2], groups: 2 } },
    { inputs: [samples("f32", [2, 3, 6, 5]), samples("f32", [3, 1, 3, 3], 1)], attributes: { stride: [1, 1], padding: [1, 1], groups: 3 } },
    { inputs: [samples("f64", [1, 2, 3, 4, 3]), finiteSamples("f64", [2, 2, 2, 3, 2])], attributes: { stride: [1, 2, 1], padding: [0, 1, 1] } },
    {
      inputs: [tensor("f16", [2, 2, 4, 4], Array.from({ length: 64 }, (_, i) => (i % 7) - 3)), tensor("f16", [3, 2, 3, 3], Array.from({ length: 54 }, (_, i) => (i % 5) / 4))],
      attributes: { stride: [1, 1], padding: [1, 1] },
    },
    { inputs: [samples("f32", [0, 1, 3, 3]), samples("f32", [2, 1, 2, 2])], attributes: { stride: [1, 1], padding: [0, 0] } },
  ],
};

export const transposedConvolution: Op = {
  name: "conv_transpose",
  kind: "compute",
  stores: "once",
  summary:
    "The transpose of a convolution: x: [n, c, …] with filters w: [c, o / groups, …] and a bias [o] gives images of (extent − 1) · stride + dilation · (size − 1) + 1 − padding + output_padding elements along each axis.",
  formula: "y[n, o, i·s + u·d - p, …] = bias[o] + Σ x[n, c, i, …] · w[c, o, u, …]",
  signature: transposedSignature(2),
  otherSignatures: [transposedSignature(1), transposedSignature(3)],
  type(inputs, attributes) {
    const extra = intsAttribute(attributes, "extra");
    const what = transposedNames[extra.length - 1]!;
    const [x, filters] = requireOperands(what, inputs, extra.length);
    const groups = groupsOf(attributes);
    requireGroups(what, groups, x.shape[1]!, "x");
    if (x.shape[1] !== filters.shape[0]) refuse("shape-mismatch", `the channels of ${what} differ, ${x.shape[1]} (x) and ${filters.shape[0]} (w), in ${showShape(x.shape)} and ${showShape(filters.shape)}`);
    requireBias(what, inputs[2], filters.shape[1]! * groups);
    const windows = filterWindows(filters, attributes);
    for (const { size, stride, dilation } of windows) if (Math.min(size, stride, dilation) < 1) refuse("out-of-range", `the window, stride and dilation of ${what} must be at least 1, they are ${size}, ${stride} and ${dilation}`);
    extra.forEach((more, axis) => {
      if (more < 0 || more >= windows[axis]!.stride) refuse("out-of-range", `the output_padding of ${what} is ${more}, it must be less than the stride, ${windows[axis]!.stride}`);
    });
    const positions = x.shape.slice(2);
    const extents = imageExtents(positions, windows, extra);
    extents.forEach((extent, axis) => {
      if (positions[axis] === 0 || extent < 1) refuse("shape-mismatch", `${what} of ${showShape(x.shape)} with a padding of ${windows[axis]!.before} and ${windows[axis]!.after} leaves nothing`);
    });
    return { dtype: x.dtype, shape: [x.shape[0]!, filters.shape[1]! * groups, ...extents] };
  },
  evaluate: (inputs, attributes, type) => evaluateKind(transposed, inputs, attributes, type),
  lower: (inputs, attributes, type) => lowerKind(transposed, inputs, attributes, type),
  gradient(build, { inputs: [x, filters, bias], attributes, gradient }) {
    const { extra: _, ...forwardAttributes } = attributes;
    const windows = filterWindows(build.typeOf(filters!), attributes);
    const byPositions = build.apply("conv", [gradient, filters!], forwardAttributes);
    return [byPositions, byFilters(build, gradient, x!, attributes, windows), ...(bias === undefined ? [] : [byBias(build, gradient)])];
  },
  examples: () => [
    {
      inputs: [tensor("f32", [1, 1, 2, 2], [1, 2, 3, 4]), tensor("f32", [1, 1, 2, 2], [1, 10, 100, 1000])], attributes: { stride: [1, 1], padding: [0, 0], extra: [0, 0] },
      expected: tensor("f32", [1, 1, 3, 3], [1, 12, 20, 103, 1234, 2040, 300, 3400, 4000]),
    },
    {
      inputs: [tensor("i32", [1, 1, 3], [1, 2, 3]), tensor("i32", [1, 1, 3], [1, 10, 100]), tensor("i32", [1], [5])], attributes: { stride: [2], padding: [1], extra: [1] },
      expected: tensor("i32", [1, 1, 6], [15, 107, 25, 208, 35, 305]),
    },
    {
      inputs: [tensor("f32", [1, 1, 1, 1, 2], [1, 2]), tensor("f32", [1, 1, 2, 1, 2], [1, 10, 100, 1000])], attributes: { stride: [1, 1, 1], padding: [0, 0, 0], extra: [0, 0, 0] },
      expected: tensor("f32", [1, 1, 2, 1, 3], [1, 12, 20, 100, 1200, 2000]),
    },
    { inputs: [samples("i32", [2, 4, 3, 4]), samples("i32", [4, 3, 3, 2], 1), samples("i32", [3], 2)], attributes: { stride: [2, 3], padding: [1, 0], extra: [0, 2] } },
    { inputs: [samples("f32", [1, 4, 3, 3]), samples("f32", [4, 3, 2, 3], 1), samples("f32", [6], 2)], attributes: { stride: [3, 2], padding: [0, 1, 1, 2], dilation: [2, 2], groups: 2, extra: [1, 0] } },
    { inputs: [samples("f32", [2, 3, 4, 4]), samples("f32", [3, 1, 3, 3], 1)], attributes: { stride: [2, 2], padding: [1, 1], groups: 3, extra: [1, 1] } },
    { inputs: [samples("f64", [1, 2, 2, 2, 3]), samples("f64", [2, 1, 2, 1, 2], 1)], attributes: { stride: [2, 1, 1], padding: [0, 0, 1], extra: [0, 0, 0] } },
    { inputs: [samples("f32", [0, 1, 3]), samples("f32", [1, 2, 2])], attributes: { stride: [1], padding: [0], extra: [0] } },
  ],
};

function transposedSignature(rank: number): Signature {
  const call = transposedNames[rank - 1]!;
  return signatureOf(call, rank, [{ name: "output_padding", kind: "ints", default: 0 }], (args) => ({ extra: axesInts(args["output_padding"] ?? 0, rank, `the output_padding of ${call}`) }));
}
