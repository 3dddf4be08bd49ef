/**
 * An op and the scalar function its result goes through, as one: what `fuse-results` makes. The function is applied where the
 * op stores, so that the op's own result is never in memory. The axes of what is stored may have another order.
 */
import { sameShape, type Attributes, type TensorType } from "../../graph/graph.ts";
import { tensor } from "../../graph/tensor.ts";
import { argument, binary, call, cast, constant } from "../../kernel/build.ts";
import { invariant } from "../../support/bug.ts";
import { samples } from "../elementwise/elementwise.ts";
import { bodyAttribute, bodyOf, map } from "./map.ts";
import type { Op } from "../op.ts";
import { intAttribute, intsAttribute } from "../rules.ts";
import { transpose } from "../views/transpose.ts";

/** The parts of such a node. */
export interface ComputeMap {
  /** Name of the op whose result is mapped. */
  readonly op: string;
  readonly attributes: Attributes;
  /** How many of the inputs are the op's; the others are the map's, of the result's shape. */
  readonly count: number;
  /** For each axis of the result, which axis of the op's result it is. */
  readonly axes: readonly number[];
}

export const computeMapOf = (attributes: Attributes): ComputeMap => ({
  op: attributes["op"] as string,
  attributes: attributes["of"] as Attributes,
  count: intAttribute(attributes, "count"),
  axes: intsAttribute(attributes, "axes"),
});

/** What the op itself gives, before the map. */
function innerType(find: (name: string) => Op, inputs: readonly TensorType[], attributes: Attributes): TensorType {
  const { op, attributes: of, count } = computeMapOf(attributes);
  return find(op).type(inputs.slice(0, count), of);
}

const orderedType = (type: TensorType, axes: readonly number[]): TensorType => ({ dtype: type.dtype, shape: axes.map((axis) => type.shape[axis]!) });

const scaledSum = binary("add", binary("mul", argument("f32", 0), constant("f32", 0.5)), argument("f32", 1));
const positive = binary("gt", argument("f32", 0), constant("f32", 0));
const halfSquare = cast("f16", binary("mul", cast("f32", argument("f16", 0)), cast("f32", argument("f16", 0))));
const gate = binary("mul", argument("f32", 1), call("tanh", argument("f32", 0)));

/** `find`: the op of a name; the table itself, which this op is in. */
export const computeMap = (find: (name: string) => Op): Op => ({
  name: "compute_map",
  kind: "compute",
  summary: "A scalar function of the elements of an op's result and of corresponding elements, stored with its axes in an order.",
  formula: "y = body(op(x₀, …), z₀, …)",
  noGradient: "it is made when gradients are there",
  type(inputs, attributes) {
    const { axes, count } = computeMapOf(attributes);
    const { shape } = orderedType(innerType(find, inputs, attributes), axes);
    for (const other of inputs.slice(count)) invariant(sameShape(other.shape, shape), () => `compute_map of shapes [${shape.join(", ")}] and [${other.shape.join(", ")}]`);
    return { dtype: bodyOf(attributes).dtype, shape };
  },
  evaluate(inputs, attributes, type) {
    const { op, attributes: of, count, axes } = computeMapOf(attributes);
    const inner = innerType(find, inputs.map((input) => input.type), attributes);
    const result = find(op).evaluate(inputs.slice(0, count), of, inner);
    const ordered = transpose.evaluate([result], { axes }, orderedType(inner, axes));
    return map.evaluate([ordered, ...inputs.slice(count)], { body: attributes["body"]! }, type);
  },
  lower(inputs, attributes) {
    const { op, attributes: of, count, axes } = computeMapOf(attributes);
    const inner = innerType(find, inputs, attributes);
    const { lower, stores } = find(op);
    invariant(lower && stores === "once", () => `${op} cannot be finished by a map`);
    const operands = Array.from({ length: inputs.length - count }, (_, k) => count + k);
    return lower(inputs.slice(0, count), of, inner).map((lowering) => ({
      ...lowering,
      writes: lowering.writes.map(({ operand, index }) => ({ operand, index: axes.map((axis) => index[axis]!) })),
      epilogue: { body: bodyOf(attributes), operands, dtype: inner.dtype },
    }));
  },
  examples: () => [
    {
      inputs: [tensor("f32", [2, 3], [1, 2, 3, 4, 5, 6]), tensor("f32", [3, 2], [1, 0, 0, 1, 1, 1]), tensor("f32", [2, 2], [1, 1, 2, 2])],
      attributes: { op: "matmul", of: {}, count: 2, axes: [0, 1], body: bodyAttribute(scaledSum) }, expected: tensor("f32", [2, 2], [3, 3.5, 7, 7.5]),
    },
    { inputs: [samples("f32", [2, 5, 7]), samples("f32", [2, 7, 3], 1), samples("f32", [5, 2, 3], 2)], attributes: { op: "matmul", of: {}, count: 2, axes: [1, 0, 2], body: bodyAttribute(gate) } },
    { inputs: [samples("f32", [5, 7]), samples("f32", [3, 7, 8], 1), samples("f32", [5, 24], 2)], attributes: { op: "matmul_packed", of: {}, count: 2, axes: [0, 1], body: bodyAttribute(scaledSum) } },
    { inputs: [samples("f32", [3, 0]), samples("f32", [0, 2]), samples("f32", [3, 2])], attributes: { op: "matmul", of: {}, count: 2, axes: [0, 1], body: bodyAttribute(scaledSum) } },
    { inputs: [samples("f16", [5, 9]), samples("f16", [9, 3], 1)], attributes: { op: "matmul", of: {}, count: 2, axes: [1, 0], body: bodyAttribute(halfSquare) } },
    { inputs: [samples("f32", [4, 6])], attributes: { op: "reduce", of: { op: "max", axes: [1], keepdims: false }, count: 1, axes: [0], body: bodyAttribute(positive) } },
    { inputs: [samples("f32", [4, 3, 5]), samples("f32", [5, 4])], attributes: { op: "mean", of: { axes: [1], keepdims: false }, count: 1, axes: [1, 0], body: bodyAttribute(scaledSum) } },
  ],
});
