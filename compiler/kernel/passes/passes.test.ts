import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { DType } from "../../../runtime/dtype.ts";
import { nowhere } from "../../support/span.ts";
import { binary, constant, i32, KernelBuilder, splat } from "../build.ts";
import type { Expression, Kernel } from "../kernel.ts";
import { printKernel } from "../print.ts";
import { randomKernel } from "../testing/random-kernel.ts";
import { runBoth, testContext } from "../testing/run-both.ts";
import { vectorSupported } from "../vector-support.ts";
import { verifyKernel } from "../verify.ts";
import { visitExpressions, visitStatements } from "../walk.ts";
import { hoistInvariants } from "./hoist-invariants.ts";
import { kernelPasses, optimiseKernel } from "./index.ts";
import { orderDimensions } from "./order-dimensions.ts";
import { unrollSmallLoops } from "./unroll-small-loops.ts";

const f32 = (value: number): Expression => constant("f32", value);

function expectSame(before: Kernel, after: Kernel, seed: number): void {
  for (const [one, other] of runBoth(before, after, seed)) one.forEach((value, at) => expect(other[at], `element ${at}`).toBe(value));
}

const count = (kernel: Kernel, kind: Expression["kind"], lanes: number): number => {
  let found = 0;
  visitExpressions(kernel.body, (expression) => {
    if (expression.kind === kind && expression.lanes === lanes) found += 1;
  });
  return found;
};

/** y[i, j] = Σ a[i, k] · b[k, j], or with b transposed in memory. */
function matmul(m: number, n: number, k: number, bStrides?: readonly number[]): Kernel {
  const kernel = new KernelBuilder("matmul", nowhere);
  const a = kernel.buffer({ name: "a", dtype: "f32", shape: [m, k], access: "in" });
  const b = kernel.buffer({ name: "b", dtype: "f32", shape: [k, n], access: "in", ...(bStrides === undefined ? {} : { strides: bStrides }) });
  const y = kernel.buffer({ name: "y", dtype: "f32", shape: [m, n], access: "out" });
  kernel.forBox([m, n], true, ([i, j]) => {
    const sum = kernel.let("sum", f32(0));
    kernel.for({ end: i32(k), name: "k" }, (p) => kernel.set(sum, binary("add", sum, binary("mul", kernel.load(a, [i!, p]), kernel.load(b, [p, j!])))));
    kernel.store(y, [i!, j!], sum);
  });
  return kernel.finish();
}

/** y[i, j, l] = Σ a[i, k, l] · b[j, k, l]. */
function sumsOfLanes(rows: number, columns: number, steps: number, lanes: number): Kernel {
  const kernel = new KernelBuilder("lanes", nowhere);
  const a = kernel.buffer({ name: "a", dtype: "f32", shape: [rows, steps, lanes], access: "in" });
  const b = kernel.buffer({ name: "b", dtype: "f32", shape: [columns, steps, lanes], access: "in" });
  const y = kernel.buffer({ name: "y", dtype: "f32", shape: [rows, columns, lanes], access: "inout" });
  kernel.forBox([rows, columns, lanes], true, ([i, j, l]) => {
    const sum = kernel.let("sum", kernel.load(y, [i!, j!, l!]));
    kernel.forSum([steps], ([k]) => kernel.set(sum, binary("add", sum, binary("mul", kernel.load(a, [i!, k!, l!]), kernel.load(b, [j!, k!, l!])))));
    kernel.store(y, [i!, j!, l!], sum);
  });
  return kernel.finish();
}

describe("kernelPasses", () => {
  it("keep every bit of random kernels, one after the other", () => {
    fc.assert(
      fc.property(fc.nat(1e6), fc.constantFrom<DType>("f32", "f64", "i32", "u8", "i16", "i64"), fc.boolean(), (seed, dtype, parallel) => {
        const kernel = randomKernel(seed, dtype, parallel);
        let current = kernel;
        verifyKernel(current);
        for (const pass of kernelPasses) {
          current = pass.run(current, testContext);
          verifyKernel(current);
        }
        for (const statement of current.body) expect(vectorSupported(statement)).toBe(true);
        expectSame(kernel, current, seed);
      }),
      { numRuns: 80 },
    );
  });

  it("give the same kernel again for the same kernel", () => {
    const kernel = randomKernel(77, "f32", false);
    expect(optimiseKernel(kernel, testContext)).toEqual(optimiseKernel(structuredClone(kernel), testContext));
  });
});

describe("block-contraction", () => {
  it("blocks a matmul 4 rows by 2 vectors: each vector loaded serves four rows", () => {
    const result = optimiseKernel(matmul(8, 16, 32), testContext).kernel;
    // Per step of k: 2 vectors of b and 4 elements of a, for 8 products. Unrolled twice.
    expect(count(result, "load", 4)).toBe(2 * 2);
    expect(count(result, "splat", 4)).toBe(2 * 4);
  });

  it("blocks what runs under a condition", () => {
    const always = matmul(8, 16, 32);
    const origin = always.body[0]!.origin;
    const sometimes = { ...always, body: [{ kind: "if" as const, condition: constant("bool", 1), then: always.body, otherwise: [], origin }] };
    const result = optimiseKernel(sometimes, testContext).kernel;
    expect([count(result, "load", 4), count(result, "splat", 4)]).toEqual([2 * 2, 2 * 4]);
    expectSame(sometimes, result, 5);
  });

  it("keeps convolutions to the bit, whatever their extents", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 4 }), fc.integer({ min: 4, max: 19 }), (outputs, channels, height, width) => {
        const kernel = new KernelBuilder("conv", nowhere);
        const x = kernel.buffer({ name: "x", dtype: "f32", shape: [channels, height + 2, width + 2], access: "in" });
        const w = kernel.buffer({ name: "w", dtype: "f32", shape: [outputs, channels, 3, 3], access: "in" });
        const y = kernel.buffer({ name: "y", dtype: "f32", shape: [outputs, height, width], access: "out" });
        kernel.for({ end: i32(outputs), parallel: true, name: "o" }, (o) =>
          kernel.for({ end: i32(height), parallel: true, name: "i" }, (i) =>
            kernel.for({ end: i32(width), parallel: true, name: "j" }, (j) => {
              const sum = kernel.let("sum", f32(0));
              kernel.for({ end: i32(channels), name: "c" }, (c) =>
                kernel.for({ end: i32(3), name: "kh" }, (kh) =>
                  kernel.for({ end: i32(3), name: "kw" }, (kw) =>
                    kernel.set(sum, binary("add", sum, binary("mul", kernel.load(x, [c, binary("add", i, kh), binary("add", j, kw)]), kernel.load(w, [o, c, kh, kw])))))));
              kernel.store(y, [o, i, j], sum);
            })));
        const built = kernel.finish();
        expectSame(built, optimiseKernel(built, testContext).kernel, outputs + width);
      }),
      { numRuns: 25 },
    );
  });

  it("blocks sums of products of vectors 3 by 2 of two vectors, one after the other, with two of one side held", () => {
    const { kernel } = optimiseKernel(sumsOfLanes(4, 6, 3, 8), testContext);
    const steps: string[] = [];
    visitStatements(kernel.body, (statement) => {
      if (statement.kind === "for" && !statement.parallel) steps.push(statement.body.map((one) => (one.kind === "set" && one.value.kind === "load" ? "load" : "product")).join(" "));
    });
    const vector = `load load product product ${"load product product ".repeat(2)}`;
    expect(steps).toEqual([`load ${vector}load ${vector}`.trim()]);
  });

  it("keeps sums of products of vectors to the bit, whatever their extents", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 7 }), fc.integer({ min: 1, max: 8 }), fc.integer({ min: 2, max: 9 }), fc.integer({ min: 4, max: 18 }), (rows, columns, steps, lanes) => {
        const built = sumsOfLanes(rows, columns, steps, lanes);
        const { kernel, wide } = optimiseKernel(built, testContext);
        for (const result of wide ? [kernel, wide] : [kernel]) expectSame(built, result, rows + columns);
      }),
      { numRuns: 30 },
    );
  });

  it("keeps dot products of rows within rounding", () => {
    const built = matmul(5, 7, 41, [1, 41]);
    const result = optimiseKernel(built, testContext).kernel;
    expect(count(result, "reduce", 1)).toBeGreaterThan(0);
    const [, , [before, after]] = runBoth(built, result, 3) as [unknown, unknown, readonly [readonly number[], readonly number[]]];
    before.forEach((value, at) => expect(Math.abs(after[at]! - value)).toBeLessThan(1e-4));
  });
});

describe("order-dimensions", () => {
  it("moves the dimension of neighbours last and drops single ones", () => {
    const kernel = new KernelBuilder("copy", nowhere);
    const x = kernel.buffer({ name: "x", dtype: "f32", shape: [9, 1, 3], strides: [1, 50, 9], access: "in" });
    const y = kernel.buffer({ name: "y", dtype: "f32", shape: [3, 9, 1], access: "out" });
    kernel.forBox([3, 9], true, ([i, j]) => kernel.store(y, [i!, j!, i32(0)], kernel.load(x, [j!, i32(0), i!])));
    const built = kernel.finish();
    const result = orderDimensions.run(built, testContext);
    expect(printKernel(result)).toBe(`kernel copy(in x: f32[3, 9], out y: f32[3, 9])
  parallel for i0 in 0 .. 3
    parallel for i1 in 0 .. 9
      y[i0, i1] = x[i0, i1]`);
    expectSame(built, result, 1);
  });
  it("keeps a single dimension that is not indexed by 0 alone, where an index may leave", () => {
    const kernel = new KernelBuilder("first", nowhere);
    const x = kernel.buffer({ name: "x", dtype: "i32", shape: [1], access: "inout" });
    kernel.store(x, [kernel.load(x, [i32(0)])], i32(5));
    const built = kernel.finish();
    expect(orderDimensions.run(built, testContext)).toEqual(built);
  });
});

describe("unroll-small-loops", () => {
  it("leaves loops that are long, parallel, rolled, or would become too long", () => {
    const kernel = new KernelBuilder("loops", nowhere);
    const x = kernel.buffer({ name: "x", dtype: "f32", shape: [64], access: "inout" });
    const next = (i: Expression): void => kernel.store(x, [i], binary("add", kernel.load(x, [i]), f32(1)));
    kernel.for({ end: i32(8), name: "long" }, next);
    kernel.for({ end: i32(3), name: "parallel", parallel: true }, next);
    kernel.for({ end: i32(3), name: "small" }, next);
    kernel.for({ end: i32(3), name: "rolled", rolled: true }, next);
    kernel.for({ end: i32(1), parallel: true, name: "single" }, next);
    const built = kernel.finish();
    const result = unrollSmallLoops.run(built, testContext);
    const left: string[] = [];
    visitStatements(result.body, (statement) => {
      if (statement.kind === "for") left.push(result.locals[statement.local]!.name);
    });
    expect(left).toEqual(["long", "parallel", "rolled"]);
    expectSame(built, result, 1);
  });
});

describe("hoist-invariants", () => {
  it("moves what is fixed before the outermost loop, but not what may trap or changes", () => {
    const kernel = new KernelBuilder("hoist", nowhere);
    const x = kernel.buffer({ name: "x", dtype: "f32", shape: [8], access: "in" });
    const s = kernel.buffer({ name: "s", dtype: "f32", shape: [4], access: "in" });
    const n = kernel.buffer({ name: "n", dtype: "i32", shape: [], access: "in" });
    const y = kernel.buffer({ name: "y", dtype: "f32", shape: [8], access: "inout" });
    kernel.for({ end: i32(8), step: 4 }, (i) => {
      const wide = (expression: Expression): Expression => ({ ...expression, lanes: 4 });
      const fixed = splat(4, binary("mul", kernel.load(s, [i32(1)]), f32(2)));
      const changing = splat(4, kernel.load(y, [i32(0)]));
      const unsafe = splat(4, kernel.load(s, [kernel.load(n, [])]));
      kernel.store(y, [i], binary("add", binary("add", binary("mul", wide(kernel.load(x, [i])), fixed), changing), unsafe));
    });
    const result = hoistInvariants.run(kernel.finish(), testContext);
    verifyKernel(result);
    expect(printKernel(result)).toBe(`kernel hoist(in x: f32[8], in s: f32[4], in n: i32, inout y: f32[8])
  fixed×4 = splat×4(s[1] * 2.0)
  for i in 0 .. 8 step 4
    y[i]×4 = x[i]×4 * fixed + splat×4(y[0]) + splat×4(s[n[]])`);
  });
});
