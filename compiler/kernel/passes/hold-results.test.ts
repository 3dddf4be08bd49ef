import { describe, expect, it } from "vitest";
import type { DType } from "../../../runtime/dtype.ts";
import { nowhere } from "../../support/span.ts";
import { binary, constant, i32, KernelBuilder } from "../build.ts";
import type { Expression, Kernel } from "../kernel.ts";
import { printKernel } from "../print.ts";
import { randomKernel } from "../testing/random-kernel.ts";
import { runBoth, testContext } from "../testing/run-both.ts";
import { verifyKernel } from "../verify.ts";
import { holdResults } from "./hold-results.ts";

const held = (kernel: Kernel): Kernel => {
  const result = holdResults.run(kernel, testContext);
  verifyKernel(result);
  return result;
};

interface Options {
  readonly dtype?: DType;
  readonly end?: Expression;
  /** The element of the result that is added to in round k of row i. */
  at?(i: Expression, k: Expression): Expression;
}

/** y[i] += x[i, k] */
function sums({ dtype = "f32", end = i32(5), at = (i) => i }: Options): Kernel {
  const builder = new KernelBuilder("sums", nowhere);
  const x = builder.buffer({ name: "x", dtype, shape: [4, 5], access: "in" });
  const y = builder.buffer({ name: "y", dtype, shape: [8], access: "inout" });
  builder.for({ end: i32(4), name: "i" }, (i) => builder.for({ end, name: "k" }, (k) => builder.store(y, [at(i, k)], binary("add", builder.load(y, [at(i, k)]), builder.load(x, [i, k])))));
  return builder.finish();
}

const same = (kernel: Kernel): void => expect(printKernel(held(kernel))).toBe(printKernel(kernel));

describe("hold-results", () => {
  it("keeps a sum in a local while its loop runs, any number of rounds", () => {
    for (const dtype of ["f32", "i8", "u64"] as const) for (const end of [0, 1, 5]) {
      const kernel = sums({ dtype, end: i32(end) });
      const after = held(kernel);
      expect(printKernel(after)).toContain("y = y + x[i, k]");
      for (const [before, now] of runBoth(kernel, after, 3)) expect(now).toEqual(before);
    }
  });

  it("leaves what moves, what may lie outside, and 16-bit floats, which are rounded in every round", () => {
    same(sums({ at: (i, k) => binary("add", i, k) }));
    same(sums({ at: (i) => binary("mul", i, i32(3)), end: i32(0) }));
    same(sums({ dtype: "f16" }));
  });

  it("leaves an element that is reached in two ways", () => {
    const builder = new KernelBuilder("two", nowhere);
    const y = builder.buffer({ name: "y", dtype: "f32", shape: [4], access: "inout" });
    builder.for({ end: i32(4), name: "k" }, (k) => {
      builder.store(y, [i32(1)], binary("add", builder.load(y, [i32(1)]), constant("f32", 1)));
      builder.store(y, [k], constant("f32", 2));
    });
    same(builder.finish());
  });

  it("keeps every bit of random kernels", () => {
    for (let seed = 0; seed < 150; seed++) {
      const kernel = randomKernel(seed, (["f32", "i32", "u8", "f16"] as const)[seed % 4]!, false);
      for (const [before, now] of runBoth(kernel, held(kernel), seed)) expect(now).toEqual(before);
    }
  });
});
