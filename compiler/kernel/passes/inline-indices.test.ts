import { describe, expect, it } from "vitest";
import { nowhere } from "../../support/span.ts";
import { binary, cast, i32, KernelBuilder } from "../build.ts";
import type { Expression, Kernel } from "../kernel.ts";
import { printKernel } from "../print.ts";
import { randomKernel } from "../testing/random-kernel.ts";
import { runBoth, testContext } from "../testing/run-both.ts";
import { verifyKernel } from "../verify.ts";
import { inlineIndices } from "./inline-indices.ts";

const inlined = (kernel: Kernel): Kernel => {
  const result = inlineIndices.run(kernel, testContext);
  verifyKernel(result);
  return result;
};

const twice = (index: Expression): Expression => binary("mul", index, i32(2));
const next = (index: Expression): Expression => binary("add", index, i32(1));

interface Parts {
  readonly builder: KernelBuilder;
  readonly x: number;
  readonly y: number;
}

function kernelOf(body: (parts: Parts) => void): Kernel {
  const builder = new KernelBuilder("names", nowhere);
  const x = builder.buffer({ name: "x", dtype: "f32", shape: [64], access: "in" });
  const y = builder.buffer({ name: "y", dtype: "f32", shape: [64], access: "inout" });
  body({ builder, x, y });
  return builder.finish();
}

const expectSame = (kernel: Kernel, after: Kernel): void => {
  for (const [before, now] of runBoth(kernel, after, 4)) expect(now).toEqual(before);
};

describe("inline-indices", () => {
  it("replaces names, and names of names, and drops those that nothing else reads", () => {
    const kernel = kernelOf(({ builder, x, y }) => builder.for({ end: i32(30) }, (i) => {
      const j = builder.let("j", twice(i));
      const k = builder.let("k", next(j));
      builder.store(y, [j], binary("mul", builder.load(x, [k]), builder.load(x, [j])));
    }));
    const after = inlined(kernel);
    expect(printKernel(after).split("\n").slice(1)).toEqual(["  for i in 0 .. 30", "    y[i * 2] = x[i * 2 + 1] * x[i * 2]"]);
    expectSame(kernel, after);
  });

  it("keeps a name that is a value too", () => {
    const kernel = kernelOf(({ builder, x, y }) => builder.for({ end: i32(30) }, (i) => {
      const j = builder.let("j", twice(i));
      builder.store(y, [j], binary("mul", builder.load(x, [j]), cast("f32", j)));
    }));
    const after = inlined(kernel);
    expect(printKernel(after)).toContain("y[i * 2] = x[i * 2] * cast<f32>(j)");
    expectSame(kernel, after);
  });

  it("leaves what is set twice, depends on data, or is used where its counter has gone on", () => {
    const kernel = kernelOf(({ builder, x, y }) => {
      const last = builder.local("last", "i32");
      builder.set(last, i32(0));
      builder.for({ end: i32(8) }, (i) => {
        const data = builder.let("data", binary("and", cast("i32", builder.load(x, [i])), i32(3)));
        builder.store(y, [data], builder.load(x, [last]));
        builder.set(last, twice(i));
      });
      builder.store(y, [last], builder.load(x, [i32(3)]));
    });
    const after = inlined(kernel);
    expect(printKernel(after)).toBe(printKernel(kernel));
  });

  it("leaves names that are made of names again and again", () => {
    const kernel = kernelOf(({ builder, x, y }) => builder.for({ end: i32(1) }, (i) => {
      let name = i;
      for (let at = 0; at < 200; at++) name = builder.let("name", binary("add", name, name));
      builder.store(y, [name], builder.load(x, [name]));
    }));
    const after = inlined(kernel);
    expect(printKernel(after).length).toBeLessThan(2 * printKernel(kernel).length);
    expectSame(kernel, after);
  });

  it("keeps every bit of random kernels", () => {
    for (let seed = 0; seed < 100; seed++) {
      const kernel = randomKernel(seed, (["f32", "i32", "u8"] as const)[seed % 3]!, false);
      for (const [before, now] of runBoth(kernel, inlined(kernel), seed)) expect(now).toEqual(before);
    }
  });
});
