/**
 * Computes what is known when compiling: nodes whose inputs are all fills and constants become a fill or a constant.
 *
 * Limits, so that a program cannot make the compiler slow or the executable large:
 * - elementwise ops on fills alone have no limit: one element is computed;
 * - other elementwise ops, views that do not grow, and ops without inputs give at most 65,536 elements;
 * - other compute ops (products, reductions) read and give at most 4,096 elements together.
 * What would raise an error when it runs is left to raise it.
 */
import { sizeOf } from "../../../runtime/dtype.ts";
import type { Op } from "../../ops/op.ts";
import { ops } from "../../ops/table.ts";
import { CompilerBug } from "../../support/bug.ts";
import type { Pass } from "../../support/pass.ts";
import { constantAttributes, constantTensor, fillAttributes, fillValue, splatValue } from "../constants.ts";
import type { Graph, Node, TensorType } from "../graph.ts";
import { rewrite, type Rewriting } from "../rewrite.ts";
import type { Tensor } from "../tensor.ts";

const elementLimit = 65_536;
const computeLimit = 4_096;

export const foldConstants: Pass<Graph, Graph> = {
  name: "fold-constants",
  summary: "computes nodes whose inputs are all known, where the result is small; splats stay fills",
  run: (graph) => rewrite(graph, fold),
};

function fold(node: Node, at: Rewriting): Node {
  const op = ops.get(node.op);
  if (op === undefined || node.op === "fill" || node.op === "constant") return node;
  const type = at.type(node.outputs[0]!);
  const definitions = node.inputs.map((input) => at.definition(input));
  const fills = definitions.map(fillValue);
  const splat = fills.length > 0 && fills.every((value) => value !== undefined);

  if (splat && op.kind === "view") return { ...node, op: "fill", inputs: [], attributes: fillAttributes(fills[0]!, type) };
  if (splat && sizeOf(type.shape) > 0 && (op.kind === "elementwise" || node.op === "map")) return foldSplats(op, node, type, at);
  if (!withinLimits(op, node, type, at)) return node;

  const inputs = node.inputs.map((input, k) => constantTensor(definitions[k], at.type(input)));
  if (!inputs.every((input) => input !== undefined)) return node;
  const result = evaluate(op, inputs, node, type);
  return result === undefined ? node : asConstant(node, result);
}

/** Every element is the same: computes it once, on scalars. */
function foldSplats(op: Op, node: Node, type: TensorType, at: Rewriting): Node {
  const scalarInputs = node.inputs.map((input) => constantTensor(at.definition(input), { dtype: at.type(input).dtype, shape: [] })!);
  const result = evaluate(op, scalarInputs, node, { dtype: type.dtype, shape: [] });
  const value = result && splatValue(result);
  return value === undefined ? node : { ...node, op: "fill", inputs: [], attributes: fillAttributes(value, type) };
}

function asConstant(node: Node, result: Tensor): Node {
  const value = splatValue(result);
  if (value !== undefined) return { ...node, op: "fill", inputs: [], attributes: fillAttributes(value, result.type) };
  return { ...node, op: "constant", inputs: [], attributes: constantAttributes(result) };
}

function withinLimits(op: Op, node: Node, type: TensorType, at: Rewriting): boolean {
  const given = sizeOf(type.shape);
  const read = node.inputs.reduce((total, input) => total + sizeOf(at.type(input).shape), 0);
  if (op.kind === "view") return given <= read && given <= elementLimit;
  if (op.kind === "elementwise" || node.inputs.length === 0) return given <= elementLimit;
  return read + given <= computeLimit;
}

/** Undefined where the op refuses these values: the same error belongs to the run. */
function evaluate(op: Op, inputs: readonly Tensor[], node: Node, type: TensorType): Tensor | undefined {
  try {
    return op.evaluate(inputs, node.attributes, type);
  } catch (problem) {
    if (problem instanceof CompilerBug) throw problem;
    return undefined;
  }
}
