/** `c ? a : b` where the condition must be known when compiling: it chooses what is written, of values and of slices alike. */
import type * as ast from "../syntax/ast.ts";
import { report, type Frame } from "./frame.ts";
import { describe } from "./value.ts";

export type Conditional = Extract<ast.Expression, { kind: "conditional" }>;

/** The side that is chosen, not yet elaborated; undefined once reported. */
export function chosenSide(frame: Frame, { condition: written, then, otherwise }: Conditional): ast.Expression | undefined {
  const condition = frame.session.rules.expression(frame, written);
  if (condition.kind === "poison") return undefined;
  if (condition.kind === "tensor") return void report(frame, "not-compile-time", written.span, "the condition of `? :` must be known when compiling", { help: "select(condition, a, b) chooses at run time" });
  if (condition.kind !== "bool") return void report(frame, "type-mismatch", written.span, `a condition must be a bool, and this is ${describe(condition)}`);
  return condition.value ? then : otherwise;
}
