/** Statements of programs and functions: compile-time ones unfold, run-time ones become nodes with regions (control.ts). */
import type * as ast from "../syntax/ast.ts";
import { closest } from "../support/suggest.ts";
import { unreachable } from "../support/bug.ts";
import type { Span } from "../support/span.ts";
import { effect, effects } from "./builtins.ts";
import { conditional, repeat, switching, whileLoop } from "./control.ts";
import { callDepth, nested, originOf, report, spend, type Build, type Frame, type Returned } from "./frame.ts";
import { declaredValues } from "./let.ts";
import { operate, operatorOf, written } from "./operators.ts";
import { elaborateSet } from "./place.ts";
import { describeBinding, Scope, type Binding } from "./scope.ts";
import { readSelection, select, writeSelection } from "./slice.ts";
import { cellOf, letValue } from "./states.ts";
import { blockNesting } from "./limits.ts";
import { asTensor, type Written } from "./tensors.ts";
import { elementTypes } from "./types.ts";
import { describe, poison, type Value } from "./value.ts";
import { assign, assignable } from "./variables.ts";
import { rootOf } from "./assigned.ts";

/** Elaborates statements in a scope of their own; gives the value of a `return` that was reached. */
export function statements(outer: Frame, list: readonly ast.Statement[]): Returned | undefined {
  const frame: Frame = { ...outer, scope: new Scope(outer.scope) };
  return nested(frame, list[0]?.span, (): Returned | undefined => {
    for (const statement of list) {
      if (!spend(frame, statement.span)) return undefined;
      const returned = elaborate(frame, statement);
      if (returned) return returned;
    }
    return undefined;
  }, undefined, blockNesting);
}

/** As a block one level deeper, for control that nests. */
function block(frame: Frame, list: readonly ast.Statement[]): Returned | undefined {
  return frame.session.rules.statements(frame, list);
}

function elaborate(frame: Frame, statement: ast.Statement): Returned | undefined {
  switch (statement.kind) {
    case "let": return void defineLet(frame, statement);
    case "const": return void defineConst(frame, statement);
    case "var": return void defineVar(frame, statement);
    case "fn": return void frame.scope.define(statement.name.name, { kind: "function", declaration: statement, scope: frame.scope });
    case "assign": return void assignment(frame, statement);
    case "repeat": return void atRunTime(frame, statement.span, (build) => repeat(frame, build, statement));
    case "while": return void atRunTime(frame, statement.span, (build) => whileLoop(frame, build, statement));
    case "if": return conditional(frame, statement, block);
    case "switch": return switching(frame, statement, block);
    case "for": return unrolled(frame, statement);
    case "execute": return void execute(frame, statement.name, statement.span);
    case "call-program": return void callProgram(frame, statement.name, statement.span);
    // A function whose assert fails gives nothing: what follows would only say the same again.
    case "expression-statement": return effectOf(frame, statement.value) && frame.call && (frame.build?.region ?? 0) <= frame.call.region ? { value: poison, span: statement.span } : undefined;
    case "return": return returning(frame, statement);
    default: return unreachable(statement);
  }
}

function atRunTime(frame: Frame, span: Span, work: (build: Build) => void): void {
  if (frame.build) work(frame.build);
  else report(frame, "not-compile-time", span, "this runs at run time, and a compile-time value is needed here");
}

function defineLet(frame: Frame, declaration: ast.Let): void {
  const values = declaredValues(frame, declaration);
  declaration.names.forEach((name, k) => {
    const value = values[k] ?? poison;
    frame.scope.define(name.name, { kind: "value", value, span: name.span, what: "let" });
  });
}

function defineConst(frame: Frame, declaration: ast.Const): void {
  const values = declaredValues(frame, declaration);
  declaration.names.forEach((name, k) => frame.scope.define(name.name, { kind: "value", value: values[k]!, span: name.span, what: "const" }));
}

function defineVar(frame: Frame, declaration: ast.Var): void {
  const { names, tuple, type, value } = declaration;
  const values = declaredValues(frame, declaration);
  const types = !tuple ? [type] : type?.kind === "tuple-type" ? elementTypes(type, names.length) : undefined;
  names.forEach((name, k) => {
    const part = tuple && value.kind === "tuple" ? value.elements[k] ?? value : value;
    const initial = variableValue(frame, written(part, values[k] ?? poison), types?.[k]);
    frame.scope.define(name.name, { kind: "variable", variable: { name: name.name, span: name.span, value: initial, region: frame.build?.region ?? 0, call: callDepth(frame) } });
  });
}

/** A variable of a compile-time type stays compile-time; any other is a tensor, one of type bool too. */
function variableValue(frame: Frame, initial: Written, type: ast.TypeExpression | undefined): Value {
  const { value } = initial;
  if (value.kind === "tensor" || value.kind === "poison") return value;
  const isTensor = type === undefined || (type.kind === "named-type" && type.name.name === "bool" && !type.dimensions);
  return isTensor ? asTensor(frame, initial) : value;
}

type Assignment = Extract<ast.Statement, { kind: "assign" }>;

function assignment(frame: Frame, statement: Assignment): void {
  const { target, op } = statement;
  if (target.kind === "tuple") return assignParts(frame, target.elements, statement);
  assignTo(frame, target, statement.span, () => frame.session.rules.expression(frame, statement.value), (old, subject) => {
    const wish = old.kind === "tensor" ? old.type : undefined;
    const value = written(statement.value, frame.session.rules.expression(frame, statement.value, op === "@=" ? undefined : wish));
    if (op === "=") return value;
    return { value: operate(frame, operatorOf(op), { value: old, span: target.span, name: subject }, value, statement.span), span: statement.span };
  });
}

/** `(a, b[0]) = e;`: the right side is computed whole, then each target gets its part, from left to right. */
function assignParts(frame: Frame, targets: readonly ast.Expression[], { target, op, value: expression, span }: Assignment): void {
  const value = frame.session.rules.expression(frame, expression);
  const parts = value.kind === "tuple" && value.elements.length === targets.length ? value.elements : undefined;
  if (op !== "=") report(frame, "not-assignable", target.span, `a tuple is assigned with \`=\`, not with \`${op}\``);
  else if (!parts && value.kind !== "poison") {
    const given = value.kind === "tuple" ? `one of ${value.elements.length}` : describe(value);
    report(frame, "type-mismatch", expression.span, `${targets.length} targets need a tuple of ${targets.length}, and this is ${given}`);
  }
  targets.forEach((each, k) => {
    const at = expression.kind === "tuple" ? expression.elements[k] ?? expression : expression;
    assignTo(frame, each, span, () => {}, () => written(at, op === "=" ? parts?.[k] ?? poison : poison));
  });
}

/** Assigns to a name or a slice what `change` makes of its old value; `otherwise` runs once it is reported as neither. */
function assignTo(frame: Frame, target: ast.Expression, span: Span, otherwise: () => void, change: (old: Value, subject: string) => Written): void {
  const root = rootOf(target);
  if (root === undefined) {
    if (target.kind !== "missing") report(frame, "not-assignable", target.span, "this cannot be assigned", { help: "a name, a slice of one, or a tuple of these stands on the left" });
    return otherwise();
  }
  let rootExpression: ast.Expression = target;
  while (rootExpression.kind === "index") rootExpression = rootExpression.base;
  const variable = assignable(frame, root, rootExpression.span);
  if (!variable) return otherwise();
  atVariable(frame, target, variable.value, root, span, change, (value) => {
    if (frame.build) assign(frame, frame.build, variable, value);
    else if (value.value.kind !== "poison") variable.value = value.value;
  });
}

/** Gives `store` the new value of the variable when what `target` selects of it becomes what `change` says. */
function atVariable(
  frame: Frame, target: ast.Expression, whole: Value, subject: string, span: Span, change: (old: Value, subject: string) => Written, store: (value: Written) => void,
): void {
  if (target.kind !== "index") return store(change(whole, subject));
  // Inner slices first: x[a][b] = e replaces [b] of x[a], then [a] of x.
  atVariable(frame, target.base, whole, subject, span, (base, name) => {
    if (base.kind === "poison") {
      change(poison, name);
      return { value: poison, span };
    }
    if (base.kind !== "tensor") {
      change(poison, name);
      return { value: report(frame, "not-assignable", target.span, `a part of ${describe(base)} cannot be assigned`), span };
    }
    const selection = select(frame, target.items, base.type.shape, target.span, name);
    if (!selection) {
      change(poison, name);
      return { value: poison, span };
    }
    const old = readSelection(frame, base, selection, target.span);
    const value = change(old, name);
    if (old.kind === "poison" || value.value.kind === "poison") return { value: poison, span };
    const part = `this part of ${name}`;
    return { value: writeSelection(frame, base, selection, value, span, part), span };
  }, store);
}

function unrolled(frame: Frame, statement: Extract<ast.Statement, { kind: "for" }>): Returned | undefined {
  for (const value of iterate(frame, statement.iterable)) {
    const scope = new Scope(frame.scope);
    scope.define(statement.name.name, { kind: "value", value, span: statement.name.span, what: "loop variable" });
    if (!spend(frame, statement.span)) return undefined;
    const returned = block({ ...frame, scope }, statement.body);
    if (returned) return returned;
  }
  return undefined;
}

/** The values a compile-time `for` runs over; none once a mistake is reported. */
export function* iterate(frame: Frame, iterable: ast.Expression): Iterable<Value> {
  const value = frame.session.rules.expression(frame, iterable);
  if (value.kind === "range") {
    for (let at = value.start; at < value.end; at++) yield { kind: "int", value: at };
  } else if (value.kind === "tuple") yield* value.elements;
  else if (value.kind === "tensor") report(frame, "not-compile-time", iterable.span, `\`for\` unfolds when compiling, and this is ${describe(value)}`, { help: "`repeat n { }` loops at run time" });
  else if (value.kind !== "poison") report(frame, "type-mismatch", iterable.span, `\`for\` runs over a range or a tuple, and this is ${describe(value)}`, value.kind === "int" ? { help: `0..${value.value} is a range` } : {});
}

/** What a name must be for a statement; undefined once reported. */
function bindingOf<K extends "program" | "compute-set">(frame: Frame, name: ast.Identifier, kind: K, words: string): Extract<Binding, { kind: K }> | undefined {
  const binding = frame.scope.lookup(name.name);
  if (binding?.kind === kind) return binding as Extract<Binding, { kind: K }>;
  if (binding) return void report(frame, "type-mismatch", name.span, `${describeBinding(name.name, binding)} is no ${words}`);
  const meant = closest(name.name, [...frame.scope.visible()].filter((other) => frame.scope.lookup(other)!.kind === kind));
  return void report(frame, "unknown-name", name.span, `no ${words} is called ${name.name}`, meant === undefined ? {} : { help: `did you mean ${meant}?` });
}

function execute(frame: Frame, name: ast.Identifier, span: Span): void {
  const binding = bindingOf(frame, name, "compute-set", "compute set");
  if (!binding) return;
  if (frame.call || !frame.build) return void report(frame, "not-supported", span, "execute stands only in programs", { help: "a function gives its result back; it changes nothing outside of it" });
  const { build } = frame;
  const set = elaborateSet(frame, binding);
  if (set.index === undefined) return;
  const inputs: number[] = [];
  for (const operand of set.operands) {
    const source = binding.scope.lookup(operand.name);
    const value = source?.kind === "state" ? cellOf(frame, build, operand.name, source, span).value
      : source?.kind === "graph-let" ? letValue(frame, operand.name, source, span)
      : poison;
    if (value.kind !== "tensor") return;
    inputs.push(value.id);
  }
  const writtenOperands = set.operands.filter((operand) => operand.written);
  const origin = originOf(frame, span);
  const outputs = writtenOperands.map((operand) => build.builder.value(operand.type, origin, operand.name));
  build.builder.append({ op: "execute", inputs, attributes: { computeSet: set.index }, regions: [], outputs, origin });
  writtenOperands.forEach((operand, k) => {
    const source = binding.scope.lookup(operand.name);
    if (source?.kind !== "state") return;
    const cell = cellOf(frame, build, operand.name, source, span);
    assign(frame, build, cell, { value: { kind: "tensor", id: outputs[k]!, type: operand.type }, span });
  });
}

function callProgram(frame: Frame, name: ast.Identifier, span: Span): void {
  const binding = bindingOf(frame, name, "program", "program");
  if (!binding) return;
  if (frame.call) return void report(frame, "not-supported", span, "call stands only in programs", { help: "a function gives its result back; it changes nothing outside of it" });
  if (frame.programs.includes(name.name)) {
    return void report(frame, "limit-exceeded", span, `programs call each other in a circle: ${[...frame.programs.slice(frame.programs.indexOf(name.name)), name.name].join(" → ")}`);
  }
  block({ ...frame, scope: binding.scope, programs: [...frame.programs, name.name] }, binding.declaration.body);
}

/** A call for its effect, or a value that nothing uses; gives whether it asserts what is known to be false. */
function effectOf(frame: Frame, value: ast.Expression): boolean {
  if (value.kind === "call") {
    const binding = frame.scope.lookup(value.callee.name);
    if (binding?.kind === "builtin" && effects.has(binding.name)) return effect(frame, binding.name, value);
    const result = frame.session.rules.expression(frame, value);
    if (result.kind !== "poison" && binding?.kind !== "function" && !(binding?.kind === "builtin" && binding.name === "next")) unused(frame, value.span, `the result of ${value.callee.name} is not used`);
    return false;
  }
  const result = frame.session.rules.expression(frame, value);
  if (result.kind === "poison") return false;
  if (value.kind === "method" && frame.scope.lookup(value.name.name)?.kind === "function") return false;
  unused(frame, value.span, "this value is not used", value.kind === "binary" && value.op === "==" ? "`=` assigns; `==` compares" : undefined);
  return false;
}

function unused(frame: Frame, span: Span, message: string, help = "`let name = …;` keeps it"): void {
  report(frame, "type-mismatch", span, message, { help });
}

function returning(frame: Frame, statement: Extract<ast.Statement, { kind: "return" }>): Returned | undefined {
  const { call } = frame;
  if (!call && statement.value.kind === "missing") return undefined;
  if (!call) return void report(frame, "type-mismatch", statement.span, "a program gives nothing back; `return` stands in functions", { help: "assign an `out` instead" });
  if ((frame.build?.region ?? 0) > call.region) {
    return void report(frame, "not-supported", statement.span, "return cannot stand in what is decided at run time", { help: "assign a variable and return it at the end" });
  }
  return { value: frame.session.rules.expression(frame, statement.value, call.expected), span: statement.value.span };
}
