/** Tensors whose elements follow from their position: iota, linspace, eye. */
import { isFloat } from "../../../runtime/dtype.ts";
import { convert, forEachIndex, put, tensor, zeros } from "../../graph/tensor.ts";
import type { Attributes, TensorType } from "../../graph/graph.ts";
import { binary, cast, constant, i32, select } from "../../kernel/build.ts";
import { number, positionLowering } from "../lowerings.ts";
import type { Op } from "../op.ts";
import { computeDType, dtypeAttribute, intArgument, intAttribute, numberAttribute, refuse, requireInputs } from "../rules.ts";

const noGradient = "it depends on nothing";

function count(attributes: Attributes, name: string, what: string): number {
  const value = intAttribute(attributes, name);
  if (value < 0 || value > 2 ** 31 - 1) refuse("out-of-range", `the ${name} of ${what} is ${value}, it must be between 0 and 2147483647`);
  return value;
}

export const iota: Op = {
  name: "iota",
  kind: "compute",
  summary: "The numbers 0, 1, … length - 1.",
  formula: "y[i] = i",
  noGradient,
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
  evaluate(_inputs, _attributes, type) {
    const result = zeros(type);
    for (let i = 0; i < result.data.length; i++) put(result, i, convert(computeDType(type.dtype), i));
    return result;
  },
  lower: (_inputs, _attributes, type) => positionLowering("iota", type, ([i]) => cast(computeDType(type.dtype), i!)),
  examples: () => [
    { inputs: [], attributes: { length: 5, dtype: "i32" }, expected: tensor("i32", [5], [0, 1, 2, 3, 4]) },
    { inputs: [], attributes: { length: 300, dtype: "u8" } },
    { inputs: [], attributes: { length: 4100, dtype: "f16" } },
    { inputs: [], attributes: { length: 3, dtype: "i64" } },
    { inputs: [], attributes: { length: 0, dtype: "f32" } },
  ],
};

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
  noGradient,
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
  lower(_inputs, attributes, type) {
    const { start, stop, step, last } = lineOf(attributes, type);
    return positionLowering("linspace", type, ([i]) => {
      const inner = binary("add", constant("f64", start), binary("mul", cast("f64", i!), constant("f64", step)));
      return cast(computeDType(type.dtype), last > 0 ? select(binary("eq", i!, i32(last)), constant("f64", stop), inner) : inner);
    });
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
  noGradient,
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
  lower: (_inputs, _attributes, type) =>
    positionLowering("eye", type, ([i, j]) => select(binary("eq", i!, j!), number(type.dtype, 1), number(type.dtype, 0))),
  examples: () => [
    { inputs: [], attributes: { rows: 2, columns: 3, dtype: "f32" }, expected: tensor("f32", [2, 3], [1, 0, 0, 0, 1, 0]) },
    { inputs: [], attributes: { rows: 5, columns: 5, dtype: "i64" } },
    { inputs: [], attributes: { rows: 1, columns: 1, dtype: "f16" } },
    { inputs: [], attributes: { rows: 0, columns: 2, dtype: "bool" } },
  ],
};
