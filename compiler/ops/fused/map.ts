/**
 * What fusing makes: a scalar function of corresponding elements (`map`), and the reduction of its results (`map_reduce`).
 * The body is a kernel expression over `argument`s of the inputs' dtypes; it never computes in f16 or bf16, but casts them
 * to f32 and each op's result back, so that fused and unfused programs give the same bits.
 */
import { sizeOf } from "../../../runtime/dtype.ts";
import { sameShape, type Attributes, type TensorType } from "../../graph/graph.ts";
import { RuntimeError } from "../../graph/runtime-error.ts";
import { tensor, type Tensor } from "../../graph/tensor.ts";
import { argument, binary, call, cast, constant, substitute } from "../../kernel/build.ts";
import { evaluateScalar, KernelError } from "../../kernel/interpret.ts";
import type { Expression } from "../../kernel/kernel.ts";
import type { BlockContext, Lowering } from "../../kernel/lowering.ts";
import { visitExpression } from "../../kernel/walk.ts";
import { identityMap } from "../../support/affine.ts";
import { invariant } from "../../support/bug.ts";
import { pointwise, samples } from "../elementwise/elementwise.ts";
import { dimensions, widened } from "../lowerings.ts";
import type { Op } from "../op.ts";
import { meanLowering, meanTensor, reducedType, reduceLowering, reduceTensor, reductionOpOf, requireReducible } from "../reductions/reduce.ts";
import { intsAttribute } from "../rules.ts";

/** An expression as the attribute of a node. */
export const bodyAttribute = (body: Expression): Attributes[string] => body as unknown as Attributes[string];

export function bodyOf(attributes: Attributes): Expression {
  const body = attributes["body"];
  invariant(typeof body === "object" && body !== null && "kind" in body, "a map without a body");
  return body as unknown as Expression;
}

/** Scalar operations of a body, loads and constants aside. */
export function operationsOf(body: Expression): number {
  let count = 0;
  visitExpression(body, ({ kind }) => {
    if (kind !== "argument" && kind !== "constant") count += kind === "call" ? callOperations : 1;
  });
  return Math.max(1, count);
}

/** A math function counts as this many operations. */
const callOperations = 16;

function mappedType(inputs: readonly TensorType[], attributes: Attributes): TensorType {
  const first = inputs[0];
  invariant(first, "a map without inputs");
  for (const other of inputs) invariant(sameShape(first.shape, other.shape), () => `map of shapes [${first.shape.join(", ")}] and [${other.shape.join(", ")}]`);
  return { dtype: bodyOf(attributes).dtype, shape: first.shape };
}

function evaluateMap(inputs: readonly Tensor[], attributes: Attributes): Tensor {
  const body = bodyOf(attributes);
  return pointwise(inputs, mappedType(inputs.map((input) => input.type), attributes), (args) => {
    try {
      return evaluateScalar(body, args);
    } catch (problem) {
      if (problem instanceof KernelError) throw new RuntimeError("division-by-zero", problem.message);
      throw problem;
    }
  });
}

const square = (dtype: "f32" | "i32"): Expression => binary("mul", argument(dtype, 0), argument(dtype, 0));
const halfSum = cast("f16", binary("mul", constant("f32", 0.5), binary("add", cast("f32", argument("f16", 0)), cast("f32", argument("f16", 1)))));
const scaled = cast("bf16", binary("mul", constant("f32", 3), cast("f32", argument("bf16", 0))));

export const map: Op = {
  name: "map",
  kind: "compute",
  summary: "A scalar function of corresponding elements.",
  formula: "y = body(x₀, x₁, …)",
  noGradient: "it is made when gradients are there",
  type: mappedType,
  evaluate: (inputs, attributes) => evaluateMap(inputs, attributes),
  lower(inputs, attributes, type): Lowering[] {
    if (sizeOf(type.shape) === 0) return [];
    const index = identityMap(type.shape.length);
    const body = bodyOf(attributes);
    return [
      {
        name: "map",
        space: dimensions("parallel", type.shape),
        reads: inputs.map((_, operand) => ({ operand, index })),
        writes: [{ operand: 0, index }],
        operations: operationsOf(body),
        emit: ({ kernel, block, load, store }) => kernel.forBox(block, true, (at) => store(0, at, substitute(body, inputs.map((_, read) => load(read, at))))),
      },
    ];
  },
  examples: () => [
    { inputs: [tensor("f32", [3], [1, -2, 0.5])], attributes: { body: bodyAttribute(square("f32")) }, expected: tensor("f32", [3], [1, 4, 0.25]) },
    { inputs: [samples("f16", [3, 5]), samples("f16", [3, 5], 1)], attributes: { body: bodyAttribute(halfSum) } },
    { inputs: [samples("f32", [])], attributes: { body: bodyAttribute(call("exp", square("f32"))) } },
    { inputs: [samples("i32", [2, 0])], attributes: { body: bodyAttribute(square("i32")) } },
  ],
};

/** Whether a sum is divided by the number of its elements. */
const isMean = (attributes: Attributes): boolean => attributes["mean"] === true;

export const mapReduce: Op = {
  name: "map_reduce",
  kind: "compute",
  stores: "once",
  summary: "The results of a scalar function, combined along axes; with `mean`, their average.",
  formula: "y = body(x₀…) ∘ body(x₁…) ∘ …",
  noGradient: "it is made when gradients are there",
  type(inputs, attributes) {
    const mapped = mappedType(inputs, attributes);
    const op = reductionOpOf(attributes);
    requireReducible(op, mapped);
    return reducedType("map_reduce", mapped, attributes, op === "min" || op === "max" || isMean(attributes));
  },
  evaluate(inputs, attributes, type) {
    const [mapped, axes] = [evaluateMap(inputs, attributes), intsAttribute(attributes, "axes")];
    return isMean(attributes) ? meanTensor(mapped, axes, type) : reduceTensor(mapped, reductionOpOf(attributes), axes, type);
  },
  lower(inputs, attributes, type) {
    const body = bodyOf(attributes);
    const element = ({ load }: BlockContext, at: readonly Expression[]): Expression => widened(substitute(body, inputs.map((_, read) => load(read, at))));
    const reduced = { name: "map_reduce", shape: inputs[0]!.shape, operands: inputs.length, element };
    return isMean(attributes) ? meanLowering(reduced, attributes, type) : reduceLowering(reduced, attributes, type, reductionOpOf(attributes));
  },
  examples: () => [
    { inputs: [tensor("f32", [2, 2], [1, 2, 3, 4])], attributes: { body: bodyAttribute(square("f32")), op: "add", axes: [1], keepdims: false }, expected: tensor("f32", [2], [5, 25]) },
    { inputs: [samples("i32", [7, 5])], attributes: { body: bodyAttribute(square("i32")), op: "add", axes: [0], keepdims: true } },
    { inputs: [samples("bf16", [3, 5])], attributes: { body: bodyAttribute(scaled), op: "max", axes: [0, 1], keepdims: false } },
    { inputs: [samples("f32", [4, 6])], attributes: { body: bodyAttribute(square("f32")), op: "add", mean: true, axes: [1], keepdims: true } },
    { inputs: [samples("bf16", [7, 5])], attributes: { body: bodyAttribute(scaled), op: "add", mean: true, axes: [0], keepdims: false } },
    { inputs: [samples("f32", [0, 5])], attributes: { body: bodyAttribute(square("f32")), op: "add", axes: [0], keepdims: false } },
  ],
};
