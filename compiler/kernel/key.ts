/** Text that is equal for equal code. */
import { isInteger } from "../../runtime/dtype.ts";
import { unreachable } from "../support/bug.ts";
import type { Expression, Kernel } from "./kernel.ts";
import { visitExpressions } from "./walk.ts";

/**
 * Kernels with the same key are the same code: names and places in the source aside. `places`: whether places in the source
 * count, as they do where the kernel may trap, so that a trap names its own.
 */
export function kernelKey(kernel: Kernel, places = mayDivideByZero(kernel)): string {
  return JSON.stringify([kernel.buffers, kernel.locals, kernel.body, kernel.cycles, ...(places ? [kernel.origin] : [])], (name, value: unknown) => {
    if ((name === "origin" && !places) || name === "name") return undefined;
    if (typeof value === "bigint") return `${value}n`;
    if (typeof value === "number" && (Object.is(value, -0) || !Number.isFinite(value))) return Object.is(value, -0) ? "-0" : String(value);
    return value;
  });
}

function mayDivideByZero({ body }: Kernel): boolean {
  let may = false;
  visitExpressions(body, (one) => {
    may ||= dividesByPerhapsZero(one);
  });
  return may;
}

/** Whether it divides integers, by what is not known to be another number than 0. */
export const dividesByPerhapsZero = (one: Expression): boolean =>
  one.kind === "binary" && (one.op === "div" || one.op === "rem") && isInteger(one.dtype) && !(one.right.kind === "constant" && Number(one.right.value) !== 0);

/** What an expression is beside its operands. */
export function partKey(expression: Expression): string {
  return `${expression.kind} ${expression.dtype}x${expression.lanes} ${ownKey(expression)}`;
}

function ownKey(expression: Expression): string {
  switch (expression.kind) {
    case "constant": return Object.is(expression.value, -0) ? "-0" : `${expression.value}`;
    case "argument": return String(expression.index);
    case "local": return String(expression.local);
    case "load": return String(expression.buffer);
    case "unary": case "binary": case "reduce": case "multiplyAdd": return expression.op;
    case "call": return expression.function;
    case "lane": return String(expression.index);
    case "iota": case "splat": case "pack": case "select": case "cast": case "bitcast": return "";
    default: return unreachable(expression);
  }
}
