/** Calls: whom a call means. Functions are inlined (function-call.ts), ops bound to their signatures (op-call.ts), built-ins have their own rules. */
import { isDType } from "../../runtime/dtype.ts";
import type * as ast from "../syntax/ast.ts";
import { closest } from "../support/suggest.ts";
import { unreachable } from "../support/bug.ts";
import type { Span } from "../support/span.ts";
import { builtin } from "./builtins.ts";
import { report, type Frame } from "./frame.ts";
import { callFunction } from "./function-call.ts";
import { callOp } from "./op-call.ts";
import { nameOf } from "./operators.ts";
import { otherName, reasonWithout } from "./other-names.ts";
import { describeBinding, spanOf } from "./scope.ts";
import { poison, type Expected, type Value } from "./value.ts";

/** A call as both forms write it: `f(x, y)` and `x.f(y)`. */
export interface CallSite {
  readonly callee: ast.Identifier;
  readonly typeArgs: readonly ast.TypeExpression[];
  readonly args: readonly ast.Argument[];
  readonly span: Span;
}

export const call = (frame: Frame, site: CallSite, expected: Expected | undefined): Value => dispatch(frame, site, expected);

/** `x.f(y)` is `f(x, y)`. */
export function methodCall(frame: Frame, written: Extract<ast.Expression, { kind: "method" }>, expected: Expected | undefined): Value {
  // In np.sum(x) what np is has been told, and it is no argument.
  if (isUnknown(frame, written.receiver)) return frame.session.rules.expression(frame, written.receiver, undefined);
  const receiver: ast.Argument = { value: written.receiver, span: written.receiver.span };
  return dispatch(frame, { callee: written.name, typeArgs: written.typeArgs, args: [receiver, ...written.args], span: written.span }, expected);
}

/** Whether an expression is a name that nothing has, or a member of one. */
function isUnknown(frame: Frame, written: ast.Expression): boolean {
  if (written.kind === "member") return isUnknown(frame, written.object) && frame.scope.lookup(nameOf(written)!) === undefined;
  return written.kind === "identifier" && !isDType(written.name) && frame.scope.lookup(written.name) === undefined;
}

function dispatch(frame: Frame, site: CallSite, expected: Expected | undefined): Value {
  const { name, span } = site.callee;
  const binding = frame.scope.lookup(name);
  if (!binding) {
    if (isDType(name)) return castByName(frame, site, expected);
    return unknownFunction(frame, name, span);
  }
  switch (binding.kind) {
    case "function": return callFunction(frame, binding, site, expected);
    case "ops": return callOp(frame, binding.call, binding.module, site, expected);
    case "builtin": return builtin(frame, binding.name, site, expected);
    case "poison": return poison;
    case "value":
      if (binding.value.kind === "poison") return poison;
      if (binding.value.kind === "dtype") return castByName(frame, site, expected);
      return notCallable();
    case "variable": case "state": case "graph-let": case "lazy": case "vertex": case "program": case "compute-set": case "reference": case "run-time": return notCallable();
    default: return unreachable(binding);
  }

  function notCallable(): Value {
    const at = spanOf(binding!);
    const hidden = frame.session.calls.has(name) || frame.session.moduleOf(name) !== undefined;
    const help = binding!.kind === "program" ? `\`call ${name};\` runs it` : binding!.kind === "compute-set" ? `\`execute ${name};\` runs it` : binding!.kind === "vertex" ? "a compute set places it" : undefined;
    return report(frame, "type-mismatch", span, `${describeBinding(name, binding!)} cannot be called`, {
      ...(at ? { related: [{ span: at, text: "declared here" }] } : {}), ...(hidden ? { help: `it hides the library's ${name} here: give it another name` } : help === undefined ? {} : { help }),
    });
  }
}

/** `f32(x)` is `cast<f32>(x)`. */
function castByName(frame: Frame, site: CallSite, expected: Expected | undefined): Value {
  const type: ast.TypeExpression = { kind: "named-type", name: site.callee, span: site.callee.span };
  return callOp(frame, "cast", "core", { ...site, typeArgs: [type] }, expected);
}

export function unknownFunction(frame: Frame, name: string, span: Span): Value {
  const help = helpForFunction(frame, name);
  return report(frame, "unknown-name", span, `no function is called ${name} here`, help === undefined ? {} : { help });
}

/** What the name is elsewhere, or why it is nothing here; where it is imported from; or the nearest name, of this scope first. */
function helpForFunction(frame: Frame, name: string): string | undefined {
  const [known, reason, module] = [otherName(name), reasonWithout(name), frame.session.moduleOf(name)];
  if (known !== undefined) return `${known} does it`;
  if (reason !== undefined) return reason;
  if (module !== undefined) return `import { ${name} } from "${module}";`;
  const callable = [...frame.scope.visible()].filter((candidate) => ["function", "ops", "builtin"].includes(frame.scope.lookup(candidate)!.kind));
  const meant = closest(name, [...callable, ...frame.session.libraryNames()]);
  if (meant === undefined) return undefined;
  return callable.includes(meant) ? `did you mean ${meant}?` : `did you mean ${meant}? import { ${meant} } from "${frame.session.moduleOf(meant)}";`;
}
