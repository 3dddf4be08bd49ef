/**
 * The elements that a window meets at each of its positions in an image, as columns of a matrix (im2col), and the way back, which
 * adds up what belongs to each element (col2im): the gradients of each other. Columns are a view of the padded image, of which the
 * elements of a window stand before its positions. The way back is in one pass where windows overlap and are small, else made of
 * one axis after the other.
 */
import type { Attributes, TensorType, ValueId } from "../../graph/graph.ts";
import { sizeOf } from "../../../runtime/dtype.ts";
import { affineIndex } from "../../support/affine.ts";
import { flatIndex, forEachIndex, get, put, tensor, zeros, type Tensor } from "../../graph/tensor.ts";
import { samples } from "../elementwise/elementwise.ts";
import { reshaped } from "../gradients.ts";
import type { ConstantValue, NodeBuilder, Op, OpParameter, Signature } from "../op.ts";
import { intsArgument, intsAttribute, refuse, requireClass, requireInputs, showShape } from "../rules.ts";
import { overlapped } from "../views/overlapped.ts";
import { foldInRows, inRows, type Folding } from "./fold-rows.ts";
import { axesInts, paddingArgument, windowPositions, windowsOf, type Window } from "./windows.ts";

const parameters: readonly OpParameter[] = [
  { name: "size", kind: "ints" }, { name: "stride", kind: "ints", default: 1 }, { name: "padding", kind: "padding", default: 0 }, { name: "dilation", kind: "ints", default: 1 },
];

/** The attributes of windows over images of so many extents. */
function windowAttributes(what: string, args: { readonly [name: string]: ConstantValue }, extents: readonly number[]): Attributes {
  const rank = extents.length;
  if (rank < 1 || rank > 3) refuse("shape-mismatch", `the images of ${what} have 1 to 3 axes beside those of the batch and the channels, not ${Math.max(0, rank)}`, "windows(x, size) slides along one axis of any tensor");
  const [size, stride, dilation] = (["size", "stride", "dilation"] as const).map((name) => axesInts(args[name], rank, `the ${name} of ${what}`)) as [number[], number[], number[]];
  return { size, stride, dilation, padding: paddingArgument(args["padding"], `the padding of ${what}`, { extents, sizes: size, stride, dilation }) };
}

const windowsIn = (attributes: Attributes): Window[] => windowsOf(intsAttribute(attributes, "size"), attributes);

/** For each element of the columns, with its place in them, where it is in the image: undefined in the border. */
function forEachElement(image: readonly number[], windows: readonly Window[], positions: readonly number[], visit: (column: number, place: number | undefined) => void): void {
  const [n, c, ...extents] = image as [number, number, ...number[]];
  const sizes = windows.map(({ size }) => size);
  forEachIndex([n, c, ...sizes, ...positions], (index, flat) => {
    const places = extents.map((_, axis) => index[2 + axis]! * windows[axis]!.dilation + index[2 + windows.length + axis]! * windows[axis]!.stride - windows[axis]!.before);
    const inside = places.every((place, axis) => place >= 0 && place < extents[axis]!);
    visit(flat, inside ? flatIndex(image, [index[0]!, index[1]!, ...places]) : undefined);
  });
}

const columnsType = ({ dtype, shape: [n, c] }: TensorType, windows: readonly Window[], positions: readonly number[]): TensorType =>
  ({ dtype, shape: [n!, c! * sizeOf(windows.map(({ size }) => size)), sizeOf(positions)] });

const signature = (call: string, before: readonly OpParameter[], attributes: NonNullable<Signature["attributes"]>): Signature =>
  ({ call, module: "std/nn", parameters: [{ name: "x", kind: "tensor" }, ...before, ...parameters], attributes });

/** A node of an op, or what it is made of. */
const made = (build: NodeBuilder, { name, compose }: Op, x: ValueId, given: Attributes): ValueId => compose?.(build, [x], given) ?? build.apply(name, [x], given);

/** Of `image_windows`, which has no border. */
const withoutPadding = (given: Attributes): Attributes => ({ ...given, padding: intsAttribute(given, "size").map(() => 0) });

export const imageWindows: Op = {
  name: "image_windows",
  kind: "view",
  summary: "What a window meets at each of its positions in images [n, c, …], of which every one is inside: [n, c, …elements of the window, …positions]. What `unfold` is made of.",
  formula: "y[n, c, u, i] = x[n, c, i · stride + u · dilation]",
  type(inputs, attributes) {
    requireInputs("image_windows", inputs, 1);
    const [{ dtype, shape }, windows] = [inputs[0]!, windowsIn(withoutPadding(attributes))];
    if (shape.length !== windows.length + 2) refuse("shape-mismatch", `image_windows takes images [n, c, …] with an axis for each of its ${windows.length} sizes, not ${showShape(shape)}`);
    return { dtype, shape: [...shape.slice(0, 2), ...windows.map(({ size }) => size), ...windowPositions("image_windows", shape.slice(2), windows)] };
  },
  evaluate(inputs, attributes, type) {
    const [x, result] = [inputs[0]!, zeros(type)];
    forEachElement(x.type.shape, windowsIn(withoutPadding(attributes)), type.shape.slice(-intsAttribute(attributes, "size").length), (column, place) => put(result, column, get(x, place!)));
    return result;
  },
  view({ shape }, attributes) {
    const [stride, dilation] = [intsAttribute(attributes, "stride"), intsAttribute(attributes, "dilation")];
    const rank = 2 + 2 * stride.length;
    const first = shape.slice(0, 2).map((_, d) => affineIndex(d, rank));
    return [...first, ...stride.map((step, axis) => ({ constant: 0, coefficients: Array.from({ length: rank }, (_, d) => (d === 2 + axis ? dilation[axis]! : d === 2 + stride.length + axis ? step : 0)) }))];
  },
  gradient(build, { inputs: [x], attributes, gradient }) {
    const { shape } = build.typeOf(x!);
    const columns = columnsType(build.typeOf(x!), windowsIn(withoutPadding(attributes)), build.typeOf(gradient).shape.slice(shape.length));
    return [made(build, fold, reshaped(build, gradient, columns.shape), { ...withoutPadding(attributes), extents: shape.slice(2) })];
  },
  examples: () => [
    { inputs: [tensor("f32", [1, 1, 4], [1, 2, 3, 4])], attributes: { size: [2], stride: [1], dilation: [1] }, expected: tensor("f32", [1, 1, 2, 3], [1, 2, 3, 2, 3, 4]) },
    { inputs: [samples("f64", [2, 3, 7, 6])], attributes: { size: [3, 2], stride: [2, 1], dilation: [1, 3] } },
    { inputs: [samples("i8", [1, 2, 3, 4, 3])], attributes: { size: [2, 2, 1], stride: [1, 2, 1], dilation: [1, 1, 1] } },
  ],
};

/** The order of so many axes in which one stands at another place. */
const movedAxis = (count: number, from: number, to: number): number[] => Array.from({ length: count }, (_, axis) => axis).toSpliced(from, 1).toSpliced(to, 0, from);

export const unfold: Op = {
  name: "unfold",
  kind: "compute",
  summary: "What a window meets at each of its positions in images [n, c, …], as columns: [n, c · elements of the window, positions]; 0 in the border.",
  formula: "y[n, (c, u), i] = x[n, c, i · stride + u · dilation - padding]",
  signature: signature("unfold", [], (args, inputs) => windowAttributes("unfold", args, inputs[0]!.shape.slice(2))),
  type(inputs, attributes) {
    requireInputs("unfold", inputs, 1);
    const x = inputs[0]!;
    requireClass("unfold", "number", x);
    const windows = windowsIn(attributes);
    if (x.shape.length !== windows.length + 2) refuse("shape-mismatch", `unfold takes images [n, c, …] with an axis for each of its ${windows.length} sizes, not ${showShape(x.shape)}`);
    return columnsType(x, windows, windowPositions("unfold", x.shape.slice(2), windows));
  },
  evaluate(inputs, attributes, type) {
    const [x, windows, result] = [inputs[0]!, windowsIn(attributes), zeros(type)];
    forEachElement(x.type.shape, windows, windowPositions("unfold", x.type.shape.slice(2), windows), (column, place) => place !== undefined && put(result, column, get(x, place)));
    return result;
  },
  compose(build, [x], attributes) {
    const windows = windowsIn(attributes);
    const { shape } = build.typeOf(x!);
    const side = (end: "before" | "after"): number[] => [0, 0, ...windows.map((window) => window[end])];
    const padded = windows.every(({ before, after }) => before === 0 && after === 0) ? x! : build.apply("pad", [x!], { before: side("before"), after: side("after"), value: 0, mode: "constant" });
    const { size, stride, dilation } = attributes as { [name: string]: readonly number[] };
    const seen = build.apply("image_windows", [padded], { size: size!, stride: stride!, dilation: dilation! });
    return reshaped(build, seen, columnsType({ dtype: "f32", shape }, windows, windowPositions("unfold", shape.slice(2), windows)).shape);
  },
  examples: () => [
    { inputs: [tensor("f32", [1, 1, 3, 3], [1, 2, 3, 4, 5, 6, 7, 8, 9])], attributes: attributes([2, 2], [1, 1], [0, 0], [1, 1]), expected: tensor("f32", [1, 4, 4], [1, 2, 4, 5, 2, 3, 5, 6, 4, 5, 7, 8, 5, 6, 8, 9]) },
    { inputs: [samples("f64", [2, 3, 5, 4])], attributes: attributes([3, 2], [2, 1], [1, 0], [1, 2]) },
    { inputs: [samples("i32", [2, 2, 7])], attributes: attributes([3], [2], [2, 0], [2]) },
    { inputs: [samples("f16", [1, 2, 3, 4, 3])], attributes: attributes([2, 2, 1], [1, 2, 1], [0, 1, 0], [1, 1, 1]) },
    { inputs: [samples("f32", [0, 2, 3, 3])], attributes: attributes([2, 2], [1, 1], [0, 0], [1, 1]) },
  ],
};

/** Of the image that columns are put back into. */
function imageType(x: TensorType, attributes: Attributes): TensorType {
  const windows = windowsIn(attributes);
  const count = sizeOf(windows.map(({ size }) => size));
  const [n, rows] = x.shape as [number, number];
  if (rows % count !== 0) refuse("shape-mismatch", `the columns of fold have ${rows} elements, no multiple of the window's ${count}`);
  return { dtype: x.dtype, shape: [n, rows / count, ...intsAttribute(attributes, "extents")] };
}

function foldingOf(x: TensorType, attributes: Attributes): Folding {
  const [type, windows] = [imageType(x, attributes), windowsIn(attributes)];
  return { type, windows, positions: windowPositions("fold", type.shape.slice(2), windows) };
}

export const fold: Op = {
  name: "fold",
  kind: "compute",
  stores: "once",
  summary: "Images [n, c, …] of the extents, in which each element is the sum of what belongs to it in columns as `unfold` gives them; what belongs to the border is left out.",
  formula: "y[n, c, i · stride + u · dilation - padding] += x[n, (c, u), i] for each u and i",
  signature: signature("fold", [{ name: "extents", kind: "ints" }], (args) => {
    const extents = intsArgument(args["extents"], "the extents of fold");
    return { extents, ...windowAttributes("fold", args, extents) };
  }),
  type(inputs, attributes) {
    requireInputs("fold", inputs, 1);
    const x = inputs[0]!;
    requireClass("fold", "number", x);
    if (x.shape.length !== 3) refuse("shape-mismatch", `fold takes columns [n, elements, positions], not ${showShape(x.shape)}`);
    const image = imageType(x, attributes);
    const positions = windowPositions("fold", image.shape.slice(2), windowsIn(attributes));
    if (sizeOf(positions) !== x.shape[2]) refuse("shape-mismatch", `a window has ${sizeOf(positions)} positions (${showShape(positions)}) in such images, and there are ${x.shape[2]} columns`);
    return image;
  },
  evaluate(inputs, attributes, type) {
    const [x, windows] = [inputs[0]!, windowsIn(attributes)];
    return summed(x, type, (visit) => forEachElement(type.shape, windows, windowPositions("fold", type.shape.slice(2), windows), visit));
  },
  compose(build, [x], attributes) {
    const folding = foldingOf(build.typeOf(x!), attributes);
    if (inRows(folding)) return undefined;
    const { windows, positions, type: { dtype, shape: [n, c, ...extents] } } = folding as Folding & { type: { shape: [number, number, ...number[]] } };
    const rank = windows.length;
    let seen = reshaped(build, x!, [n, c, ...windows.map(({ size }) => size), ...positions]);
    for (const [axis, { size, stride: step, dilation, before, after }] of [...windows.entries()].reverse()) {
      const last = 2 + rank + axis;
      seen = build.apply("transpose", [seen], { axes: movedAxis(last + 1, 2 + axis, last) });
      const shape = build.typeOf(seen).shape.slice(0, -1).with(2 + 2 * axis, extents[axis]! + before + after);
      seen = overlapped(build, seen, shape, { axis: 2 + 2 * axis, size, step, dilation });
    }
    return withoutBorder(build, seen, { dtype, shape: [n, c, ...extents] }, windows);
  },
  lower: (inputs, attributes, type) => (sizeOf(type.shape) === 0 ? [] : foldInRows(foldingOf(inputs[0]!, attributes))),
  gradient: (build, { attributes: { size, stride, padding, dilation }, gradient }) => [made(build, unfold, gradient, { size: size!, stride: stride!, padding: padding!, dilation: dilation! })],
  examples: () => [
    { inputs: [tensor("f32", [1, 2, 3], [1, 2, 3, 10, 20, 30])], attributes: { extents: [4], ...attributes([2], [1], [0], [1]) }, expected: tensor("f32", [1, 1, 4], [1, 12, 23, 30]) },
    { inputs: [samples("f64", [2, 18, 9])], attributes: { extents: [5, 5], ...attributes([3, 2], [2, 1], [1, 0], [1, 2]) } },
    { inputs: [samples("i32", [2, 6, 3])], attributes: { extents: [7], ...attributes([3], [2], [2, 0], [2]) } },
    { inputs: [samples("f16", [1, 8, 18])], attributes: { extents: [3, 4, 3], ...attributes([2, 2, 1], [1, 2, 1], [0, 1, 0], [1, 1, 1]) } },
    { inputs: [samples("f32", [0, 8, 4])], attributes: { extents: [3, 3], ...attributes([2, 2], [1, 1], [0, 0], [1, 1]) } },
    { inputs: [samples("u8", [2, 4, 3])], attributes: { extents: [13], ...attributes([2], [5], [0], [1]) } },
    { inputs: [samples("bf16", [1, 10, 24])], attributes: { extents: [8, 7], ...attributes([5, 1], [1, 3], [1, 2], [1, 1]) } },
    { inputs: [samples("f32", [1, 3, 301])], attributes: { extents: [600], ...attributes([3], [2], [2], [1]) } },
    { inputs: [samples("f64", [1, 98, 4])], attributes: { extents: [8, 8], ...attributes([7, 7], [1, 1], [0, 0], [1, 1]) } },
  ],
};

function withoutBorder(build: NodeBuilder, padded: ValueId, { shape }: TensorType, windows: readonly Window[]): ValueId {
  if (windows.every(({ before, after }) => before === 0 && after === 0)) return padded;
  return build.apply("slice", [padded], { start: [0, 0, ...windows.map(({ before }) => before)], length: [...shape], step: shape.map(() => 1) });
}

/** What is visited of x, added up where it belongs; floats are rounded once. */
function summed(x: Tensor, type: TensorType, forEach: (visit: (from: number, to: number | undefined) => void) => void): Tensor {
  const result = zeros(type);
  const totals = Array.from({ length: result.data.length }, (_, at) => get(result, at));
  forEach((from, to) => {
    if (to === undefined) return;
    const [a, b] = [totals[to]!, get(x, from)];
    totals[to] = typeof a === "bigint" ? a + BigInt(b) : a + Number(b);
  });
  totals.forEach((total, at) => put(result, at, total));
  return result;
}

function attributes(size: readonly number[], stride: readonly number[], padding: readonly number[], dilation: readonly number[]): Attributes {
  return { size: [...size], stride: [...stride], padding: [...padding], dilation: [...dilation] };
}
