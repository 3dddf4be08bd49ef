import { describe, expect, it } from "vitest";
import { mathFunctions } from "../../../runtime/math.ts";
import { newArray } from "../../../runtime/dtype.ts";
import { tensor, zeros } from "../../graph/tensor.ts";
import { scalarFunction } from "../../graph/scalar-body.ts";
import { nowhere } from "../../support/span.ts";
import { binary, call, constant, i32, KernelBuilder } from "../build.ts";
import { runKernel } from "../interpret.ts";
import type { Expression, Kernel, MathFunction } from "../kernel.ts";
import { verifyKernel } from "../verify.ts";
import { visitExpressions } from "../walk.ts";
import { expandMath } from "./expand-math.ts";
import { testContext } from "../testing.ts";

/** Largest error allowed, in ulp of f32: what math-formulas.ts promises. */
const promised: { readonly [name in MathFunction]?: number } = {
  exp: 1.1, exp2: 1.1, expm1: 1.5, log: 0.8, log1p: 0.9, log2: 1.3, log10: 2, tanh: 1.4, cosh: 1.5, sinh: 1.7, erf: 2, sin: 1, cos: 1, tan: 1.5,
};

/** Every `stride`-th of all f32 bit patterns, and what is special. */
function samples(stride: number): Float32Array {
  const special = [0, 0x80000000, 1, 0x80000001, 0x007fffff, 0x00800000, 0x7f800000, 0xff800000, 0x7fc00000, 0x7f7fffff, 0xff7fffff, 0x3f800000, 0xbf800000,
    0x42b17217, 0x42b17218, 0xc2cff1b4, 0xc2cff1b5, 0x3f3504f3, 0x3f3504f4, 0x3f200000, 0xbf200000, 0x3f6c0000, 0x407b851f];
  const patterns = new Uint32Array([...special, ...Array.from({ length: Math.floor(2 ** 32 / stride) }, (_, at) => at * stride)]);
  return new Float32Array(patterns.buffer);
}

function calling(name: MathFunction, count: number, second?: number): Kernel {
  const kernel = new KernelBuilder(name, nowhere);
  const x = kernel.buffer({ name: "x", dtype: "f32", shape: [count], access: "in" });
  const y = kernel.buffer({ name: "y", dtype: "f32", shape: [count], access: "out" });
  kernel.for({ end: i32(count), parallel: true }, (i) => {
    const args: Expression[] = [kernel.load(x, [i])];
    if (second !== undefined) args.push(constant("f32", second));
    kernel.store(y, [i], call(name, ...args));
  });
  return kernel.finish();
}

const hasCalls = (kernel: Kernel): boolean => {
  let found = false;
  visitExpressions(kernel.body, (expression) => {
    if (expression.kind === "call") found = true;
  });
  return found;
};

/** Distance of an f32 from the exact value, in ulp of the exact value's binade. */
function ulps(value: number, exact: number): number {
  const rounded = Math.fround(exact);
  if (Object.is(value, rounded)) return 0;
  if (!Number.isFinite(rounded) || !Number.isFinite(value) || rounded === 0) return Infinity;
  return Math.abs(value - exact) / 2 ** (Math.max(-126, Math.floor(Math.log2(Math.abs(rounded)))) - 23);
}

describe("expand-math", () => {
  const xs = samples(150_011);
  for (const [name, bound] of Object.entries(promised) as [MathFunction, number][])
    it(`${name} is within ${bound} ulp everywhere`, () => {
      const kernel = expandMath.run(calling(name, xs.length), testContext);
      verifyKernel(kernel);
      expect(hasCalls(kernel)).toBe(name === "sin" || name === "cos" || name === "tan");
      const result = zeros({ dtype: "f32", shape: [xs.length] });
      runKernel(kernel, [{ type: result.type, data: xs }, result]);
      const exact = mathFunctions[name] as (x: number) => number;
      let worst = 0;
      let at = 0;
      xs.forEach((x, index) => {
        const error = ulps(result.data[index] as number, exact(x));
        if (error > worst) [worst, at] = [error, x];
      });
      expect(worst, `${name}(${at})`).toBeLessThanOrEqual(bound);
    });

  it("calls sin, cos and tan of large arguments alone", () => {
    for (const name of ["sin", "cos", "tan"] as const) {
      const branches = expandMath.run(calling(name, 1), testContext).body.flatMap((loop) => (loop.kind === "for" ? loop.body : [])).filter(({ kind }) => kind === "if");
      expect(branches.length).toBe(1);
      const outside = { ...calling(name, 1), body: expandMath.run(calling(name, 1), testContext).body.flatMap((loop) => (loop.kind === "for" ? loop.body : [])).filter(({ kind }) => kind !== "if") };
      expect(hasCalls(outside)).toBe(false);
    }
  });

  it("pow is within 0.6 ulp, and special as Math.pow is", () => {
    const special = [0, -0, 1, -1, 2, -2, 0.5, -0.5, 3, -3, 1.5, Infinity, -Infinity, NaN, 1e-45, -1e-45, 3.4e38, -3.4e38, 16_777_216, 16_777_217, 8_388_607, 1.0000001, 0.9999999];
    const random = samples(6_000_101);
    const pairs = [...special.flatMap((x) => special.map((y) => [x, y] as const)), ...[...random].flatMap((x, at) => [[Math.abs(x), Math.fround(Math.sin(at) * (at % 7) * 20)] as const, [Math.fround(1 + Math.sin(at) / 8), random[random.length - at - 1]! % 1000] as const])];
    const built = new KernelBuilder("pow", nowhere);
    const [x, y, z] = (["x", "y", "z"] as const).map((name) => built.buffer({ name, dtype: "f32", shape: [pairs.length], access: name === "z" ? "out" : "in" }));
    built.for({ end: i32(pairs.length), parallel: true }, (i) => built.store(z!, [i], call("pow", built.load(x!, [i]), built.load(y!, [i]))));
    const kernel = expandMath.run(built.finish(), testContext);
    verifyKernel(kernel);
    expect(hasCalls(kernel)).toBe(false);
    const [bases, exponents, result] = [0, 1, 2].map((part) => tensor("f32", [pairs.length], pairs.map((pair) => pair[part] ?? 0)));
    runKernel(kernel, [bases!, exponents!, result!]);
    let worst = 0;
    let at = "";
    pairs.forEach((_, index) => {
      const [base, exponent] = [bases!.data[index] as number, exponents!.data[index] as number];
      const error = ulps(result!.data[index] as number, Math.pow(base, exponent));
      if (error > worst) [worst, at] = [error, `${base} ** ${exponent} = ${result!.data[index]}`];
    });
    expect(worst, at).toBeLessThanOrEqual(0.6);
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

  it("pow with other constant exponents is within 0.6 ulp", () => {
    const bases = samples(6_000_101);
    for (const power of [5, -2, 2.5, -0.5, 1 / 3, Infinity, -Infinity, NaN, 41]) {
      const kernel = expandMath.run(calling("pow", bases.length, Math.fround(power)), testContext);
      const result = zeros({ dtype: "f32", shape: [bases.length] });
      runKernel(kernel, [{ type: result.type, data: bases }, result]);
      bases.forEach((base, at) => expect(ulps(result.data[at] as number, Math.pow(base, Math.fround(power))), `${base} ** ${power}`).toBeLessThanOrEqual(0.6));
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

  it("leaves f64 called", () => {
    const kernel = new KernelBuilder("exp", nowhere);
    const y = kernel.buffer({ name: "y", dtype: "f64", shape: [], access: "inout" });
    kernel.store(y, [], call("exp", kernel.load(y, [])));
    const built = kernel.finish();
    expect(expandMath.run(built, testContext)).toEqual(built);
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
