/** Calls of functions written in .gph: arguments are bound, generics unified with their types and with the expected result, the body inlined. */
import { isDType, type DType } from "../../runtime/dtype.ts";
import { formatType } from "../graph/graph.ts";
import type * as ast from "../syntax/ast.ts";
import type { Span } from "../support/span.ts";
import type { CallSite } from "./call.ts";
import { matchArguments, type Matched } from "./arguments.ts";
import { callDepth, nested, report, spend, type Call, type Frame, type Returned } from "./frame.ts";
import { expectedOf, fitted } from "./let.ts";
import { callCost, maxCallDepth } from "./limits.ts";
import { written } from "./operators.ts";
import { recomputed } from "./recompute.ts";
import { Scope, type FunctionBinding } from "./scope.ts";
import { asTensor, coerce, defaultDType, type Written } from "./tensors.ts";
import { asCompileTime, compileTimeTypeOf, converted, describeTupleType, elementsOf, elementTypes, resolveType, Unification } from "./types.ts";
import { describe, helpForTuple, hasPoison, isScalarConstant, poison, type Expected, type Value } from "./value.ts";

export function callFunction(frame: Frame, binding: FunctionBinding, site: CallSite, expected: Expected | undefined): Value {
  return nested(frame, site.span, () => inline(frame, binding, site, expected), poison);
}

function inline(frame: Frame, binding: FunctionBinding, site: CallSite, expected: Expected | undefined): Value {
  const { declaration } = binding;
  const name = declaration.name.name;
  if (callDepth(frame) >= maxCallDepth) return report(frame, "limit-exceeded", site.span, `calls of ${name} are nested more than ${maxCallDepth} deep`, { help: "functions are unfolded when compiling: a recursion must end at compile time" });
  if (!spend(frame, site.span, callCost)) return poison;
  const matched = matchArguments(frame, declaration.parameters, site.args, site.span, name, declaration.name.span);
  if (!matched) return poison;

  const scope = new Scope(binding.scope);
  const unification = new Unification({ ...frame, scope }, declaration.generics);
  if (!bindTypeArguments(frame, unification, site, name)) return poison;
  const values = evaluateArguments(frame, unification, declaration.parameters, matched);
  if (!values || !bindParameters(frame, unification, declaration, values, site, expected)) return poison;

  const before = frame.session.reporter.errors;
  const call: Call = { name, span: site.span, depth: callDepth(frame) + 1, region: frame.build?.region ?? 0, expected: undefined, outer: frame.call };
  const result = expectedOf({ ...frame, scope, build: undefined, call }, declaration.result);
  if (frame.session.reporter.errors > before) return poison;
  const inner: Frame = { ...frame, scope, call: { ...call, expected: result } };
  const returned = declaration.recompute ? recomputedBody(inner, declaration) : frame.session.rules.statements(inner, declaration.body);
  if (!returned) {
    return frame.session.spent.exhausted || frame.session.reporter.errors > before ? poison : report(inner, "type-mismatch", declaration.name.span, `${name} ends without a return`);
  }
  return fitted(inner, returned, declaration.result, `the result of ${name}`);
}

/** The body of an `@recompute fn`. */
function recomputedBody(frame: Frame, { body }: ast.Fn): Returned | undefined {
  let span: Span | undefined;
  const value = recomputed(frame, () => {
    const returned = frame.session.rules.statements(frame, body);
    span = returned?.span;
    return returned?.value;
  });
  return value && span ? { value, span } : undefined;
}

/** `f<f32, n>(…)`: generics in the order they are declared. */
export function bindTypeArguments(frame: Frame, unification: Unification, site: Pick<CallSite, "typeArgs">, name: string): boolean {
  const generics = [...unification.generics.values()];
  if (site.typeArgs.length > generics.length) {
    report(frame, "bad-argument", site.typeArgs[generics.length]!.span, `${name} takes ${generics.length} generic${generics.length === 1 ? "" : "s"}, and ${site.typeArgs.length} are given`);
    return false;
  }
  for (const [k, argument] of site.typeArgs.entries()) {
    const generic = generics[k]!;
    if (argument.kind === "tuple-type" || argument.dimensions) {
      report(frame, "bad-argument", argument.span, `${generic.name.name} of ${name} takes a dtype or a dimension`);
      return false;
    }
    const text = argument.name.name;
    if (isDType(text)) {
      if (!unification.bindDType(generic.name.name, text, argument.span, text)) return false;
      continue;
    }
    const value = frame.session.rules.expression({ ...frame, build: undefined }, argument.name);
    if (value.kind === "poison") return false;
    if (value.kind === "dtype") {
      if (!unification.bindDType(generic.name.name, value.value, argument.span, text)) return false;
    } else if (value.kind === "int" || value.kind === "tuple") unification.bind(generic.name.name, value, argument.span, text);
    else {
      report(frame, "bad-argument", argument.span, `${generic.name.name} of ${name} takes a dtype or a dimension, and this is ${describe(value)}`);
      return false;
    }
  }
  return true;
}

/** The dtype a parameter's type names, as far as it is known yet. */
export function knownDType(unification: Unification, type: ast.TypeExpression): DType | undefined {
  if (type.kind !== "named-type") return undefined;
  if (isDType(type.name.name)) return type.name.name;
  const bound = unification.frame.scope.lookup(type.name.name);
  return bound?.kind === "value" && bound.value.kind === "dtype" ? bound.value.value : undefined;
}

/** Elaborates the arguments in the caller's surroundings, defaults in the function's. Undefined when one is poison. */
function evaluateArguments(frame: Frame, unification: Unification, parameters: readonly ast.Parameter[], matched: Matched): Map<ast.Parameter, Written> | undefined {
  const values = new Map<ast.Parameter, Written>();
  /** Dtypes of earlier arguments by the generic that names them: a wish for later ones. */
  const learned = new Map<string, DType>();
  let failed = false;
  for (const parameter of parameters) {
    const given = matched.get(parameter.name.name);
    const generic = parameter.type.kind === "named-type" && !compileTimeTypeOf(parameter.type) ? parameter.type.name.name : undefined;
    const dtype = generic === undefined ? undefined : knownDType(unification, parameter.type) ?? learned.get(generic);
    const expression = given ?? parameter.default;
    if (!expression) continue;
    const value = written(expression, frame.session.rules.expression(given ? frame : unification.frame, expression, dtype ? { dtype } : undefined));
    failed ||= hasPoison(value.value);
    values.set(parameter, value);
    if (generic !== undefined && value.value.kind === "tensor" && !learned.has(generic)) learned.set(generic, value.value.type.dtype);
    // Compile-time parameters are in scope for later defaults and for types.
    const compileTime = compileTimeTypeOf(parameter.type);
    if (compileTime && !hasPoison(value.value)) {
      const fit = asCompileTime(value.value, compileTime);
      if (fit) unification.frame.scope.define(parameter.name.name, { kind: "value", value: fit, span: parameter.name.span, what: "parameter" });
    }
  }
  return failed ? undefined : values;
}

/** Fits every argument to its parameter, tensors first, then constants (whose dtype may come from a generic a tensor has bound), then the wish for the result. */
function bindParameters(
  frame: Frame, unification: Unification, declaration: ast.Fn, values: ReadonlyMap<ast.Parameter, Written>, site: CallSite, expected: Expected | undefined,
): boolean {
  const name = declaration.name.name;
  const define = (parameter: ast.Parameter, value: Value): void =>
    unification.frame.scope.define(parameter.name.name, { kind: "value", value, span: parameter.name.span, what: "parameter" });
  const late: (() => boolean)[] = [];
  let fits = true;

  const fit = (type: ast.TypeExpression, value: Written, subject: string): boolean => {
    const compileTime = compileTimeTypeOf(type);
    if (compileTime && !(compileTime === "bool" && value.value.kind === "tensor")) {
      if (asCompileTime(value.value, compileTime)) return true;
      const atRunTime = value.value.kind === "tensor";
      report(frame, atRunTime ? "not-compile-time" : "type-mismatch", value.span, `${subject} is a compile-time ${compileTime}, and this is ${describe(value.value)}`, { related: [{ span: type.span, text: "declared here" }] });
      return false;
    }
    if (type.kind === "tuple-type") {
      const elements = elementsOf(value.value);
      const types = elements && elementTypes(type, elements.length);
      if (types) {
        return elements.map((element, k) => fit(types[k]!, { value: element, span: value.span }, `element ${k} of ${subject}`)).every(Boolean);
      }
      report(frame, "type-mismatch", value.span, `${subject} is ${describeTupleType(type)}, and this is ${describe(value.value)}`, { related: [{ span: type.span, text: "declared here" }] });
      return false;
    }
    if (value.value.kind === "tensor") return unification.unify(type, value.value.type, value.span, value.name ?? subject);
    if (isScalarConstant(value.value)) return true;
    const help = helpForTuple(value.value);
    report(frame, "type-mismatch", value.span, `${subject} is a tensor, and this is ${describe(value.value)}`, { related: [{ span: type.span, text: "declared here" }], ...(help === undefined ? {} : { help }) });
    return false;
  };

  for (const [parameter, value] of values) {
    if (!fit(parameter.type, value, parameter.name.name)) {
      fits = false;
      continue;
    }
    if (!compileTimeTypeOf(parameter.type) && isScalarConstant(value.value)) late.push(() => constantFits(frame, unification, parameter, value, define));
    else define(parameter, converted(value.value, parameter.type));
  }
  if (!fits) return false;
  unification.hint(declaration.result, expected?.dtype, expected?.shape);
  for (const step of late) fits = step() && fits;
  if (!fits || !unification.finish(site.span, name)) return false;
  return true;
}

/** A number given for a tensor parameter becomes a scalar, or fills the shape when the other arguments have fixed it. */
function constantFits(
  frame: Frame, unification: Unification, parameter: ast.Parameter, value: Written, define: (parameter: ast.Parameter, value: Value) => void,
): boolean {
  const dtype = knownDType(unification, parameter.type) ?? defaultDType(value.value);
  const scalar = asTensor(frame, value, dtype);
  if (scalar.kind !== "tensor") return false;
  const dimensions = parameter.type.kind === "named-type" ? (parameter.type.dimensions ?? []) : [];
  const open = dimensions.some((dimension) => {
    const name = dimension.kind === "identifier" ? dimension.name : dimension.kind === "spread" ? dimension.name.name : undefined;
    return name !== undefined && unification.generics.has(name) && !unification.isBound(name);
  });
  if (dimensions.length === 0 || open) {
    if (!unification.unify(parameter.type, scalar.type, value.span, parameter.name.name)) return false;
    define(parameter, scalar);
    return true;
  }
  if (!unification.unify({ kind: "named-type", name: (parameter.type as Extract<ast.TypeExpression, { kind: "named-type" }>).name, span: parameter.type.span }, scalar.type, value.span, parameter.name.name)) return false;
  const type = resolveType(unification.frame, parameter.type);
  if (!type) return false;
  const filled = coerce(frame, { ...value, value: scalar }, type, `${parameter.name.name} (${formatType(type)})`);
  if (filled.kind !== "tensor") return false;
  define(parameter, filled);
  return true;
}
