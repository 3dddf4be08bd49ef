import { describe, expect, it } from "vitest";
import { bytesOf, type DType } from "../../runtime/dtype.ts";
import { tensor, zeros } from "../graph/tensor.ts";
import { binary, cast, i32, KernelBuilder } from "../kernel/build.ts";
import { runKernel } from "../kernel/interpret.ts";
import type { Expression, Kernel } from "../kernel/kernel.ts";
import { optimiseKernel } from "../kernel/passes/index.ts";
import { testContext } from "../kernel/testing/run-both.ts";
import { nowhere } from "../support/span.ts";
import { storesTogether } from "./narrow-stores.ts";
import { buildModule, copyTensor, instantiate, runBuilt } from "./testing/kernel-module.ts";

const count = 75;
const special = [0, -0, 0.5, -0.5, 1.5, -1.7, NaN, Infinity, -Infinity, 127.9, 128, -128.9, -129, 255.5, 256, 32_767.5, 40_000, -40_000, 65_520, 70_000, 3e9, -3e9, 1e-7, 3.1415927];
const dtypes = ["f16", "bf16", "i8", "u8", "i16", "u16"] as const;

/** y[place(i)] = x[i], cast. */
function casting(dtype: DType, place: (i: Expression) => Expression, extent: number): Kernel {
  const kernel = new KernelBuilder("casting", nowhere);
  const x = kernel.buffer({ name: "x", dtype: "f32", shape: [count], access: "in" });
  const y = kernel.buffer({ name: "y", dtype, shape: [extent], access: "out" });
  kernel.for({ end: i32(count), parallel: true }, (i) => kernel.store(y, [place(i)], cast(dtype, kernel.load(x, [i]))));
  return kernel.finish();
}

async function expectSame(kernel: Kernel, dtype: DType, extent: number): Promise<string> {
  const optimised = optimiseKernel(kernel, testContext).kernel;
  const built = await buildModule([optimised]);
  const buffers = [tensor("f32", [count], Array.from({ length: count }, (_, i) => special[i % special.length]! * (i < special.length ? 1 : 0.75))), zeros({ dtype, shape: [extent] })];
  const expected = buffers.map(copyTensor);
  runKernel(kernel, expected);
  runBuilt(instantiate(built), 0, optimised, buffers);
  expect(buffers[1]!.data).toEqual(expected[1]!.data);
  return built.text;
}

describe("casts to narrower elements", () => {
  it.each(dtypes)("to %s are stored a vector at a time, and are those of each", async (dtype) => {
    const text = await expectSame(casting(dtype, (i) => i, count), dtype, count);
    expect(text).toMatch(/v128\.store \$?/);
    // The whole vectors of the loop: none is left that fills a part of one.
    const [loop] = text.match(/\(loop[^]*?\(br_if/)!;
    expect(loop).toMatch(/narrow/);
    expect(loop).not.toMatch(/v128\.store(32|64)_lane/);
  });

  it.each(dtypes)("to %s at places apart are stored one by one", async (dtype) => {
    await expectSame(casting(dtype, (i) => binary("mul", i, i32(2)), 2 * count), dtype, 2 * count);
  });

  it.each(dtypes)("to %s are one store where they are neighbours in their order, and all are there", (dtype) => {
    const kernel = new KernelBuilder("stores", nowhere);
    const y = kernel.buffer({ name: "y", dtype, shape: [64], access: "out" });
    const value = kernel.let("value", { kind: "constant", dtype: "f32", lanes: 4, value: 1 });
    const places = [0, 4, 8, 12, 20, 16, 28, 24, 40, 44];
    places.forEach((place) => kernel.store(y, [i32(place)], cast(dtype, value)));
    const built = kernel.finish();
    const together = storesTogether(built.body, built).map(({ length }) => length);
    expect(together).toEqual(bytesOf(dtype) === 1 ? [1, 4, 1, 1, 1, 1, 1, 1] : [1, 2, 2, 1, 1, 1, 1, 2]);
  });
});
