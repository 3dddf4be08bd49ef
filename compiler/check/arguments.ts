/** Which argument belongs to which parameter, by position and by name. */
import type * as ast from "../syntax/ast.ts";
import { closest } from "../support/suggest.ts";
import type { Span } from "../support/span.ts";
import { report, type Frame } from "./frame.ts";
import { asCompileTime, compileTimeTypeOf, describeTupleType, elementsOf, elementTypes } from "./types.ts";
import { describe, tuple, type Value } from "./value.ts";

/** Argument expressions by parameter name. */
export type Matched = ReadonlyMap<string, ast.Expression>;

/** Matches the arguments of a call with declared parameters; undefined once reported. */
export function matchArguments(frame: Frame, parameters: readonly ast.Parameter[], args: readonly ast.Argument[], span: Span, callee: string, declared: Span): Matched | undefined {
  const matched = new Map<string, ast.Expression>();
  const related = [{ span: declared, text: `${callee} is declared here` }];
  let failed = false;
  let position = 0;
  let named = false;
  for (const arg of args) {
    if (!arg.name) {
      if (named) {
        report(frame, "bad-argument", arg.span, "an argument by position cannot follow one by name");
        failed = true;
      }
      const parameter = parameters[position++];
      if (parameter) matched.set(parameter.name.name, arg.value);
      else if (position === parameters.length + 1) {
        report(frame, "bad-argument", arg.span, `${callee} takes ${parameters.length} argument${parameters.length === 1 ? "" : "s"}, and ${args.length} are given`, { related });
        failed = true;
      }
      continue;
    }
    named = true;
    const { name } = arg.name;
    if (!parameters.some((parameter) => parameter.name.name === name)) {
      const help = helpForParameter(name, parameters.map((parameter) => parameter.name.name));
      report(frame, "bad-argument", arg.name.span, `${callee} has no parameter ${name}`, { related, help });
      failed = true;
    } else if (matched.has(name)) {
      report(frame, "bad-argument", arg.name.span, `${name} is given twice to ${callee}`);
      failed = true;
    } else matched.set(name, arg.value);
  }
  const missing = failed ? [] : parameters.filter((parameter) => !parameter.default && !matched.has(parameter.name.name));
  if (missing.length > 0) {
    report(frame, "bad-argument", span, `${callee} needs ${missing.map((parameter) => parameter.name.name).join(", ")}`, { related });
    failed = true;
  }
  return failed ? undefined : matched;
}

/** For a parameter that a call names, and what is called has not. */
export function helpForParameter(name: string, parameters: readonly string[]): string {
  const meant = closest(name, parameters);
  if (meant !== undefined) return `did you mean ${meant}?`;
  return parameters.length === 0 ? "it has no parameters" : parameters.length === 1 ? `its only parameter is ${parameters[0]}` : `its parameters are ${parameters.join(", ")}`;
}

/** An argument as a parameter wants it whose type exists only when compiling; undefined once reported. `subject` names it in messages. */
export function fitCompileTime(frame: Frame, value: Value, type: ast.TypeExpression, span: Span, subject: string, declared: Span): Value | undefined {
  const related = [{ span: declared, text: "declared here" }];
  if (type.kind === "tuple-type") {
    const elements = elementsOf(value);
    const types = elements && elementTypes(type, elements.length);
    if (!types) return void report(frame, "type-mismatch", span, `${subject} is ${describeTupleType(type)}, and this is ${describe(value)}`, { related });
    const fit = elements.map((element, k) => fitCompileTime(frame, element, types[k]!, span, `element ${k} of ${subject}`, declared));
    return fit.every((element) => element !== undefined) ? tuple(fit) : undefined;
  }
  const compileTime = compileTimeTypeOf(type)!;
  return asCompileTime(value, compileTime)
    ?? void report(frame, value.kind === "tensor" ? "not-compile-time" : "type-mismatch", span, `${subject} is a compile-time ${compileTime}, and this is ${describe(value)}`, { related });
}
