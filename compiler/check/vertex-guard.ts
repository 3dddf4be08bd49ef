/**
 * What evaluating an expression of a vertex's body may do, seen from the tree alone: trap, so that it must not be evaluated for
 * nothing, and need statements of the kernel. A call of a function is what its body is.
 */
import type * as ast from "../syntax/ast.ts";
import { chainOf, isLogic } from "../syntax/chain.ts";
import type { FunctionBinding, Scope } from "./scope.ts";

const functionOf = (scope: Scope, name: string): FunctionBinding | undefined => {
  const binding = scope.lookup(name);
  return binding?.kind === "function" ? binding : undefined;
};

/** The callee and the arguments of both forms of a call. */
const callOf = (expression: Extract<ast.Expression, { kind: "call" | "method" }>): { readonly name: string; readonly args: readonly ast.Expression[] } => {
  const args = expression.args.map((arg) => arg.value);
  return expression.kind === "call" ? { name: expression.callee.name, args } : { name: expression.name.name, args: [expression.receiver, ...args] };
};

/** Whether evaluating may trap, so that `&&` and `||` must not evaluate it for nothing: it indexes or divides, or calls what may. */
export function guarded(expression: ast.Expression, scope: Scope): boolean {
  switch (expression.kind) {
    case "index": return true;
    case "binary": {
      const { first, links } = chainOf(expression);
      return links.some((link) => link.op === "/" || link.op === "%" || guarded(link.right, scope)) || guarded(first, scope);
    }
    case "unary": return guarded(expression.operand, scope);
    case "conditional": return [expression.condition, expression.then, expression.otherwise].some((part) => guarded(part, scope));
    case "call": case "method": {
      const { name, args } = callOf(expression);
      const called = functionOf(scope, name);
      return args.some((arg) => guarded(arg, scope)) || (called !== undefined && guardedFunction(called));
    }
    default: return false;
  }
}

const known = new WeakMap<ast.Fn, boolean>();

/** Whether a function may trap, or not end: it has loops or branches, or guarded expressions. */
function guardedFunction({ declaration, scope }: FunctionBinding): boolean {
  let judged = known.get(declaration);
  if (judged === undefined) {
    // Of one that calls itself, until it is known better.
    known.set(declaration, true);
    judged = !declaration.body.every((statement) => {
      switch (statement.kind) {
        case "let": case "var": case "const": case "assign": case "return": return !guarded(statement.value, scope) && !(statement.kind === "assign" && (statement.op === "/=" || statement.op === "%="));
        default: return false;
      }
    });
    known.set(declaration, judged);
  }
  return judged;
}

/** Whether elaborating emits statements: a `&&`, `||`, `? :` or select with a side that must not be evaluated for nothing, or a function. */
export function needsStatements(expression: ast.Expression, scope: Scope): boolean {
  const needs = (one: ast.Expression): boolean => needsStatements(one, scope);
  switch (expression.kind) {
    case "binary": {
      const { first, links } = chainOf(expression);
      return links.some((link) => (isLogic(link.op) && guarded(link.right, scope)) || needs(link.right)) || needs(first);
    }
    case "unary": return needs(expression.operand);
    case "conditional": return guarded(expression.then, scope) || guarded(expression.otherwise, scope) || [expression.condition, expression.then, expression.otherwise].some(needs);
    case "call": case "method": {
      const { name, args } = callOf(expression);
      return functionOf(scope, name) !== undefined || (name === "select" && args.some((arg) => guarded(arg, scope))) || args.some(needs);
    }
    case "index": return expression.items.some((item) => item.kind === "at" && needs(item.value));
    default: return false;
  }
}
