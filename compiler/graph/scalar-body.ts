/**
 * What a node computes for one element, as a kernel expression: for elementwise ops from their formula, for `map` and
 * `map_reduce` the body they carry. 16-bit floats are loaded and stored only: a body widens them to f32, computes, and
 * rounds each op's result, so that fused and unfused give the same bits.
 */
import type { DType } from "../../runtime/dtype.ts";
import { argument, cast, constant, substitute } from "../kernel/build.ts";
import type { Expression } from "../kernel/kernel.ts";
import { operandsOf } from "../kernel/vector-support.ts";
import { bodyOf } from "../ops/fused/map.ts";
import type { Op } from "../ops/op.ts";
import { ops } from "../ops/table.ts";
import type { Node, TensorType } from "./graph.ts";
import { convert } from "./tensor.ts";

const isHalf = (dtype: DType): boolean => dtype === "f16" || dtype === "bf16";

/** A constant that one element of a fill is. */
export const scalarConstant = (dtype: DType, value: number | bigint): Expression => constant(dtype, convert(dtype, value));

function widen(expression: Expression): Expression {
  if (!isHalf(expression.dtype)) return expression;
  return expression.kind === "constant" ? constant("f32", expression.value) : cast("f32", expression);
}

/** How a node of one element-by-element result computes an element from its inputs' elements; undefined for all other nodes. */
export function scalarFunction(node: Node, type: TensorType): ((args: readonly Expression[]) => Expression) | undefined {
  if (node.op === "map") return (args) => substitute(bodyOf(node.attributes), args);
  const op: Op | undefined = ops.get(node.op);
  if (op?.kind !== "elementwise" || op.scalar === undefined) return undefined;
  return (args) => cast(type.dtype, op.scalar!(args.map(widen), node.attributes, type));
}

/** What a body costs, for decisions about fusing. */
export interface BodyMeasure {
  /** Operations, as a tree: arguments and constants are free. At least 1. */
  readonly size: number;
  /** At least 1, so that a chain of bodies that do nothing is bounded like any other. */
  readonly depth: number;
  /** Whether it divides, takes a root or calls a mathematical function. */
  readonly expensive: boolean;
  /** How often each argument stands in it. */
  readonly uses: readonly number[];
}

export function measureBody(body: Expression, inputs: number): BodyMeasure {
  const uses = new Array<number>(inputs).fill(0);
  let size = 0;
  let expensive = false;
  const depthOf = (expression: Expression): number => {
    if (expression.kind === "argument") uses[expression.index]! += 1;
    if (expression.kind === "argument" || expression.kind === "constant") return 0;
    size += 1;
    expensive ||= isExpensive(expression);
    return 1 + operandsOf(expression).reduce((deepest, child) => Math.max(deepest, depthOf(child)), 0);
  };
  const depth = depthOf(body);
  return { size: Math.max(1, size), depth: Math.max(1, depth), expensive, uses };
}

function isExpensive(expression: Expression): boolean {
  if (expression.kind === "binary") return expression.op === "div" || expression.op === "rem";
  return expression.kind === "call" || (expression.kind === "unary" && expression.op === "sqrt");
}

/** The arguments of a node's body: the elements of its inputs. */
export const argumentsFor = (types: readonly TensorType[]): Expression[] => types.map((type, index) => argument(type.dtype, index));
