import { describe, expect, it } from "vitest";
import { mathFunctions } from "../../../runtime/math.ts";
import { newArray } from "../../../runtime/dtype.ts";
import { tensor, zeros } from "../../graph/tensor.ts";
import { scalarFunction } from "../../graph/scalar-body.ts";
import { nowhere } from "../../support/span.ts";
import { binary, call, constant, i32, KernelBuilder } from "../build.ts";
import { runKernel } from "../interpret.ts";
import type { Kernel, MathFunction } from "../kernel.ts";
import { verifyKernel } from "../verify.ts";
import { visitExpressions } from "../walk.ts";
import { expandMath } from "./expand-math.ts";
import { calling, doubleSamples, ownError, promised, samples, special, specialDouble, ulps, worstOf, type Float } from "../testing/math-samples.ts";
import { testContext } from "../testing/run-both.ts";

/** A function of two arguments, expanded, of pairs. */
function ofPairs(name: MathFunction, dtype: Float, pairs: readonly (readonly [number, number])[]): readonly number[] {
  const built = new KernelBuilder(name, nowhere);
  const [x, y, z] = (["x", "y", "z"] as const).map((buffer) => built.buffer({ name: buffer, dtype, shape: [pairs.length], access: buffer === "z" ? "out" : "in" }));
  built.for({ end: i32(pairs.length), parallel: true }, (i) => built.store(z!, [i], call(name, built.load(x!, [i]), built.load(y!, [i]))));
  const kernel = expandMath.run(built.finish(), testContext);
  verifyKernel(kernel);
  expect(hasCalls(kernel)).toBe(false);
  const result = zeros({ dtype, shape: [pairs.length] });
  runKernel(kernel, [tensor(dtype, [pairs.length], pairs.map(([first]) => first)), tensor(dtype, [pairs.length], pairs.map(([, second]) => second)), result]);
  return [...result.data] as number[];
}

const hasCalls = (kernel: Kernel): boolean => {
  let found = false;
  visitExpressions(kernel.body, (expression) => {
    if (expression.kind === "call") found = true;
  });
  return found;
};

describe("expand-math", () => {
  const all = { f32: samples(100_003), f64: doubleSamples(6000) };
  for (const dtype of ["f32", "f64"] as const)
    for (const [name, bounds] of Object.entries(promised) as [MathFunction, readonly [number, number]][]) {
      const bound = bounds[dtype === "f32" ? 0 : 1];
      it(`${name} of ${dtype} is within ${bound} ulp everywhere`, () => {
        const xs = all[dtype];
        const kernel = expandMath.run(calling(name, xs.length, undefined, dtype), testContext);
        verifyKernel(kernel);
        expect(hasCalls(kernel)).toBe(name === "sin" || name === "cos" || name === "tan");
        const result = zeros({ dtype, shape: [xs.length] });
        runKernel(kernel, [{ type: result.type, data: xs }, result]);
        const exact = mathFunctions[name] as (x: number) => number;
        const { worst, place } = worstOf<number>(xs, (x, at) => ulps(result.data[at] as number, exact(x), dtype));
        expect(worst, `${name}(${place})`).toBeLessThanOrEqual(bound + ownError(name, dtype));
      });
    }

  it("calls sin, cos and tan of large arguments alone", () => {
    for (const name of ["sin", "cos", "tan"] as const) {
      const branches = expandMath.run(calling(name, 1), testContext).body.flatMap((loop) => (loop.kind === "for" ? loop.body : [])).filter(({ kind }) => kind === "if");
      expect(branches.length).toBe(1);
      const outside = { ...calling(name, 1), body: expandMath.run(calling(name, 1), testContext).body.flatMap((loop) => (loop.kind === "for" ? loop.body : [])).filter(({ kind }) => kind !== "if") };
      expect(hasCalls(outside)).toBe(false);
    }
  });

  it.each(["f32", "f64"] as const)("pow of %s is as exact as promised, and special as Math.pow is", (dtype) => {
    const bases = [0, -0, 1, -1, 2, -2, 0.5, -0.5, 3, -3, 1.5, Infinity, -Infinity, NaN, 1e-45, -1e-45, 3.4e38, -3.4e38, 16_777_216, 16_777_217, 8_388_607, 1.0000001, 0.9999999];
    const more = dtype === "f32" ? [] : [5e-324, -5e-324, 1e300, -1e300, 2 ** 53 - 1, 2 ** 53, 2 ** 53 + 2, 2 ** 52 + 0.5, 2 ** 66, 1 + 2 ** -52, 1 - 2 ** -53, 1074, -1074.5];
    const singular = [...bases, ...more];
    const random = dtype === "f32" ? samples(6_000_101) : doubleSamples(400);
    const range = dtype === "f32" ? 20 : 150;
    const pairs = [...singular.flatMap((x) => singular.map((y) => [x, y] as const)), ...[...random].flatMap((x, at) => [
      [Math.abs(x), Math.sin(at) * (at % 7) * range] as const, [1 + Math.sin(at) / 8, random[random.length - at - 1]! % 1000] as const])];
    const given = dtype === "f32" ? pairs.map(([x, y]) => [Math.fround(x), Math.fround(y)] as const) : pairs;
    const powers = ofPairs("pow", dtype, given);
    const { worst, place } = worstOf(given, ([base, exponent], at) => ulps(powers[at]!, Math.pow(base, exponent), dtype));
    expect(worst, place).toBeLessThanOrEqual(dtype === "f32" ? 1.6 : 1.7 + ownError("pow", dtype));
  });

  it.each(["f32", "f64"] as const)("atan2 of %s is within 1.6 ulp, and special as Math.atan2 is", (dtype) => {
    const singular = [...special, ...(dtype === "f32" ? [] : specialDouble)];
    const random = dtype === "f32" ? samples(6_000_101) : doubleSamples(400);
    const pairs = [...singular.flatMap((y) => singular.map((x) => [y, x] as const)), ...[...random].flatMap((y, at) => [
      [y, random[random.length - at - 1]!] as const, [y, y * 2 ** (4 * Math.sin(at)) * Math.sign(Math.cos(3 * at))] as const])];
    const given = dtype === "f32" ? pairs.map(([y, x]) => [Math.fround(y), Math.fround(x)] as const) : pairs;
    const angles = ofPairs("atan2", dtype, given);
    const { worst, place } = worstOf(given, ([y, x], at) => ulps(angles[at]!, Math.atan2(y, x), dtype));
    expect(worst, place).toBeLessThanOrEqual(1.6 + ownError("atan2", dtype));
  });

  it("cbrt of cubes is exact", () => {
    const roots = Array.from({ length: 300 }, (_, at) => (at - 150) * 2 ** ((at % 11) - 5));
    for (const [dtype, largest] of [["f32", 2 ** 8], ["f64", 2 ** 17]] as const) {
      const exact = roots.map((root) => Math.trunc((root / 150) * largest));
      const result = zeros({ dtype, shape: [exact.length] });
      runKernel(expandMath.run(calling("cbrt", exact.length, undefined, dtype), testContext), [tensor(dtype, [exact.length], exact.map((root) => root ** 3)), result]);
      expect([...result.data].map((root) => (root as number) + 0)).toEqual(exact.map((root) => root + 0));
    }
  });

  it("multiplies small constant powers, within 2 ulp", () => {
    const bases = samples(6_000_101);
    for (const power of [0, 1, 2, 3, 4, -1, 0.5]) {
      const kernel = expandMath.run(calling("pow", bases.length, power), testContext);
      expect(hasCalls(kernel)).toBe(false);
      expect(kernel.locals.every(({ dtype }) => dtype !== "f64")).toBe(true);
      const result = zeros({ dtype: "f32", shape: [bases.length] });
      runKernel(kernel, [{ type: result.type, data: bases }, result]);
      bases.forEach((base, at) => expect(ulps(result.data[at] as number, Math.pow(base, power)), `${base} ** ${power}`).toBeLessThanOrEqual(2));
    }
  });

  it("pow with other constant exponents is within 1.6 ulp", () => {
    const bases = samples(6_000_101);
    for (const power of [5, -2, 2.5, -0.5, 1 / 3, Infinity, -Infinity, NaN, 41]) {
      const kernel = expandMath.run(calling("pow", bases.length, Math.fround(power)), testContext);
      const result = zeros({ dtype: "f32", shape: [bases.length] });
      runKernel(kernel, [{ type: result.type, data: bases }, result]);
      bases.forEach((base, at) => expect(ulps(result.data[at] as number, Math.pow(base, Math.fround(power))), `${base} ** ${power}`).toBeLessThanOrEqual(1.6));
    }
  });

  it("sigmoid is within 2 ulp everywhere", () => {
    const xs = samples(150_011);
    const kernel = new KernelBuilder("sigmoid", nowhere);
    const x = kernel.buffer({ name: "x", dtype: "f32", shape: [xs.length], access: "in" });
    const y = kernel.buffer({ name: "y", dtype: "f32", shape: [xs.length], access: "out" });
    const scalar = scalarFunction({ op: "sigmoid", inputs: [0], attributes: {}, regions: [], outputs: [1], origin: nowhere }, { dtype: "f32", shape: [] })!;
    kernel.for({ end: i32(xs.length), parallel: true }, (i) => kernel.store(y, [i], scalar([kernel.load(x, [i])])));
    const result = zeros({ dtype: "f32", shape: [xs.length] });
    runKernel(expandMath.run(kernel.finish(), testContext), [{ type: result.type, data: xs }, result]);
    xs.forEach((one, at) => expect(ulps(result.data[at] as number, one < 0 ? Math.exp(one) / (1 + Math.exp(one)) : 1 / (1 + Math.exp(-one))), `sigmoid(${one})`).toBeLessThanOrEqual(2));
  });

  it("evaluates a loop's condition anew before each round", () => {
    const kernel = new KernelBuilder("grow", nowhere);
    const y = kernel.buffer({ name: "y", dtype: "f32", shape: [2], access: "inout" });
    const x = kernel.let("x", constant("f32", 0));
    kernel.while(binary("lt", call("exp", x), constant("f32", 100)), () => {
      kernel.set(x, binary("add", x, constant("f32", 0.5)));
      kernel.store(y, [i32(1)], call("exp", call("log", kernel.load(y, [i32(1)]))));
    });
    kernel.store(y, [i32(0)], x);
    const expanded = expandMath.run(kernel.finish(), testContext);
    verifyKernel(expanded);
    expect(hasCalls(expanded)).toBe(false);
    const result = { type: { dtype: "f32" as const, shape: [2] }, data: newArray("f32", 2) };
    result.data[1] = 8;
    runKernel(expanded, [result]);
    expect(result.data[0]).toBe(5);
    expect(Math.abs((result.data[1] as number) - 8)).toBeLessThan(1e-5);
  });
});
