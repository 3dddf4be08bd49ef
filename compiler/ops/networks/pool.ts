/**
 * Pooling: what is made of the elements in each window of an image of one, two or three axes; and its way back, `unpool`,
 * which adds up for each element of the image what belongs to the windows it is in. Padding counts in no window but for
 * averages that are asked to count it, as zeros. A window that meets no element has 0, or for `max` the least number.
 *
 * The gradient of the largest belongs to the first of the largest elements of each window: `first` says which that is, as its
 * number in the window, and -1 where there is none; `unpool` and `pick` take these numbers.
 */
import { isFloat, sizeOf } from "../../../runtime/dtype.ts";
import { flatIndex, forEachIndex, get, put, tensor, zeros, type Tensor } from "../../graph/tensor.ts";
import type { Attributes, TensorType, ValueId } from "../../graph/graph.ts";
import { binary, cast, i32, select } from "../../kernel/build.ts";
import type { Expression } from "../../kernel/kernel.ts";
import type { BlockContext, Lowering } from "../../kernel/lowering.ts";
import { affineIndex, type Affine } from "../../support/affine.ts";
import { invariant } from "../../support/bug.ts";
import { samples } from "../elementwise/elementwise.ts";
import { choices, dimensions, forRest, number, padded, widened } from "../lowerings.ts";
import type { GradientBuilder, Op, Signature } from "../op.ts";
import { identityOf } from "../reductions/reduce.ts";
import { intsAttribute, refuse, requireClass, requireRank, requireSameShape, showShape } from "../rules.ts";
import { inBlocks, lowerInBlocks } from "./unpool-blocks.ts";
import { axesInts, backwards, forwards, meeting, paddingArgument, progression, windowPositions, windowsOf, type Direction, type Window, type WindowRun } from "./windows.ts";

/**
 * max, sum: of the elements. mean: their sum over their number, padding counted or not. first: the number in the window of the
 * first largest. pick: the element with the number that the second input says.
 */
const kinds = ["max", "sum", "mean", "counted_mean", "first", "pick"] as const;
type Kind = (typeof kinds)[number];

function kindOf(attributes: Attributes): Kind {
  const kind = attributes["kind"];
  invariant(kinds.some((known) => known === kind), () => `pool of ${String(kind)}`);
  return kind as Kind;
}

const poolWindows = (attributes: Attributes): Window[] => windowsOf(intsAttribute(attributes, "window"), attributes);

const nameOf = (kind: Kind, rank: number): string => `${kind === "max" ? "max" : "avg"}_pool${rank}d`;

/** Where the element of a window lies among all of them, counted row by row. */
const numberIn = (windows: readonly Window[], element: readonly number[]): number => flatIndex(windows.map(({ size }) => size), element);

/** Visits what an output position meets, in the order of the window. */
function forEachMeeting(direction: Direction, windows: readonly Window[], extents: readonly number[], position: readonly number[], visit: (place: readonly number[], element: readonly number[]) => void): void {
  forEachIndex(windows.map(({ size }) => size), (element) => {
    const place = windows.map((window, axis) => direction.meets(window, extents[axis]!, position[axis]!, element[axis]!));
    if (!place.includes(undefined)) visit(place as number[], element);
  });
}

function poolAt(kind: Kind, windows: readonly Window[], inputs: readonly Tensor[], index: readonly number[], flat: number): number | bigint {
  const x = inputs[0]!;
  const [n, c, ...position] = index as [number, number, ...number[]];
  let count = 0;
  let floats = 0;
  let integers = 0n;
  let first = -1;
  let best = identityOf("max", x.type.dtype);
  const wanted = kind === "pick" ? Number(get(inputs[1]!, flat)) : -1;
  forEachMeeting(forwards, windows, x.type.shape.slice(2), position, (place, element) => {
    const value = get(x, flatIndex(x.type.shape, [n, c, ...place]));
    const at = numberIn(windows, element);
    count++;
    if (first < 0 || value > best || (value !== value && best === best)) [best, first] = [value, at];
    // As for every max: 0 is above -0, but they are equal for what comes first.
    else if (value === best && Object.is(best, -0)) best = value;
    if (kind === "pick" && at !== wanted) return;
    if (isFloat(x.type.dtype)) floats += Number(value);
    else integers += BigInt(value);
  });
  if (kind === "max") return best;
  if (kind === "first") return first;
  if (!isFloat(x.type.dtype)) return integers;
  return kind === "mean" || kind === "counted_mean" ? floats / divisorOf(kind, windows, count) : floats;
}

/** What a sum of so many elements is divided by for their mean. */
const divisorOf = (kind: Kind, windows: readonly Window[], count: number): number => (kind === "counted_mean" ? sizeOf(windows.map(({ size }) => size)) : Math.max(1, count));

interface Space {
  readonly lowering: Omit<Lowering, "emit">;
  /** Elements of the window that are met. */
  readonly count: number;
  /** The number of an element in the window, at a point of the space. */
  elementNumber(point: readonly Expression[]): Expression;
}

/** Where channels come last, the innermost loop goes along them: the attribute `last`, of nodes that pack-convolutions makes. */
const isLast = (attributes: Attributes): boolean => attributes["last"] === true;

/** A shape with its channels second, whose channels come last. */
const withChannelsSecond = ([n, ...rest]: readonly number[]): number[] => [n!, rest.at(-1)!, ...rest.slice(0, -1)];
const withChannelsLast = ([n, c, ...rest]: readonly number[]): number[] => [n!, ...rest, c!];

interface SpaceOptions {
  readonly last?: boolean;
  /** Input 1 lies as the result does, or as input 0. */
  readonly seconds?: "result" | "input";
}

/** The space of a choice of runs: [n, c, …positions, …elements], or [n, …positions, c, …elements]. */
function spaceOf(name: string, windows: readonly Window[], runs: readonly WindowRun[], type: TensorType, { last = false, seconds }: SpaceOptions = {}): Space {
  const axes = runs.length;
  const rank = 2 + 2 * axes;
  const [channel, position] = last ? [1 + axes, 1] : [1, 2];
  const ordered = <T>(n: T, c: T, rest: readonly T[]): T[] => (last ? [n, ...rest, c] : [n, c, ...rest]);
  const [n, c] = [affineIndex(0, rank), affineIndex(channel, rank)] as const;
  const image: Affine[] = ordered(n, c, runs.map((run, axis) => meeting(run, position + axis, 2 + axes + axis, rank)));
  const result: Affine[] = ordered(n, c, runs.map(({ positions }, axis) => progression(positions, position + axis, rank)));
  const counts = runs.map(({ elements }) => elements.count);
  const met = sizeOf(counts) > 0;
  return {
    count: sizeOf(counts),
    lowering: {
      name,
      space: [...dimensions("parallel", ordered(type.shape[0]!, type.shape[last ? 1 + axes : 1]!, runs.map(({ positions }) => positions.count))), ...dimensions("reduction", counts)],
      reads: met ? [{ operand: 0, index: image }, ...(seconds ? [{ operand: 1, index: seconds === "result" ? result : image }] : [])] : [],
      writes: [{ operand: 0, index: result }],
    },
    elementNumber: (point) => runs.reduce((sum, { elements }, axis) => {
      const scale = sizeOf(windows.slice(axis + 1).map(({ size }) => size));
      const along = binary("add", binary("mul", point[2 + axes + axis]!, i32(scale * elements.step)), i32(scale * elements.start));
      return binary("add", sum, along);
    }, i32(0)),
  };
}

/** Stores one value for each position, computed by `value` from nothing where no element is met. */
function overPositions(context: BlockContext, outer: number, value: (point: readonly Expression[]) => Expression): void {
  const { kernel, block, store } = context;
  kernel.forBox(block.slice(0, outer), true, (point) => store(0, padded(point, block.length), value(point)), context.overwrites !== true);
}

function lowerPool(kind: Kind, windows: readonly Window[], runs: readonly WindowRun[], input: TensorType, type: TensorType, last: boolean): Lowering {
  const { lowering, count, elementNumber } = spaceOf("pool", windows, runs, type, { last, ...(kind === "pick" ? { seconds: "result" } : {}) });
  const outer = 2 + runs.length;
  const start = number(input.dtype, kind === "max" ? identityOf("max", input.dtype) : 0);
  const finish = (sum: Expression): Expression =>
    cast(type.dtype, kind === "mean" || kind === "counted_mean" ? binary("div", sum, number(input.dtype, divisorOf(kind, windows, count))) : sum);
  const inColumns = kind !== "pick" && kind !== "first" && !last && runs.length > 1 && windows.at(-1)!.stride > 1 && count <= mostStraight;
  if (count === 0) return { ...nothingMet(lowering, outer), emit: (context) => overPositions(context, outer, () => (kind === "first" ? i32(-1) : finish(start))) };
  return {
    ...lowering,
    emit(context) {
      const { kernel, load } = context;
      overPositions(context, outer, (point) => {
        if (kind === "first") return emitFirst(context, point, elementNumber);
        if (inColumns) return finish(emitColumns(context, point, kind === "max" ? "max" : "add"));
        const value = kernel.let("value", start);
        forRest(context, point, false, (inside) => {
          const element = widened(load(0, inside));
          if (kind === "max") kernel.set(value, binary("max", value, element));
          else if (kind === "pick") kernel.set(value, binary("add", value, select(binary("eq", load(1, inside), elementNumber(inside)), element, start)));
          else kernel.set(value, binary("add", value, element));
        });
        return finish(value);
      });
    },
  };
}

/**
 * The number of the first largest element of the window at a point of the positions. A later one takes its place where it is
 * larger, and a NaN where none was: where what was is a number and not at least as large.
 */
function emitFirst(context: BlockContext, point: readonly Expression[], elementNumber: Space["elementNumber"]): Expression {
  const { kernel, block, load } = context;
  const start = padded(point, block.length);
  const value = kernel.let("value", widened(load(0, start)));
  const at = kernel.let("first", elementNumber(start));
  const take = (inside: readonly Expression[]): void => {
    const element = kernel.let("element", widened(load(0, inside)));
    const wins = kernel.let("wins", isFloat(element.dtype) ? binary("gt", binary("eq", value, value), binary("ge", value, element)) : binary("gt", element, value));
    kernel.set(value, select(wins, element, value));
    kernel.set(at, select(wins, elementNumber(inside), at));
  };
  const counts = block.slice(point.length);
  if (sizeOf(counts) > mostStraight) forRest(context, point, false, take);
  else forEachIndex(counts, (inside, flat) => flat > 0 && take([...point, ...inside.map(i32)]));
  return at;
}

/**
 * The elements of the window at a point of the positions combined, each of its columns first: so that where it moves by two, the
 * columns of neighbours are combined as they lie (kernel/passes/paired-trees.ts).
 */
function emitColumns({ kernel, block, load }: BlockContext, point: readonly Expression[], op: "max" | "add"): Expression {
  const counts = block.slice(point.length);
  const columns = Array.from({ length: counts.at(-1)! }, (_, column) => {
    const elements: Expression[] = [];
    forEachIndex(counts.slice(0, -1), (inside) => elements.push(widened(load(0, [...point, ...inside.map(i32), i32(column)]))));
    return kernel.let("column", elements.reduce((all, element) => binary(op, all, element)));
  });
  // A sum begins with 0, which −0 does not keep.
  return op === "add" ? columns.reduce((all, column) => binary(op, all, column), number(columns[0]!.dtype, 0)) : columns.reduce((all, column) => binary(op, all, column));
}

/** Elements of a window that are straight code, at most; of more, the first is looked at twice. */
const mostStraight = 16;

/** The space without its elements, of which there are none. */
function nothingMet(lowering: Omit<Lowering, "emit">, outer: number): Omit<Lowering, "emit"> {
  const shortened = ({ constant, coefficients }: Affine): Affine => ({ constant, coefficients: coefficients.slice(0, outer) });
  return { ...lowering, space: lowering.space.slice(0, outer), reads: [], writes: lowering.writes.map(({ operand, index }) => ({ operand, index: index.map(shortened) })) };
}

const parametersOf: Signature["parameters"] = [
  { name: "x", kind: "tensor" }, { name: "window", kind: "ints" }, { name: "stride", kind: "ints", default: null }, { name: "padding", kind: "padding", default: 0 }, { name: "dilation", kind: "ints", default: 1 },
];

function signatureOf(rank: number, average: boolean): Signature {
  const call = nameOf(average ? "mean" : "max", rank);
  return {
    call,
    module: "std/nn",
    parameters: average ? [...parametersOf, { name: "count_padding", kind: "bool", default: true }] : parametersOf,
    attributes(args, inputs) {
      const window = axesInts(args["window"], rank, `the window of ${call}`);
      const given = args["stride"] ?? null;
      const stride = given === null ? window : axesInts(given, rank, `the stride of ${call}`);
      const dilation = axesInts(args["dilation"] ?? 1, rank, `the dilation of ${call}`);
      return {
        kind: !average ? "max" : args["count_padding"] === false ? "mean" : "counted_mean",
        window,
        stride,
        padding: paddingArgument(args["padding"] ?? 0, `the padding of ${call}`, { extents: inputs[0]!.shape.slice(2), sizes: window, stride, dilation }),
        dilation,
      };
    },
  };
}

/** The number of elements in each window, as the gradient's dtype and shape. */
function countsLike(build: GradientBuilder, x: ValueId, gradient: ValueId, attributes: Attributes): ValueId {
  const type = build.typeOf(gradient);
  const ones = build.apply("fill", [], { value: 1, dtype: type.dtype, shape: [1, 1, ...build.typeOf(x).shape.slice(2)] });
  const counts = build.apply("pool", [ones], { ...attributes, kind: "sum" });
  const atLeastOne = build.apply("max", [counts, build.fill(build.typeOf(counts), 1)]);
  return build.apply("broadcast", [atLeastOne], { shape: [...type.shape] });
}

/** The attributes of `unpool` back to an image. */
function unpoolAttributes(build: GradientBuilder, x: ValueId, attributes: Attributes): Attributes {
  const { kind: _, ...windows } = attributes;
  return { ...windows, extents: build.typeOf(x).shape.slice(2) };
}

/** The same elements, each at its index in another order. */
function reordered(x: Tensor, order: (index: readonly number[]) => number[], type: TensorType): Tensor {
  const result = zeros(type);
  forEachIndex(x.type.shape, (index, flat) => put(result, flatIndex(type.shape, order(index)), get(x, flat)));
  return result;
}

/** The type of an op of images whose channels come last, from its rule for those with channels second. */
function typeOfLast(op: Op, inputs: readonly TensorType[], attributes: Attributes): TensorType {
  const { dtype, shape } = op.type(inputs.map((input) => ({ dtype: input.dtype, shape: withChannelsSecond(input.shape) })), { ...attributes, last: false });
  return { dtype, shape: withChannelsLast(shape) };
}

function evaluateLast(op: Op, inputs: readonly Tensor[], attributes: Attributes, type: TensorType): Tensor {
  const images = inputs.map((input) => reordered(input, withChannelsSecond, { dtype: input.type.dtype, shape: withChannelsSecond(input.type.shape) }));
  return reordered(op.evaluate(images, { ...attributes, last: false }, { dtype: type.dtype, shape: withChannelsSecond(type.shape) }), withChannelsLast, type);
}

export const pool: Op = {
  name: "pool",
  kind: "compute",
  stores: "once",
  summary: "The largest element, or the mean, of each window of images [n, c, …] over one, two or three axes; the stride is the window unless given, padding is that of convolutions.",
  formula: "y[n, c, i, …] = max x[n, c, i·s + u·d - p, …], or their mean",
  signature: signatureOf(2, false),
  otherSignatures: [signatureOf(1, false), signatureOf(3, false), signatureOf(1, true), signatureOf(2, true), signatureOf(3, true)],
  type(inputs, attributes) {
    const kind = kindOf(attributes);
    const windows = poolWindows(attributes);
    const what = nameOf(kind, windows.length);
    if (isLast(attributes)) {
      return typeOfLast(pool, inputs, attributes);
    }
    const x = inputs[0]!;
    requireClass(what, kind === "mean" || kind === "counted_mean" ? "float" : "number", x);
    requireRank(`x of ${what}`, x, windows.length + 2);
    const positions = windowPositions(what, x.shape.slice(2), windows);
    for (const { size, dilation, before, after } of windows) {
      const reach = dilation * (size - 1) + 1;
      if (Math.max(before, after) >= reach) refuse("out-of-range", `the padding of ${what} is ${Math.max(before, after)}, it must be less than the window, ${reach}`);
    }
    const type: TensorType = { dtype: kind === "first" ? "i32" : x.dtype, shape: [x.shape[0]!, x.shape[1]!, ...positions] };
    if (kind === "pick") requireSameShape(what, inputs[1]!, type, ["numbers", "y"]);
    return type;
  },
  evaluate(inputs, attributes, type) {
    const [kind, windows, result] = [kindOf(attributes), poolWindows(attributes), zeros(type)];
    if (isLast(attributes)) {
      return evaluateLast(pool, inputs, attributes, type);
    }
    forEachIndex(type.shape, (index, flat) => put(result, flat, poolAt(kind, windows, inputs, index, flat)));
    return result;
  },
  lower(inputs, attributes, type) {
    if (sizeOf(type.shape) === 0) return [];
    const [kind, windows, input] = [kindOf(attributes), poolWindows(attributes), inputs[0]!];
    const last = isLast(attributes);
    const first = last ? 1 : 2;
    return choices(windows.map((window, axis) => forwards.runs(window, input.shape[first + axis]!, type.shape[first + axis]!))).map((runs) => lowerPool(kind, windows, runs, input, type, last));
  },
  gradient(build, { inputs: [x, numbers], attributes, gradient }) {
    const kind = kindOf(attributes);
    const windows = poolWindows(attributes);
    const back = unpoolAttributes(build, x!, attributes);
    switch (kind) {
      case "max": return [build.apply("unpool", [gradient, build.apply("pool", [x!], { ...attributes, kind: "first" })], back)];
      case "pick": return [build.apply("unpool", [gradient, numbers!], back), undefined];
      case "sum": return [build.apply("unpool", [gradient], back)];
      case "first": return [undefined];
      case "counted_mean": return [build.apply("unpool", [gradient], { ...back, divisor: sizeOf(windows.map(({ size }) => size)) })];
      case "mean": return [build.apply("unpool", [build.apply("div", [gradient, countsLike(build, x!, gradient, attributes)])], back)];
    }
  },
  examples: () => [
    {
      inputs: [tensor("f32", [1, 1, 4, 4], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, NaN])], attributes: { kind: "max", window: [2, 2], stride: [2, 2], padding: [0, 0] },
      expected: tensor("f32", [1, 1, 2, 2], [6, 8, 14, NaN]),
    },
    { inputs: [tensor("f32", [1, 1, 4], [1, 3, 3, NaN])], attributes: { kind: "first", window: [3], stride: [1], padding: [1] }, expected: tensor("i32", [1, 1, 4], [2, 1, 2, 1]) },
    { inputs: [tensor("f32", [1, 1, 4], [2, 4, 6, 8])], attributes: { kind: "mean", window: [2], stride: [2], padding: [1] }, expected: tensor("f32", [1, 1, 3], [2, 5, 8]) },
    { inputs: [tensor("f32", [1, 1, 4], [2, 4, 6, 8])], attributes: { kind: "counted_mean", window: [2], stride: [2], padding: [1] }, expected: tensor("f32", [1, 1, 3], [1, 5, 4]) },
    {
      inputs: [tensor("f32", [1, 1, 2, 2, 3], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12])], attributes: { kind: "max", window: [2, 2, 2], stride: [1, 1, 1], padding: [0, 0, 0] },
      expected: tensor("f32", [1, 1, 1, 1, 2], [11, 12]),
    },
    { inputs: [samples("f32", [2, 3, 7, 5])], attributes: { kind: "max", window: [3, 2], stride: [2, 1], padding: [1, 1] } },
    { inputs: [samples("f32", [1, 2, 7, 5])], attributes: { kind: "max", window: [2, 3], stride: [1, 2], padding: [0, 1, 1, 2], dilation: [3, 1] } },
    { inputs: [samples("i8", [1, 2, 5, 5])], attributes: { kind: "max", window: [2, 3], stride: [2, 3], padding: [0, 2] } },
    { inputs: [samples("f32", [1, 2, 4, 3])], attributes: { kind: "sum", window: [2, 2], stride: [1, 2], padding: [1, 0] } },
    { inputs: [samples("f64", [1, 1, 3, 4, 3])], attributes: { kind: "mean", window: [2, 3, 2], stride: [1, 2, 1], padding: [1, 1, 0] } },
    { inputs: [samples("f16", [1, 2, 5, 5])], attributes: { kind: "counted_mean", window: [3, 3], stride: [2, 2], padding: [1, 1] } },
    { inputs: [samples("f32", [1, 2, 5]), tensor("i32", [1, 2, 3], [1, 0, -1, 1, 1, 0])], attributes: { kind: "pick", window: [2], stride: [2], padding: [1] } },
    { inputs: [samples("i16", [1, 2, 5, 4])], attributes: { kind: "first", window: [2, 3], stride: [1, 1], padding: [1, 1] } },
    { inputs: [samples("f32", [2, 7, 5, 6])], attributes: { kind: "max", window: [3, 3], stride: [2, 2], padding: [1, 1], last: true } },
    { inputs: [samples("f32", [2, 5, 5, 6])], attributes: { kind: "first", window: [3, 2], stride: [2, 2], padding: [1, 0], last: true } },
    { inputs: [samples("f32", [1, 4, 4, 3]), tensor("i32", [1, 2, 2, 3], [1, 0, -1, 1, 3, 0, 2, 2, 1, 3, -1, 0])], attributes: { kind: "pick", window: [2, 2], stride: [2, 2], padding: [0, 0], last: true } },
    { inputs: [samples("f32", [1, 4, 5, 9])], attributes: { kind: "mean", window: [2, 3], stride: [1, 2], padding: [1, 1], last: true } },
    { inputs: [tensor("f32", [1, 1, 4], [-0, 0, -0, -0])], attributes: { kind: "max", window: [2], stride: [2], padding: [0] }, expected: tensor("f32", [1, 1, 2], [0, -0]) },
    { inputs: [samples("bf16", [1, 0, 3, 3])], attributes: { kind: "max", window: [2, 2], stride: [1, 1], padding: [0, 0] } },
  ],
};

/** The attribute `divisor` of `unpool`, for gradients of means: what belongs to a window is divided by it; 1 unless given. */
const divisorIn = ({ divisor }: Attributes): number => (typeof divisor === "number" ? divisor : 1);

/** By a power of two that is the same as the product with its inverse. */
function divided(value: Expression, divisor: number): Expression {
  if (divisor === 1) return value;
  return Number.isInteger(Math.log2(divisor)) ? binary("mul", value, number(value.dtype, 1 / divisor)) : binary("div", value, number(value.dtype, divisor));
}

export const unpool: Op = {
  name: "unpool",
  kind: "compute",
  stores: "once",
  summary: "For each element of an image the sum of what belongs to the windows that it is in, or that its number is given for: the way back from pooling.",
  formula: "y[n, c, i·s + u·d - p, …] = Σ x[n, c, i, …]",
  type(inputs, attributes) {
    if (isLast(attributes)) return typeOfLast(unpool, inputs, attributes);
    const [x, numbers] = inputs as [TensorType, TensorType?];
    const windows = poolWindows(attributes);
    const extents = intsAttribute(attributes, "extents");
    const positions = windowPositions("unpool", extents, windows);
    invariant(x.shape.slice(2).every((extent, axis) => extent === positions[axis]), () => `unpool of ${showShape(x.shape)} to ${showShape(extents)}`);
    if (numbers) requireSameShape("unpool", numbers, x, ["numbers", "x"]);
    return { dtype: x.dtype, shape: [x.shape[0]!, x.shape[1]!, ...extents] };
  },
  evaluate(inputs, attributes, type) {
    if (isLast(attributes)) return evaluateLast(unpool, inputs, attributes, type);
    const [x, numbers] = inputs;
    const [windows, result] = [poolWindows(attributes), zeros(type)];
    forEachIndex(type.shape, (index, flat) => {
      const [n, c, ...position] = index as [number, number, ...number[]];
      let floats = 0;
      let integers = 0n;
      forEachMeeting(backwards, windows, x!.type.shape.slice(2), position, (place, element) => {
        const at = flatIndex(x!.type.shape, [n, c, ...place]);
        if (numbers && Number(get(numbers, at)) !== numberIn(windows, element)) return;
        if (isFloat(type.dtype)) floats += Number(get(x!, at)) / divisorIn(attributes);
        else integers += BigInt(get(x!, at));
      });
      put(result, flat, isFloat(type.dtype) ? floats : integers);
    });
    return result;
  },
  lower(inputs, attributes, type) {
    if (sizeOf(type.shape) === 0) return [];
    const windows = poolWindows(attributes);
    const outer = 2 + windows.length;
    const last = isLast(attributes);
    const first = last ? 1 : 2;
    const partOf = (loaded: Expression): Expression => divided(widened(loaded), divisorIn(attributes));
    if (inBlocks(windows)) return lowerInBlocks(inputs[0]!.shape.slice(first, first + windows.length), { type, last, numbered: inputs.length > 1, windows, partOf });
    return choices(windows.map((window, axis) => backwards.runs(window, inputs[0]!.shape[first + axis]!, type.shape[first + axis]!))).map((runs): Lowering => {
      const { lowering, count, elementNumber } = spaceOf("unpool", windows, runs, type, { last, ...(inputs.length > 1 ? { seconds: "input" } : {}) });
      const zero = number(type.dtype, 0);
      if (count === 0) return { ...nothingMet(lowering, outer), emit: (context) => overPositions(context, outer, () => cast(type.dtype, zero)) };
      return {
        ...lowering,
        emit(context) {
          const { kernel, load } = context;
          overPositions(context, outer, (point) => {
            const sum = kernel.let("sum", zero);
            forRest(context, point, false, (inside) => {
              const element = partOf(load(0, inside));
              kernel.set(sum, binary("add", sum, inputs.length > 1 ? select(binary("eq", load(1, inside), elementNumber(inside)), element, zero) : element));
            });
            return cast(type.dtype, sum);
          });
        },
      };
    });
  },
  gradient: (build, { inputs, attributes, gradient }) => {
    const numbers = inputs[1];
    const { extents: _, divisor, ...windows } = attributes;
    const added = (): ValueId => build.apply("pool", [gradient], { ...windows, kind: "sum" });
    if (divisor !== undefined) return [build.apply("div", [added(), build.fill(build.typeOf(inputs[0]!), divisorIn(attributes))])];
    return numbers === undefined ? [added()] : [build.apply("pool", [gradient, numbers], { ...windows, kind: "pick" }), undefined];
  },
  examples: () => [
    { inputs: [tensor("f32", [1, 1, 3], [1, 10, 100])], attributes: { window: [2], stride: [1], padding: [0], extents: [4] }, expected: tensor("f32", [1, 1, 4], [1, 11, 110, 100]) },
    {
      inputs: [tensor("f32", [1, 1, 3], [1, 10, 100]), tensor("i32", [1, 1, 3], [1, 0, -1])], attributes: { window: [2], stride: [1], padding: [0], extents: [4] },
      expected: tensor("f32", [1, 1, 4], [0, 11, 0, 0]),
    },
    { inputs: [samples("f32", [2, 1, 3, 3])], attributes: { window: [3, 2], stride: [2, 1], padding: [1, 0], extents: [6, 4] } },
    { inputs: [tensor("f32", [1, 1, 2], [3, 9])], attributes: { window: [3], stride: [2], padding: [0], extents: [5], divisor: 3 }, expected: tensor("f32", [1, 1, 5], [1, 1, 4, 3, 3]) },
    { inputs: [samples("f32", [1, 2, 4])], attributes: { window: [2], stride: [1], padding: [0], extents: [5], divisor: 2 } },
    { inputs: [samples("i32", [1, 2, 2, 5]), tensor("i32", [1, 2, 2, 5], Array.from({ length: 20 }, (_, k) => (k * 5) % 7 - 1))], attributes: { window: [2, 3], stride: [3, 1], padding: [0, 1], dilation: [2, 1], extents: [7, 5] } },
    { inputs: [samples("f32", [2, 3, 4, 5]), tensor("i32", [2, 3, 4, 5], Array.from({ length: 120 }, (_, k) => (k * 5) % 7 - 1))], attributes: { window: [2, 3], stride: [2, 2], padding: [0, 1], extents: [7, 8], last: true } },
    { inputs: [samples("f32", [1, 3, 2, 9])], attributes: { window: [2, 3], stride: [2, 1], padding: [1, 1], extents: [4, 2], last: true } },
    { inputs: [samples("f32", [0, 1, 2])], attributes: { window: [2], stride: [2], padding: [0], extents: [5] } },
  ],
};
