/**
 * Conversions of elements. `cast` keeps the value as far as the new dtype can: floats truncate and saturate to integers, NaN
 * gives 0, integers wrap, anything but zero is true. `bitcast` keeps the bits.
 */
import { bytesOf, dtypes, isFloat, viewArray, type DType } from "../../../runtime/dtype.ts";
import type { Attributes } from "../../graph/graph.ts";
import { tensor } from "../../graph/tensor.ts";
import { castFunction } from "../../kernel/arithmetic.ts";
import { bitcast, cast } from "../../kernel/build.ts";
import { pointwise, samples } from "./elementwise.ts";
import type { Op } from "../op.ts";
import { computeDType, dtypeAttribute, refuse, requireInputs } from "../rules.ts";

export const castOp: Op = {
  name: "cast",
  kind: "elementwise",
  summary: "The same values in another dtype.",
  formula: "y = x as dtype",
  signature: { call: "cast", module: "core", parameters: [{ name: "x", kind: "tensor" }], dtypeArgument: "required" },
  type(inputs, attributes) {
    requireInputs("cast", inputs, 1);
    return { dtype: dtypeAttribute(attributes), shape: inputs[0]!.shape };
  },
  /** To f16 and bf16 through f32, as every 16-bit float is computed. */
  evaluate(inputs, _attributes, type) {
    const convert = castFunction(inputs[0]!.type.dtype, computeDType(type.dtype));
    return pointwise(inputs, type, ([x]) => convert(x!));
  },
  /** Between floats; what is cast from or to integers has no gradient. */
  gradient: (build, { inputs: [x], gradient }) => [isFloat(build.typeOf(x!).dtype) ? build.apply("cast", [gradient], { dtype: build.typeOf(x!).dtype }) : undefined],
  scalar: ([x], _attributes, type) => cast(computeDType(type.dtype), x!),
  examples: () => [
    {
      inputs: [tensor("f32", [6], [2.9, -2.9, NaN, 1e10, -Infinity, 255.5])], attributes: { dtype: "i32" },
      expected: tensor("i32", [6], [2, -2, 0, 2_147_483_647, -2_147_483_648, 255]),
    },
    { inputs: [tensor("f32", [5], [2.9, -2.9, NaN, 1e10, 255.5])], attributes: { dtype: "u8" }, expected: tensor("u8", [5], [2, 0, 0, 255, 255]) },
    { inputs: [tensor("i32", [3], [300, -1, 5])], attributes: { dtype: "u8" }, expected: tensor("u8", [3], [44, 255, 5]) },
    { inputs: [tensor("f64", [3], [0, -0, NaN])], attributes: { dtype: "bool" }, expected: tensor("bool", [3], [0, 0, 1]) },
    { inputs: [samples("u8", [])], attributes: { dtype: "f32" } },
    { inputs: [samples("u8", [0, 2])], attributes: { dtype: "f16" } },
    ...(Object.keys(dtypes) as DType[]).flatMap((from) => (Object.keys(dtypes) as DType[]).map((to) => ({ inputs: [samples(from, [17])], attributes: { dtype: to } }))),
  ],
};

/** `from`: the dtype of 16-bit floats, which are computed in f32. */
const bitcastAttributes = (from: DType, to: DType): Attributes => ({ dtype: to, ...(from === "f16" || from === "bf16" ? { from } : {}) });

export const bitcastOp: Op = {
  name: "bitcast",
  kind: "elementwise",
  summary: "The same bits as another dtype of equal size.",
  formula: "bits(y) = bits(x)",
  noGradient: "bits have no derivative",
  signature: {
    call: "bitcast", module: "core", parameters: [{ name: "x", kind: "tensor" }], dtypeArgument: "required",
    attributes: (_args, inputs, dtype) => bitcastAttributes(inputs[0]!.dtype, dtype!),
  },
  type(inputs, attributes) {
    requireInputs("bitcast", inputs, 1);
    const [from, to] = [inputs[0]!.dtype, dtypeAttribute(attributes)];
    if (bytesOf(from) !== bytesOf(to)) refuse("dtype-mismatch", `bitcast needs equal sizes, ${from} has ${bytesOf(from)} bytes and ${to} has ${bytesOf(to)}`);
    if (to === "bool" && from !== "bool") refuse("dtype-mismatch", `not every ${from} has the bits of a bool`, "compare with 0 to get bool: x != 0");
    return { dtype: to, shape: inputs[0]!.shape };
  },
  evaluate(inputs, _attributes, type) {
    const { data } = inputs[0]!;
    const copy = new Uint8Array(data.buffer, data.byteOffset, data.byteLength).slice();
    return { type, data: viewArray(type.dtype, copy.buffer, 0, data.length) };
  },
  /** Expressions of 16-bit floats are of f32: their bits are those of what it is rounded to. */
  scalar([x], attributes, type) {
    const from = (attributes["from"] as DType | undefined) ?? x!.dtype;
    if (from === type.dtype || from === "bool") return cast(computeDType(type.dtype), x!);
    return cast(computeDType(type.dtype), bitcast(type.dtype, cast(from, x!)));
  },
  examples: () => [
    { inputs: [tensor("f16", [5], [1, -2, 65504, 2 ** -24, -Infinity])], attributes: bitcastAttributes("f16", "u16"), expected: tensor("u16", [5], [0x3c00, 0xc000, 0x7bff, 1, 0xfc00]) },
    { inputs: [tensor("bf16", [3], [1, -2, 0.1])], attributes: bitcastAttributes("bf16", "i16"), expected: tensor("i16", [3], [0x3f80, 0xc000 - 0x10000, 0x3dcd]) },
    { inputs: [tensor("u16", [3], [0x3c00, 0x8000, 0x7c00])], attributes: bitcastAttributes("u16", "f16"), expected: tensor("f16", [3], [1, -0, Infinity]) },
    { inputs: [tensor("bool", [2], [1, 0])], attributes: bitcastAttributes("bool", "u8"), expected: tensor("u8", [2], [1, 0]) },
    { inputs: [samples("f16", [17])], attributes: bitcastAttributes("f16", "bf16") },
    { inputs: [samples("bf16", [17])], attributes: bitcastAttributes("bf16", "f16") },
    { inputs: [samples("f16", [17])], attributes: bitcastAttributes("f16", "f16") },
    { inputs: [samples("i16", [17])], attributes: bitcastAttributes("i16", "bf16") },
    { inputs: [tensor("f32", [3], [1, -2, 0.1])], attributes: { dtype: "u32" }, expected: tensor("u32", [3], [0x3f80_0000, 0xc000_0000, 0x3dcc_cccd]) },
    { inputs: [tensor("i64", [2], [4_607_182_418_800_017_408n, 0n])], attributes: { dtype: "f64" }, expected: tensor("f64", [2], [1, 0]) },
    { inputs: [tensor("i8", [3], [-1, 5, -128])], attributes: { dtype: "u8" }, expected: tensor("u8", [3], [255, 5, 128]) },
    { inputs: [samples("i32", [])], attributes: { dtype: "i32" } },
    { inputs: [samples("u16", [0])], attributes: { dtype: "i16" } },
  ],
};
