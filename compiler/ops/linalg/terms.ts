/**
 * What products of matrices and convolutions add up: products of elements or, with the attribute `pairs`, of two at once. Then
 * elements are i32 words of two integers of 16 bits, and a term is the product of the lower ones and that of the upper ones:
 * half as many terms for the same sum. Made by narrow-products.
 */
import { isFloat, type DType } from "../../../runtime/dtype.ts";
import type { Attributes, TensorType } from "../../graph/graph.ts";
import { binaryFunction } from "../../kernel/arithmetic.ts";
import { binary } from "../../kernel/build.ts";
import type { Expression } from "../../kernel/kernel.ts";
import { invariant } from "../../support/bug.ts";

type Scalar = number | bigint;

export const isOfPairs = (attributes: Attributes): boolean => attributes["pairs"] === true;

export function requireTerms(attributes: Attributes, { dtype }: TensorType): void {
  invariant(!isOfPairs(attributes) || dtype === "i32", () => `pairs in words of ${dtype}`);
}

/** sum + left · right. */
export function plusTerm(attributes: Attributes, sum: Expression, left: Expression, right: Expression): Expression {
  return binary("add", sum, binary(isOfPairs(attributes) ? "dot" : "mul", left, right));
}

/** What is multiplied and added up. */
export interface Elements {
  readonly dtype: DType;
  readonly attributes: Attributes;
}

/** Sums before they are stored: of floats exact but for rounding in f64, of integers with all their bits. */
export interface Sums {
  from(value: Scalar): Scalar;
  plus(sum: Scalar, left: Scalar, right: Scalar): Scalar;
}

export function sumsOf(attributes: Attributes, dtype: DType): Sums {
  if (isFloat(dtype)) return { from: Number, plus: (sum, left, right) => Number(sum) + Number(left) * Number(right) };
  const ofPair = isOfPairs(attributes) ? binaryFunction("dot", dtype) : (left: Scalar, right: Scalar) => BigInt(left) * BigInt(right);
  return { from: BigInt, plus: (sum, left, right) => BigInt(sum) + BigInt(ofPair(left, right)) };
}
