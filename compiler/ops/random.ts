/**
 * Random tensors that depend on nothing but seed, stream and position: element i takes word i mod 4 of Philox4x32-10 at
 * counter i div 4, keyed by the seed, with the stream in the counter's upper half. The stream may be a tensor, a counter of
 * steps for instance, which makes other numbers in every round of a loop.
 */
import { isFloat, sizeOf, type DType } from "../../runtime/dtype.ts";
import type { Attributes, TensorType } from "../graph/graph.ts";
import { convert, get, put, tensor, zeros, type Tensor } from "../graph/tensor.ts";
import { binary, call, cast, constant, i32, select, unary, type KernelBuilder } from "../kernel/build.ts";
import { rowMajor, type Expression } from "../kernel/kernel.ts";
import type { Lowering } from "../kernel/lowering.ts";
import { identityMap } from "../support/affine.ts";
import { dimensions, number } from "./lowerings.ts";
import type { Op, Signature } from "./op.ts";
import { halves, philox, philoxInKernel, type Key, type Words } from "./philox.ts";
import { computeDType, dtypeAttribute, intArgument, intAttribute, intsAttribute, refuse, requireInputs, shapeArgument, showShape } from "./rules.ts";

/** Random bits of a uniform number: what the dtype's fraction holds, so that 1 is never reached. */
const uniformBits = (dtype: DType): number => (dtype === "f16" ? 11 : dtype === "bf16" ? 8 : dtype === "f32" ? 24 : 32);

interface Source {
  readonly key: Key;
  readonly stream: Key;
}

const sourceOf = (inputs: readonly Tensor[], attributes: Attributes): Source => ({
  key: halves(intAttribute(attributes, "seed")),
  stream: halves(inputs[0] ? Number(get(inputs[0], 0)) : intAttribute(attributes, "stream")),
});

const blockOf = ({ key, stream }: Source, block: number): Words<number> => philox([block % 2 ** 32, Math.floor(block / 2 ** 32), ...stream], key);
const wordOf = (source: Source, element: number): number => blockOf(source, Math.floor(element / 4))[element % 4]!;

function choose(words: Words<Expression>, which: Expression): Expression {
  const is = (k: number): Expression => binary("eq", which, i32(k));
  return select(is(0), words[0], select(is(1), words[1], select(is(2), words[2], words[3])));
}

const signatureOf = (name: string): Signature => ({
  call: name,
  module: "std/random",
  parameters: [{ name: "seed", kind: "int" }, { name: "stream", kind: "int" }, { name: "shape", kind: "shape" }],
  dtypeArgument: "optional",
  attributes: (args, _inputs, dtype) => ({
    seed: intArgument(args["seed"], `the seed of ${name}`), stream: intArgument(args["stream"], `the stream of ${name}`), dtype: dtype ?? "f32", shape: shapeArgument(args["shape"], name),
  }),
});

/** The same with a stream known at run time. */
const dynamicSignatureOf = (name: string): Signature => ({
  ...signatureOf(name),
  parameters: [{ name: "seed", kind: "int" }, { name: "stream", kind: "tensor" }, { name: "shape", kind: "shape" }],
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

/** The whole tensor is one block, as for every op that depends on the position. `value` is given the four words and the element's number, as i32. */
function randomLowering(name: string, inputs: readonly TensorType[], attributes: Attributes, type: TensorType, value: (words: Words<Expression>, element: Expression, kernel: KernelBuilder) => Expression): Lowering[] {
  if (sizeOf(type.shape) === 0) return [];
  const key = halves(intAttribute(attributes, "seed"));
  const isDynamic = inputs.length > 0;
  const strides = rowMajor(type.shape);
  return [
    {
      name,
      space: dimensions("serial", type.shape),
      reads: isDynamic ? [{ operand: 0, index: [] }] : [],
      writes: [{ operand: 0, index: identityMap(type.shape.length) }],
      emit({ kernel, block, load, store }) {
        const stream = isDynamic ? kernel.let("stream", load(0, block.map(() => i32(0)))) : undefined;
        const [low, high] = stream ? [cast("u32", stream), cast("u32", binary("shr", stream, i32(31)))] : halves(intAttribute(attributes, "stream")).map((half) => constant("u32", half));
        kernel.forBox(block, true, (at) => {
          const element = kernel.let("element", at.reduce<Expression>((sum, index, k) => binary("add", sum, binary("mul", index, i32(strides[k]!))), i32(0)));
          const counter: Words<Expression> = [binary("shr", cast("u32", element), constant("u32", 2)), constant("u32", 0), low!, high!];
          const words = philoxInKernel(kernel, counter, key);
          store(0, at, cast(type.dtype, value(words, element, kernel)));
        });
      },
    },
  ];
}

export const uniform: Op = {
  name: "uniform",
  kind: "compute",
  summary: "Random numbers from 0 to 1, 1 excluded, by seed and stream.",
  formula: "y ~ U[0, 1)",
  noGradient: "it depends on nothing",
  signature: signatureOf("uniform"),
  otherSignatures: [dynamicSignatureOf("uniform")],
  type: (inputs, attributes) => randomType("uniform", inputs, attributes),
  evaluate(inputs, attributes, type) {
    const [source, digits, result] = [sourceOf(inputs, attributes), uniformBits(type.dtype), zeros(type)];
    for (let element = 0; element < result.data.length; element++) put(result, element, (wordOf(source, element) >>> (32 - digits)) / 2 ** digits);
    return result;
  },
  lower(inputs, attributes, type) {
    const digits = uniformBits(type.dtype);
    const inner = computeDType(type.dtype);
    return randomLowering("uniform", inputs, attributes, type, (words, element) => {
      const word = choose(words, binary("and", element, i32(3)));
      return binary("mul", cast(inner, binary("shr", word, constant("u32", (32 - digits) % 32))), number(inner, 2 ** -digits));
    });
  },
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
    { inputs: [tensor("i32", [], [0])], attributes: { seed: 0, dtype: "f64", shape: [2] }, expected: tensor("f64", [2], [0x6627_e8d5, 0xe169_c58d].map((word) => word / 2 ** 32)) },
    { inputs: [tensor("i32", [], [-3])], attributes: { seed: 9, dtype: "f32", shape: [3, 3] } },
  ],
};

/** (0, 1] from a word, so that its logarithm exists. */
const toUnit = (word: number): number => (word + 1) / 2 ** 32;

/** Box–Muller in f64, rounded once: elements 2j and 2j + 1 share two words. G. Box, M. Muller, Ann. Math. Statist. 29 (1958). */
export const normal: Op = {
  name: "normal",
  kind: "compute",
  summary: "Random numbers with mean 0 and variance 1, by seed and stream.",
  formula: "y ~ N(0, 1)",
  noGradient: "it depends on nothing",
  signature: signatureOf("normal"),
  otherSignatures: [dynamicSignatureOf("normal")],
  type: (inputs, attributes) => randomType("normal", inputs, attributes),
  evaluate(inputs, attributes, type) {
    const [source, result, inner] = [sourceOf(inputs, attributes), zeros(type), computeDType(type.dtype)];
    for (let element = 0; element < result.data.length; element++) {
      const even = element - (element % 2);
      const radius = Math.sqrt(-2 * Math.log(toUnit(wordOf(source, even))));
      const angle = 2 * Math.PI * toUnit(wordOf(source, even + 1));
      put(result, element, convert(inner, radius * (element % 2 === 0 ? Math.cos(angle) : Math.sin(angle))));
    }
    return result;
  },
  lower(inputs, attributes, type) {
    const f64 = (value: number): Expression => constant("f64", value);
    const unit = (word: Expression): Expression => binary("div", binary("add", cast("f64", word), f64(1)), f64(2 ** 32));
    return randomLowering("normal", inputs, attributes, type, (words, element, kernel) => {
      const upper = binary("ne", binary("and", element, i32(2)), i32(0));
      const radius = kernel.let("radius", unary("sqrt", binary("mul", f64(-2), call("log", unit(select(upper, words[2], words[0]))))));
      const angle = kernel.let("angle", binary("mul", f64(2 * Math.PI), unit(select(upper, words[3], words[1]))));
      const odd = binary("ne", binary("and", element, i32(1)), i32(0));
      return cast(computeDType(type.dtype), binary("mul", radius, select(odd, call("sin", angle), call("cos", angle))));
    });
  },
  examples: () => [
    { inputs: [], attributes: { seed: 0, stream: 0, dtype: "f64", shape: [4] }, expected: tensor("f64", [4], [0.9911376804493666, -0.9246625867937412, -0.6176089589473684, -0.48206858781466655]) },
    { inputs: [], attributes: { seed: 7, stream: 1, dtype: "f32", shape: [3, 7] } },
    { inputs: [], attributes: { seed: 7, stream: 3, dtype: "bf16", shape: [9] } },
    { inputs: [], attributes: { seed: 3, stream: 0, dtype: "f16", shape: [] } },
    { inputs: [], attributes: { seed: 1, stream: 0, dtype: "f32", shape: [2, 0] } },
    { inputs: [tensor("i32", [], [12345])], attributes: { seed: 9, dtype: "f32", shape: [5] } },
  ],
};
