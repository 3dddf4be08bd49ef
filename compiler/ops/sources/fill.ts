/** Tensors whose elements are known: one value everywhere, or a list. */
import { isDType, newArray, sizeOf, viewArray, type DType, type TypedArray } from "../../../runtime/dtype.ts";
import type { Attributes } from "../../graph/graph.ts";
import { put, tensor, zeros } from "../../graph/tensor.ts";
import { invariant } from "../../support/bug.ts";
import { fillLowering, wholeRegion } from "../lowerings.ts";
import type { ConstantValue, Op, Signature } from "../op.ts";
import { dtypeAttribute, intsAttribute, refuse, requireInputs, shapeArgument } from "../rules.ts";

function fillValue(attributes: Attributes): number | bigint {
  const value = attributes["value"];
  if (typeof value === "boolean") return value ? 1 : 0;
  invariant(typeof value === "number" || typeof value === "bigint", () => `fill with ${String(value)}`);
  return value;
}

const uniformCall = (call: string, value: number): Signature => ({
  call,
  module: "core",
  parameters: [{ name: "shape", kind: "shape" }],
  dtypeArgument: "optional",
  attributes: (args, _inputs, dtype) => ({ value, dtype: dtype ?? "f32", shape: shapeArgument(args["shape"], call) }),
});

function fullAttributes(args: { readonly [name: string]: ConstantValue }, dtype: DType | undefined): Attributes {
  const value = args["value"];
  if (typeof value !== "number" && typeof value !== "bigint" && typeof value !== "boolean") refuse("bad-argument", "the value of full must be a number or a bool");
  return { value, dtype: dtype ?? (typeof value === "boolean" ? "bool" : "f32"), shape: shapeArgument(args["shape"], "full") };
}

export const fill: Op = {
  name: "fill",
  kind: "compute",
  summary: "One value everywhere.",
  formula: "y = value",
  noGradient: "it depends on nothing",
  signature: uniformCall("zeros", 0),
  otherSignatures: [
    uniformCall("ones", 1),
    {
      call: "full",
      module: "core",
      parameters: [{ name: "value", kind: "float" }, { name: "shape", kind: "shape" }],
      dtypeArgument: "optional",
      attributes: (args, _inputs, dtype) => fullAttributes(args, dtype),
    },
  ],
  type(inputs, attributes) {
    requireInputs("fill", inputs, 0);
    fillValue(attributes);
    return { dtype: dtypeAttribute(attributes), shape: [...intsAttribute(attributes, "shape")] };
  },
  evaluate(_inputs, attributes, type) {
    const result = zeros(type);
    const value = fillValue(attributes);
    for (let flat = 0; flat < result.data.length; flat++) put(result, flat, value);
    return result;
  },
  lower: (_inputs, attributes, type) => fillLowering("fill", wholeRegion(type.shape), type.dtype, fillValue(attributes)),
  examples: () => [
    { inputs: [], attributes: { value: 2.5, dtype: "f32", shape: [2, 2] }, expected: tensor("f32", [2, 2], [2.5, 2.5, 2.5, 2.5]) },
    { inputs: [], attributes: { value: 0.1, dtype: "bf16", shape: [7] } },
    { inputs: [], attributes: { value: -1, dtype: "u8", shape: [] } },
    { inputs: [], attributes: { value: 5n, dtype: "i64", shape: [3, 5, 2] } },
    { inputs: [], attributes: { value: 1, dtype: "bool", shape: [0, 4] } },
  ],
};

/** The elements of a `constant`. */
function constantData(attributes: Attributes): TypedArray {
  const data = attributes["data"];
  invariant(ArrayBuffer.isView(data) && !(data instanceof DataView), "a constant without data");
  return data as TypedArray;
}

/** It has no lowering: targets place its data as it is. */
export const constantOp: Op = {
  name: "constant",
  kind: "compute",
  summary: "Elements known when compiling.",
  formula: "y = data, in row-major order",
  noGradient: "it depends on nothing",
  type(inputs, attributes) {
    requireInputs("constant", inputs, 0);
    const [dtype, shape, data] = [dtypeAttribute(attributes), intsAttribute(attributes, "shape"), constantData(attributes)];
    invariant(isDType(dtype) && data.length === sizeOf(shape), () => `a constant of ${sizeOf(shape)} elements with ${data.length}`);
    invariant(data.constructor === newArray(dtype, 0).constructor, () => `a constant of ${dtype} held in another array`);
    return { dtype, shape: [...shape] };
  },
  evaluate(_inputs, attributes, type) {
    const data = constantData(attributes);
    const copy = new Uint8Array(data.buffer, data.byteOffset, data.byteLength).slice();
    return { type, data: viewArray(type.dtype, copy.buffer, 0, data.length) };
  },
  examples: () => [
    { inputs: [], attributes: { dtype: "i16", shape: [3], data: Int16Array.of(1, -2, 3) }, expected: tensor("i16", [3], [1, -2, 3]) },
    { inputs: [], attributes: { dtype: "bf16", shape: [], data: Uint16Array.of(0x3fc0) }, expected: tensor("bf16", [], [1.5]) },
    { inputs: [], attributes: { dtype: "f32", shape: [2, 0], data: new Float32Array(0) } },
  ],
};
