/** Doubles cast to f16, any number of them: rounded once, as the kernel interpreter rounds them. */
import { expect, it } from "vitest";
import { get, put, zeros } from "../graph/tensor.ts";
import { cast, i32, KernelBuilder } from "../kernel/build.ts";
import { runKernel } from "../kernel/interpret.ts";
import { optimiseKernel } from "../kernel/passes/index.ts";
import { testContext } from "../kernel/testing/run-both.ts";
import { nowhere } from "../support/span.ts";
import { buildModule, copyTensor, instantiate, runBuilt } from "./testing/kernel-module.ts";

/** Beside the middle of two f16, so near that an f32 does not tell them apart; what overflows, what vanishes. */
const near = [1, 2, 1.5, 2 ** -14, 2 ** -24, 65504, 2 ** -149, 1e300].flatMap((x) => [-1, 1].flatMap((sign) => [-1, 0, 1].map((side) => sign * x * (1 + 2 ** -11 + side * 2 ** -40))));
const values = [...near, 0, -0, NaN, Infinity, -Infinity, 2 ** -25, 2 ** -25 * (1 + 2 ** -50), 65519.999999, 65520];

it.each([values.length - (values.length % 2), values.length - (values.length % 2) - 1])("%i doubles are rounded to f16 once", async (count) => {
  const builder = new KernelBuilder("round", nowhere);
  const [x, y] = [builder.buffer({ name: "x", dtype: "f64", shape: [count], access: "in" }), builder.buffer({ name: "y", dtype: "f16", shape: [count], access: "out" })];
  builder.for({ end: i32(count), parallel: true }, (i) => builder.store(y, [i], cast("f16", builder.load(x, [i]))));
  const kernel = builder.finish();
  const operand = zeros({ dtype: "f64", shape: [count] });
  for (let at = 0; at < count; at++) put(operand, at, values[at]!);
  const [expected, actual] = [[operand, zeros({ dtype: "f16", shape: [count] })], [copyTensor(operand), zeros({ dtype: "f16", shape: [count] })]];
  runKernel(kernel, expected, { offsets: [0, 0] });
  const { kernel: optimised } = optimiseKernel(kernel, testContext);
  runBuilt(instantiate(await buildModule([optimised])), 0, optimised, actual);
  const all = (tensor: typeof operand): unknown[] => Array.from({ length: count }, (_, at) => get(tensor, at));
  expect(all(actual[1]!)).toEqual(all(expected[1]!));
  expect(all(expected[1]!)).toEqual(values.slice(0, count).map((value) => Math.f16round(value)));
});
