/** Reading ahead keeps every bit, and happens only where it is worth it and allowed. */
import { describe, expect, it } from "vitest";
import type { DType } from "../../../runtime/dtype.ts";
import type { PassContext } from "../../support/pass.ts";
import { nowhere } from "../../support/span.ts";
import { binary, cast, constant, i32, KernelBuilder, unary } from "../build.ts";
import type { Expression, Kernel } from "../kernel.ts";
import { runBoth, testContext } from "../testing/run-both.ts";
import { verifyKernel } from "../verify.ts";
import { visitStatements } from "../walk.ts";
import { optimiseKernel } from "./index.ts";
import { readAhead } from "./read-ahead.ts";

const alone: PassContext = { ...testContext, target: { ...testContext.target, memory: "private" } };

interface Rows {
  readonly rows: number;
  readonly width: number;
  readonly dtype: DType;
  readonly op: "max" | "add";
  /** What the first reduction reads beside the row. */
  readonly beside?: (kernel: KernelBuilder) => Expression;
  /** How many elements the second reduction takes. */
  readonly second?: number;
}

/** Each row less its largest element, or its sum, and then divided by the sum of its distances. */
function normalised({ rows, width, dtype, op, beside, second = width }: Rows): Kernel {
  const kernel = new KernelBuilder("normalised", nowhere);
  const f32 = (value: number): Expression => constant("f32", value);
  const x = kernel.buffer({ name: "x", dtype, shape: [rows, width], access: "in" });
  const y = kernel.buffer({ name: "y", dtype: "f32", shape: [rows, width], access: "out" });
  kernel.for({ end: i32(rows), parallel: true }, (r) => {
    const element = (j: Expression): Expression => cast("f32", kernel.load(x, [r, j]));
    const other = beside?.(kernel);
    const first = kernel.let("first", f32(-4));
    kernel.for({ end: i32(width) }, (j) => kernel.set(first, binary(op, first, other === undefined ? element(j) : binary("mul", element(j), other))));
    kernel.set(first, binary("mul", first, f32(0.5)));
    const distances = kernel.let("distances", f32(1));
    kernel.for({ end: i32(second) }, (j) => {
      const distance = kernel.let("distance", unary("abs", binary("sub", element(j), first)));
      kernel.store(y, [r, j], distance);
      kernel.set(distances, binary("add", distances, distance));
    });
    kernel.for({ end: i32(width), parallel: true }, (j) => kernel.store(y, [r, j], binary("div", binary("sub", element(j), first), distances)));
  });
  return kernel.finish();
}

const loopsOver = (kernel: Kernel, name: string): number => {
  let count = 0;
  visitStatements(kernel.body, (statement) => {
    if (statement.kind === "set" && kernel.locals[statement.local]!.name.startsWith(name)) count++;
  });
  return count;
};

/** As many bytes as are read ahead. */
const large: Rows = { rows: 1024, width: 128, dtype: "f32", op: "max" };

describe("read-ahead", () => {
  it.each([["the largest elements", large], ["sums", { ...large, op: "add" }], ["sums of 16-bit floats", { ...large, rows: 2048, dtype: "f16", op: "add" }]] as const)("keeps every bit of %s, widened or not", (_, rows) => {
    const kernel = normalised(rows);
    const ahead = readAhead.run(kernel, testContext);
    verifyKernel(ahead);
    expect(ahead).not.toEqual(kernel);
    for (const [before, after] of runBoth(kernel, ahead, 3)) expect(after).toEqual(before);
    const [apart, together] = [optimiseKernel(kernel, alone).kernel, optimiseKernel(kernel, testContext).kernel];
    expect(loopsOver(together, "first")).not.toBe(loopsOver(apart, "first"));
    for (const [before, after] of runBoth(apart, together, 4)) expect(after).toEqual(before);
  });

  it.each([
    ["small rows", { ...large, rows: 1000 }],
    ["short rows", { ...large, rows: 2048, width: 64 }],
    ["rows whose reduction needs a value of the row", { ...large, beside: (kernel: KernelBuilder) => kernel.let("factor", constant("f32", 2)) }],
    ["rows without a second reduction of the same length", { ...large, second: 100 }],
  ] as const)("leaves %s", (_, rows) => {
    const kernel = normalised(rows);
    expect(readAhead.run(kernel, testContext)).toEqual(kernel);
  });

  it("leaves kernels of tiles with memories of their own, whose threads share the rows", () => {
    const kernel = normalised(large);
    expect(readAhead.run(kernel, alone)).toBe(kernel);
  });
});
