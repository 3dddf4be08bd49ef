/**
 * A border around a tensor: of one value, of the elements at its edge, of the tensor mirrored at its edge, which is repeated
 * ("symmetric") or not ("reflect"), or of the other end, as NumPy's `pad` has them.
 */
import { flatIndex, forEachIndex, put, tensor, zeros } from "../../graph/tensor.ts";
import { identityMap } from "../../support/affine.ts";
import { invariant } from "../../support/bug.ts";
import { samples } from "../elementwise/elementwise.ts";
import type { Attributes, ValueId } from "../../graph/graph.ts";
import type { Lowering } from "../../kernel/lowering.ts";
import { type AxisPiece, choices, copyLowering, fillLowering, outside, region, run } from "../lowerings.ts";
import type { ConstantValue, GradientBuilder, Op } from "../op.ts";
import { intsArgument, intsAttribute, numberAttribute, refuse, requireInputs, showShape } from "../rules.ts";

function widths(value: ConstantValue | undefined, rank: number, name: string): number[] {
  const list = intsArgument(value, `${name} of pad`);
  const all = Array.isArray(value) ? list : new Array<number>(rank).fill(list[0]!);
  if (all.length !== rank) refuse("bad-argument", `${name} of pad has ${all.length} entries, but the tensor has rank ${rank}`);
  for (const width of all) if (width < 0) refuse("out-of-range", `${name} of pad is negative: ${showShape(all)}`);
  return all;
}

const modes = ["constant", "edge", "reflect", "symmetric", "wrap"] as const;
type Mode = (typeof modes)[number];

/** What the border is made of; a node without the attribute means one value. */
function modeOf(attributes: Attributes): Mode {
  const mode = modes.find((known) => known === (attributes["mode"] ?? "constant"));
  invariant(mode, () => `pad with mode ${String(attributes["mode"])}`);
  return mode;
}

function modeArgument(value: ConstantValue | undefined): Mode {
  return modes.find((mode) => mode === value) ?? refuse("bad-argument", `the mode of pad is "constant", "edge", "reflect", "symmetric" or "wrap", not ${JSON.stringify(value)}`);
}

const faults: { readonly [mode in Exclude<Mode, "constant">]: readonly [what: string, help?: string] } = {
  edge: ["has no edge to repeat"],
  reflect: ["cannot be mirrored", "a mirrored border is narrower than the tensor"],
  symmetric: ["cannot be mirrored", "a mirrored border is no wider than the tensor"],
  wrap: ["cannot be the other end", "a border of the other end is no wider than the tensor"],
};

/** There must be something to repeat or mirror. */
function requireBorder(mode: Mode, shape: readonly number[], before: readonly number[], after: readonly number[]): void {
  if (mode === "constant") return;
  shape.forEach((extent, axis) => {
    const most = Math.max(before[axis]!, after[axis]!);
    const enough = mode === "edge" ? extent > 0 || most === 0 : mode === "reflect" ? most < Math.max(1, extent) : most <= extent;
    if (!enough) refuse("out-of-range", `a border of ${most} ${faults[mode][0]} in axis ${axis} of ${showShape(shape)}`, faults[mode][1]);
  });
}

/** The element of an axis that stands at position i, counted from the axis's first. */
function sourceOf(mode: Mode, i: number, extent: number): number {
  if (mode === "edge") return Math.max(0, Math.min(i, extent - 1));
  if (i >= 0 && i < extent) return i;
  if (mode === "wrap") return i < 0 ? i + extent : i - extent;
  const repeated = mode === "symmetric" ? 1 : 0;
  return i < 0 ? -i - repeated : 2 * (extent - 1) + repeated - i;
}

/** An axis in up to three parts: the border before, the tensor, the border after. */
function partsOf(mode: Mode, extent: number, before: number, after: number): { readonly from: AxisPiece; readonly to: AxisPiece }[] {
  const step = mode === "edge" ? 0 : mode === "wrap" ? 1 : -1;
  return [
    { from: run(sourceOf(mode, -before, extent), before, step), to: run(0, before) },
    { from: run(0, extent), to: run(before, extent) },
    { from: run(sourceOf(mode, extent, extent), after, step), to: run(before + extent, after) },
  ].filter(({ to }) => to.extents[0]! > 0);
}

function lowerBorder(mode: Mode, shape: readonly number[], before: readonly number[], after: readonly number[]): Lowering[] {
  return choices(shape.map((extent, axis) => partsOf(mode, extent, before[axis]!, after[axis]!))).flatMap((chosen) => {
    const from = region(chosen.map((part) => part.from));
    return copyLowering("pad", from.extents, { operand: 0, index: from.index }, region(chosen.map((part) => part.to)).index);
  });
}

/** Brings the gradient of one axis's borders to the elements they were made of, and drops the borders. */
function foldBorder(build: GradientBuilder, gradient: ValueId, mode: Mode, axis: number, extent: number, before: number, after: number): ValueId {
  const { shape } = build.typeOf(gradient);
  const part = (start: number, length: number, step = 1): ValueId =>
    build.apply("slice", [gradient], { start: shape.map((_, k) => (k === axis ? start : 0)), length: shape.with(axis, length), step: shape.map((_, k) => (k === axis ? step : 1)) });
  const placed = (value: ValueId, start: number): ValueId => {
    const length = build.typeOf(value).shape[axis]!;
    return build.apply("pad", [value], { before: shape.map((_, k) => (k === axis ? start : 0)), after: shape.map((_, k) => (k === axis ? extent - start - length : 0)), value: 0 });
  };
  const summed = (value: ValueId): ValueId => build.apply("reduce", [value], { op: "add", axes: [axis], keepdims: true });
  let inner = part(before, extent);
  const add = (value: ValueId): void => void (inner = build.apply("add", [inner, value]));
  if (mode === "edge") {
    if (before > 0) add(placed(summed(part(0, before)), 0));
    if (after > 0) add(placed(summed(part(before + extent, after)), extent - 1));
  } else if (mode === "wrap") {
    if (before > 0) add(placed(part(0, before), extent - before));
    if (after > 0) add(placed(part(before + extent, after), 0));
  } else {
    const repeated = mode === "symmetric" ? 1 : 0;
    if (before > 0) add(placed(part(before - 1, before, -1), 1 - repeated));
    if (after > 0) add(placed(part(before + extent + after - 1, after, -1), extent - 1 - after + repeated));
  }
  return inner;
}

const ofAxis = (attributes: Attributes, axis: number): [number, number] => [intsAttribute(attributes, "before")[axis]!, intsAttribute(attributes, "after")[axis]!];

export const pad: Op = {
  name: "pad",
  kind: "compute",
  summary: 'The tensor with a border: of one value, of its edge (mode "edge"), mirrored (mode "reflect", or "symmetric" with the edge repeated) or of its other end (mode "wrap"); widths for every axis, or one for all.',
  formula: "y[before + i] = x[i], value elsewhere",
  signature: {
    call: "pad",
    module: "core",
    parameters: [{ name: "x", kind: "tensor" }, { name: "before", kind: "ints" }, { name: "after", kind: "ints", default: null }, { name: "value", kind: "float", default: 0 }, { name: "mode", kind: "string", default: "constant" }],
    attributes(args, inputs) {
      const rank = inputs[0]!.shape.length;
      const before = widths(args["before"], rank, "before");
      const after = args["after"] ?? null;
      const mode = modeArgument(args["mode"] ?? "constant");
      return { before, after: after === null ? before : widths(after, rank, "after"), value: Number(args["value"] ?? 0), ...(mode === "constant" ? {} : { mode }) };
    },
  },
  type(inputs, attributes) {
    requireInputs("pad", inputs, 1);
    const { dtype, shape } = inputs[0]!;
    const [before, after] = [intsAttribute(attributes, "before"), intsAttribute(attributes, "after")];
    invariant(before.length === shape.length && after.length === shape.length, "pad widths and rank differ");
    numberAttribute(attributes, "value");
    requireBorder(modeOf(attributes), shape, before, after);
    return { dtype, shape: shape.map((extent, axis) => before[axis]! + extent + after[axis]!) };
  },
  evaluate(inputs, attributes, type) {
    const [x, before, result] = [inputs[0]!, intsAttribute(attributes, "before"), zeros(type)];
    const mode = modeOf(attributes);
    if (mode !== "constant") {
      forEachIndex(type.shape, (index, flat) => {
        result.data[flat] = x.data[flatIndex(x.type.shape, index.map((i, axis) => sourceOf(mode, i - before[axis]!, x.type.shape[axis]!)))]!;
      });
      return result;
    }
    for (let flat = 0; flat < result.data.length; flat++) put(result, flat, numberAttribute(attributes, "value"));
    forEachIndex(x.type.shape, (index, flat) => {
      result.data[flatIndex(type.shape, index.map((i, axis) => i + before[axis]!))] = x.data[flat]!;
    });
    return result;
  },
  lower(inputs, attributes, type) {
    const { shape } = inputs[0]!;
    const start = intsAttribute(attributes, "before");
    const mode = modeOf(attributes);
    if (mode !== "constant") return lowerBorder(mode, shape, start, intsAttribute(attributes, "after"));
    const inside = region(shape.map((extent, axis) => run(start[axis]!, extent)));
    const border = outside(type.shape, { start, length: shape, step: shape.map(() => 1) });
    return [
      ...copyLowering("pad", shape, { operand: 0, index: identityMap(shape.length) }, inside.index),
      ...border.flatMap((side) => fillLowering("border", side, type.dtype, numberAttribute(attributes, "value"))),
    ];
  },
  gradient(build, { inputs: [x], attributes, gradient }) {
    const { shape } = build.typeOf(x!);
    const mode = modeOf(attributes);
    if (mode !== "constant") return [shape.reduce((folded, extent, axis) => foldBorder(build, folded, mode, axis, extent, ...ofAxis(attributes, axis)), gradient)];
    return [build.apply("slice", [gradient], { start: attributes["before"], length: shape, step: shape.map(() => 1) })];
  },
  examples: () => [
    { inputs: [tensor("i32", [2], [1, 2])], attributes: { before: [1], after: [2], value: 7 }, expected: tensor("i32", [5], [7, 1, 2, 7, 7]) },
    { inputs: [samples("f32", [3, 5])], attributes: { before: [1, 1], after: [1, 1], value: 0 } },
    { inputs: [samples("f16", [2, 1, 3])], attributes: { before: [0, 2, 1], after: [1, 0, 0], value: 0.1 } },
    { inputs: [samples("u8", [])], attributes: { before: [], after: [], value: 0 } },
    { inputs: [tensor("i32", [3], [1, 2, 3])], attributes: { before: [2], after: [1], value: 0, mode: "edge" }, expected: tensor("i32", [6], [1, 1, 1, 2, 3, 3]) },
    { inputs: [tensor("f32", [3], [1, 2, 3])], attributes: { before: [2], after: [1], value: 0, mode: "reflect" }, expected: tensor("f32", [6], [3, 2, 1, 2, 3, 2]) },
    { inputs: [samples("f64", [3, 4])], attributes: { before: [1, 3], after: [2, 2], value: 0, mode: "reflect" } },
    { inputs: [samples("f16", [3, 1, 2])], attributes: { before: [1, 3, 0], after: [0, 2, 2], value: 0, mode: "edge" } },
    { inputs: [tensor("i32", [3], [1, 2, 3])], attributes: { before: [2], after: [3], value: 0, mode: "symmetric" }, expected: tensor("i32", [8], [2, 1, 1, 2, 3, 3, 2, 1]) },
    { inputs: [tensor("i32", [3], [1, 2, 3])], attributes: { before: [2], after: [3], value: 0, mode: "wrap" }, expected: tensor("i32", [8], [2, 3, 1, 2, 3, 1, 2, 3]) },
    { inputs: [samples("f64", [3, 4])], attributes: { before: [1, 4], after: [2, 2], value: 0, mode: "symmetric" } },
    { inputs: [samples("f64", [3, 4])], attributes: { before: [3, 1], after: [0, 2], value: 0, mode: "wrap" } },
    { inputs: [samples("u8", [0, 2])], attributes: { before: [1, 0], after: [1, 1], value: 3 } },
  ],
};
