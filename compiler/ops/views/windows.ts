/**
 * Windows that slide along an axis, as a view: elements that several windows meet lie in memory once. The way back, which is its
 * gradient, adds up what belongs to each element.
 */
import { sizeOf } from "../../../runtime/dtype.ts";
import type { Attributes, ValueId } from "../../graph/graph.ts";
import { flatIndex, forEachIndex, tensor, zeros } from "../../graph/tensor.ts";
import { affineIndex } from "../../support/affine.ts";
import { samples } from "../elementwise/elementwise.ts";
import { reshaped } from "../gradients.ts";
import type { NodeBuilder, Op } from "../op.ts";
import type { Box } from "./slice.ts";
import { axisArgument, intArgument, intAttribute, refuse, requireInputs, showShape } from "../rules.ts";

interface Sliding {
  readonly axis: number;
  readonly size: number;
  /** From one window to the next, and between neighbours of a window. */
  readonly step: number;
  readonly dilation: number;
}

const slidingOf = (attributes: Attributes): Sliding => ({
  axis: intAttribute(attributes, "axis"), size: intAttribute(attributes, "size"), step: intAttribute(attributes, "step"), dilation: intAttribute(attributes, "dilation"),
});

/** How many windows there are. */
function countOf(shape: readonly number[], { axis, size, step, dilation }: Sliding): number {
  for (const [word, value] of [["size", size], ["step", step], ["dilation", dilation]] as const) if (value < 1) refuse("out-of-range", `the ${word} of windows must be at least 1, it is ${value}`);
  const reach = dilation * (size - 1) + 1;
  if (reach > shape[axis]!) refuse("out-of-range", `a window reaches over ${reach} elements, and axis ${axis} of ${showShape(shape)} has ${shape[axis]}`);
  return Math.floor((shape[axis]! - reach) / step) + 1;
}

export const windows: Op = {
  name: "windows",
  kind: "view",
  summary: "Windows of a size that slide along an axis, one every `step` elements; what one holds is along a new last axis.",
  formula: "y[…, i, …, j] = x[…, i · step + j · dilation, …]",
  signature: {
    call: "windows",
    module: "core",
    parameters: [{ name: "x", kind: "tensor" }, { name: "size", kind: "int" }, { name: "step", kind: "int", default: 1 }, { name: "axis", kind: "axis", default: -1 }, { name: "dilation", kind: "int", default: 1 }],
    attributes: (args, inputs) => ({
      size: intArgument(args["size"], "the size of windows"), step: intArgument(args["step"], "the step of windows"),
      axis: axisArgument(args["axis"], inputs[0]!.shape.length, "windows"), dilation: intArgument(args["dilation"], "the dilation of windows"),
    }),
  },
  type(inputs, attributes) {
    requireInputs("windows", inputs, 1);
    const { dtype, shape } = inputs[0]!;
    const sliding = slidingOf(attributes);
    axisArgument(sliding.axis, shape.length, "windows");
    return { dtype, shape: [...shape.with(sliding.axis, countOf(shape, sliding)), sliding.size] };
  },
  evaluate(inputs, attributes, type) {
    const [x, result, { axis, step, dilation }] = [inputs[0]!, zeros(type), slidingOf(attributes)];
    forEachIndex(type.shape, (index, flat) => {
      const within = index.at(-1)!;
      result.data[flat] = x.data[flatIndex(x.type.shape, index.slice(0, -1).with(axis, index[axis]! * step + within * dilation))]!;
    });
    return result;
  },
  view(input, attributes) {
    const { axis, step, dilation } = slidingOf(attributes);
    const rank = input.shape.length;
    return input.shape.map((_, d) => (d === axis ? { constant: 0, coefficients: Array.from({ length: rank + 1 }, (_one, k) => (k === axis ? step : k === rank ? dilation : 0)) } : affineIndex(d, rank + 1)));
  },
  gradient: (build, { inputs: [x], attributes, gradient }) => [overlapped(build, gradient, build.typeOf(x!).shape, slidingOf(attributes))],
  examples: () => [
    { inputs: [tensor("i32", [5], [1, 2, 3, 4, 5])], attributes: { size: 3, step: 1, axis: 0, dilation: 1 }, expected: tensor("i32", [3, 3], [1, 2, 3, 2, 3, 4, 3, 4, 5]) },
    { inputs: [samples("f32", [3, 17, 2])], attributes: { size: 5, step: 2, axis: 1, dilation: 1 } },
    { inputs: [samples("f64", [2, 11])], attributes: { size: 3, step: 1, axis: 1, dilation: 2 } },
    { inputs: [samples("f64", [13, 2])], attributes: { size: 2, step: 5, axis: 0, dilation: 3 } },
    { inputs: [samples("f64", [2, 80])], attributes: { size: 40, step: 1, axis: 1, dilation: 1 } },
    { inputs: [samples("f16", [9, 3])], attributes: { size: 2, step: 4, axis: 0, dilation: 1 } },
    { inputs: [samples("u8", [0, 4])], attributes: { size: 4, step: 1, axis: 1, dilation: 1 } },
  ],
};

/** More than so many parts are added element by element. */
const mostParts = 32;

/** A tensor of a shape in which each element is the sum of what belongs to it in windows: where none has it, 0. */
export function overlapped(build: NodeBuilder, held: ValueId, shape: readonly number[], sliding: Sliding): ValueId {
  const zero = build.apply("fill", [], { value: 0, dtype: build.typeOf(held).dtype, shape: [...shape] });
  const { axis, size, step, dilation } = sliding;
  if (sizeOf(shape) === 0) return zero;
  // Elements of a window that lie side by side go beside those of the next window, as far as these are away.
  const width = dilation === 1 ? step : 1;
  if (Math.ceil(size / width) > mostParts) return addedByIndices(build, held, zero, sliding);
  let sum: ValueId | undefined;
  for (let first = 0; first < size; first += width) {
    const part = dilation === 1 ? sideBySide(build, held, first, sliding, shape[axis]! - first) : ofEach(build, held, first, axis);
    const { shape: length } = build.typeOf(part);
    const box = { start: shape.map((_, d) => (d === axis ? first * dilation : 0)), length: [...length], step: shape.map((_, d) => (d === axis && dilation !== 1 ? step : 1)) };
    sum = sum === undefined ? alone(build, part, zero, box) : build.apply("update", [sum, build.apply("add", [build.apply("slice", [sum], box), part])], box);
  }
  return sum!;
}

/** A part with zeros around it, or between its elements. */
function alone(build: NodeBuilder, part: ValueId, zero: ValueId, { start, length, step }: Box): ValueId {
  if (step.some((each) => each !== 1)) return build.apply("update", [zero, part], { start, length, step });
  const { shape } = build.typeOf(zero);
  return build.apply("pad", [part], { before: start, after: shape.map((extent, d) => extent - start[d]! - length[d]!), value: 0, mode: "constant" });
}

/** What every window holds at one place. */
function ofEach(build: NodeBuilder, held: ValueId, place: number, axis: number): ValueId {
  const one = placesOf(build, held, place, 1);
  const { shape } = build.typeOf(one);
  return reshaped(build, one, shape.slice(0, Math.max(axis + 1, shape.length - 1)));
}

/** What windows hold at the next `step` places, one behind the other along the axis, of which `most` are wanted. */
function sideBySide(build: NodeBuilder, held: ValueId, first: number, { axis, size, step }: Sliding, most: number): ValueId {
  const count = Math.min(step, size - first);
  const places = placesOf(build, held, first, count);
  const { shape } = build.typeOf(places);
  const last = shape.length - 1;
  const widened = count === step ? places : build.apply("pad", [places], { before: shape.map(() => 0), after: shape.map((_, d) => (d === last ? step - count : 0)), value: 0, mode: "constant" });
  const merged = shape.slice(0, last).with(axis, shape[axis]! * step);
  const all = reshaped(build, build.apply("transpose", [widened], { axes: behindAxis(last, axis) }), merged);
  const length = merged.with(axis, Math.min(most, merged[axis]!));
  return build.apply("slice", [all], { start: merged.map(() => 0), length, step: merged.map(() => 1) });
}

function placesOf(build: NodeBuilder, held: ValueId, first: number, count: number): ValueId {
  const { shape } = build.typeOf(held);
  const last = shape.length - 1;
  return build.apply("slice", [held], { start: shape.map((_, d) => (d === last ? first : 0)), length: shape.with(last, count), step: shape.map(() => 1) });
}

/** The order of axes in which the last one stands behind another. */
const behindAxis = (last: number, axis: number): number[] => Array.from({ length: last }, (_, d) => d).toSpliced(axis + 1, 0, last);

function addedByIndices(build: NodeBuilder, held: ValueId, zero: ValueId, { axis, size, step, dilation }: Sliding): ValueId {
  const { shape } = build.typeOf(held);
  const [count, last] = [shape[axis]!, shape.length - 1];
  const numbers = (length: number, factor: number, of: readonly number[]): ValueId => {
    const each = build.apply("mul", [build.apply("iota", [], { length, dtype: "i32" }), build.apply("fill", [], { value: factor, dtype: "i32", shape: [length] })]);
    return build.apply("broadcast", [reshaped(build, each, of)], { shape: [count, size] });
  };
  const indices = build.apply("add", [numbers(count, step, [count, 1]), numbers(size, dilation, [1, size])]);
  return build.apply("scatter_add", [zero, indices, build.apply("transpose", [held], { axes: behindAxis(last, axis) })], { axis });
}
