/** e^x and 2^x of arguments that are said not to be positive: accuracy on all of them, what is special, and that they are shorter. */
import { describe, expect, it } from "vitest";
import { mathFunctions } from "../../../runtime/math.ts";
import { zeros } from "../../graph/tensor.ts";
import { nowhere } from "../../support/span.ts";
import { binary, call, constant, i32, KernelBuilder, unary } from "../build.ts";
import { runKernel } from "../interpret.ts";
import type { Expression, Kernel } from "../kernel.ts";
import { testContext } from "../testing/run-both.ts";
import { verifyKernel } from "../verify.ts";
import { visitExpressions } from "../walk.ts";
import { expandMath } from "./expand-math.ts";

type Below = "exp" | "exp2";

function calling(name: Below, count: number, argument: (x: Expression) => Expression): Kernel {
  const kernel = new KernelBuilder(name, nowhere);
  const x = kernel.buffer({ name: "x", dtype: "f32", shape: [count], access: "in" });
  const y = kernel.buffer({ name: "y", dtype: "f32", shape: [count], access: "out" });
  kernel.for({ end: i32(count), parallel: true }, (i) => kernel.store(y, [i], call(name, argument(kernel.load(x, [i])))));
  return kernel.finish();
}

const below = (x: Expression): Expression => binary("min", x, constant("f32", 0));
const lessSize = (x: Expression): Expression => unary("neg", unary("abs", x));

function evaluated(name: Below, xs: Float32Array, argument = below): Float32Array {
  const kernel = expandMath.run(calling(name, xs.length, argument), testContext);
  verifyKernel(kernel);
  const result = zeros({ dtype: "f32", shape: [xs.length] });
  runKernel(kernel, [{ type: result.type, data: xs }, result]);
  return result.data as Float32Array;
}

const operations = (kernel: Kernel): number => {
  let count = 0;
  visitExpressions(expandMath.run(kernel, testContext).body, ({ kind }) => (count += kind === "binary" ? 1 : 0));
  return count;
};

describe("exponentials of what is not positive", () => {
  it.each([["exp", 1.4, 110], ["exp2", 1.3, 160]] as const)("%s is within %d ulp, with subnormal results", (name, bound, reach) => {
    const patterns = new Float32Array(Uint32Array.from({ length: 20_000 }, (_, at) => 0x80000000 + at * 57_121).buffer).filter((x) => x > -reach);
    const xs = Float32Array.of(...patterns, ...Float32Array.from({ length: 60_000 }, (_, at) => (-reach * at) / 60_000));
    const ys = evaluated(name, xs);
    const exact = mathFunctions[name] as (x: number) => number;
    let worst = 0;
    xs.forEach((x, at) => {
      const expected = exact(x);
      const ulp = 2 ** (Math.max(-126, Math.floor(Math.log2(expected))) - 23);
      worst = Math.max(worst, Math.abs(ys[at]! - expected) / ulp);
    });
    expect(worst).toBeLessThanOrEqual(bound);
    expect(worst).toBeGreaterThan(0.4);
  });

  it.each(["exp", "exp2"] as const)("%s of what is special", (name) => {
    expect([...evaluated(name, Float32Array.of(0, -0, -Infinity, NaN, -1e30, -3e38, -1e-45, 5, Infinity))]).toEqual([1, 1, 0, NaN, 0, 0, 1, 1, 1]);
  });

  it.each(["exp", "exp2"] as const)("%s of −|x| is that of min(x, 0) for x below 0", (name) => {
    const xs = Float32Array.from({ length: 3000 }, (_, at) => (at - 2999) / 20);
    expect(evaluated(name, xs, lessSize)).toEqual(evaluated(name, xs));
    expect(evaluated(name, xs.map((x) => -x), lessSize)).toEqual(evaluated(name, xs));
    expect([...evaluated(name, Float32Array.of(0, -0, -Infinity, NaN, Infinity), lessSize)]).toEqual([1, 1, 0, NaN, 0]);
  });

  it.each(["exp", "exp2"] as const)("%s takes fewer operations where it is known, and only there", (name) => {
    const known = operations(calling(name, 1, below));
    const unknown = operations(calling(name, 1, (x) => binary("min", x, constant("f32", 0.5))));
    expect(known).toBeLessThan(unknown - 4);
    expect(operations(calling(name, 1, (x) => x))).toBe(unknown - 1);
    expect(operations(calling(name, 1, lessSize))).toBe(known - 1);
    expect(operations(calling(name, 1, (x) => unary("neg", x)))).toBe(unknown - 1);
  });
});
