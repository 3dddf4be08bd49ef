/**
 * Expressions of a vertex's body: compile-time values fold, everything else becomes a scalar expression of the kernel.
 * The formula of an operator or function is the one its op of the table has for scalars. f16 and bf16 are computed in f32:
 * a scalar remembers the dtype the user sees.
 */
import { isBig, isDType, isFloat, isInteger, type DType } from "../../runtime/dtype.ts";
import { convert } from "../graph/tensor.ts";
import { binary, cast, constant, i32, select, type KernelBuilder } from "../kernel/build.ts";
import type { BufferId, Expression } from "../kernel/kernel.ts";
import { formatType, scalar as scalarType, type Attributes, type TensorType } from "../graph/graph.ts";
import { RuleError, type Op } from "../ops/op.ts";
import { computeDType } from "../ops/rules.ts";
import { op as opOf } from "../ops/table.ts";
import type * as ast from "../syntax/ast.ts";
import { chainOf, isComparison, isLogic } from "../syntax/chain.ts";
import { closest } from "../support/suggest.ts";
import { unreachable } from "../support/bug.ts";
import type { Span } from "../support/span.ts";
import { nested, originOf, report, type Frame } from "./frame.ts";
import * as numbers from "./numbers.ts";
import { opNames, warnOfTruncation, withoutBits } from "./operators.ts";
import { describeBinding, Scope, type FunctionBinding } from "./scope.ts";
import { index as indexOf } from "./slice.ts";
import { castOfConstant, defaultDType, misfit } from "./tensors.ts";
import { describe, isNumber, isScalarConstant, poison, tuple, type NumberValue, type Value } from "./value.ts";
import { guarded } from "./vertex-guard.ts";

/** A scalar known only at run time. */
export interface Scalar {
  readonly kind: "scalar";
  readonly dtype: DType;
  /** Of the dtype it is computed in. */
  readonly expression: Expression;
}

export type VertexValue = Value | Scalar;

export interface Field {
  readonly declaration: ast.VertexField;
  readonly buffer: BufferId;
  readonly type: TensorType;
}

/** What a name of the body stands for: a local, or a compile-time value. */
export type Local =
  | { readonly kind: "local"; readonly scalar: Scalar; readonly assignable: boolean; readonly span: Span }
  | { readonly kind: "known"; readonly value: Value; readonly span: Span };

/** The surroundings of an expression in a vertex. */
export interface VertexFrame {
  readonly frame: Frame;
  readonly kernel: KernelBuilder;
  readonly fields: ReadonlyMap<string, Field>;
  readonly locals: ReadonlyMap<string, Local>;
  /** Fields that were read. */
  readonly read: Set<Field>;
  /** A call of a function written in .gph: its body, put here. */
  inline(at: VertexFrame, binding: FunctionBinding, site: VertexCall, wish: DType | undefined): VertexValue;
}

const scalarOf = (dtype: DType, expression: Expression): Scalar => ({ kind: "scalar", dtype, expression });

export const describeVertexValue = (value: VertexValue): string => (value.kind === "scalar" ? `a scalar ${value.dtype}` : describe(value));

/** A compile-time number or bool as a scalar of a dtype; undefined once reported. */
function constantOf(frame: Frame, value: Value, dtype: DType, span: Span): Scalar | undefined {
  if (!isScalarConstant(value)) {
    if (value.kind !== "poison") report(frame, "type-mismatch", span, `a scalar is needed here, and this is ${describe(value)}`);
    return undefined;
  }
  const wrong = misfit(value.value, value.kind === "float", dtype);
  if (wrong) return void report(frame, wrong.problem, span, wrong.message, wrong.help === undefined ? {} : { help: wrong.help });
  const computed = computeDType(dtype);
  const number = isBig(dtype) ? BigInt(value.value) : Number(convert(dtype, Number(value.value)));
  return scalarOf(dtype, constant(computed, number));
}

/** A value as a scalar: constants take `dtype`, else the default of their kind. Undefined once reported. */
export function asScalar(frame: Frame, value: VertexValue, dtype: DType | undefined, span: Span): Scalar | undefined {
  return value.kind === "scalar" ? value : constantOf(frame, value, dtype ?? defaultDType(value), span);
}

export function vertexExpression(at: VertexFrame, expression: ast.Expression, wish?: DType): VertexValue {
  return nested<VertexValue>(at.frame, expression.span, () => elaborate(at, expression, wish), poison);
}

function elaborate(at: VertexFrame, expression: ast.Expression, wish: DType | undefined): VertexValue {
  switch (expression.kind) {
    case "number": case "string": case "bool": case "missing": return at.frame.session.rules.expression(at.frame, expression);
    case "range": case "member": return at.frame.session.rules.expression(knownFrame(at), expression);
    case "tuple": return tupleOf(at, expression);
    case "identifier": return named(at, expression);
    case "unary": return unaryOf(at, expression, wish);
    case "binary": return binaryOf(at, expression, wish);
    case "conditional": return choice(at, expression.condition, expression.then, expression.otherwise, wish, expression.span);
    case "index": return element(at, expression);
    case "call": return callOf(at, expression, wish);
    case "method":
      // In np.exp(x) what np is has been told, and it is no argument.
      if (isUnknown(at, expression.receiver)) return poison;
      return callOf(at, { callee: expression.name, typeArgs: expression.typeArgs, args: [{ value: expression.receiver, span: expression.receiver.span }, ...expression.args], span: expression.span }, wish);
    default: return unreachable(expression);
  }
}

/** Whether an expression is a name that nothing has, or a member of one: names.ts has told it. */
function isUnknown(at: VertexFrame, written: ast.Expression): boolean {
  if (written.kind === "member") return isUnknown(at, written.object);
  return written.kind === "identifier" && !at.locals.has(written.name) && !at.fields.has(written.name) && !isDType(written.name) && !at.frame.scope.lookup(written.name);
}

function named(at: VertexFrame, { name, span }: ast.Identifier): VertexValue {
  const local = at.locals.get(name);
  if (local) return local.kind === "local" ? local.scalar : local.value;
  const field = at.fields.get(name);
  if (field) {
    if (field.type.shape.length > 0) return report(at.frame, "type-mismatch", span, `${name} is ${formatType(field.type)}; a vertex computes on scalars`, { help: `index it: ${name}[${field.type.shape.map((_, k) => "ijklmnop"[k] ?? "i").join(", ")}]` });
    return loaded(at, field, []);
  }
  const binding = at.frame.scope.lookup(name);
  if (!binding && !isDType(name)) {
    const meant = closest(name, [...at.locals.keys(), ...at.fields.keys(), ...at.frame.scope.visible()]);
    return report(at.frame, "unknown-name", span, `nothing is called ${name} here`, meant === undefined ? {} : { help: `did you mean ${meant}?` });
  }
  return at.frame.session.rules.expression(at.frame, { kind: "identifier", name, span });
}

function loaded(at: VertexFrame, field: Field, index: readonly Expression[]): Scalar {
  at.read.add(field);
  const load = at.kernel.load(field.buffer, index);
  return scalarOf(field.type.dtype, cast(computeDType(field.type.dtype), load));
}

/** The indices of an element, checked where they are constant; undefined once reported. */
export function indices(at: VertexFrame, expression: Extract<ast.Expression, { kind: "index" }>): { readonly field: Field; readonly index: readonly Expression[] } | undefined {
  const { base } = expression;
  const field = base.kind === "identifier" && !at.locals.has(base.name) ? at.fields.get(base.name) : undefined;
  if (!field) {
    const value = vertexExpression(at, base);
    if (value.kind !== "poison") report(at.frame, "type-mismatch", base.span, `${describeVertexValue(value)} cannot be indexed; fields can`);
    return undefined;
  }
  const { shape } = field.type;
  const name = field.declaration.name.name;
  const sliced = expression.items.find((item) => item.kind !== "at");
  if (sliced) return void report(at.frame, "not-supported", sliced.span, "slices are not supported in vertices: a vertex computes on scalars", { help: "`for i in a..b { }` runs over elements" });
  if (expression.items.length !== shape.length) {
    return void report(at.frame, "shape-mismatch", expression.span, `${expression.items.length} ${expression.items.length === 1 ? "index" : "indices"} for ${name}, which is ${formatType(field.type)}`, { related: [{ span: field.declaration.span, text: "declared here" }] });
  }
  const index: Expression[] = [];
  for (const [axis, item] of expression.items.entries()) {
    if (item.kind !== "at") continue;
    const value = vertexExpression(at, item.value, "i32");
    const extent = shape[axis]!;
    if (value.kind === "int") {
      if (value.value < -extent || value.value >= extent) report(at.frame, "out-of-range", item.span, `index ${value.value} is outside dimension ${axis} of ${name}, which has extent ${extent}`, { related: [{ span: field.declaration.span, text: formatType(field.type) }] });
      else index.push(i32(value.value < 0 ? value.value + extent : value.value));
    } else if (value.kind === "scalar" && isInteger(value.dtype) && value.dtype !== "u32" && !isBig(value.dtype)) index.push(cast("i32", value.expression));
    else if (value.kind !== "poison") report(at.frame, value.kind === "scalar" ? "dtype-mismatch" : "type-mismatch", item.span, `an index is an int or an i32, and this is ${describeVertexValue(value)}`, value.kind === "scalar" ? { help: "cast<i32>(x) converts" } : {});
  }
  return index.length === shape.length ? { field, index } : undefined;
}

function element(at: VertexFrame, expression: Extract<ast.Expression, { kind: "index" }>): VertexValue {
  const { base } = expression;
  if (base.kind !== "identifier" || at.locals.has(base.name) || !at.fields.has(base.name)) {
    const value = vertexExpression(at, base);
    if (value.kind === "tuple" || value.kind === "range") return ofTuple(at, value, expression);
    if (value.kind !== "poison") report(at.frame, "type-mismatch", base.span, `${describeVertexValue(value)} cannot be indexed; fields and tuples can`);
    return poison;
  }
  const found = indices(at, expression);
  return found ? loaded(at, found.field, found.index) : poison;
}

/** A tuple of compile-time values. */
function tupleOf(at: VertexFrame, { elements }: Extract<ast.Expression, { kind: "tuple" }>): VertexValue {
  const values: Value[] = [];
  for (const written of elements) {
    const value = vertexExpression(at, written);
    if (value.kind === "scalar") return report(at.frame, "not-supported", written.span, "tuples of scalars are not supported in vertices yet", { help: "what they hold must be known when compiling" });
    values.push(value);
  }
  return tuple(values);
}

/** An element or a slice of a compile-time tuple. */
function ofTuple(at: VertexFrame, base: Extract<Value, { kind: "tuple" | "range" }>, { items, span }: Extract<ast.Expression, { kind: "index" }>): VertexValue {
  const written = items.flatMap((item) => (item.kind === "at" ? [item.value] : item.kind === "slice" ? [item.start, item.stop, item.step] : []));
  for (const part of written) {
    const value = part && vertexExpression(at, part);
    if (value?.kind === "poison") return poison;
    if (value?.kind === "scalar") return report(at.frame, "not-compile-time", part!.span, `an index of a tuple must be known when compiling, and this is ${describeVertexValue(value)}`, { help: "`for x in t { }` runs over the elements of a tuple t" });
  }
  return indexOf(knownFrame(at), base, items, span, describe(base));
}

/** The frame, with what the body names in its scope: the values that are known when compiling, of all others the types. */
export function knownFrame(at: VertexFrame): Frame {
  const scope = new Scope(at.frame.scope);
  for (const [name, { type, declaration: { span } }] of at.fields) scope.define(name, { kind: "run-time", type, span });
  for (const [name, local] of at.locals) {
    scope.define(name, local.kind === "known" ? { kind: "value", value: local.value, span: local.span, what: "let" } : { kind: "run-time", type: scalarType(local.scalar.dtype), span: local.span });
  }
  return { ...at.frame, scope };
}

/** An op of the table on scalars. */
function applied(at: VertexFrame, op: Op, args: readonly Scalar[], attributes: Attributes, span: Span): VertexValue {
  let type: TensorType;
  try {
    type = op.type(args.map((arg) => scalarType(arg.dtype)), attributes);
  } catch (problem) {
    if (!(problem instanceof RuleError)) throw problem;
    return report(at.frame, problem.problem, span, problem.message, problem.help === undefined ? {} : { help: problem.help });
  }
  return scalarOf(type.dtype, op.scalar!(args.map((arg) => arg.expression), attributes, type));
}

function unaryOf(at: VertexFrame, expression: Extract<ast.Expression, { kind: "unary" }>, wish: DType | undefined): VertexValue {
  const operand = vertexExpression(at, expression.operand, expression.op === "!" ? "bool" : wish);
  if (operand.kind === "poison") return poison;
  if (operand.kind !== "scalar") return folded(at.frame, numbers.unary(expression.op, operand), expression.span);
  const isBool = operand.dtype === "bool";
  switch (expression.op) {
    case "+": return operand;
    case "-": return applied(at, opOf("neg"), [operand], {}, expression.span);
    case "!": case "~":
      if ((expression.op === "!") !== isBool) return report(at.frame, "dtype-mismatch", expression.span, `\`${expression.op}\` takes ${isBool ? "integers" : "bool"}, and this is ${operand.dtype}`);
      return applied(at, opOf("not"), [operand], {}, expression.span);
    default: return unreachable(expression.op);
  }
}

const folded = (frame: Frame, result: Value | numbers.Refused, span: Span): Value => (numbers.isRefused(result) ? report(frame, result.refused, span, result.message) : result);

function binaryOf(at: VertexFrame, expression: ast.BinaryExpression, wish: DType | undefined): VertexValue {
  const { first, links } = chainOf(expression);
  const wished = links.some((link) => isComparison(link.op)) ? undefined : wish;
  let left = vertexExpression(at, first, wished);
  let leftSpan = first.span;
  for (const link of links) {
    left = isLogic(link.op) ? logic(at, link.op, left, link, leftSpan) : linked(at, link, left, leftSpan, left.kind === "scalar" ? left.dtype : wished);
    leftSpan = link.span;
  }
  return left;
}

function linked(at: VertexFrame, link: ast.BinaryExpression, left: VertexValue, leftSpan: Span, wish: DType | undefined): VertexValue {
  const right = vertexExpression(at, link.right, wish);
  warnOfTruncation(at.frame, link, left, right);
  return operate(at, link.op, left, leftSpan, right, link.right.span, link.span);
}

/** `left op right` on elaborated sides. */
export function operate(at: VertexFrame, op: ast.BinaryOperator, left: VertexValue, leftSpan: Span, right: VertexValue, rightSpan: Span, span: Span): VertexValue {
  if (left.kind === "poison" || right.kind === "poison") return poison;
  if (op === "@") return report(at.frame, "not-supported", span, "`@` is not supported in vertices: a vertex computes on scalars", { help: "write the loops, or use `@` in a program" });
  if (left.kind !== "scalar" && right.kind !== "scalar") return folded(at.frame, numbers.binary(op, left, right), span);
  const a = asScalar(at.frame, left, right.kind === "scalar" ? right.dtype : undefined, leftSpan);
  const b = asScalar(at.frame, right, left.kind === "scalar" ? left.dtype : undefined, rightSpan);
  if (!a || !b) return poison;
  if (a.dtype !== b.dtype) {
    const wider = isFloat(a.dtype) && !isFloat(b.dtype) ? a.dtype : b.dtype;
    return report(at.frame, "dtype-mismatch", span, `\`${op}\` needs one dtype, and these are ${a.dtype} and ${b.dtype}`, { help: `cast<${wider}>(x) converts`, related: [{ span: leftSpan, text: a.dtype }, { span: rightSpan, text: b.dtype }] });
  }
  const noBits = withoutBits(op, a.dtype);
  if (noBits) return report(at.frame, "dtype-mismatch", span, noBits.message, noBits.help === undefined ? {} : { help: noBits.help });
  return applied(at, opOf(opNames[op]), [a, b], {}, span);
}

/** `&&` and `||`: the right side is evaluated only when the left does not decide, if evaluating it could trap. */
function logic(at: VertexFrame, op: "&&" | "||", left: VertexValue, link: ast.BinaryExpression, leftSpan: Span): VertexValue {
  const decides = op === "||";
  if (left.kind === "poison") {
    vertexExpression(at, link.right, "bool");
    return poison;
  }
  if (left.kind === "bool") return left.value === decides ? left : booleanOf(at, vertexExpression(at, link.right, "bool"), link.right.span, op);
  const a = booleanOf(at, left, leftSpan, op);
  if (a.kind !== "scalar") return poison;
  if (!guarded(link.right, at.frame.scope)) {
    const right = booleanOf(at, vertexExpression(at, link.right, "bool"), link.right.span, op);
    if (right.kind === "bool") return right.value === decides ? right : a;
    return right.kind === "scalar" ? scalarOf("bool", binary(decides ? "or" : "and", a.expression, right.expression)) : poison;
  }
  const result = at.kernel.local("decided", "bool");
  at.kernel.set(result, a.expression, originOf(at.frame, link.span));
  let failed = false;
  const evaluate = (): void => {
    const right = booleanOf(at, vertexExpression(at, link.right, "bool"), link.right.span, op);
    const scalar = right.kind === "poison" ? undefined : asScalar(at.frame, right, "bool", link.right.span);
    if (scalar) at.kernel.set(result, scalar.expression, originOf(at.frame, link.span));
    else failed = true;
  };
  if (decides) at.kernel.if(result, () => {}, evaluate, originOf(at.frame, link.span));
  else at.kernel.if(result, evaluate, () => {}, originOf(at.frame, link.span));
  return failed ? poison : scalarOf("bool", result);
}

/** A bool, known or not; poison once reported. */
function booleanOf(at: VertexFrame, value: VertexValue, span: Span, op: string): VertexValue {
  if (value.kind === "poison" || value.kind === "bool" || (value.kind === "scalar" && value.dtype === "bool")) return value;
  return report(at.frame, value.kind === "scalar" ? "dtype-mismatch" : "type-mismatch", span, `\`${op}\` takes bool, and this is ${describeVertexValue(value)}`, { help: "compare to get a bool: x != 0" });
}

/** `c ? a : b` and `select(c, a, b)`: a side that could trap is evaluated only when it is chosen. */
function choice(at: VertexFrame, condition: ast.Expression, then: ast.Expression, otherwise: ast.Expression, wish: DType | undefined, span: Span): VertexValue {
  const judged = booleanOf(at, vertexExpression(at, condition, "bool"), condition.span, "? :");
  if (judged.kind === "poison") return poison;
  if (judged.kind === "bool") return vertexExpression(at, judged.value ? then : otherwise, wish);
  const chosen = (judged as Scalar).expression;
  const fit = (a: VertexValue, b: VertexValue): readonly [Scalar, Scalar] | undefined => {
    if (a.kind === "poison" || b.kind === "poison") return undefined;
    const common = a.kind === "scalar" ? a.dtype : b.kind === "scalar" ? b.dtype : (wish ?? (a.kind === "float" || b.kind === "float" ? "f32" : undefined));
    const x = asScalar(at.frame, a, common, then.span);
    const y = asScalar(at.frame, b, common, otherwise.span);
    if (!x || !y) return undefined;
    if (x.dtype === y.dtype) return [x, y];
    return void report(at.frame, "dtype-mismatch", span, `both sides of a choice need one dtype, and these are ${x.dtype} and ${y.dtype}`, { help: `cast<${x.dtype}>(x) converts` });
  };
  if (!guarded(then, at.frame.scope) && !guarded(otherwise, at.frame.scope)) {
    const sides = fit(vertexExpression(at, then, wish), vertexExpression(at, otherwise, wish));
    return sides ? scalarOf(sides[0].dtype, select(chosen, sides[0].expression, sides[1].expression)) : poison;
  }
  return branched(at, chosen, then, otherwise, wish, span);
}

/** A choice as an `if` with a local: each side is evaluated in its own branch; a constant side takes the other's dtype. */
function branched(at: VertexFrame, condition: Expression, then: ast.Expression, otherwise: ast.Expression, wish: DType | undefined, span: Span): VertexValue {
  const { kernel } = at;
  let result: Scalar | undefined;
  let failed = false;
  const set = (value: VertexValue, dtype: DType | undefined, side: ast.Expression): void => {
    const scalar = value.kind === "poison" ? undefined : asScalar(at.frame, value, dtype, side.span);
    if (!scalar) failed = true;
    else if (result && result.dtype !== scalar.dtype) {
      failed = true;
      report(at.frame, "dtype-mismatch", span, `both sides of a choice need one dtype, and these are ${result.dtype} and ${scalar.dtype}`, { help: `cast<${result.dtype}>(x) converts` });
    } else {
      result ??= scalarOf(scalar.dtype, kernel.local("result", scalar.expression.dtype));
      kernel.set(result.expression, scalar.expression, originOf(at.frame, side.span));
    }
  };
  let first: VertexValue = poison;
  kernel.if(condition, () => {
    first = vertexExpression(at, then, wish);
    if (first.kind !== "scalar") return () => set(first, result?.dtype, then);
    return set(first, undefined, then);
  }, () => {
    const second = vertexExpression(at, otherwise, result?.dtype ?? wish);
    set(second, result?.dtype ?? wish ?? (first.kind === "float" ? "f32" : undefined), otherwise);
  }, originOf(at.frame, span));
  return failed || !result ? poison : result;
}

export interface VertexCall {
  readonly callee: ast.Identifier;
  readonly typeArgs: readonly ast.TypeExpression[];
  readonly args: readonly ast.Argument[];
  readonly span: Span;
}

function callOf(at: VertexFrame, site: VertexCall, wish: DType | undefined): VertexValue {
  const { name, span } = site.callee;
  const binding = at.locals.has(name) ? undefined : at.frame.scope.lookup(name);
  const local = at.locals.get(name);
  if (local?.kind === "known" && local.value.kind === "dtype") return castTo(at, local.value.value, site);
  if (isDType(name) && !binding) return castTo(at, name, site);
  if (binding?.kind === "value" && binding.value.kind === "dtype") return castTo(at, binding.value.value, site);
  if (!binding) {
    const meant = closest(name, [...at.frame.scope.visible()].filter((other) => at.frame.scope.lookup(other)!.kind === "ops"));
    return report(at.frame, "unknown-name", span, `no function is called ${name} here`, meant === undefined ? {} : { help: `did you mean ${meant}?` });
  }
  if (binding.kind === "poison") return poison;
  if (binding.kind === "builtin" && (name === "int" || name === "float" || name === "len")) return at.frame.session.rules.expression(knownFrame(at), { kind: "call", ...site });
  if (binding.kind === "function") return at.inline(at, binding, site, wish);
  if (binding.kind !== "ops") return report(at.frame, "type-mismatch", span, `${describeBinding(name, binding)} cannot be called in a vertex`);
  if (binding.call === "cast") {
    const [type] = site.typeArgs;
    if (!type || type.kind !== "named-type") return report(at.frame, "bad-argument", span, "cast needs a dtype", { help: "write cast<f32>(x)" });
    if (isDType(type.name.name)) return castTo(at, type.name.name, site);
    const value = vertexExpression(at, type.name);
    if (value.kind === "dtype") return castTo(at, value.value, site);
    return value.kind === "poison" ? poison : report(at.frame, "bad-argument", type.span, `cast takes a dtype, and this is ${describeVertexValue(value)}`);
  }
  const candidates = (at.frame.session.calls.get(binding.call) ?? []).filter(({ signature, op }) => signature.module === binding.module && op.scalar && signature.parameters.every((parameter) => parameter.kind === "tensor") && !signature.dtypeArgument);
  if (candidates.length === 0) return report(at.frame, "not-supported", span, `${name} works on tensors; a vertex computes on scalars`, { help: "write the loops, or use it in a program" });
  const callable = candidates.find(({ signature }) => signature.parameters.length === site.args.length);
  if (!callable) return report(at.frame, "bad-argument", site.span, `${name} takes ${candidates[0]!.signature.parameters.length} argument${candidates[0]!.signature.parameters.length === 1 ? "" : "s"} in a vertex, and ${site.args.length} are given`);
  const ordered = inOrder(at, site, callable.signature.parameters.map((parameter) => parameter.name), name);
  if (!ordered) return poison;
  if (callable.op.name === "select") return choice(at, ordered[0]!, ordered[1]!, ordered[2]!, wish, site.span);

  let common: DType | undefined;
  const values = ordered.map((arg) => {
    const value = vertexExpression(at, arg, common ?? wish);
    if (value.kind === "scalar") common ??= value.dtype;
    return value;
  });
  if (values.some((value) => value.kind === "poison")) return poison;
  if (values.every((value) => value.kind !== "scalar" && isNumber(value))) {
    const result = numbers.callOnNumbers(binding.call, values as NumberValue[]);
    if (result) return folded(at.frame, result, site.span);
  }
  const scalars = values.map((value, k) => asScalar(at.frame, value, common ?? (values.some((other) => other.kind === "float") ? "f32" : undefined), ordered[k]!.span));
  return scalars.every((one) => one !== undefined) ? applied(at, callable.op, scalars, {}, site.span) : poison;
}

/** Arguments by position and by name, in the order of the parameters; undefined once reported. */
function inOrder(at: VertexFrame, site: VertexCall, parameters: readonly string[], name: string): ast.Expression[] | undefined {
  const ordered = new Array<ast.Expression | undefined>(parameters.length);
  for (const [k, arg] of site.args.entries()) {
    const position = arg.name ? parameters.indexOf(arg.name.name) : k;
    if (position < 0) return void report(at.frame, "bad-argument", arg.span, `${name} has no parameter ${arg.name!.name}`, { help: `its parameters are ${parameters.join(", ")}` });
    if (ordered[position]) return void report(at.frame, "bad-argument", arg.span, `${parameters[position]} is given twice to ${name}`);
    ordered[position] = arg.value;
  }
  return ordered as ast.Expression[];
}

function castTo(at: VertexFrame, dtype: DType, site: VertexCall): VertexValue {
  const [arg] = site.args;
  if (!arg || site.args.length > 1 || arg.name) return report(at.frame, "bad-argument", site.span, `${dtype}(…) takes one argument`);
  const value = vertexExpression(at, arg.value);
  if (value.kind !== "scalar" && isScalarConstant(value)) return scalarOf(dtype, constant(computeDType(dtype), castOfConstant(value, dtype)));
  const scalar = value.kind === "poison" ? undefined : asScalar(at.frame, value, undefined, arg.span);
  if (!scalar) return poison;
  // To a 16-bit float and back: the rounding is seen, the computing goes on in f32.
  return scalarOf(dtype, cast(computeDType(dtype), cast(dtype, scalar.expression)));
}
