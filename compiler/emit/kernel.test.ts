/** Emitted kernels do, bit for bit, what the kernel interpreter says; bits of NaN aside. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { get, tensor, zeros, type Tensor } from "../graph/tensor.ts";
import { binary, constant, i32, KernelBuilder } from "../kernel/build.ts";
import { runKernel } from "../kernel/interpret.ts";
import type { Expression, Kernel } from "../kernel/kernel.ts";
import { nowhere } from "../support/span.ts";
import { makeKernel } from "./arbitrary-kernels.ts";
import { buildModule, copyTensor, instantiate, runBuilt } from "./harness.ts";

function expectSame(actual: readonly Tensor[], expected: readonly Tensor[]): void {
  const valuesOf = (one: Tensor): (number | bigint)[] => Array.from(one.data, (_, at) => get(one, at));
  actual.forEach((one, at) => expect({ buffer: at, values: valuesOf(one) }).toEqual({ buffer: at, values: valuesOf(expected[at]!) }));
}

async function check(kernel: Kernel, buffers: readonly Tensor[], offsets: readonly number[] = []): Promise<Tensor[]> {
  const expected = buffers.map(copyTensor);
  runKernel(kernel, expected, { offsets: [...buffers.map((_, at) => offsets[at] ?? 0)] });
  const actual = buffers.map(copyTensor);
  runBuilt(instantiate(await buildModule([kernel])), 0, kernel, actual, offsets);
  expectSame(actual, expected);
  return actual;
}

describe("random kernels", () => {
  it("do what the interpreter says", async () => {
    await fc.assert(
      fc.asyncProperty(fc.gen(), async (choose) => {
        const { kernel, buffers, offsets } = makeKernel(choose);
        await check(kernel, buffers, offsets);
      }),
      { numRuns: 300 },
    );
  });
});
