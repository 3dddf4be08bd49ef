/**
 * Tensors whose elements follow from their position: iota, linspace, eye. A kernel does not know where its block lies; so they are
 * made of short ones, which are constants or made on one tile, by maps that any tile can compute.
 */
import { isFloat, type DType } from "../../../runtime/dtype.ts";
import { convert, forEachIndex, put, tensor, zeros } from "../../graph/tensor.ts";
import type { Attributes, TensorType, ValueId } from "../../graph/graph.ts";
import { cast } from "../../kernel/build.ts";
import { broadcastTo, reshaped } from "../gradients.ts";
import { positionLowering } from "../lowerings.ts";
import type { Example, NodeBuilder, Op } from "../op.ts";
import { computeDType, dtypeAttribute, intArgument, intAttribute, numberAttribute, refuse, requireInputs } from "../rules.ts";

const noGradient = "it depends on nothing";

function count(attributes: Attributes, name: string, what: string): number {
  const value = intAttribute(attributes, name);
  if (value < 0 || value > 2 ** 31 - 1) refuse("out-of-range", `the ${name} of ${what} is ${value}, it must be between 0 and 2147483647`);
  return value;
}

/** Up to this length the numbers are made in one place, or folded into a constant: the limit of `fold-constants`. */
const longestBlock = 65_536;
/** Numbers of a row, of which longer ones are made: as many as divide the length, or else this many. */
const [leastRow, rowLength, mostRow] = [256, 1024, 4096];

function rowOf(length: number): number {
  for (let row = mostRow; row >= leastRow; row--) if (length % row === 0) return row;
  return rowLength;
}

const counted = (type: TensorType): ReturnType<Op["evaluate"]> => {
  const result = zeros(type);
  for (let i = 0; i < result.data.length; i++) put(result, i, convert(computeDType(type.dtype), i));
  return result;
};

const iotaExamples = (...lengths: readonly number[]): Example[] => [
  { inputs: [], attributes: { length: 5, dtype: "i32" }, expected: tensor("i32", [5], [0, 1, 2, 3, 4]) },
  { inputs: [], attributes: { length: 300, dtype: "u8" } },
  { inputs: [], attributes: { length: 4100, dtype: "f16" } },
  { inputs: [], attributes: { length: 3, dtype: "i64" } },
  { inputs: [], attributes: { length: 0, dtype: "f32" } },
  ...lengths.flatMap((length) => (["f32", "i16", "bf16"] as const).map((dtype) => ({ inputs: [], attributes: { length, dtype } }))),
];

/** The node of a short iota. */
export const iotaBlock: Op = {
  name: "iota_block",
  kind: "compute",
  summary: "The numbers 0, 1, … length - 1, made in one place.",
  formula: "y[i] = i",
  noGradient,
  type: (inputs, attributes) => iota.type(inputs, attributes),
  evaluate: (_inputs, _attributes, type) => counted(type),
  lower: (_inputs, _attributes, type) => positionLowering("iota", type, ([i]) => cast(computeDType(type.dtype), i!)),
  examples: () => iotaExamples(),
};

export const iota: Op = {
  name: "iota",
  kind: "compute",
  summary: "The numbers 0, 1, … length - 1.",
  formula: "y[i] = i",
  signature: {
    call: "iota",
    module: "core",
    parameters: [{ name: "length", kind: "int" }],
    dtypeArgument: "optional",
    attributes: (args, _inputs, dtype) => ({ length: intArgument(args["length"], "the length of iota"), dtype: dtype ?? "i32" }),
  },
  type(inputs, attributes) {
    requireInputs("iota", inputs, 0);
    if (dtypeAttribute(attributes) === "bool") refuse("dtype-mismatch", "iota gives numbers, not bool");
    return { dtype: dtypeAttribute(attributes), shape: [count(attributes, "length", "iota")] };
  },
  evaluate: (_inputs, _attributes, type) => counted(type),
  compose(build, _inputs, attributes) {
    const length = intAttribute(attributes, "length");
    if (length <= longestBlock) return build.apply("iota_block", [], attributes);
    return converted(build, longIota(build, length), dtypeAttribute(attributes));
  },
  examples: () => iotaExamples(70_001, 66_560),
};

/** Row after row: its number times the length of a row, and the place in it. */
function longIota(build: NodeBuilder, length: number): ValueId {
  const row = rowOf(length);
  const [rows, left] = [Math.floor(length / row), length % row];
  const short = (count: number): ValueId => build.apply("iota_block", [], { length: count, dtype: "i32" });
  const grid = [rows, row];
  const steps = build.apply("iota", [], { length: rows, dtype: "i32" });
  const starts = build.apply("mul", [steps, everywhere(build, steps, row)]);
  const [start, place] = [reshaped(build, starts, [rows, 1]), reshaped(build, short(row), [1, row])];
  const whole = reshaped(build, build.apply("add", [broadcastTo(build, start, grid), broadcastTo(build, place, grid)]), [rows * row]);
  if (left === 0) return whole;
  const end = short(left);
  const rest = build.apply("add", [end, everywhere(build, end, rows * row)]);
  return build.apply("concat", [whole, rest], { axis: 0 });
}

/** A value in every place of another tensor. */
const everywhere = (build: NodeBuilder, like: ValueId, value: number): ValueId => build.fill(build.typeOf(like), value);

/** Numbers as the dtype: as arithmetic sees them first, so that those of 16 bits are rounded as they are elsewhere. */
function converted(build: NodeBuilder, value: ValueId, dtype: DType): ValueId {
  const to = (from: ValueId, next: DType): ValueId => (build.typeOf(from).dtype === next ? from : build.apply("cast", [from], { dtype: next }));
  return to(to(value, computeDType(dtype)), dtype);
}

interface Line {
  readonly start: number;
  readonly stop: number;
  readonly step: number;
  readonly last: number;
}

function lineOf(attributes: Attributes, type: TensorType): Line {
  const [start, stop, last] = [numberAttribute(attributes, "start"), numberAttribute(attributes, "stop"), type.shape[0]! - 1];
  return { start, stop, last, step: last > 0 ? (stop - start) / last : 0 };
}

/** NumPy's meaning: computed in f64, the last element exactly `stop`. */
export const linspace: Op = {
  name: "linspace",
  kind: "compute",
  summary: "count numbers from start to stop, both included, at equal distances.",
  formula: "y[i] = start + i · (stop - start) / (count - 1)",
  signature: {
    call: "linspace",
    module: "core",
    parameters: [{ name: "start", kind: "float" }, { name: "stop", kind: "float" }, { name: "count", kind: "int" }],
    dtypeArgument: "optional",
    attributes: (args, _inputs, dtype) => ({
      start: Number(args["start"]), stop: Number(args["stop"]), count: intArgument(args["count"], "the count of linspace"), dtype: dtype ?? "f32",
    }),
  },
  type(inputs, attributes) {
    requireInputs("linspace", inputs, 0);
    const dtype = dtypeAttribute(attributes);
    if (!isFloat(dtype)) refuse("dtype-mismatch", `linspace gives floats, not ${dtype}`);
    return { dtype, shape: [count(attributes, "count", "linspace")] };
  },
  evaluate(_inputs, attributes, type) {
    const { start, stop, step, last } = lineOf(attributes, type);
    const result = zeros(type);
    for (let i = 0; i <= last; i++) put(result, i, convert(computeDType(type.dtype), i === last && last > 0 ? stop : start + i * step));
    return result;
  },
  compose(build, _inputs, attributes) {
    const type = linspace.type([], attributes);
    const { start, stop, step, last } = lineOf(attributes, type);
    const at = build.apply("iota", [], { length: last + 1, dtype: "i32" });
    const whole = converted(build, at, "f64");
    const inner = build.apply("add", [everywhere(build, whole, start), build.apply("mul", [whole, everywhere(build, whole, step)])]);
    const ended = last > 0 ? build.apply("select", [build.apply("eq", [at, everywhere(build, at, last)]), everywhere(build, whole, stop), inner]) : inner;
    return converted(build, ended, type.dtype);
  },
  examples: () => [
    { inputs: [], attributes: { start: 0, stop: 1, count: 5, dtype: "f32" }, expected: tensor("f32", [5], [0, 0.25, 0.5, 0.75, 1]) },
    { inputs: [], attributes: { start: -2.2, stop: 0.8, count: 7, dtype: "f64" }, expected: tensor("f64", [7], [-2.2, -1.7000000000000002, -1.2000000000000002, -0.7000000000000002, -0.20000000000000018, 0.2999999999999998, 0.8]) },
    { inputs: [], attributes: { start: 3, stop: -1, count: 33, dtype: "bf16" } },
    { inputs: [], attributes: { start: 3, stop: 9, count: 1, dtype: "f32" }, expected: tensor("f32", [1], [3]) },
    { inputs: [], attributes: { start: 3, stop: 9, count: 0, dtype: "f32" } },
  ],
};

export const eye: Op = {
  name: "eye",
  kind: "compute",
  summary: "1 on the diagonal, 0 elsewhere.",
  formula: "y[i, j] = (i = j)",
  signature: {
    call: "eye",
    module: "core",
    parameters: [{ name: "rows", kind: "int" }, { name: "columns", kind: "int", default: null }],
    dtypeArgument: "optional",
    attributes(args, _inputs, dtype) {
      const rows = intArgument(args["rows"], "the rows of eye");
      const columns = args["columns"] ?? null;
      return { rows, columns: columns === null ? rows : intArgument(columns, "the columns of eye"), dtype: dtype ?? "f32" };
    },
  },
  type(inputs, attributes) {
    requireInputs("eye", inputs, 0);
    return { dtype: dtypeAttribute(attributes), shape: [count(attributes, "rows", "eye"), count(attributes, "columns", "eye")] };
  },
  evaluate(_inputs, _attributes, type) {
    const result = zeros(type);
    forEachIndex(type.shape, ([i, j], flat) => put(result, flat, i === j ? 1 : 0));
    return result;
  },
  compose(build, _inputs, attributes) {
    const { dtype, shape } = eye.type([], attributes);
    const [rows, columns] = shape as [number, number];
    const along = (length: number, as: readonly number[]): ValueId => broadcastTo(build, reshaped(build, build.apply("iota", [], { length, dtype: "i32" }), as), shape);
    const diagonal = build.apply("eq", [along(rows, [rows, 1]), along(columns, [1, columns])]);
    return dtype === "bool" ? diagonal : build.apply("cast", [diagonal], { dtype });
  },
  examples: () => [
    { inputs: [], attributes: { rows: 2, columns: 3, dtype: "f32" }, expected: tensor("f32", [2, 3], [1, 0, 0, 0, 1, 0]) },
    { inputs: [], attributes: { rows: 5, columns: 5, dtype: "i64" } },
    { inputs: [], attributes: { rows: 1, columns: 1, dtype: "f16" } },
    { inputs: [], attributes: { rows: 0, columns: 2, dtype: "bool" } },
  ],
};
