/**
 * Names, checked without elaborating: every function, vertex and program is looked through, even what is never called and
 * the sides of conditions that are not chosen. Reports unknown names and names declared twice in one scope.
 */
import { isDType } from "../../runtime/dtype.ts";
import type * as ast from "../syntax/ast.ts";
import { chainOf } from "../syntax/chain.ts";
import { closest } from "../support/suggest.ts";
import { unreachable } from "../support/bug.ts";
import type { Span } from "../support/span.ts";
import { unknownFunction } from "./call.ts";
import { report, type Frame, type Session } from "./frame.ts";
import { fileFrame, type Module } from "./modules.ts";
import { nameOf } from "./operators.ts";
import { Scope } from "./scope.ts";
import { bounds, compileTimeTypes, unknownType } from "./types.ts";
import { poison } from "./value.ts";
import { gradientName } from "./vertex-gradient.ts";

export function checkNames(session: Session, module: Module): void {
  const names = new Names(fileFrame(session, module.scope));
  for (const item of module.file.items) names.item(item);
}

type Where = "program" | "function" | "graph" | "vertex" | "file";

/** What other languages have a name for. */
const otherValues: { readonly [name: string]: string } = {
  nan: "0.0 / 0.0", NaN: "0.0 / 0.0", inf: "1.0 / 0.0", Infinity: "1.0 / 0.0", True: "true", False: "false", pi: "3.141592653589793",
};

/** What stands for nothing elsewhere: in an index a new dimension, as an argument its default. */
const nothings: ReadonlySet<string> = new Set(["None", "null", "nil", "undefined", "newaxis"]);

class Names {
  readonly #frame: Frame;
  readonly #scope: Scope;
  /** Names this scope declares itself, with their places. */
  readonly #own = new Map<string, Span>();
  readonly #where: Where;

  constructor(frame: Frame, where: Where = "file") {
    this.#frame = frame;
    this.#scope = frame.scope;
    this.#where = where;
  }

  /** Names within a scope of their own. */
  #inner(where: Where = this.#where): Names {
    return new Names({ ...this.#frame, scope: new Scope(this.#scope) }, where);
  }

  #declare(name: ast.Identifier): void {
    const first = this.#own.get(name.name);
    if (first) report(this.#frame, "duplicate-name", name.span, `${name.name} is declared twice in one scope`, { related: [{ span: first, text: "first here" }] });
    else this.#own.set(name.name, name.span);
    this.#scope.define(name.name, { kind: "value", value: poison, span: name.span, what: "let" });
  }

  item(item: ast.Item): void {
    switch (item.kind) {
      case "import": return;
      case "const":
        if (item.type) this.#type(item.type);
        return this.#expression(item.value);
      case "fn": return this.#function(item);
      case "vertex": return this.#vertex(item);
      case "graph": return this.#graph(item);
      default: return unreachable(item);
    }
  }

  #generics(generics: readonly ast.Generic[]): void {
    for (const generic of generics) {
      this.#declare(generic.name);
      const { bound } = generic;
      if (bound && !bounds.includes(bound.name)) {
        const meant = closest(bound.name, bounds);
        report(this.#frame, "unknown-name", bound.span, `no bound is called ${bound.name}`, { help: meant === undefined ? `bounds are ${bounds.join(", ")}` : `did you mean ${meant}?` });
      }
    }
  }

  #parameters(parameters: readonly ast.Parameter[]): void {
    for (const parameter of parameters) {
      if (parameter.default) this.#expression(parameter.default);
      this.#declare(parameter.name);
    }
    for (const parameter of parameters) this.#type(parameter.type);
  }

  #function(item: ast.Fn): void {
    const inner = this.#inner("function");
    inner.#generics(item.generics);
    inner.#parameters(item.parameters);
    inner.#type(item.result);
    inner.#inner().#statements(item.body);
  }

  #vertex(item: ast.VertexDeclaration): void {
    const inner = this.#inner("vertex");
    inner.#generics(item.generics);
    inner.#parameters(item.parameters);
    for (const field of item.fields) inner.#type(field.type);
    if (item.cycles) inner.#expression(item.cycles);
    for (const field of item.fields) inner.#declare(field.name);
    inner.#inner().#statements(item.compute.body);
    if (!item.grad) return;
    const gradient = inner.#inner();
    for (const field of item.fields) gradient.#declare(gradientName(field));
    gradient.#statements(item.grad.body);
  }

  #graph(item: ast.GraphDeclaration): void {
    const inner = this.#inner("graph");
    inner.#parameters(item.parameters);
    inner.#declareMembers(item.members);
    for (const member of item.members) inner.#member(member);
  }

  /** Members see each other whatever their order; both sides of an `if` declare into the graph, of which one will be chosen. */
  #declareMembers(members: readonly ast.Member[]): void {
    for (const member of members) {
      switch (member.kind) {
        case "state": case "fn": case "compute-set": case "program": this.#declare(member.name); break;
        case "let": case "const": for (const name of member.names) this.#declare(name); break;
        case "member-if": {
          const before = new Map(this.#own);
          this.#declareMembers(member.then);
          const then = new Map(this.#own);
          this.#own.clear();
          for (const [name, span] of before) this.#own.set(name, span);
          this.#declareMembers(member.otherwise);
          for (const [name, span] of then) this.#own.set(name, span);
          break;
        }
        case "member-for": case "map": break;
        default: unreachable(member);
      }
    }
  }

  #member(member: ast.Member): void {
    switch (member.kind) {
      case "state":
        this.#type(member.type);
        if (member.value) this.#expression(member.value);
        return;
      case "let": case "const":
        if (member.type) this.#type(member.type);
        return this.#expression(member.value);
      case "fn": return this.#function(member);
      case "member-for": {
        this.#expression(member.iterable);
        const inner = this.#inner();
        inner.#declare(member.name);
        inner.#declareMembers(member.body);
        for (const one of member.body) inner.#member(one);
        return;
      }
      case "member-if":
        this.#expression(member.condition);
        for (const one of [...member.then, ...member.otherwise]) this.#member(one);
        return;
      case "map":
        this.#expression(member.target);
        return this.#expression(member.tile);
      case "compute-set": return this.#inner().#set(member.body);
      case "program": return this.#inner("program").#statements(member.body);
      default: return unreachable(member);
    }
  }

  #set(body: readonly ast.SetStatement[]): void {
    for (const statement of body) {
      switch (statement.kind) {
        case "place":
          this.#known(statement.vertex.name, statement.vertex.span, "vertex");
          for (const arg of statement.args) this.#expression(arg.value);
          for (const field of statement.fields) this.#expression(field.value);
          this.#expression(statement.tile);
          break;
        case "let":
          this.#expression(statement.value);
          for (const name of statement.names) this.#declare(name);
          break;
        case "set-for": {
          this.#expression(statement.iterable);
          const inner = this.#inner();
          inner.#declare(statement.name);
          inner.#inner().#set(statement.body);
          break;
        }
        case "set-if":
          this.#expression(statement.condition);
          this.#inner().#set(statement.then);
          this.#inner().#set(statement.otherwise);
          break;
        default: unreachable(statement);
      }
    }
  }

  #statements(list: readonly ast.Statement[]): void {
    for (const statement of list) this.#statement(statement);
  }

  #statement(statement: ast.Statement): void {
    switch (statement.kind) {
      case "let": case "var": case "const":
        if (statement.type) this.#type(statement.type);
        this.#expression(statement.value);
        for (const name of statement.names) this.#declare(name);
        return;
      case "fn":
        this.#declare(statement.name);
        return this.#function(statement);
      case "assign": {
        for (const target of statement.target.kind === "tuple" ? statement.target.elements : [statement.target]) {
          if (target.kind === "identifier") this.#known(target.name, target.span, "", `\`var ${target.name} = …;\` declares it`);
          else this.#expression(target);
        }
        return this.#expression(statement.value);
      }
      case "repeat":
        this.#expression(statement.count);
        if (statement.limit) this.#expression(statement.limit);
        return this.#inner().#statements(statement.body);
      case "while":
        this.#expression(statement.condition);
        if (statement.limit) this.#expression(statement.limit);
        return this.#inner().#statements(statement.body);
      case "if":
        this.#expression(statement.condition);
        this.#inner().#statements(statement.then);
        return this.#inner().#statements(statement.otherwise);
      case "switch":
        this.#expression(statement.subject);
        for (const one of statement.cases) {
          if (one.value) this.#expression(one.value);
          this.#inner().#statements(one.body);
        }
        return;
      case "for": {
        this.#expression(statement.iterable);
        const inner = this.#inner();
        inner.#declare(statement.name);
        return inner.#inner().#statements(statement.body);
      }
      case "execute": return this.#known(statement.name.name, statement.name.span, "compute set", "`compute set NAME { … }` in the graph declares one");
      case "call-program": return this.#known(statement.name.name, statement.name.span, "program");
      case "expression-statement": case "return": return this.#expression(statement.value);
      default: return unreachable(statement);
    }
  }

  #known(name: string, span: Span, what: string, otherwise?: string): void {
    if (this.#scope.lookup(name)) return;
    const meant = closest(name, this.#scope.visible());
    const prefix = /^(np|numpy|jnp|torch|tf|math|Math|popops|poplin)(\.|$)/.test(name);
    // np.pi, f32.inf
    const last = name.slice(name.lastIndexOf(".") + 1);
    const written = Object.hasOwn(otherValues, last) ? `it is written ${otherValues[last]}` : undefined;
    const help = written ?? (nothings.has(last) ? "x.expand(axis) adds a dimension; an argument that has a default is left out" : prefix ? "functions are called by their own name, as in exp(x); `gph ops` lists them" : meant === undefined ? otherwise : `did you mean ${meant}?`);
    report(this.#frame, "unknown-name", span, what === "" ? `nothing is called ${name} here` : `no ${what} is called ${name}`, help === undefined ? {} : { help });
  }

  #dimension({ name, span }: ast.Identifier): void {
    if (!isDType(name)) this.#known(name, span, "", `a dimension is an int, or a name for one: \`const ${name} = 4;\`, or a parameter, \`graph g(${name}: int = 4)\``);
  }

  #type(type: ast.TypeExpression): void {
    if (type.kind === "tuple-type") {
      for (const element of type.elements) this.#type(element);
      return;
    }
    const { name } = type.name;
    const known = isDType(name) || (compileTimeTypes as readonly string[]).includes(name) || this.#scope.lookup(name);
    if (!known) unknownType(this.#frame, type.name);
    for (const dimension of type.dimensions ?? []) {
      if (dimension.kind === "spread") this.#known(dimension.name.name, dimension.name.span, "");
      else if (dimension.kind === "identifier") this.#dimension(dimension);
      else this.#expression(dimension);
    }
  }

  /** Whether a dotted name, or what it begins with, is known. */
  #begins(expression: ast.Expression): boolean {
    const name = nameOf(expression);
    return (name !== undefined && this.#scope.lookup(name) !== undefined) || (expression.kind === "member" && this.#begins(expression.object));
  }

  #expression(expression: ast.Expression): void {
    switch (expression.kind) {
      case "number": case "string": case "bool": case "missing": return;
      case "identifier": return isDType(expression.name) ? undefined : this.#known(expression.name, expression.span, "");
      case "member": {
        const dotted = nameOf(expression);
        if (dotted !== undefined && this.#scope.lookup(dotted)) return;
        if (dotted !== undefined && !this.#begins(expression.object)) return this.#known(dotted, expression.span, "");
        return this.#expression(expression.object);
      }
      case "tuple": for (const element of expression.elements) this.#expression(element); return;
      case "range":
        this.#expression(expression.start);
        return this.#expression(expression.end);
      case "unary": return this.#expression(expression.operand);
      case "binary": {
        const { first, links } = chainOf(expression);
        this.#expression(first);
        for (const link of links) this.#expression(link.right);
        return;
      }
      case "conditional":
        this.#expression(expression.condition);
        this.#expression(expression.then);
        return this.#expression(expression.otherwise);
      case "call": return this.#call(expression.callee, expression);
      case "method":
        this.#expression(expression.receiver);
        return this.#call(expression.name, expression);
      case "index":
        this.#expression(expression.base);
        for (const item of expression.items) {
          if (item.kind === "at") this.#expression(item.value);
          else if (item.kind === "slice") for (const part of [item.start, item.stop, item.step]) if (part) this.#expression(part);
        }
        return;
      default: return unreachable(expression);
    }
  }

  #call(callee: ast.Identifier, site: { readonly typeArgs: readonly ast.TypeExpression[]; readonly args: readonly ast.Argument[] }): void {
    if (!this.#scope.lookup(callee.name) && !isDType(callee.name)) unknownFunction(this.#frame, callee.name, callee.span);
    for (const type of site.typeArgs) this.#type(type);
    for (const arg of site.args) this.#expression(arg.value);
  }
}
