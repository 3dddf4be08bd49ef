/** Kernels with the same key are the same code: names and places in the source aside. */
import type { Kernel } from "./kernel.ts";

export function kernelKey(kernel: Kernel): string {
  return JSON.stringify([kernel.buffers, kernel.locals, kernel.body, kernel.cycles], (name, value: unknown) => {
    if (name === "origin" || name === "name") return undefined;
    if (typeof value === "bigint") return `${value}n`;
    if (typeof value === "number" && (Object.is(value, -0) || !Number.isFinite(value))) return Object.is(value, -0) ? "-0" : String(value);
    return value;
  });
}
