/** Variables of programs and functions: what may be assigned, and what a run-time region changed. */
import { formatType } from "../graph/graph.ts";
import type { Span } from "../support/span.ts";
import { callDepth, report, type Build, type Frame } from "./frame.ts";
import { describeBinding, spanOf, type Variable } from "./scope.ts";
import { cellOf } from "./states.ts";
import { coerce, type Written } from "./tensors.ts";
import { closest } from "../support/suggest.ts";
import { describe, isNumber, type Value } from "./value.ts";

/** The variable a name stands for, if it may be assigned here; undefined once reported. */
export function assignable(frame: Frame, name: string, span: Span): Variable | undefined {
  const binding = frame.scope.lookup(name);
  if (!binding) {
    const meant = closest(name, frame.scope.visible());
    return void report(frame, "unknown-name", span, `nothing is called ${name} here`, { help: meant === undefined ? `\`var ${name} = …;\` declares it` : `did you mean ${meant}?` });
  }
  const refuse = (help?: string): undefined => {
    const at = spanOf(binding);
    return void report(frame, "not-assignable", span, `${describeBinding(name, binding)} cannot be assigned`, {
      ...(help === undefined ? {} : { help }), related: at ? [{ span: at, text: "declared here" }] : [],
    });
  };
  switch (binding.kind) {
    case "poison": return undefined;
    case "variable":
      if (binding.variable.call < callDepth(frame)) return refuse("a function gives its result back; it changes nothing outside of it");
      return binding.variable;
    case "state": {
      if (binding.role === "in" || binding.role === "param") return refuse(`copy it first: var ${name.replaceAll(".", "_")}_now = ${name};`);
      if (binding.role === "stream out") return refuse(`send(${name}, value); sends an element`);
      if (binding.role === "stream in") return refuse();
      if (callDepth(frame) > 0) return refuse("a function gives its result back; it changes nothing outside of it");
      return frame.build && cellOf(frame, frame.build, name, binding, span);
    }
    case "value":
      return refuse(binding.what === "let" ? `declare it with var: var ${name} = …;` : undefined);
    case "graph-let": return refuse(`declare it with var: var ${name}: … = …;`);
    case "lazy": case "function": case "ops": case "builtin": case "vertex": case "program": case "compute-set": case "reference": case "run-time": return refuse();
  }
}

/** Gives a variable a new value of the type it has. */
export function assign(frame: Frame, build: Build, variable: Variable, written: Written): void {
  const value = fittedTo(frame, build, variable, written);
  if (value.kind === "poison") return;
  if (!build.assigned.has(variable)) build.assigned.set(variable, variable.value);
  variable.value = value;
}

function fittedTo(frame: Frame, build: Build, variable: Variable, written: Written): Value {
  const old = variable.value;
  const { value } = written;
  if (old.kind === "poison" || value.kind === "poison") return value;
  const related = [{ span: variable.span, text: "declared here" }];
  if (old.kind === "tensor") return coerce(frame, written, old.type, variable.name, related);
  if (value.kind === "tensor") {
    return report(frame, "not-compile-time", written.span, `${variable.name} is a compile-time ${old.kind}, and this is ${formatType(value.type)}`, { related, help: `var ${variable.name}: ${formatType(value.type)} = …; makes it a tensor` });
  }
  if (variable.region < build.region) {
    return report(frame, "not-compile-time", written.span, `${variable.name} is a compile-time ${old.kind}; a loop or branch that is decided at run time cannot change it`, { related, help: `var ${variable.name}: i32 = …; makes it a tensor` });
  }
  if (old.kind === "float" && isNumber(value)) return { kind: "float", value: Number(value.value) };
  const kind = (one: Value): string => (one.kind === "wide" ? "int" : one.kind);
  if (kind(old) !== kind(value)) return report(frame, "type-mismatch", written.span, `${variable.name} is a compile-time ${old.kind}, and this is ${describe(value)}`, { related });
  return value;
}
