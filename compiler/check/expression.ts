/** Expressions: which rule elaborates which form. */
import { isDType } from "../../runtime/dtype.ts";
import { formatType, type TensorType } from "../graph/graph.ts";
import type * as ast from "../syntax/ast.ts";
import { closest } from "../support/suggest.ts";
import { unreachable } from "../support/bug.ts";
import type { Span } from "../support/span.ts";
import { call, methodCall } from "./call.ts";
import { chosenSide, type Conditional } from "./choice.ts";
import { nested, report, type Frame } from "./frame.ts";
import { binaryExpression, nameOf, unaryExpression } from "./operators.ts";
import { typeOfName } from "./reference.ts";
import { describeBinding } from "./scope.ts";
import { index } from "./slice.ts";
import { letValue, readState } from "./states.ts";
import { bool, describe, float, hasPoison, int, intOf, poison, tuple, type Expected, type Value } from "./value.ts";

export function expression(frame: Frame, written: ast.Expression, expected?: Expected): Value {
  return nested(frame, written.span, () => elaborate(frame, written, expected), poison);
}

function elaborate(frame: Frame, written: ast.Expression, expected: Expected | undefined): Value {
  switch (written.kind) {
    case "number":
      if (written.isFloat) return float(Number(written.value));
      return intOf(BigInt(written.value)) ?? report(frame, "out-of-range", written.span, `${written.text} goes beyond 64 bits, in which compile-time ints are held`);
    case "string": return { kind: "string", value: written.value };
    case "bool": return bool(written.value);
    case "missing": return poison;
    case "identifier": return named(frame, written.name, written.span);
    case "member": return member(frame, written);
    case "tuple": return tuple(written.elements.map((element) => expression(frame, element, expected?.dtype ? { dtype: expected.dtype } : undefined)));
    case "range": return range(frame, written);
    case "unary": return unaryExpression(frame, written, expected);
    case "binary": return binaryExpression(frame, written, expected);
    case "conditional": return conditional(frame, written, expected);
    case "call": return call(frame, written, expected);
    case "method": return methodCall(frame, written, expected);
    case "index": {
      const base = expression(frame, written.base, expected?.dtype ? { dtype: expected.dtype } : undefined);
      return index(frame, base, written.items, written.span, nameOf(written.base) ?? describe(base));
    }
    default: return unreachable(written);
  }
}

/** The value of a name in scope. */
export function named(frame: Frame, name: string, span: Span): Value {
  const binding = frame.scope.lookup(name);
  if (!binding && isDType(name)) return { kind: "dtype", value: name };
  if (!binding) {
    const meant = closest(name, frame.scope.visible());
    return report(frame, "unknown-name", span, `nothing is called ${name} here`, meant === undefined ? {} : { help: `did you mean ${meant}?` });
  }
  switch (binding.kind) {
    case "value": return binding.value;
    case "variable": return binding.variable.value;
    case "lazy": return binding.force();
    case "state": return readState(frame, name, binding, span);
    case "graph-let": return letValue(frame, name, binding, span);
    case "poison": return poison;
    case "reference": return report(frame, "not-compile-time", span, `${name} is a slice of a tensor, known only at run time`);
    case "run-time": return report(frame, "not-compile-time", span, `${name} is ${formatType(binding.type)}, known only at run time`);
    case "function": case "ops": case "builtin": case "vertex": case "program": case "compute-set":
      return report(frame, "type-mismatch", span, `${describeBinding(name, binding)} is no value`, {
        help: binding.kind === "program" ? `\`call ${name};\` runs it` : binding.kind === "compute-set" ? `\`execute ${name};\` runs it` : binding.kind === "vertex" ? "a compute set places it" : `${name}(…) calls it`,
      });
    default: return unreachable(binding);
  }
}

/** `conv1.w`, or `x.shape`. */
function member(frame: Frame, written: Extract<ast.Expression, { kind: "member" }>): Value {
  const dotted = nameOf(written);
  if (dotted !== undefined && frame.scope.lookup(dotted)) return named(frame, dotted, written.span);
  const root = dotted?.slice(0, dotted.lastIndexOf("."));
  if (root !== undefined && !frame.scope.lookup(root)) {
    const meant = closest(dotted!, frame.scope.visible());
    return report(frame, "unknown-name", written.span, `nothing is called ${dotted} here`, meant === undefined ? {} : { help: `did you mean ${meant}?` });
  }
  const known = typeOfName(frame, root);
  const ofKnown = known && tensorMember(known, written.name.name);
  if (ofKnown) return ofKnown;
  if (known) return noMember(frame, written.name, known);
  const object = expression(frame, written.object);
  if (object.kind === "poison") return poison;
  const ofTensor = object.kind === "tensor" ? tensorMember(object.type, written.name.name) : undefined;
  if (ofTensor) return ofTensor;
  if (object.kind === "tensor") return noMember(frame, written.name, object.type);
  return report(frame, "unknown-name", written.name.span, `${describe(object)} has no member ${written.name.name}`);
}

const noMember = (frame: Frame, { name, span }: ast.Identifier, type: TensorType): Value =>
  report(frame, "unknown-name", span, `${formatType(type)} has no member ${name}`, { help: name === "T" ? "transpose(x) reverses the dimensions" : "a tensor has shape and dtype" });

function tensorMember({ shape, dtype }: TensorType, name: string): Value | undefined {
  if (name === "shape") return tuple(shape.map(int));
  return name === "dtype" ? { kind: "dtype", value: dtype } : undefined;
}

function range(frame: Frame, written: Extract<ast.Expression, { kind: "range" }>): Value {
  const start = expression(frame, written.start);
  const end = expression(frame, written.end);
  if (hasPoison(start) || hasPoison(end)) return poison;
  for (const [value, side] of [[start, written.start], [end, written.end]] as const) {
    if (value.kind === "tensor") return report(frame, "not-compile-time", side.span, "the ends of a range must be known when compiling", { help: "`repeat` and `while` count at run time" });
    if (value.kind !== "int") return report(frame, "type-mismatch", side.span, `the ends of a range must be ints, and this is ${describe(value)}`);
  }
  return { kind: "range", start: (start as { value: number }).value, end: (end as { value: number }).value };
}

function conditional(frame: Frame, written: Conditional, expected: Expected | undefined): Value {
  const side = chosenSide(frame, written);
  return side ? expression(frame, side, expected) : poison;
}
