import { describe, expect, it } from "vitest";
import type { DType } from "../../../runtime/dtype.ts";
import { nowhere } from "../../support/span.ts";
import { binary, bitcast, cast, constant, i32, KernelBuilder, select } from "../build.ts";
import type { Expression, Kernel } from "../kernel.ts";
import { printKernel } from "../print.ts";
import { randomKernel } from "../testing/random-kernel.ts";
import { runBoth, testContext } from "../testing/run-both.ts";
import { verifyKernel } from "../verify.ts";
import { copyBits } from "./copy-bits.ts";
import { vectorise } from "./vectorise.ts";

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

  /** y[i] = `value` of the bits of x[i], signed or not, and z[i] = `copy` of x[i]. */
  function looked(dtype: DType, as: "i16" | "u16", copy: (element: Expression) => Expression): Kernel {
    const builder = new KernelBuilder("looked", nowhere);
    const x = builder.buffer({ name: "x", dtype, shape: [20], access: "in" });
    const y = builder.buffer({ name: "y", dtype: "i32", shape: [20], access: "out" });
    const z = builder.buffer({ name: "z", dtype, shape: [20], access: "out" });
    builder.for({ end: i32(20), parallel: true }, (i) => {
      const bits = cast("i32", bitcast(as, builder.load(x, [i])));
      builder.store(y, [i], select(binary("gt", binary("and", bits, i32(0x7fff)), i32(0x4200)), i32(-1), bits));
      builder.store(z, [i], copy(builder.load(x, [i])));
    });
    return builder.finish();
  }

  it("makes integers of what nothing but the bits is looked at, so that they may be loaded as vectors", () => {
    for (const dtype of ["f16", "bf16"] as const) for (const as of ["i16", "u16"] as const) {
      const kernel = looked(dtype, as, (element) => element);
      const after = asBits(kernel);
      expect(dtypesOf(after)).toEqual(["u16", "i32", "u16"]);
      const inVectors = vectorise.run(after, testContext);
      expect(printKernel(inVectors)).toMatch(/bitcast<[iu]16>\(x\[i\]×4\)|cast<i32>\(x\[i\]×4\)/);
      for (const kernels of [after, inVectors]) for (const [before, now] of runBoth(kernel, kernels, 7)) expect(now).toEqual(before);
      const computed = looked(dtype, as, (element) => binary("mul", element, element));
      expect(asBits(computed)).toEqual(computed);
    }
  });

  it("keeps every bit of random kernels", () => {
    for (let seed = 0; seed < 60; seed++) {
      const kernel = randomKernel(seed, (["f16", "bf16"] as const)[seed % 2]!, false);
      for (const [before, now] of runBoth(kernel, asBits(kernel), seed)) expect(now).toEqual(before);
    }
  });
});
