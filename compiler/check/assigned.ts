/**
 * Which variables a loop's body assigns, found before it is elaborated: they become the loop's carried values. Names that
 * the body declares itself are its own. Programs called and compute sets executed assign states.
 */
import type * as ast from "../syntax/ast.ts";
import type { Build, Frame } from "./frame.ts";
import { nameOf } from "./operators.ts";
import { elaborateSet } from "./place.ts";
import type { Scope, Variable } from "./scope.ts";
import { cellOf } from "./states.ts";

interface Search {
  readonly frame: Frame;
  readonly build: Build;
  readonly found: Set<Variable>;
  /** Programs already searched: a circle of calls is reported elsewhere. */
  readonly programs: Set<string>;
}

export function assignedIn(frame: Frame, build: Build, statements: readonly ast.Statement[]): readonly Variable[] {
  const search: Search = { frame, build, found: new Set(), programs: new Set() };
  searchStatements(search, frame.scope, statements, new Set());
  return [...search.found].filter((variable) => variable.value.kind === "tensor");
}

function found(search: Search, scope: Scope, name: string): void {
  const binding = scope.lookup(name);
  if (binding?.kind === "variable") search.found.add(binding.variable);
  else if (binding?.kind === "state" && (binding.role === "out" || binding.role === "var")) search.found.add(cellOf(search.frame, search.build, name, binding, binding.span));
}

/** The name at the root of `x[…][…]`. */
export function rootOf(target: ast.Expression): string | undefined {
  let root = target;
  while (root.kind === "index") root = root.base;
  return nameOf(root);
}

function searchStatements(search: Search, scope: Scope, statements: readonly ast.Statement[], outerOwn: ReadonlySet<string>): void {
  const own = new Set(outerOwn);
  for (const statement of statements) {
    switch (statement.kind) {
      case "assign": {
        for (const target of statement.target.kind === "tuple" ? statement.target.elements : [statement.target]) {
          const root = rootOf(target);
          if (root !== undefined && !own.has(root)) found(search, scope, root);
        }
        break;
      }
      case "let": case "var": case "const": for (const name of statement.names) own.add(name.name); break;
      case "fn": own.add(statement.name.name); break;
      case "repeat": case "while": searchStatements(search, scope, statement.body, own); break;
      case "for": searchStatements(search, scope, statement.body, new Set([...own, statement.name.name])); break;
      case "if":
        searchStatements(search, scope, statement.then, own);
        searchStatements(search, scope, statement.otherwise, own);
        break;
      case "switch": for (const one of statement.cases) searchStatements(search, scope, one.body, own); break;
      case "call-program": {
        const binding = scope.lookup(statement.name.name);
        if (binding?.kind !== "program" || search.programs.has(statement.name.name)) break;
        search.programs.add(statement.name.name);
        searchStatements(search, binding.scope, binding.declaration.body, new Set());
        break;
      }
      case "execute": {
        const binding = scope.lookup(statement.name.name);
        if (binding?.kind !== "compute-set") break;
        for (const operand of elaborateSet(search.frame, binding).operands) if (operand.written) found(search, binding.scope, operand.name);
        break;
      }
      case "expression-statement": case "return": break;
    }
  }
}
