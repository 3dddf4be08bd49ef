/** Statements of a vertex's body, as statements of a kernel: locals, loops and branches at run time; conditions known when compiling choose code. */
import { computeDType } from "../ops/rules.ts";
import type { DType } from "../../runtime/dtype.ts";
import { cast, i32, type KernelBuilder } from "../kernel/build.ts";
import type { Expression } from "../kernel/kernel.ts";
import type * as ast from "../syntax/ast.ts";
import { unreachable } from "../support/bug.ts";
import type { Span } from "../support/span.ts";
import { fitCompileTime } from "./arguments.ts";
import { originOf, report, spend, type Frame } from "./frame.ts";
import { operatorOf } from "./operators.ts";
import { asCompileTime, compileTimeTypeOf, describeTupleType, elementsOf, isCompileTimeType, resolveType } from "./types.ts";
import { poison, type Value } from "./value.ts";
import { asScalar, describeVertexValue, indices, operate, vertexExpression, type Field, type Local, type Scalar, type VertexFrame, type VertexValue } from "./vertex-expression.ts";
import { callInVertex, callWhenCompiling, type VertexReturn } from "./vertex-function.ts";
import { needsStatements } from "./vertex-guard.ts";

export type { Field } from "./vertex-expression.ts";

export class VertexBody {
  readonly #frame: Frame;
  readonly #kernel: KernelBuilder;
  readonly #fields: ReadonlyMap<string, Field>;
  readonly #read = new Set<Field>();
  readonly #written = new Set<Field>();
  /** How many loops and branches that are decided at run time stand around. */
  #region = 0;
  /** Of a function's body: what it returned. */
  #returned: VertexReturn | undefined;

  constructor(frame: Frame, kernel: KernelBuilder, fields: readonly Field[]) {
    this.#frame = frame;
    this.#kernel = kernel;
    this.#fields = new Map(fields.map((field) => [field.declaration.name.name, field]));
  }

  compile(body: readonly ast.Statement[]): void {
    this.#statements(body, new Map());
    for (const field of this.#fields.values()) {
      if (field.declaration.access !== "out" || this.#written.has(field)) continue;
      const { name, span } = field.declaration.name;
      const read = this.#read.has(field);
      report(this.#frame, "unwritten-field", span, read ? `the out field ${name} is read but never written` : `the out field ${name} is never written`, { severity: read ? "error" : "warning", help: read ? "an `in` field is read, an `inout` field both" : `assign to it, ${name} = …, or declare it \`in\` if it is only read` });
    }
  }

  #at(locals: ReadonlyMap<string, Local>): VertexFrame {
    return {
      frame: this.#frame, kernel: this.#kernel, fields: this.#fields, locals, read: this.#read,
      inline: (at, binding, site, wish) =>
        callWhenCompiling(at, binding, site)
          ?? callInVertex(at, binding, site, wish, (frame, declaration, parameters) => new VertexBody(frame, at.kernel, []).#called(declaration.body, parameters)),
    };
  }

  /** What a function's body gives. */
  #called(body: readonly ast.Statement[], parameters: Map<string, Local>): VertexReturn | undefined {
    this.#statements(body, parameters);
    return this.#returned;
  }

  /** Where a statement of the kernel comes from: never inside the library. */
  #origin(span: Span): Span {
    return originOf(this.#frame, span);
  }

  /** Statements that run or not is decided at run time. */
  #decided(list: readonly ast.Statement[], locals: ReadonlyMap<string, Local>): void {
    this.#region += 1;
    this.#statements(list, locals);
    this.#region -= 1;
  }

  #statements(list: readonly ast.Statement[], outer: ReadonlyMap<string, Local>): void {
    const locals = new Map(outer);
    for (const statement of list) {
      if (this.#returned) return;
      this.#statement(statement, locals);
    }
  }

  #statement(statement: ast.Statement, locals: Map<string, Local>): void {
    switch (statement.kind) {
      case "let": return this.#let(statement, locals);
      case "const": return this.#const(statement, locals);
      case "var": return this.#var(statement, locals);
      case "assign": return this.#assign(statement, locals);
      case "for": return this.#for(statement, locals);
      case "while":
        if (statement.limit) return this.#unsupported(statement.limit.span, "a limit of rounds is not supported in vertices", "`&&` in the condition of the loop");
        return this.#while(statement, locals);
      case "if": return this.#if(statement, locals);
      case "switch": return this.#unsupported(statement.span, "switch is not supported in vertices yet", "`if` and `else if` choose");
      case "repeat": return this.#unsupported(statement.span, "repeat is not supported in vertices", "`for i in 0..n { }` loops");
      case "fn": return this.#unsupported(statement.span, "functions are not supported in vertices yet");
      case "execute": case "call-program": return this.#unsupported(statement.span, "a vertex cannot run compute sets or programs");
      case "return": return this.#return(statement, locals);
      case "expression-statement": {
        const { value } = statement;
        if (value.kind === "call" && ["print", "send", "assert", "next"].includes(value.callee.name)) return this.#unsupported(statement.span, `${value.callee.name} is not supported in vertices`);
        if (vertexExpression(this.#at(locals), value).kind !== "poison") report(this.#frame, "type-mismatch", statement.span, "this value is not used", { help: "`let name = …;` keeps it" });
        return;
      }
      default: return unreachable(statement);
    }
  }

  #return({ value, span }: Extract<ast.Statement, { kind: "return" }>, locals: ReadonlyMap<string, Local>): void {
    if (!this.#frame.call) return this.#unsupported(span, "a vertex gives its results through its out fields");
    if (this.#region > 0) return this.#unsupported(span, "return cannot stand in what is decided at run time", "assign a variable and return it at the end");
    this.#returned = { value: vertexExpression(this.#at(locals), value), span: value.span };
  }

  #unsupported(span: Span, message: string, help?: string): void {
    report(this.#frame, "not-supported", span, message, help === undefined ? {} : { help });
  }

  /** The value of a declaration, of its written type when it has one. Poison once reported. */
  #declared(expression: ast.Expression, type: ast.TypeExpression | undefined, name: string, locals: ReadonlyMap<string, Local>, keepsKnown: boolean): VertexValue {
    const compileTime = type && compileTimeTypeOf(type);
    if (type?.kind === "tuple-type") {
      const value = vertexExpression(this.#at(locals), expression);
      if (value.kind === "scalar") return report(this.#frame, "type-mismatch", expression.span, `${name} is ${describeTupleType(type)}, and this is ${describeVertexValue(value)}`);
      return value.kind === "poison" ? poison : this.#fitted(value, type, expression.span, name);
    }
    if (type && compileTime && compileTime !== "bool") {
      const value = vertexExpression(this.#at(locals), expression);
      if (value.kind === "poison") return poison;
      const fit = value.kind === "scalar" ? undefined : asCompileTime(value, compileTime);
      return fit ?? report(this.#frame, value.kind === "scalar" ? "not-compile-time" : "type-mismatch", expression.span, `${name} is a compile-time ${compileTime}, and this is ${describeVertexValue(value)}`, { help: `${compileTime === "int" ? "i32" : "f32"} is known at run time` });
    }
    const resolved = type && resolveType(this.#frame, type);
    if (type && !resolved) return poison;
    if (resolved && resolved.shape.length > 0) return report(this.#frame, "not-supported", type!.span, "locals of a vertex are scalars", { help: "arrays are fields" });
    const value = vertexExpression(this.#at(locals), expression, resolved?.dtype);
    if (value.kind === "poison" || (keepsKnown && !type && value.kind !== "scalar")) return value;
    const scalar = asScalar(this.#frame, value, resolved?.dtype, expression.span);
    if (!scalar) return poison;
    if (resolved && scalar.dtype !== resolved.dtype) return report(this.#frame, "dtype-mismatch", expression.span, `${name} is ${resolved.dtype}, and this is ${scalar.dtype}`, { help: `cast<${resolved.dtype}>(x) converts` });
    return scalar;
  }

  /** A tuple of compile-time values, of a written type. */
  #fitted(value: Value, type: ast.TypeExpression, span: Span, subject: string): Value {
    if (!isCompileTimeType(type)) return report(this.#frame, "not-supported", type.span, "tuples of scalars are not supported in vertices yet", { help: "what they hold must be known when compiling" });
    return fitCompileTime(this.#frame, value, type, span, subject, type.span) ?? poison;
  }

  #define(name: ast.Identifier, value: VertexValue, assignable: boolean, locals: Map<string, Local>): void {
    if (value.kind !== "scalar") {
      locals.set(name.name, { kind: "known", value, span: name.span });
      return;
    }
    const local = this.#kernel.let(name.name, value.expression, this.#origin(name.span));
    locals.set(name.name, { kind: "local", scalar: { ...value, expression: local }, assignable, span: name.span });
  }

  #let(statement: ast.Let, locals: Map<string, Local>): void {
    if (statement.recompute) return this.#unsupported(statement.span, "a vertex keeps nothing for gradients, so there is nothing to compute again");
    if (statement.tuple) return this.#parts(statement, false, locals);
    const [name] = statement.names;
    if (name) this.#define(name, this.#declared(statement.value, statement.type, name.name, locals, true), false, locals);
  }

  #const(statement: ast.Const, locals: Map<string, Local>): void {
    if (statement.tuple) return this.#parts(statement, false, locals);
    const name = statement.names[0]!;
    const value = vertexExpression(this.#at(locals), statement.value);
    if (value.kind === "scalar") report(this.#frame, "not-compile-time", statement.value.span, `${name.name} is a const, and this is ${describeVertexValue(value)}`, { help: "`let` names a value known at run time" });
    locals.set(name.name, { kind: "known", value: value.kind === "scalar" ? poison : value, span: name.span });
  }

  /** `let (a, b) = …;`, also `var` and `const`, of a tuple that is known when compiling. */
  #parts({ names, value: expression, type }: ast.Let | ast.Var | ast.Const, assignable: boolean, locals: Map<string, Local>): void {
    const value = vertexExpression(this.#at(locals), expression);
    const elements = value.kind === "scalar" ? undefined : elementsOf(value);
    if (value.kind !== "poison" && elements?.length !== names.length) {
      report(this.#frame, "type-mismatch", expression.span, `(${names.map(({ name }) => name).join(", ")}) needs a tuple of ${names.length}, and this is ${describeVertexValue(value)}`);
    }
    const fit = value.kind !== "scalar" && type && elements ? this.#fitted(value, type, expression.span, "this") : undefined;
    const parts = fit?.kind === "tuple" ? fit.elements : type ? undefined : elements;
    names.forEach((name, k) => {
      const part = parts?.[k] ?? poison;
      const changes = assignable && !type && part.kind !== "poison";
      this.#define(name, changes ? asScalar(this.#frame, part, undefined, expression.span) ?? poison : part, assignable, locals);
    });
  }

  #var(statement: ast.Var, locals: Map<string, Local>): void {
    if (statement.tuple) return this.#parts(statement, true, locals);
    const [name] = statement.names;
    if (name) this.#define(name, this.#declared(statement.value, statement.type, name.name, locals, false), true, locals);
  }

  #assign(statement: Extract<ast.Statement, { kind: "assign" }>, locals: ReadonlyMap<string, Local>): void {
    const { target, op } = statement;
    const at = this.#at(locals);
    const place = this.#place(target, locals);
    const value = vertexExpression(at, statement.value, op === "=" || op !== "@=" ? place?.dtype : undefined);
    if (!place || value.kind === "poison") return;
    let result: VertexValue = value;
    if (op !== "=") result = operate(at, operatorOf(op), place.read(), target.span, value, statement.value.span, statement.span);
    if (result.kind === "poison") return;
    const scalar = asScalar(this.#frame, result, place.dtype, statement.value.span);
    if (!scalar) return;
    if (scalar.dtype !== place.dtype) {
      report(this.#frame, "dtype-mismatch", statement.value.span, `${place.name} is ${place.dtype}, and this is ${scalar.dtype}`, { help: `cast<${place.dtype}>(x) converts`, related: [{ span: place.span, text: "declared here" }] });
      return;
    }
    place.write(scalar.expression, this.#origin(statement.span));
  }

  /** What can be assigned: a `var`, or an element of an out field. Undefined once reported. */
  #place(target: ast.Expression, locals: ReadonlyMap<string, Local>): { readonly name: string; readonly dtype: DType; readonly span: Span; read(): Scalar; write(value: Expression, origin: Span): void } | undefined {
    const root = target.kind === "index" ? target.base : target;
    if (root.kind !== "identifier") {
      if (root.kind !== "missing") report(this.#frame, "not-assignable", target.span, "this cannot be assigned", { help: "a variable or an element of an out field stands on the left" });
      return undefined;
    }
    const { name } = root;
    const local = locals.get(name);
    if (local && target.kind === "identifier") {
      if (local.kind === "known" && local.value.kind === "poison") return undefined;
      if (local.kind === "known" || !local.assignable) {
        return void report(this.#frame, "not-assignable", target.span, `${name} cannot be assigned`, { related: [{ span: local.span, text: "declared here" }], help: `declare it with var: var ${name} = …;` });
      }
      const { scalar } = local;
      return { name, dtype: scalar.dtype, span: local.span, read: () => scalar, write: (value, origin) => this.#kernel.set(scalar.expression, value, origin) };
    }
    const field = local ? undefined : this.#fields.get(name);
    if (!field) {
      const value = vertexExpression(this.#at(locals), root);
      if (value.kind !== "poison") report(this.#frame, "not-assignable", target.span, `${name} cannot be assigned`, { help: "a variable or an element of an out field stands on the left" });
      return undefined;
    }
    if (field.declaration.access === "in") {
      return void report(this.#frame, "not-assignable", target.span, `${name} is an in field and cannot be written`, { related: [{ span: field.declaration.span, text: "declared here" }], help: "an `inout` field is read and written" });
    }
    this.#written.add(field);
    if (target.kind !== "index" && field.type.shape.length > 0) return void vertexExpression(this.#at(locals), target);
    const found = target.kind === "index" ? indices(this.#at(locals), target) : { field, index: [] };
    if (!found) return undefined;
    const { dtype } = field.type;
    return {
      name, dtype, span: field.declaration.span,
      read: () => {
        this.#read.add(field);
        return { kind: "scalar", dtype, expression: cast(computeDType(dtype), this.#kernel.load(field.buffer, found.index)) };
      },
      write: (value, origin) => this.#kernel.store(field.buffer, found.index, cast(dtype, value), origin),
    };
  }

  /** One end of a range, as an i32. */
  #end(expression: ast.Expression, locals: ReadonlyMap<string, Local>): Expression | undefined {
    const value = vertexExpression(this.#at(locals), expression, "i32");
    const scalar = value.kind === "poison" ? undefined : asScalar(this.#frame, value, "i32", expression.span);
    if (!scalar) return undefined;
    if (scalar.dtype === "i32") return scalar.expression;
    return void report(this.#frame, "dtype-mismatch", expression.span, `the ends of a range are ints or i32, and this is ${scalar.dtype}`, { help: "cast<i32>(x) converts" });
  }

  #for(statement: Extract<ast.Statement, { kind: "for" }>, locals: ReadonlyMap<string, Local>): void {
    const { iterable, name } = statement;
    let start: Expression | undefined;
    let end: Expression | undefined;
    if (iterable.kind === "range") {
      start = this.#end(iterable.start, locals);
      end = this.#end(iterable.end, locals);
    } else {
      const value = vertexExpression(this.#at(locals), iterable);
      if (value.kind === "range") [start, end] = [i32(value.start), i32(value.end)];
      else if (value.kind === "tuple") return this.#unfolded(statement, value.elements, locals);
      else if (value.kind !== "poison") report(this.#frame, "type-mismatch", iterable.span, `\`for\` runs over a range or a tuple, and this is ${describeVertexValue(value)}`);
    }
    this.#kernel.for({ start: start ?? i32(0), end: end ?? i32(0), name: name.name }, (index) => {
      const inner = new Map(locals);
      inner.set(name.name, { kind: "local", scalar: { kind: "scalar", dtype: "i32", expression: index }, assignable: false, span: name.span });
      this.#decided(statement.body, inner);
    }, this.#origin(statement.span));
  }

  /** `for` over a tuple: its body once for each element. */
  #unfolded({ name, body, span }: Extract<ast.Statement, { kind: "for" }>, elements: readonly Value[], locals: ReadonlyMap<string, Local>): void {
    for (const value of elements) {
      if (this.#returned || !spend(this.#frame, span)) return;
      this.#statements(body, new Map(locals).set(name.name, { kind: "known", value, span: name.span }));
    }
  }

  #condition(expression: ast.Expression, locals: ReadonlyMap<string, Local>): Expression | boolean | undefined {
    const value = vertexExpression(this.#at(locals), expression, "bool");
    if (value.kind === "bool") return value.value;
    if (value.kind === "scalar" && value.dtype === "bool") return value.expression;
    if (value.kind !== "poison") report(this.#frame, value.kind === "scalar" ? "dtype-mismatch" : "type-mismatch", expression.span, `a condition must be a bool, and this is ${describeVertexValue(value)}`, { help: "compare: x != 0" });
    return undefined;
  }

  /** A condition that needs statements of its own is kept in a local, set before the loop and at the end of its body. */
  #while(statement: Extract<ast.Statement, { kind: "while" }>, locals: ReadonlyMap<string, Local>): void {
    const condition = this.#condition(statement.condition, locals);
    if (condition === false) return;
    if (condition === true) {
      report(this.#frame, "limit-exceeded", statement.condition.span, "this condition is always true: the loop would never end");
      return;
    }
    if (condition === undefined || !needsStatements(statement.condition, this.#frame.scope)) {
      this.#kernel.while(condition ?? i32(0), () => this.#decided(statement.body, locals), this.#origin(statement.span));
      return;
    }
    const goesOn = this.#kernel.let("goes_on", condition, this.#origin(statement.condition.span));
    this.#kernel.while(goesOn, () => {
      this.#decided(statement.body, locals);
      const again = this.#condition(statement.condition, locals);
      if (again !== undefined && typeof again !== "boolean") this.#kernel.set(goesOn, again, this.#origin(statement.condition.span));
    }, this.#origin(statement.span));
  }

  #if(statement: ast.If, locals: ReadonlyMap<string, Local>): void {
    const condition = this.#condition(statement.condition, locals);
    if (typeof condition === "boolean") return this.#statements(condition ? statement.then : statement.otherwise, locals);
    this.#kernel.if(condition ?? i32(0), () => this.#decided(statement.then, locals), () => this.#decided(statement.otherwise, locals), this.#origin(statement.span));
  }
}

