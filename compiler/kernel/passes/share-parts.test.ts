import { describe, expect, it } from "vitest";
import type { DType } from "../../../runtime/dtype.ts";
import { nowhere } from "../../support/span.ts";
import { binary, call, constant, i32, KernelBuilder, select } from "../build.ts";
import type { Expression, Kernel } from "../kernel.ts";
import { randomKernel } from "../testing/random-kernel.ts";
import { runBoth, testContext } from "../testing/run-both.ts";
import { verifyKernel } from "../verify.ts";
import { visitExpressions } from "../walk.ts";
import { shareParts } from "./share-parts.ts";
import { vectorise } from "./vectorise.ts";

function count(kernel: Kernel, kind: Expression["kind"]): number {
  let times = 0;
  visitExpressions(kernel.body, (expression) => {
    if (expression.kind === kind) times += 1;
  });
  return times;
}

describe("share-parts", () => {
  it("computes a repeated sum and its loads once", () => {
    const kernel = new KernelBuilder("rule", nowhere);
    const [a, b] = ["a", "b"].map((name) => kernel.buffer({ name, dtype: "u8", shape: [40], access: "in" })) as [number, number];
    const y = kernel.buffer({ name: "y", dtype: "u8", shape: [40], access: "out" });
    kernel.for({ end: i32(40), parallel: true }, (i) => {
      const around = (): Expression => binary("add", kernel.load(a, [i]), kernel.load(b, [i]));
      const is = (many: number): Expression => binary("eq", around(), constant("u8", many));
      kernel.store(y, [i], select(binary("or", is(3), binary("and", is(2), binary("eq", kernel.load(b, [i]), constant("u8", 1)))), constant("u8", 1), constant("u8", 0)));
    });
    const before = kernel.finish();
    const after = shareParts.run(before, testContext);
    verifyKernel(after);
    expect([count(before, "load"), count(after, "load")]).toEqual([5, 2]);
    for (const [was, is] of runBoth(before, after, 1)) expect(is).toEqual(was);
  });

  it("leaves a reduction one that can be widened", () => {
    const kernel = new KernelBuilder("norm", nowhere);
    const x = kernel.buffer({ name: "x", dtype: "f32", shape: [100], access: "in" });
    const y = kernel.buffer({ name: "y", dtype: "f32", shape: [], access: "out" });
    const sum = kernel.let("sum", constant("f32", 0));
    kernel.for({ end: i32(100) }, (i) => kernel.set(sum, binary("add", sum, binary("mul", call("exp", kernel.load(x, [i])), kernel.load(x, [i])))));
    kernel.store(y, [], sum);
    const shared = shareParts.run(kernel.finish(), testContext);
    expect(count(shared, "load")).toBe(1);
    const square = new KernelBuilder("square", nowhere);
    const from = square.buffer({ name: "x", dtype: "f32", shape: [100], access: "in" });
    const to = square.buffer({ name: "y", dtype: "f32", shape: [], access: "out" });
    const total = square.let("total", constant("f32", 0));
    square.for({ end: i32(100) }, (i) => square.set(total, binary("add", total, binary("mul", square.load(from, [i]), square.load(from, [i])))));
    square.store(to, [], total);
    expect(count(vectorise.run(shareParts.run(square.finish(), testContext), testContext), "reduce")).toBe(1);
  });

  it("tells 0 from -0 and one buffer from another", () => {
    const kernel = new KernelBuilder("zeros", nowhere);
    const y = kernel.buffer({ name: "y", dtype: "f32", shape: [], access: "out" });
    const quotient = (zero: number): Expression => binary("div", constant("f32", 1), constant("f32", zero));
    kernel.store(y, [], binary("sub", quotient(0), quotient(-0)));
    const before = kernel.finish();
    for (const [was, is] of runBoth(before, shareParts.run(before, testContext), 1)) expect(is).toEqual(was);
    expect(runBoth(before, before, 1)[0]![0]).toEqual([Infinity]);
  });

  it("keeps what random kernels compute, bit for bit", () => {
    let shared = 0;
    const dtypes: readonly DType[] = ["f32", "i32", "u8", "f64"];
    for (let seed = 0; seed < 120; seed++) {
      const before = randomKernel(seed, dtypes[seed % dtypes.length]!, seed % 2 === 0);
      const after = shareParts.run(before, testContext);
      verifyKernel(after);
      shared += after.locals.length - before.locals.length;
      for (const [was, is] of runBoth(before, after, seed)) expect(is, `seed ${seed}`).toEqual(was);
    }
    expect(shared).toBeGreaterThan(100);
  });
});
