import { describe, expect, it } from "vitest";
import type { DType } from "../../../runtime/dtype.ts";
import { nowhere } from "../../support/span.ts";
import { binary, cast, constant, i32, KernelBuilder, select, unary } from "../build.ts";
import type { Expression, Kernel } from "../kernel.ts";
import { runBoth, testContext } from "../testing/run-both.ts";
import { verifyKernel } from "../verify.ts";
import { vectorise } from "./vectorise.ts";

const widened = (kernel: Kernel): Kernel => {
  const result = vectorise.run(kernel, testContext);
  verifyKernel(result);
  return result;
};

const hasVectors = (kernel: Kernel): boolean => kernel.locals.some(({ lanes }) => lanes > 1);

interface Options {
  readonly dtype: DType;
  readonly n: number;
  readonly known?: boolean;
  /** What is stored of a total. */
  store?(total: Expression): Expression;
}

/** y[i, k] = store(1 + Σ x[i, …k] · 2) */
function sums({ dtype, n, known = true, store = (total) => total }: Options): Kernel {
  const builder = new KernelBuilder("sums", nowhere);
  const x = builder.buffer({ name: "x", dtype, shape: [3, n], access: "in" });
  const y = builder.buffer({ name: "y", dtype: store(constant(dtype, 0)).dtype, shape: [3, n], access: "out" });
  const end = known ? i32(n) : builder.let("end", i32(n));
  builder.for({ end: i32(3), name: "i" }, (i) => {
    const total = builder.let("total", constant(dtype, 1));
    builder.for({ end, name: "k" }, (k) => {
      builder.set(total, binary("add", binary("mul", builder.load(x, [i, k]), constant(dtype, 2)), total));
      builder.store(y, [i, k], store(total));
    });
    builder.store(y, [i, i32(0)], store(total));
  });
  return builder.finish();
}

describe("running sums", () => {
  it("are made four at a time: integers to the bit, floats to rounding, and what comes after them sees the whole", () => {
    for (const dtype of ["i32", "u32", "f32"] as const) for (const n of [16, 17, 18, 35, 64]) for (const known of [true, false]) {
      const kernel = sums({ dtype, n, known, store: (total) => binary("mul", total, constant(dtype, 3)) });
      const after = widened(kernel);
      expect(hasVectors(after)).toBe(true);
      for (const [before, now] of runBoth(kernel, after, n)) {
        if (dtype !== "f32") expect(now).toEqual(before);
        else before.forEach((value, at) => expect(Math.abs(Number(now[at]) - Number(value))).toBeLessThan(1e-4 * (1 + Math.abs(Number(value)))));
      }
    }
  });

  it("are stored as 16-bit floats too", () => {
    const kernel = sums({ dtype: "f32", n: 40, store: (total) => cast("f16", total) });
    const after = widened(kernel);
    expect(hasVectors(after)).toBe(true);
    for (const [before, now] of runBoth(kernel, after, 2)) before.forEach((value, at) => expect(Math.abs(Number(now[at]) - Number(value))).toBeLessThan(2e-3 * (1 + Math.abs(Number(value)))));
  });

  it("have the order that is written down", () => {
    const kernel = sums({ dtype: "f32", n: 16 });
    const [x, results] = runBoth(kernel, widened(kernel), 5).map(([, after]) => after as readonly number[]) as [readonly number[], readonly number[]];
    const f = Math.fround;
    let total = 1;
    for (let k = 0; k < 16; k += 4) {
      const [a, b, c, d] = x.slice(k, k + 4).map((value) => f(2 * value)) as [number, number, number, number];
      const parts = [a, f(a + b), f(f(a + b) + c), f(f(a + b) + f(c + d))];
      // The first element is stored again, with the last total.
      parts.forEach((part, at) => k + at > 0 && expect(results[k + at]).toBe(f(total + part)));
      total = f(total + parts[3]!);
    }
    expect(results[0]).toBe(total);
  });

  it("stay as they are where a total is used before it is summed, or rows are short", () => {
    expect(hasVectors(widened(sums({ dtype: "f32", n: 15 })))).toBe(false);
    const builder = new KernelBuilder("before", nowhere);
    const x = builder.buffer({ name: "x", dtype: "f32", shape: [40], access: "in" });
    const y = builder.buffer({ name: "y", dtype: "f32", shape: [40], access: "out" });
    const total = builder.let("total", constant("f32", 0));
    builder.for({ end: i32(40) }, (k) => {
      builder.store(y, [k], total);
      builder.set(total, binary("add", total, builder.load(x, [k])));
    });
    expect(hasVectors(widened(builder.finish()))).toBe(false);
  });
});

/** Some of the numbers as infinities, NaN and zeros of either sign. */
function withEnds(value: Expression): Expression {
  const [size, far] = [unary("abs", value), binary("mul", binary("mul", value, constant("f32", 3e38)), constant("f32", 3e38))];
  const beyond = (limit: number): Expression => binary("gt", size, constant("f32", limit));
  return select(beyond(3.9), binary("sub", far, far), select(beyond(3.5), far, select(beyond(1), value, unary("trunc", value))));
}

describe("running extremes", () => {
  /** y[i, k] = op(start, x[i, 0], …, x[i, k]), and at the end of each row the whole at its first place. */
  function extremes(op: "max" | "min", dtype: DType, n: number, start: number): Kernel {
    const builder = new KernelBuilder("extremes", nowhere);
    const x = builder.buffer({ name: "x", dtype, shape: [3, n], access: "in" });
    const y = builder.buffer({ name: "y", dtype, shape: [3, n], access: "out" });
    builder.for({ end: i32(3), name: "i" }, (i) => {
      const total = builder.let("total", constant(dtype, start));
      builder.for({ end: i32(n), name: "k" }, (k) => {
        const value = builder.load(x, [i, k]);
        builder.set(total, binary(op, total, dtype === "f32" ? withEnds(value) : value));
        builder.store(y, [i, k], total);
      });
      builder.store(y, [i, i32(0)], total);
    });
    return builder.finish();
  }

  it("are made four at a time, to the bit, NaN and zeros too", () => {
    for (const op of ["max", "min"] as const) for (const dtype of ["i32", "u32", "f32"] as const) for (const n of [16, 19, 64]) for (const start of dtype === "f32" ? [0, -Infinity, Infinity, 2] : [7]) for (let seed = 0; seed < 6; seed++) {
      const kernel = extremes(op, dtype, n, start);
      const after = widened(kernel);
      expect(hasVectors(after)).toBe(true);
      for (const [before, now] of runBoth(kernel, after, n + seed)) expect(now).toEqual(before);
    }
  });
});
