/** Elements read from the last to the first: loaded a vector at a time and turned round, with the bits of the kernel interpreter. */
import { expect, it } from "vitest";
import type { DType } from "../../runtime/dtype.ts";
import { get, put, zeros } from "../graph/tensor.ts";
import { binary, constant, i32, KernelBuilder } from "../kernel/build.ts";
import { runKernel } from "../kernel/interpret.ts";
import { optimiseKernel } from "../kernel/passes/index.ts";
import { testContext } from "../kernel/testing/run-both.ts";
import { nowhere } from "../support/span.ts";
import { buildModule, instantiate, runBuilt } from "./testing/kernel-module.ts";

const count = 37;

it.each(["f32", "f64", "i32", "u32", "i64", "i16", "u8", "f16", "bf16"] as const satisfies readonly DType[])("of %s", async (dtype) => {
  const builder = new KernelBuilder("backwards", nowhere);
  const x = builder.buffer({ name: "x", dtype, shape: [2, count + 3], access: "in" });
  const y = builder.buffer({ name: "y", dtype, shape: [2, count], access: "out" });
  const two = constant(dtype, dtype === "i64" ? 2n : 2);
  builder.forBox([2, count], true, ([row, i]) => {
    const back = builder.load(x, [row!, binary("sub", i32(count + 1), i!)]);
    builder.store(y, [row!, i!], binary("add", binary("mul", back, two), builder.load(x, [row!, i!])));
  });
  const kernel = builder.finish();
  const optimised = optimiseKernel(kernel, testContext).kernel;
  const operand = zeros({ dtype, shape: [2, count + 3] });
  for (let at = 0; at < operand.data.length; at++) put(operand, at, dtype === "i64" ? BigInt(at * 977 - 9) : (at * 7) % 61);
  const [expected, actual] = [zeros({ dtype, shape: [2, count] }), zeros({ dtype, shape: [2, count] })];
  runKernel(kernel, [operand, expected]);
  const module = await buildModule([optimised]);
  runBuilt(instantiate(module), 0, optimised, [operand, actual]);
  for (let at = 0; at < actual.data.length; at++) expect(get(actual, at)).toEqual(get(expected, at));
  // i8x16.swizzle: 0xfd 0x0e.
  const turns = module.bytes.some((byte, at) => byte === 0xfd && module.bytes[at + 1] === 0x0e);
  expect(turns).toBe(dtype !== "f16" && dtype !== "bf16");
});
