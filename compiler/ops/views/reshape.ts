/** The same elements, in row-major order, in another shape. `expand` and `squeeze` are calls of it. */
import { sizeOf } from "../../../runtime/dtype.ts";
import { tensor, zeros } from "../../graph/tensor.ts";
import { affineConstant, type Affine } from "../../support/affine.ts";
import { samples } from "../elementwise/elementwise.ts";
import { reshaped } from "../gradients.ts";
import type { ConstantValue, Op } from "../op.ts";
import { axesArgument, axisArgument, intsArgument, intsAttribute, refuse, requireInputs, showShape } from "../rules.ts";

/** One extent may be -1: what remains. */
function shapeFor(input: readonly number[], value: ConstantValue | undefined): number[] {
  const shape = intsArgument(value ?? [], "the shape of reshape");
  const open = shape.indexOf(-1);
  const known = sizeOf(shape.filter((_, axis) => axis !== open));
  for (const extent of shape) if (extent < -1) refuse("out-of-range", `an extent of reshape is negative: ${extent}`);
  if (open === -1) return shape;
  if (shape.lastIndexOf(-1) !== open) refuse("bad-argument", `only one extent of reshape may be -1, not ${showShape(shape)}`);
  if (known === 0 || sizeOf(input) % known !== 0) refuse("indivisible", `${sizeOf(input)} elements of ${showShape(input)} do not fill ${showShape(shape)}`);
  return shape.with(open, sizeOf(input) / known);
}

/**
 * The input's index for an index of the result. Both shapes fall into runs of dimensions with equal products; a run is affine
 * when at most one dimension of the input in it is longer than 1.
 */
function reshapeMap(input: readonly number[], result: readonly number[]): Affine[] | undefined {
  const rank = result.length;
  const map = input.map(() => affineConstant(0, rank));
  if (sizeOf(input) === 0) return map;
  const long = (shape: readonly number[]): number[] => [...shape.keys()].filter((axis) => shape[axis] !== 1);
  const [from, to] = [long(input), long(result)];
  let next = 0;
  for (const axis of from) {
    const run: number[] = [];
    let product = 1;
    while (product < input[axis]!) {
      const taken = to[next++]!;
      run.push(taken);
      product *= result[taken]!;
    }
    if (product !== input[axis]) return undefined;
    const coefficients = new Array<number>(rank).fill(0);
    let stride = 1;
    for (const taken of run.reverse()) {
      coefficients[taken] = stride;
      stride *= result[taken]!;
    }
    map[axis] = { constant: 0, coefficients };
  }
  return map;
}

export const reshape: Op = {
  name: "reshape",
  kind: "view",
  summary: "The same elements in another shape; one extent may be -1.",
  formula: "y = x, in row-major order",
  signature: {
    call: "reshape",
    module: "core",
    parameters: [{ name: "x", kind: "tensor" }, { name: "shape", kind: "shape" }],
    attributes: (args, inputs) => ({ shape: shapeFor(inputs[0]!.shape, args["shape"]) }),
  },
  otherSignatures: [
    {
      call: "expand",
      module: "core",
      parameters: [{ name: "x", kind: "tensor" }, { name: "axis", kind: "ints" }],
      attributes(args, inputs) {
        const added = intsArgument(args["axis"], "the axis of expand");
        const rank = inputs[0]!.shape.length + added.length;
        const axes = axesArgument(added, rank, "expand");
        const rest = [...inputs[0]!.shape];
        return { shape: Array.from({ length: rank }, (_, axis) => (axes.includes(axis) ? 1 : rest.shift()!)) };
      },
    },
    {
      call: "squeeze",
      module: "core",
      parameters: [{ name: "x", kind: "tensor" }, { name: "axis", kind: "axes", default: null }],
      attributes(args, inputs) {
        const { shape } = inputs[0]!;
        const axis = args["axis"] ?? null;
        if (axis === null) return { shape: shape.filter((extent) => extent !== 1) };
        const axes = axesArgument(axis, shape.length, "squeeze");
        for (const dropped of axes) if (shape[dropped] !== 1) refuse("shape-mismatch", `axis ${dropped} of ${showShape(shape)} cannot be squeezed, its extent is ${shape[dropped]}, not 1`);
        return { shape: shape.filter((_, dimension) => !axes.includes(dimension)) };
      },
    },
    {
      call: "flatten",
      module: "core",
      parameters: [{ name: "x", kind: "tensor" }, { name: "axis", kind: "axis", default: 0 }],
      attributes(args, inputs) {
        const { shape } = inputs[0]!;
        const axis = shape.length === 0 ? 0 : axisArgument(args["axis"], shape.length, "flatten");
        return { shape: [...shape.slice(0, axis), sizeOf(shape.slice(axis))] };
      },
    },
  ],
  type(inputs, attributes) {
    requireInputs("reshape", inputs, 1);
    const shape = intsAttribute(attributes, "shape");
    const { dtype, shape: old } = inputs[0]!;
    if (sizeOf(shape) !== sizeOf(old)) refuse("shape-mismatch", `reshape keeps the number of elements, but ${showShape(old)} has ${sizeOf(old)} and ${showShape(shape)} has ${sizeOf(shape)}`);
    return { dtype, shape: [...shape] };
  },
  evaluate(inputs, _attributes, type) {
    const result = zeros(type);
    for (let flat = 0; flat < result.data.length; flat++) result.data[flat] = inputs[0]!.data[flat]!;
    return result;
  },
  view: (input, _attributes, type) => reshapeMap(input.shape, type.shape),
  gradient: (build, { inputs: [x], gradient }) => [reshaped(build, gradient, build.typeOf(x!).shape)],
  examples: () => [
    { inputs: [tensor("i32", [2, 3], [1, 2, 3, 4, 5, 6])], attributes: { shape: [3, 2] }, expected: tensor("i32", [3, 2], [1, 2, 3, 4, 5, 6]) },
    { inputs: [samples("f32", [12, 5])], attributes: { shape: [3, 1, 4, 5] } },
    { inputs: [samples("f32", [3, 4, 5])], attributes: { shape: [12, 5] } },
    { inputs: [samples("u8", [1, 30, 1])], attributes: { shape: [5, 1, 6] } },
    { inputs: [samples("u8", [])], attributes: { shape: [1, 1] } },
    { inputs: [samples("u8", [0, 3])], attributes: { shape: [5, 0] } },
    { inputs: [samples("bf16", [7, 6, 4])], attributes: { shape: [7, 2, 3, 2, 2] } },
  ],
};
