/** How much floating-point arithmetic a vertex does: what speeds are given in. */
import { isFloat } from "../../runtime/dtype.ts";
import { unreachable } from "../support/bug.ts";
import type { Expression, Kernel, Statement } from "./kernel.ts";
import { expressionsOf, tripCount, visitExpression } from "./walk.ts";

/**
 * Additions, subtractions, multiplications, divisions, minima, maxima, and calls of functions such as exp, each counted one,
 * of a kernel as it is before it is made fast. Undefined where it depends on data, or on which instance it is.
 */
export function kernelOperations(kernel: Kernel): number | undefined {
  return ofBody(kernel.body);
}

function ofBody(body: readonly Statement[]): number | undefined {
  let sum = 0;
  for (const statement of body) {
    const operations = ofStatement(statement);
    if (operations === undefined) return undefined;
    sum += operations;
  }
  return sum;
}

function ofStatement(statement: Statement): number | undefined {
  const own = expressionsOf(statement).reduce((sum, expression) => sum + ofExpression(expression), 0);
  switch (statement.kind) {
    case "set":
    case "store": return own;
    case "for": {
      const [trips, inside] = [tripCount(statement), ofBody(statement.body)];
      if (inside === 0) return own;
      return trips === undefined || inside === undefined ? undefined : own + trips * inside;
    }
    case "while": return own === 0 && ofBody(statement.body) === 0 ? 0 : undefined;
    case "if": {
      const [then, otherwise] = [ofBody(statement.then), ofBody(statement.otherwise)];
      return then === undefined || then !== otherwise ? undefined : own + then;
    }
    default: return unreachable(statement);
  }
}

function ofExpression(expression: Expression): number {
  let count = 0;
  visitExpression(expression, (inner) => {
    if ((inner.kind === "binary" || inner.kind === "call") && isFloat(inner.dtype)) count++;
  });
  return count;
}
