/**
 * Kernels with the same key are the same code: names and places in the source aside. Places count where the kernel may trap, so
 * that a trap names its own.
 */
import { isInteger } from "../../runtime/dtype.ts";
import type { Kernel } from "./kernel.ts";
import { visitExpressions } from "./walk.ts";

/** `places`: whether places in the source count. */
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
    if (one.kind === "binary" && (one.op === "div" || one.op === "rem") && isInteger(one.dtype) && !(one.right.kind === "constant" && Number(one.right.value) !== 0)) may = true;
  });
  return may;
}
