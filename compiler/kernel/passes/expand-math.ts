/**
 * Replaces calls of mathematical functions on f32 (and f16, bf16, which compute in f32) and f64 by arithmetic that vectorises:
 * see math-formulas.ts; and remainders of f32. Only sin, cos and tan of large arguments, and remainders of large quotients, stay
 * calls, scalar imports, in a branch that is rarely taken.
 *
 * A formula uses its intermediate values several times, so they become locals, set just before the statement that calls.
 * What a loop's condition needs is set before the loop and again at the end of its body.
 */
import { cast } from "../build.ts";
import type { Pass } from "../../support/pass.ts";
import type { Span } from "../../support/span.ts";
import type { Expression, Kernel, Statement } from "../kernel.ts";
import { computeDType } from "../vector-support.ts";
import { LocalTable, mapBodies, mapExpressions, mapOperands, withBody } from "../walk.ts";
import { formulas } from "./math-formulas.ts";
import { nonPositive } from "./math-formulas-nonpositive.ts";
import { remainder } from "./math-formulas-remainder.ts";
import type { Define } from "./math-formulas-parts.ts";

export const expandMath: Pass<Kernel, Kernel> = {
  name: "expand-math",
  summary: "calls of exp, log, tanh, erf and their kin become arithmetic that vectorises",
  run(kernel) {
    const locals = new LocalTable(kernel.locals);
    return withBody(kernel, expandBody(kernel.body, locals), locals.list);
  },
};

function expandBody(body: readonly Statement[], locals: LocalTable): readonly Statement[] {
  return body.flatMap((statement) => {
    const { before, expanded } = expandStatement(statement, locals);
    const inner = mapBodies(expanded, (nested) => expandBody(nested, locals));
    return [...before, inner.kind === "while" ? { ...inner, body: [...inner.body, ...before] } : inner];
  });
}

function expandStatement(statement: Statement, locals: LocalTable): { before: Statement[]; expanded: Statement } {
  const before: Statement[] = [];
  const expanded = mapExpressions(statement, (expression) => expandExpression(expression, statement.origin, locals, before));
  return { before, expanded };
}

function expandExpression(expression: Expression, origin: Span, locals: LocalTable, before: Statement[]): Expression {
  const inner = mapOperands(expression, (operand) => expandExpression(operand, origin, locals, before));
  if (inner.kind === "binary" && inner.op === "rem" && computeDType(inner.dtype) === "f32") {
    const define = defining(origin, locals, before);
    const [x, y] = [inner.left, inner.right].map((operand) => define("operand", cast("f32", operand))) as [Expression, Expression];
    return cast(inner.dtype, remainder(x, y, define));
  }
  if (inner.kind !== "call") return inner;
  const format = inner.dtype === "f64" ? "f64" : "f32";
  const define = defining(origin, locals, before);
  const mark = { before: before.length, locals: locals.list.length };
  const args = inner.args.map((argument) => cast(format, argument));
  const value = nonPositive(inner.function, args[0]!, define) ?? formulas[inner.function](args.map((argument) => define("argument", argument)), define);
  if (value !== undefined) return cast(inner.dtype, value);
  before.length = mark.before;
  locals.list.length = mark.locals;
  return inner;
}

/** Appends what formulas define to the statements before the one that calls. */
function defining(origin: Span, locals: LocalTable, before: Statement[]): Define {
  const set = (name: string, value: Expression): Extract<Expression, { kind: "local" }> => {
    const local = locals.fresh(name, value.dtype, value.lanes);
    before.push({ kind: "set", local: local.local, value, origin });
    return local;
  };
  const define = (name: string, value: Expression): Expression => (value.kind === "local" || value.kind === "constant" ? value : set(name, value));
  const rarely = (condition: Expression, usual: Expression, seldom: Expression): Expression => {
    const result = set("result", usual);
    before.push({ kind: "if", condition, then: [{ kind: "set", local: result.local, value: seldom, origin }], otherwise: [], origin });
    return result;
  };
  return Object.assign(define, { rarely });
}
