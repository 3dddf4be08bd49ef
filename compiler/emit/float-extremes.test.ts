/** The largest and smallest of many floats, found by integers, are those of the kernel as it was written; machines' own NaN included. */
import { describe, expect, it } from "vitest";
import { get, tensor, zeros, type Tensor } from "../graph/tensor.ts";
import { binary, constant, i32, KernelBuilder } from "../kernel/build.ts";
import { runKernel } from "../kernel/interpret.ts";
import type { Kernel } from "../kernel/kernel.ts";
import { vectorise } from "../kernel/passes/vectorise.ts";
import { testContext } from "../kernel/testing/run-both.ts";
import { verifyKernel } from "../kernel/verify.ts";
import { nowhere } from "../support/span.ts";
import { buildModule, copyTensor, instantiate, runBuilt } from "./testing/kernel-module.ts";

const length = 131;

function extreme(op: "min" | "max"): Kernel {
  const builder = new KernelBuilder(op, nowhere);
  const x = builder.buffer({ name: "x", dtype: "f32", shape: [length], access: "in" });
  const y = builder.buffer({ name: "y", dtype: "f32", shape: [], access: "out" });
  const value = builder.let("value", constant("f32", op === "max" ? -Infinity : Infinity));
  builder.for({ end: i32(length) }, (i) => builder.set(value, binary(op, value, builder.load(x, [i]))));
  builder.store(y, [], value);
  return builder.finish();
}

/** All elements `rest`, but for the bits given at position 77. */
function withBits(rest: number, bits: number): Tensor {
  const x = tensor("f32", [length], Array.from({ length }, (_, i) => rest + (rest === 0 ? 0 : i / 1000)));
  new Uint32Array(x.data.buffer, x.data.byteOffset)[77] = bits;
  return x;
}

const bits = { "+0": 0, "−0": 0x80000000, "1": 0x3f800000, "−1": 0xbf800000, "∞": 0x7f800000, "−∞": 0xff800000, "NaN": 0x7fc00000, "NaN with a sign": 0xffc00000, "a subnormal": 1, "a subnormal below 0": 0x80000001 };

describe.each(["min", "max"] as const)("%s by integers", (op) => {
  const kernel = extreme(op);
  const widened = vectorise.run(kernel, testContext);
  verifyKernel(widened);

  it("takes integers", () => {
    expect(widened.locals.some(({ dtype, lanes }) => dtype === "u32" && lanes > 1)).toBe(true);
  });

  it.each(Object.entries(bits))("with %s among others", async (_, pattern) => {
    const runner = instantiate(await buildModule([widened]));
    for (const rest of [-0, 0, 2, -2, -Infinity, Infinity]) {
      const x = withBits(rest, pattern);
      const buffers = [copyTensor(x), zeros({ dtype: "f32", shape: [] })];
      runBuilt(runner, 0, widened, buffers);
      const expected = [x, zeros({ dtype: "f32", shape: [] })];
      runKernel(kernel, expected);
      expect(get(buffers[1]!, 0), String(rest)).toBe(get(expected[1]!, 0));
    }
  });
});
