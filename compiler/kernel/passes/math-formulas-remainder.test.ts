/** Remainders of f32 as arithmetic: exactly what the division step by step leaves, as kernels are interpreted and as they are emitted. */
import { expect, it } from "vitest";
import { buildModule, copyTensor, instantiate, runBuilt } from "../../emit/testing/kernel-module.ts";
import { put, zeros, type Tensor } from "../../graph/tensor.ts";
import { nowhere } from "../../support/span.ts";
import { binary, i32, KernelBuilder } from "../build.ts";
import { runKernel } from "../interpret.ts";
import { testContext } from "../testing/run-both.ts";
import { expandMath } from "./expand-math.ts";
import { optimiseKernel } from "./index.ts";

const special = [0, -0, 1, -1, 0.3, 3, 7.25, 2 ** -149, 2 ** -126, 2 ** 24 + 2, 2 ** 29, 16777215, 1e10, 3.4028234663852886e38, Infinity, -Infinity, NaN];

/** What is special by what is special, quotients beside whole numbers, and numbers of all sizes. */
function operands(): readonly [x: number, y: number][] {
  const pairs: [number, number][] = special.flatMap((x) => special.map((y): [number, number] => [x, y]));
  for (let k = 1; k < 2000; k++) {
    const y = Math.fround(Math.abs(Math.sin(k * 1.7)) * 10 ** ((k % 9) - 4));
    const x = Math.fround(y * (k * 7919 % 100_003));
    const bits = new Int32Array(Float32Array.of(x).buffer)[0]!;
    for (const step of [-1, 0, 1]) pairs.push([new Float32Array(Int32Array.of(bits + step).buffer)[0]! * (k % 2 === 0 ? 1 : -1), k % 3 === 0 ? -y : y]);
    pairs.push([new Float32Array(Int32Array.of(Math.imul(k, 2_654_435_761)).buffer)[0]!, new Float32Array(Int32Array.of(Math.imul(k, 40_503_977)).buffer)[0]!]);
  }
  return pairs;
}

it.each(["f32", "f16"] as const)("of %s", async (dtype) => {
  const pairs = operands();
  const count = pairs.length;
  const builder = new KernelBuilder("remainder", nowhere);
  const [x, y, z] = ["x", "y", "z"].map((name) => builder.buffer({ name, dtype, shape: [count], access: name === "z" ? "out" : "in" })) as [number, number, number];
  builder.for({ end: i32(count), parallel: true }, (i) => builder.store(z, [i], binary("rem", builder.load(x, [i]), builder.load(y, [i]))));
  const kernel = builder.finish();
  const buffers = [0, 1, 2].map((which) => {
    const tensor = zeros({ dtype, shape: [count] });
    if (which < 2) pairs.forEach((pair, at) => put(tensor, at, pair[which]!));
    return tensor;
  });
  const [expected, interpreted, emitted] = [0, 1, 2].map(() => buffers.map(copyTensor)) as [Tensor[], Tensor[], Tensor[]];
  runKernel(kernel, expected, { offsets: [0, 0, 0] });
  runKernel(expandMath.run(kernel, testContext), interpreted, { offsets: [0, 0, 0] });
  const { kernel: optimised } = optimiseKernel(kernel, testContext);
  runBuilt(instantiate(await buildModule([optimised])), 0, optimised, emitted);
  // Equal to the sign of zeros; NaN is NaN.
  expect([...(interpreted[2]!.data as Float32Array)]).toEqual([...(expected[2]!.data as Float32Array)]);
  expect([...(emitted[2]!.data as Float32Array)]).toEqual([...(expected[2]!.data as Float32Array)]);
  if (dtype === "f32") expect([...(expected[2]!.data as Float32Array)]).toEqual(pairs.map(([a, b]) => Math.fround(Math.fround(a) % Math.fround(b))));
});
