/**
 * Chains of binary operators, `a + b * c - d`: as a tree they lean to the left, and may be as long as a text. They are walked
 * link by link, not recursed into, so that their length costs no stack.
 */
import type { BinaryExpression, BinaryOperator, Expression } from "./ast.ts";

export interface Chain {
  /** The leftmost operand; no binary expression. */
  readonly first: Expression;
  /** Each is all that stands left of its operator, the operator and its right side; from left to right. */
  readonly links: readonly BinaryExpression[];
}

export function chainOf(expression: Expression): Chain {
  const links: BinaryExpression[] = [];
  let first = expression;
  while (first.kind === "binary") {
    links.push(first);
    first = first.left;
  }
  return { first, links: links.reverse() };
}

/** `&&` and `||`, of which the left side may decide. */
export const isLogic = (op: BinaryOperator): op is "&&" | "||" => op === "&&" || op === "||";

/** `==`, `<` and so on: the operands may be of any dtype, the result is a bool. */
export const isComparison = (op: BinaryOperator): boolean => ["==", "!=", "<", "<=", ">", ">="].includes(op);
