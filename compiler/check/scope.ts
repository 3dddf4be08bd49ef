/** Names: scopes within scopes, and what a name can be bound to. */
import type * as ast from "../syntax/ast.ts";
import type { TensorType } from "../graph/graph.ts";
import type { Span } from "../support/span.ts";
import type { Value } from "./value.ts";
import type { ModuleName } from "./modules.ts";
import type { ElaboratedSet } from "./place.ts";
import type { Reference } from "./reference.ts";

/** A `var` of a program or function, or a state while a program is built: its value is rebound by every assignment. */
export interface Variable {
  readonly name: string;
  readonly span: Span;
  value: Value;
  /** How many run-time regions stood around it where it was declared. */
  readonly region: number;
  /** The call depth where it was declared: a function may not assign what is outside of it. */
  readonly call: number;
}

/** A function with the scope it was declared in, which it sees. */
export interface FunctionBinding {
  readonly kind: "function";
  readonly declaration: ast.Fn;
  readonly scope: Scope;
}

export interface VertexBinding {
  readonly kind: "vertex";
  readonly declaration: ast.VertexDeclaration;
  readonly scope: Scope;
}

/** A `let` of the graph whose value is made of tensors: evaluated at the top of every program that uses it. */
export interface GraphLet {
  readonly declaration: ast.Let;
  readonly scope: Scope;
  /** What its names stand for in types; the ids mean nothing. */
  readonly types: readonly Value[];
}

export type Binding =
  | { readonly kind: "value"; readonly value: Value; readonly span: Span; readonly what: "let" | "const" | "parameter" | "generic" | "loop variable" | "built-in" }
  | { readonly kind: "variable"; readonly variable: Variable }
  | { readonly kind: "state"; readonly state: number; readonly role: ast.StateDeclaration["role"]; readonly type: TensorType; readonly span: Span }
  | { readonly kind: "graph-let"; readonly group: GraphLet; readonly position: number; readonly span: Span }
  /** A `const` of a file: evaluated at its first use. */
  | { readonly kind: "lazy"; readonly force: () => Value; readonly span: Span }
  | FunctionBinding
  | VertexBinding
  /** Ops of the table that are called by this name. */
  | { readonly kind: "ops"; readonly call: string; readonly module: ModuleName }
  /** Called by name, but no op: `next`, `grad`, `int`, … */
  | { readonly kind: "builtin"; readonly name: string }
  | { readonly kind: "program"; readonly declaration: ast.ProgramDeclaration; readonly scope: Scope }
  | { readonly kind: "compute-set"; readonly declaration: ast.ComputeSetDeclaration; readonly scope: Scope; elaborated: ElaboratedSet | undefined }
  /** A `let` of a compute set that names a slice. */
  | { readonly kind: "reference"; readonly reference: Reference; readonly span: Span }
  /** A field or a local of a vertex, of which only the type is known when compiling. */
  | { readonly kind: "run-time"; readonly type: TensorType; readonly span: Span }
  | { readonly kind: "poison" };

export class Scope {
  readonly #names = new Map<string, Binding>();
  readonly parent: Scope | undefined;

  constructor(parent?: Scope) {
    this.parent = parent;
  }

  /** Binds a name; a name of an outer scope is hidden. */
  define(name: string, binding: Binding): void {
    this.#names.set(name, binding);
  }

  own(name: string): Binding | undefined {
    return this.#names.get(name);
  }

  lookup(name: string): Binding | undefined {
    for (let scope: Scope | undefined = this; scope; scope = scope.parent) {
      const found = scope.#names.get(name);
      if (found) return found;
    }
    return undefined;
  }

  /** Every name that can be seen from here, nearest first. */
  *visible(): Iterable<string> {
    for (let scope: Scope | undefined = this; scope; scope = scope.parent) yield* scope.#names.keys();
  }
}

/** Where a binding was written, when it was. */
export function spanOf(binding: Binding): Span | undefined {
  switch (binding.kind) {
    case "value": case "state": case "graph-let": case "lazy": case "reference": return binding.span;
    case "variable": return binding.variable.span;
    case "function": case "vertex": case "program": case "compute-set": return binding.declaration.name.span;
    default: return undefined;
  }
}

/** For messages: "the program p". */
export function describeBinding(name: string, binding: Binding): string {
  switch (binding.kind) {
    case "value": return binding.what === "built-in" ? name : `the ${binding.what} ${name}`;
    case "variable": return `the variable ${name}`;
    case "run-time": return `the field or local ${name}`;
    case "state": return `the ${binding.role} ${name}`;
    case "graph-let": case "reference": return `the let ${name}`;
    case "lazy": return `the const ${name}`;
    case "function": case "builtin": case "ops": return `the function ${name}`;
    case "vertex": return `the vertex ${name}`;
    case "program": return `the program ${name}`;
    case "compute-set": return `the compute set ${name}`;
    case "poison": return name;
  }
}
