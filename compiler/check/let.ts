/** `let`, `var` and `const` in all their places: the value, fitted to the written type, and taken apart when there are several names. */
import type * as ast from "../syntax/ast.ts";
import { report, type Frame } from "./frame.ts";
import { written } from "./operators.ts";
import { recomputed } from "./recompute.ts";
import { coerce, type Written } from "./tensors.ts";
import { asCompileTime, compileTimeTypeOf, describeTupleType, elementsOf, elementTypes, resolveType } from "./types.ts";
import { describe, isCompileTime, poison, type Expected, type Value } from "./value.ts";

/** What a written type lets one expect. */
export function expectedOf(frame: Frame, type: ast.TypeExpression | undefined): Expected | undefined {
  if (!type || type.kind === "tuple-type" || compileTimeTypeOf(type)) return undefined;
  return resolveType(frame, type);
}

/** A value as a written type wants it; without a type, as it is. */
export function fitted(frame: Frame, value: Written, type: ast.TypeExpression | undefined, subject: string): Value {
  if (!type || value.value.kind === "poison") return value.value;
  if (type.kind === "tuple-type") {
    const elements = elementsOf(value.value);
    const types = elements && elementTypes(type, elements.length);
    if (!types) {
      return report(frame, "type-mismatch", value.span, `${subject} is ${describeTupleType(type)}, and this is ${describe(value.value)}`);
    }
    return { kind: "tuple", elements: elements.map((element, k) => fitted(frame, { value: element, span: value.span }, types[k], `element ${k} of ${subject}`)) };
  }
  const compileTime = compileTimeTypeOf(type);
  if (compileTime && !(compileTime === "bool" && value.value.kind === "tensor")) {
    const fit = asCompileTime(value.value, compileTime);
    if (fit) return fit;
    if (value.value.kind === "tensor") return report(frame, "not-compile-time", value.span, `${subject} is a compile-time ${compileTime}, and this is ${describe(value.value)}, known only at run time`);
    return report(frame, "type-mismatch", value.span, `${subject} is ${compileTime === "int" ? "an" : "a"} ${compileTime}, and this is ${describe(value.value)}`);
  }
  const resolved = resolveType(frame, type);
  return resolved ? coerce(frame, value, resolved, subject) : poison;
}

/** The values of the names, in order; poison for those that went wrong. That of a `const` is computed when compiling. */
export function declaredValues(frame: Frame, declaration: ast.Let | ast.Var | ast.Const): readonly Value[] {
  const { names, value: expression, type } = declaration;
  const subject = names.map((name) => name.name).join(", ");
  const elaborate = (): Value => declaration.kind === "const" ? frame.session.rules.expression({ ...frame, build: undefined }, expression) : frame.session.rules.expression(frame, expression, expectedOf(frame, type));
  const value = fitted(frame, written(expression, declaration.kind === "let" && declaration.recompute ? recomputed(frame, elaborate) : elaborate()), type, subject);
  if (!declaration.tuple) return [value];
  if (value.kind === "poison") return names.map(() => poison);
  if (value.kind !== "tuple") {
    report(frame, "type-mismatch", expression.span, `(${subject}) needs a tuple of ${names.length}, and this is ${describe(value)}`);
    return names.map(() => poison);
  }
  if (value.elements.length !== names.length) {
    report(frame, "type-mismatch", expression.span, `(${subject}) needs a tuple of ${names.length}, and this is one of ${value.elements.length}`);
    return names.map(() => poison);
  }
  return value.elements;
}

export const allCompileTime = (values: readonly Value[]): boolean => values.every(isCompileTime);
