import { describe, expect, it } from "vitest";
import type { DType } from "../../../runtime/dtype.ts";
import { nowhere } from "../../support/span.ts";
import { binary, constant, i32, KernelBuilder } from "../build.ts";
import type { Expression, Kernel } from "../kernel.ts";
import { randomKernel } from "../testing/random-kernel.ts";
import { runBoth, testContext } from "../testing/run-both.ts";
import { verifyKernel } from "../verify.ts";
import { copyBits } from "./copy-bits.ts";

const asBits = (kernel: Kernel): Kernel => {
  const result = copyBits.run(kernel, testContext);
  verifyKernel(result);
  return result;
};

const dtypesOf = (kernel: Kernel): DType[] => kernel.buffers.map(({ dtype }) => dtype);

/** y[i] = x[i], z[i] = `value` of y[i], and a border of y that is one third. */
function copies(dtype: DType, value: (element: Expression) => Expression): Kernel {
  const builder = new KernelBuilder("copies", nowhere);
  const x = builder.buffer({ name: "x", dtype, shape: [20], access: "in" });
  const y = builder.buffer({ name: "y", dtype, shape: [22], access: "inout" });
  const z = builder.buffer({ name: "z", dtype, shape: [20], access: "out" });
  for (const at of [0, 21]) builder.store(y, [i32(at)], constant(dtype, 1 / 3));
  builder.for({ end: i32(20) }, (i) => builder.store(y, [binary("add", i, i32(1))], builder.load(x, [i])));
  builder.for({ end: i32(20) }, (i) => builder.store(z, [i], value(builder.load(y, [i]))));
  return builder.finish();
}

describe("copy-bits", () => {
  it("makes integers of what is only copied, constants too", () => {
    for (const dtype of ["f16", "bf16"] as const) {
      const kernel = copies(dtype, (element) => element);
      const after = asBits(kernel);
      expect(dtypesOf(after)).toEqual(["u16", "u16", "u16"]);
      for (const [before, now] of runBoth(kernel, after, 1)) expect(now).toEqual(before);
    }
  });

  it("leaves what is computed with, and what is copied from there or to there", () => {
    const kernel = copies("f16", (element) => binary("add", element, element));
    expect(asBits(kernel)).toBe(kernel);
    const wide = copies("f32", (element) => element);
    expect(asBits(wide)).toBe(wide);
  });

  it("keeps every bit of random kernels", () => {
    for (let seed = 0; seed < 60; seed++) {
      const kernel = randomKernel(seed, (["f16", "bf16"] as const)[seed % 2]!, false);
      for (const [before, now] of runBoth(kernel, asBits(kernel), seed)) expect(now).toEqual(before);
    }
  });
});
