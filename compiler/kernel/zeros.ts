/** Which floats are never −0, so that nothing has to be done for its sign. */
import { computeDType } from "./vector-support.ts";
import type { Expression } from "./kernel.ts";

const constantOf = (expression: Expression): number | undefined => (expression.kind === "constant" ? Number(expression.value) : undefined);
const isMinusZero = (value: number): boolean => Object.is(value, -0);

/** Whether a float is known not to be −0, which a sum is only of two such zeros. What is rounded to 16 bits may become it. */
export function neverMinusZero(expression: Expression): boolean {
  if (computeDType(expression.dtype) !== expression.dtype) return false;
  switch (expression.kind) {
    case "constant": return !isMinusZero(Number(expression.value));
    case "unary": return expression.op === "abs";
    case "binary": {
      const [left, right] = [constantOf(expression.left), constantOf(expression.right)];
      if (expression.op === "add") return [left, right].some((value) => value !== undefined && !isMinusZero(value));
      if (expression.op === "sub") return (left !== undefined && !isMinusZero(left)) || (right !== undefined && !Object.is(right, 0));
      return false;
    }
    default: return false;
  }
}
