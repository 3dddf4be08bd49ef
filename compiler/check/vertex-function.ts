/**
 * Functions called in a vertex, of scalars and compile-time values: the arguments become locals, the body is put where the
 * call stands and means what it would mean in the vertex.
 */
import type { DType } from "../../runtime/dtype.ts";
import { scalar as scalarType } from "../graph/graph.ts";
import type * as ast from "../syntax/ast.ts";
import type { Span } from "../support/span.ts";
import { fitCompileTime, matchArguments, type Matched } from "./arguments.ts";
import { callDepth, originOf, report, spend, type Frame } from "./frame.ts";
import { bindTypeArguments, knownDType } from "./function-call.ts";
import { callCost, maxCallDepth } from "./limits.ts";
import { Scope, type FunctionBinding } from "./scope.ts";
import { defaultDType } from "./tensors.ts";
import { asCompileTime, compileTimeTypeOf, isCompileTimeType, resolveType, Unification } from "./types.ts";
import { hasPoison, isScalarConstant, poison, type Value } from "./value.ts";
import { asScalar, describeVertexValue, knownFrame, vertexExpression, type Local, type VertexCall, type VertexFrame, type VertexValue } from "./vertex-expression.ts";

/** What a body gave, and where its `return` stands. */
export interface VertexReturn {
  readonly value: VertexValue;
  readonly span: Span;
}

/** Elaborates a function's body, which sees these locals and no field. */
export type RunBody = (frame: Frame, declaration: ast.Fn, locals: Map<string, Local>) => VertexReturn | undefined;

interface Given {
  readonly parameter: ast.Parameter;
  readonly value: VertexValue;
  readonly span: Span;
}

export function callInVertex(at: VertexFrame, binding: FunctionBinding, site: VertexCall, wish: DType | undefined, run: RunBody): VertexValue {
  const { declaration } = binding;
  const name = declaration.name.name;
  if (callDepth(at.frame) >= maxCallDepth) return report(at.frame, "limit-exceeded", site.span, `calls of ${name} are nested more than ${maxCallDepth} deep`, { help: "functions are unfolded when compiling: a recursion must end at compile time" });
  if (!spend(at.frame, site.span, callCost)) return poison;
  if (declaration.result.kind === "tuple-type") return report(at.frame, "not-supported", declaration.result.span, "tuples are not supported in vertices yet");
  const matched = matchArguments(at.frame, declaration.parameters, site.args, site.span, name, declaration.name.span);
  if (!matched) return poison;
  const unification = new Unification({ ...at.frame, scope: new Scope(binding.scope) }, declaration.generics);
  if (!bindTypeArguments(at.frame, unification, site, name)) return poison;
  const given = evaluated(at, unification, declaration, matched);
  const locals = given && bound(at, unification, declaration, given, site, wish);
  if (!locals) return poison;

  const call = { name, span: site.span, depth: callDepth(at.frame) + 1, region: 0, expected: undefined, outer: at.frame.call };
  const inner: Frame = { ...unification.frame, call };
  const before = at.frame.session.reporter.errors;
  const returned = run(inner, declaration, locals);
  if (returned) return fitted(inner, declaration, returned);
  return at.frame.session.spent.exhausted || at.frame.session.reporter.errors > before ? poison : report(inner, "type-mismatch", declaration.name.span, `${name} ends without a return`);
}

/** The arguments in the caller's surroundings, defaults in the function's; undefined when one is poison. */
function evaluated(at: VertexFrame, unification: Unification, { name, parameters }: ast.Fn, matched: Matched): Given[] | undefined {
  const given: Given[] = [];
  const own: VertexFrame = { ...at, frame: unification.frame, fields: new Map(), locals: new Map() };
  for (const parameter of parameters) {
    const argument = matched.get(parameter.name.name);
    const expression = argument ?? parameter.default;
    if (!expression) continue;
    const compileTime = compileTimeTypeOf(parameter.type);
    const value = vertexExpression(argument ? at : own, expression, compileTime ? undefined : knownDType(unification, parameter.type));
    if (value.kind !== "scalar" && hasPoison(value)) return undefined;
    given.push({ parameter, value, span: expression.span });
    // Compile-time parameters are in scope for later defaults and for types.
    if (value.kind === "scalar") continue;
    const fit = isKnownTuple(parameter) ? fitCompileTime(at.frame, value, parameter.type, expression.span, `${parameter.name.name} of ${name.name}`, parameter.span) : compileTime && asCompileTime(value, compileTime);
    if (fit) unification.frame.scope.define(parameter.name.name, { kind: "value", value: fit, span: parameter.name.span, what: "parameter" });
    else if (isKnownTuple(parameter)) return undefined;
  }
  return given;
}

/** Whether it takes a tuple of compile-time values. */
const isKnownTuple = ({ type }: ast.Parameter): boolean => type.kind === "tuple-type" && isCompileTimeType(type);

/** Fits every argument to its parameter, scalars first, then numbers, whose dtype a generic may say; undefined once reported. */
function bound(at: VertexFrame, unification: Unification, declaration: ast.Fn, given: readonly Given[], site: VertexCall, wish: DType | undefined): Map<string, Local> | undefined {
  const locals = new Map<string, Local>();
  let fits = true;
  const define = ({ parameter, span }: Given, value: Extract<VertexValue, { kind: "scalar" }>): boolean => {
    const { name } = parameter;
    if (!unification.unify(parameter.type, scalarType(value.dtype), span, name.name)) return false;
    // A constant or a local of the caller stands for itself: nothing changes it before the function ends.
    const kept = value.expression.kind === "constant" || value.expression.kind === "local";
    const expression = kept ? value.expression : at.kernel.let(name.name, value.expression, originOf(at.frame, span));
    locals.set(name.name, { kind: "local", scalar: { ...value, expression }, assignable: false, span: name.span });
    return true;
  };
  const numbers: Given[] = [];
  for (const one of given) {
    const { parameter, value, span } = one;
    const compileTime = compileTimeTypeOf(parameter.type);
    const subject = `${parameter.name.name} of ${declaration.name.name}`;
    if (compileTime && !(compileTime === "bool" && value.kind === "scalar")) {
      if (value.kind !== "scalar" && asCompileTime(value, compileTime)) continue;
      report(at.frame, value.kind === "scalar" ? "not-compile-time" : "type-mismatch", span, `${subject} is a compile-time ${compileTime}, and this is ${describeVertexValue(value)}`, { related: [{ span: parameter.span, text: "declared here" }] });
      fits = false;
    } else if (isKnownTuple(parameter)) {
      if (value.kind !== "scalar") continue;
      report(at.frame, "not-compile-time", span, `${subject} is a tuple, and this is ${describeVertexValue(value)}`, { related: [{ span: parameter.span, text: "declared here" }] });
      fits = false;
    } else if (value.kind === "scalar") fits = define(one, value) && fits;
    else if (isScalarConstant(value)) numbers.push(one);
    else {
      report(at.frame, "type-mismatch", span, `${subject} is a scalar, and this is ${describeVertexValue(value)}`, { related: [{ span: parameter.span, text: "declared here" }] });
      fits = false;
    }
  }
  if (!fits) return undefined;
  unification.hint(declaration.result, wish, []);
  for (const one of numbers) {
    const { value } = one;
    const scalar = asScalar(at.frame, value, knownDType(unification, one.parameter.type) ?? (value.kind === "scalar" ? value.dtype : defaultDType(value)), one.span);
    fits = scalar !== undefined && define(one, scalar) && fits;
  }
  return fits && unification.finish(site.span, declaration.name.name) ? locals : undefined;
}

/** What a function returned, of its result's type. */
function fitted(frame: Frame, { name, result }: ast.Fn, { value, span }: VertexReturn): VertexValue {
  if (value.kind === "poison") return poison;
  const subject = `the result of ${name.name}`;
  const compileTime = compileTimeTypeOf(result);
  if (compileTime && !(compileTime === "bool" && value.kind === "scalar")) {
    const fit = value.kind === "scalar" ? undefined : asCompileTime(value, compileTime);
    return fit ?? report(frame, value.kind === "scalar" ? "not-compile-time" : "type-mismatch", span, `${subject} is a compile-time ${compileTime}, and this is ${describeVertexValue(value)}`);
  }
  const type = resolveType(frame, result);
  if (!type) return poison;
  if (type.shape.length > 0) return report(frame, "not-supported", result.span, `a vertex computes on scalars, and ${subject} is a tensor`);
  const scalar = asScalar(frame, value, type.dtype, span);
  if (!scalar) return poison;
  if (scalar.dtype === type.dtype) return scalar;
  return report(frame, "dtype-mismatch", span, `${subject} is ${type.dtype}, and this is ${scalar.dtype}`, { help: `cast<${type.dtype}>(x) converts` });
}

/**
 * A function that takes and gives only what exists while a program is compiled is called as it is anywhere: its loops unfold.
 * Undefined for others, and where a scalar is given.
 */
export function callWhenCompiling(at: VertexFrame, { declaration: { parameters, result } }: FunctionBinding, site: VertexCall): Value | undefined {
  const compileTime = (type: ast.TypeExpression): boolean => isCompileTimeType(type) && compileTimeTypeOf(type) !== "bool";
  if (!parameters.every(({ type }) => compileTime(type)) || !compileTime(result)) return undefined;
  const values = site.args.map((arg) => vertexExpression(at, arg.value));
  if (values.some((value) => value.kind === "scalar")) return undefined;
  if (values.some((value) => value.kind === "poison")) return poison;
  return at.frame.session.rules.expression(knownFrame(at), { kind: "call", ...site });
}
