/**
 * Random tensors that depend on nothing but seed, stream and position: element i takes word i mod 4 of Philox4x32-10 at
 * counter i div 4, keyed by the seed, with the stream in the counter's upper half. The stream may be a tensor, a counter of
 * steps for instance, which makes other numbers in every round of a loop.
 */
import { isFloat, sizeOf } from "../../../runtime/dtype.ts";
import type { Attributes, TensorType, ValueId } from "../../graph/graph.ts";
import { put, tensor, zeros } from "../../graph/tensor.ts";
import type { NodeBuilder, Op, OpParameter, Signature } from "../op.ts";
import { normalAt, rowElements, sourceOf, uniformAt } from "./random-rows.ts";
import { dtypeAttribute, intArgument, intsAttribute, refuse, requireInputs, shapeArgument, showShape } from "../rules.ts";

const seed: OpParameter = { name: "seed", kind: "int", atRunTime: "the stream, behind the seed, may be an i32 known at run time, and gives other numbers for each of its values" };

const signatureOf = (name: string): Signature => ({
  call: name,
  module: "std/random",
  parameters: [seed, { name: "stream", kind: "int" }, { name: "shape", kind: "shape" }],
  dtypeArgument: "optional",
  shapeOfContext: true,
  attributes: (args, _inputs, dtype) => ({
    seed: intArgument(args["seed"], `the seed of ${name}`), stream: intArgument(args["stream"], `the stream of ${name}`), dtype: dtype ?? "f32", shape: shapeArgument(args["shape"], name),
  }),
});

/** The same with a stream known at run time. */
const dynamicSignatureOf = (name: string): Signature => ({
  ...signatureOf(name),
  parameters: [seed, { name: "stream", kind: "tensor" }, { name: "shape", kind: "shape" }],
  attributes: (args, _inputs, dtype) => ({ seed: intArgument(args["seed"], `the seed of ${name}`), dtype: dtype ?? "f32", shape: shapeArgument(args["shape"], name) }),
});

function randomType(name: string, inputs: readonly TensorType[], attributes: Attributes): TensorType {
  requireInputs(name, inputs, attributes["stream"] === undefined ? 1 : 0);
  const stream = inputs[0];
  if (stream && stream.dtype !== "i32") refuse("dtype-mismatch", `the stream of ${name} must be an int or an i32 scalar, not ${stream.dtype}`, "cast<i32>(x) converts");
  if (stream && stream.shape.length > 0) refuse("shape-mismatch", `the stream of ${name} must be a scalar, but has shape ${showShape(stream.shape)}`);
  const dtype = dtypeAttribute(attributes);
  if (!isFloat(dtype)) refuse("dtype-mismatch", `${name} gives floats, not ${dtype}`);
  return { dtype, shape: [...intsAttribute(attributes, "shape")] };
}

/**
 * The tensor as rows of `rowElements` by their numbers, and a shorter one for what is left, so that rows can be computed
 * anywhere: a kernel does not know where its block lies.
 */
function inRows(name: "uniform_rows" | "normal_rows") {
  return (build: NodeBuilder, inputs: readonly ValueId[], attributes: Attributes): ValueId => {
    const { shape: _, ...source } = attributes;
    const [shape, dtype] = [[...intsAttribute(attributes, "shape")], dtypeAttribute(attributes)];
    const elements = sizeOf(shape);
    const [rows, left] = [Math.floor(elements / rowElements), elements % rowElements];
    const flat = (numbers: ValueId, count: number, length: number): ValueId => build.apply("reshape", [build.apply(name, [numbers, ...inputs], { ...source, length, apart: rowElements })], { shape: [count * length] });
    const [row, whole]: readonly TensorType[] = [{ dtype: "i32", shape: [1] }, { dtype, shape }];
    const pieces = [
      ...(rows > 0 ? [flat(build.apply("iota", [], { length: rows, dtype: "i32" }), rows, rowElements)] : []),
      ...(left > 0 ? [flat(build.fill(row!, rows), 1, left)] : []),
    ];
    if (pieces.length === 0) return build.fill(whole!, 0);
    return build.apply("reshape", [pieces.length === 1 ? pieces[0]! : build.apply("concat", pieces, { axis: 0 })], { shape });
  };
}

export const uniform: Op = {
  name: "uniform",
  kind: "compute",
  summary: "Random numbers from 0 to 1, 1 excluded, by seed and stream.",
  formula: "y ~ U[0, 1)",
  signature: signatureOf("uniform"),
  otherSignatures: [dynamicSignatureOf("uniform")],
  type: (inputs, attributes) => randomType("uniform", inputs, attributes),
  evaluate(inputs, attributes, type) {
    const [source, result] = [sourceOf(inputs[0], attributes), zeros(type)];
    for (let element = 0; element < result.data.length; element++) put(result, element, uniformAt(source, element, type.dtype));
    return result;
  },
  compose: inRows("uniform_rows"),
  examples: () => [
    // Word 0 … 3 of Philox at counter 0 and key 0, as published with Random123: 6627e8d5 e169c58d bc57ac4c 9b00dbd8.
    {
      inputs: [], attributes: { seed: 0, stream: 0, dtype: "f64", shape: [4] },
      expected: tensor("f64", [4], [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8].map((word) => word / 2 ** 32)),
    },
    { inputs: [], attributes: { seed: 7, stream: 1, dtype: "f32", shape: [3, 7] } },
    { inputs: [], attributes: { seed: -1, stream: 2 ** 40, dtype: "f16", shape: [5] } },
    { inputs: [], attributes: { seed: 2 ** 52, stream: 0, dtype: "bf16", shape: [] } },
    { inputs: [], attributes: { seed: 1, stream: 0, dtype: "f32", shape: [0, 2] } },
    { inputs: [], attributes: { seed: 5, stream: 2, dtype: "f32", shape: [3, 701] } },
    { inputs: [tensor("i32", [], [0])], attributes: { seed: 0, dtype: "f64", shape: [2] }, expected: tensor("f64", [2], [0x6627_e8d5, 0xe169_c58d].map((word) => word / 2 ** 32)) },
    { inputs: [tensor("i32", [], [-3])], attributes: { seed: 9, dtype: "f32", shape: [3, 3] } },
  ],
};

/** Box–Muller: elements 2j and 2j + 1 share two words. G. Box, M. Muller, Ann. Math. Statist. 29 (1958). */
export const normal: Op = {
  name: "normal",
  kind: "compute",
  summary: "Random numbers with mean 0 and variance 1, by seed and stream.",
  formula: "y ~ N(0, 1)",
  signature: signatureOf("normal"),
  otherSignatures: [dynamicSignatureOf("normal")],
  type: (inputs, attributes) => randomType("normal", inputs, attributes),
  evaluate(inputs, attributes, type) {
    const [source, result] = [sourceOf(inputs[0], attributes), zeros(type)];
    for (let element = 0; element < result.data.length; element++) put(result, element, normalAt(source, element, type.dtype));
    return result;
  },
  compose: inRows("normal_rows"),
  examples: () => [
    { inputs: [], attributes: { seed: 0, stream: 0, dtype: "f64", shape: [4] }, expected: tensor("f64", [4], [0.9911376804493666, -0.9246625867937412, -0.6176089589473684, -0.48206858781466655]) },
    { inputs: [], attributes: { seed: 7, stream: 1, dtype: "f32", shape: [3, 7] } },
    { inputs: [], attributes: { seed: 7, stream: 3, dtype: "bf16", shape: [9] } },
    { inputs: [], attributes: { seed: 3, stream: 0, dtype: "f16", shape: [] } },
    { inputs: [], attributes: { seed: 1, stream: 0, dtype: "f32", shape: [2, 0] } },
    { inputs: [], attributes: { seed: 5, stream: 2, dtype: "f64", shape: [2048] } },
    { inputs: [tensor("i32", [], [12345])], attributes: { seed: 9, dtype: "f32", shape: [5] } },
  ],
};
