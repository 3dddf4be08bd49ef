/** Mathematical functions as they are emitted where a product and a sum may be one operation, rounded once. */
import { describe, expect, it } from "vitest";
import { mathFunctions } from "../../runtime/math.ts";
import { zeros, type Tensor } from "../graph/tensor.ts";
import type { Kernel, MathFunction } from "../kernel/kernel.ts";
import { expandMath } from "../kernel/passes/expand-math.ts";
import { optimiseKernel } from "../kernel/passes/index.ts";
import { calling, doubleSamples, ownError, promised, samples, ulps, worstOf } from "../kernel/testing/math-samples.ts";
import { testContext } from "../kernel/testing/run-both.ts";
import { buildModule, instantiate, runBuilt, type BuiltModule } from "./testing/kernel-module.ts";

const all = { f32: samples(100_003), f64: doubleSamples(6000) };

function run(built: BuiltModule, kernel: Kernel, x: Tensor): Tensor["data"] {
  const result = zeros(x.type);
  runBuilt(instantiate(built), 0, kernel, [x, result]);
  return result.data;
}

describe.each(["f32", "f64"] as const)("fused formulas of %s", (dtype) => {
  const xs = all[dtype];
  const x: Tensor = { type: { dtype, shape: [xs.length] }, data: xs };

  it.each(Object.keys(promised) as MathFunction[])("%s: as exact as promised, scalars as vectors", async (name) => {
    const kernel = calling(name, xs.length, undefined, dtype);
    const [vectors, scalars] = [optimiseKernel(kernel, testContext).kernel, expandMath.run(kernel, testContext)];
    const options = { fusedMultiplyAdd: true, pages: 64 };
    const built = await buildModule([vectors], options);
    expect(built.text).toMatch(/relaxed_madd/);
    const result = run(built, vectors, x);
    const exact = mathFunctions[name] as (x: number) => number;
    const { worst, place } = worstOf<number>(xs, (one, at) => ulps(result[at] as number, exact(one), dtype));
    expect(worst, `${name}(${place})`).toBeLessThanOrEqual(promised[name]![dtype === "f32" ? 0 : 1] + ownError(name, dtype));
    expect(run(await buildModule([scalars], options), scalars, x)).toEqual(result);
  });

  it("powers are as exact as promised", async () => {
    const bound = dtype === "f32" ? 1.6 : 1.7 + ownError("pow", dtype);
    const bases = dtype === "f32" ? samples(1_000_003) : doubleSamples(600);
    const of: Tensor = { type: { dtype, shape: [bases.length] }, data: bases };
    for (const power of [5, -2, 2.3, 1 / 3, 41].map((one) => (dtype === "f32" ? Math.fround(one) : one))) {
      const kernel = optimiseKernel(calling("pow", bases.length, power, dtype), testContext).kernel;
      const result = run(await buildModule([kernel], { fusedMultiplyAdd: true, pages: 64 }), kernel, of);
      const { worst, place } = worstOf<number>(bases, (one, at) => ulps(result[at] as number, Math.pow(one, power), dtype));
      expect(worst, `${place} ** ${power}`).toBeLessThanOrEqual(bound);
    }
  });

  it("roots of cubes, powers of two and their logarithms are exact", async () => {
    const exactly = async (name: MathFunction, values: readonly number[], expected: readonly number[]): Promise<void> => {
      const data = dtype === "f32" ? Float32Array.from(values) : Float64Array.from(values);
      const kernel = optimiseKernel(calling(name, values.length, undefined, dtype), testContext).kernel;
      const result = run(await buildModule([kernel], { fusedMultiplyAdd: true }), kernel, { type: { dtype, shape: [values.length] }, data });
      expect([...result].map(Number), name).toEqual(expected);
    };
    const roots = Array.from({ length: 255 }, (_, at) => (at + 1) * (dtype === "f32" ? 1 : 511));
    const exponents = Array.from({ length: 252 }, (_, at) => at - 126);
    await exactly("cbrt", roots.map((root) => root ** 3), roots);
    await exactly("exp2", exponents, exponents.map((one) => 2 ** one));
    await exactly("log2", exponents.map((one) => 2 ** one), exponents);
  });

  it("have no relaxed instruction where it is not allowed", async () => {
    expect((await buildModule([optimiseKernel(calling("exp", 64, undefined, dtype), testContext).kernel])).text).not.toMatch(/relaxed/);
  });
});
